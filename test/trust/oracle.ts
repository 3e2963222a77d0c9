import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { goldensFolder } from '../goldens'
import { one, sum, type Promised } from './promise'

const root = path.resolve(__dirname, '../..'), SUITES = { quick: ['test/loss/referenceFree.test.ts'], full: ['test/goldens.test.ts', 'test/loss', 'test/advantage', 'test/reward', 'test/tensor/sampling.test.ts'] } as const

/** Suites that read goldens, run with the goldens of a folder. */
function suites(names: readonly string[], folder: string): Promise<{ code: number | null, out: string }> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, [path.join(root, 'node_modules/mocha/bin/mocha.js'), '--recursive', '--extension', 'ts', ...names], { cwd: root, env: { ...process.env, RLHF_GOLDENS: folder, RLHF_TRUST: '' }, stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => { out += data.toString() })
    child.on('close', code => resolve({ code, out }))
  })
}

/** Moves every number below `expected` by a tenth. */
function shift(value: unknown): unknown {
  if (typeof value === 'number') return value * 1.1 + 0.1
  if (Array.isArray(value)) return value.map(shift)
  return value !== null && typeof value === 'object' ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shift(inner)])) : value
}

export const oracle: Promised = {
  what: 'another folder of goldens can be tried (RLHF_GOLDENS), and a wrong one is noticed',
  async try(scale, note) {
    const folder = mkdtempSync(path.join(tmpdir(), 'goldens-'))
    try {
      cpSync(goldensFolder, folder, { recursive: true })
      note('goldens of another folder')
      const same = await one('a copy of the goldens', async () => {
        const { code, out } = await suites(SUITES[scale], folder)
        if (code !== 0 || !/[1-9]\d* passing/.test(out)) throw new Error(out.slice(-600))
      })
      const file = path.join(folder, 'reference_free_losses.json'), goldens = JSON.parse(readFileSync(file, 'utf8')) as { cases: { expected: unknown }[] }
      writeFileSync(file, JSON.stringify({ ...goldens, cases: goldens.cases.map(c => ({ ...c, expected: shift(c.expected) })) }))
      const wrong = await one('goldens that are a tenth off', async () => {
        const { code, out } = await suites(SUITES.quick, folder)
        if (code === 0 || !/off by/.test(out)) throw new Error(`not noticed: ${out.slice(-300)}`)
      })
      return sum([same, wrong])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}
