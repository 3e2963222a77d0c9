/**
 * What compiled steps are to the labs: given ones run with JIT=0 and as they are, one after the other, each in a kernel of its own.
 * `LABS="05 10" npm run bench -- labs`; by default two that train and sample much. Minutes a lab; `LABS=all` takes all.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import type { Figure } from './report'
import { report } from './report'

const root = path.resolve(__dirname, '..', '..')

function labs(): string[] {
  const all = readdirSync(path.join(root, 'notebooks', 'src')).flatMap(file => /^(\d\d)-.*\.ts$/.exec(file)?.[1] ?? []).sort(), asked = process.env.LABS ?? '05 10'
  return asked === 'all' ? all : asked.split(/[\s,]+/).filter(Boolean)
}

/** Seconds that the solved form of a lab takes, as the runner's table says. Throws where it fails. */
function seconds(lab: string, env: NodeJS.ProcessEnv): number {
  const table = execFileSync(process.execPath, ['tools/labs/labs.mjs', '--no-setup', lab, '--solution', '--no-compare'], { cwd: root, encoding: 'utf8', env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  const row = table.split('\n').map(line => line.trim().split(/\s{2,}/)).find(cells => cells[0]?.startsWith(lab) && cells[2] === 'ok')
  if (!row) throw new Error(`lab ${lab} with ${JSON.stringify(env)}:\n${table}`)
  return Number(row[3])
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
