import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { records } from '../labs/run'
import { one, sum, type Promised } from './promise'
import { TRAININGS, type Trainer } from './trainings'

const root = path.resolve(__dirname, '../..'), STEPS = { quick: 120, full: 2000 } as const
/** By how many megabytes the last quarter of a run may lie above the third: what allocators move by themselves. */
const NOISE_MB = 8
/** The first steps make what later ones reuse: compiled steps, an optimiser's moments. */
const WARM_UP = 20
/** What a kernel may take that runs all labs one after another. */
export const KERNEL_MB = 3000

function longRun(trainer: Trainer, steps: number): Promise<{ tensors: number[], megabytes: number[] }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--expose-gc', '--require', 'tsx/cjs', path.join(__dirname, 'longrun.ts'), trainer, String(steps)], { cwd: root, env: { ...process.env, RLHF_THREADS: '1' }, stdio: ['ignore', 'pipe', 'pipe'] })
    let out = '', errors = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text })
    child.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text })
    child.on('close', code => { if (code === 0) resolve(JSON.parse(out.trim().split('\n').at(-1)!) as { tensors: number[], megabytes: number[] }); else reject(new Error(`ended with ${code}: ${errors.slice(-400)}`)) })
  })
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length

/** All labs' solutions as one notebook: a kernel that never starts anew. */
function allLabs(file: string): number {
  const folder = path.join(root, 'notebooks/src'), names = readdirSync(folder).filter(name => name.endsWith('.ts')).sort()
  writeFileSync(file, names.map(name => readFileSync(path.join(folder, name), 'utf8')).join('\n'))
  return names.length
}

export const long: Promised = {
  what: `2,000 steps leave no tensor behind and take no more memory; a kernel that runs all labs one after another stays below ${KERNEL_MB} MB`,
  async try(scale, note) {
    const steps = STEPS[scale], trainers = scale === 'quick' ? ['dpo'] as const : Object.keys(TRAININGS) as Trainer[]
    const runs = []
    for (const trainer of trainers) {
      note(`${trainer}, ${steps} steps`)
      runs.push(await one(`${trainer}, ${steps} steps`, async () => {
        const { tensors, megabytes } = await longRun(trainer, steps), later = new Set(tensors.slice(WARM_UP))
        if (tensors.length !== steps || later.size !== 1) throw new Error(`${tensors.length} steps, tensors alive after them: ${[...later].slice(0, 8).join(', ')}`)
        const quarter = Math.floor(megabytes.length / 4), grown = mean(megabytes.slice(3 * quarter)) - mean(megabytes.slice(2 * quarter, 3 * quarter))
        if (scale === 'full' && !(grown < NOISE_MB)) throw new Error(`the last ${steps / 4} steps took ${grown.toFixed(1)} MB more than the ${steps / 4} before`)
      }))
    }
    if (scale === 'quick') return sum(runs)
    const kernel = await one('one kernel, all labs', async () => {
      note('one kernel, all labs')
      const folder = mkdtempSync(path.join(tmpdir(), 'long-')), file = path.join(folder, '96-all-labs.ts')
      try {
        allLabs(file)
        const { labs: [lab], out } = await records(['run', '--form', 'solution', '--timeout', '600', file])
        if (!lab.passed) throw new Error(lab.errors[0] ?? out.slice(-400))
        if (lab.peak_mb > KERNEL_MB) throw new Error(`it took ${lab.peak_mb} MB`)
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
    return sum([...runs, kernel])
  },
}
