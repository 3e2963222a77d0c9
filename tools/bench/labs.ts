/**
 * What compiled steps are to the labs: given ones run with JIT=0 and as they are, one after the other, each in a kernel of its own.
 * `LABS="05 08" npm run bench -- labs`; by default one that samples and one that trains much. Minutes a lab; `LABS=all` takes all.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Figure } from './report'
import { report } from './report'

const root = path.resolve(__dirname, '..', '..')

function labs(): string[] {
  const all = readdirSync(path.join(root, 'notebooks', 'src')).flatMap(file => /^(\d\d)-.*\.ts$/.exec(file)?.[1] ?? []).sort(), asked = process.env.LABS ?? '05 08'
  return asked === 'all' ? all : asked.split(/[\s,]+/).filter(Boolean)
}

interface Summary { readonly labs: readonly { readonly seconds: number }[] }

/** Seconds that the solved form of a lab takes. Throws where it fails. */
function seconds(lab: string, env: NodeJS.ProcessEnv): number {
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-labs-')), file = path.join(folder, 'summary.json')
  try {
    execFileSync(process.execPath, ['tools/labs/labs.mjs', 'run', '--no-setup', lab, '--form', 'solution', '--summary', file], { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] })
    return (JSON.parse(readFileSync(file, 'utf8')) as Summary).labs[0].seconds
  } finally { rmSync(folder, { recursive: true }) }
}

export function run(): boolean {
  const figures: Figure[] = []
  let before = 0, after = 0
  for (const lab of labs()) {
    const eager = seconds(lab, { JIT: '0' }), compiled = seconds(lab, {})
    before += eager
    after += compiled
    figures.push({ what: `lab ${lab}, operation by operation`, value: eager, unit: 's' }, { what: `lab ${lab}, steps compiled`, value: compiled, unit: 's' })
  }
  return report('labs', [...figures, { what: 'all of them, operation by operation', value: before, unit: 's' }, { what: 'all of them, steps compiled', value: after, unit: 's', limit: before }])
}
