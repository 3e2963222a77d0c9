/** A training step and cached decoding, operation by operation (bench jit has the compiled ones): this library on each backend and PyTorch in turn, one thread each; a step of @genai-fi/nanogpt; then how cost grows with size. */
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { againstNanogpt } from './gpt-nanogpt'
import { alternate, ours, quantile, torch } from './gpt-process'
import { bench, desk } from './gpt-sizes'
import type { Sizes } from './gpt-sizes'
import type { Figure } from './report'
import { report } from './report'

/** The most that ours may take, as a multiple of PyTorch's time. */
const limits = { tensorflow: 1.5, wasm: 5 } as const

async function against(label: string, sizes: Sizes, python: string): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const backend of ['tensorflow', 'wasm'] as const) {
    const workers = [torch(sizes, python), ours(sizes, backend, { JIT: '0' })]
    for (const [task, rounds] of [['step', 15], ['decode', 5]] as const) {
      const [theirs, mine] = await alternate(workers, task, rounds), unit = task === 'decode' ? sizes.length - 1 : 1
      const what = `${label}, ${task}${task === 'decode' ? ', a position' : ''}`, ratios = mine.map((m, i) => m.cpu / theirs[i].cpu)
      if (backend === 'tensorflow') figures.push({ what: `${what}, PyTorch`, value: quantile(theirs.map(m => m.ms), 0) / unit, unit: 'ms' })
      figures.push(
        { what: `${what}, ${backend}`, value: quantile(mine.map(m => m.ms), 0) / unit, unit: 'ms' },
        { what: `${what}, ${backend} / PyTorch`, value: quantile(ratios, 0.5), unit: '×', ...label === 'bench GPT' && task === 'step' && { limit: limits[backend] } },
        { what: `${what}, ${backend} / PyTorch, quartile 1`, value: quantile(ratios, 0.25), unit: '×' },
        { what: `${what}, ${backend} / PyTorch, quartile 3`, value: quantile(ratios, 0.75), unit: '×' },
      )
      if (task === 'step') figures.push({ what: `${label}, ${backend}, peak memory`, value: mine.at(-1)!.peakMB, unit: 'MB' })
      if (task === 'step' && backend === 'tensorflow') figures.push({ what: `${label}, PyTorch, peak memory`, value: theirs.at(-1)!.peakMB, unit: 'MB' })
    }
    if (backend === 'tensorflow') figures.push({ what: `${label}, operations a step`, value: (await workers[1].run('operations')).value, unit: '', limit: 400 })
    workers.forEach(worker => worker.stop())
  }
  return figures
}

/** Cost ~ size^exponent, by least squares on logarithms over doublings; a limit a little above what the algorithm needs. */
async function growth(): Promise<Figure[]> {
  const base: Sizes = { layers: 2, width: 64, heads: 4, vocabulary: 64, batch: 16, length: 64, decodeBatch: 8, threads: 1 }
  const figures: Figure[] = []
  for (const [axis, values, limit] of [['layers', [2, 4, 8], 1.1], ['batch', [16, 32, 64], 1.2], ['length', [64, 128, 256], 2.1], ['width', [64, 128, 256], 2.1]] as const) {
    const workers = values.map(value => ours({ ...base, [axis]: value }, 'tensorflow')), times = await alternate(workers, 'step', 7)
    workers.forEach(worker => worker.stop())
    const x = values.map(Math.log), y = times.map(runs => Math.log(quantile(runs.map(m => m.cpu), 0)))
    const mean = (v: readonly number[]) => v.reduce((a, b) => a + b) / v.length, mx = mean(x), my = mean(y)
    const slope = x.reduce((sum, xi, i) => sum + (xi - mx) * (y[i] - my), 0) / x.reduce((sum, xi) => sum + (xi - mx) ** 2, 0)
    figures.push({ what: `exponent of a step's time in ${axis}, ${values.join(' ')}`, value: slope, unit: '', limit })
  }
  return figures
}

/** Two thousand steps of a small model: tensors must not grow at all, memory by next to nothing. */
async function flat(): Promise<Figure[]> {
  const worker = ours({ layers: 2, width: 32, heads: 4, vocabulary: 64, batch: 8, length: 24, decodeBatch: 4, threads: 1 }, 'tensorflow')
  const after = async (steps: number) => { let last = await worker.run('step'); for (let i = 1; i < steps; i++) last = await worker.run('step'); return last }
  const early = await after(300), late = await after(1700)
  worker.stop()
  return [
    { what: 'tensors more after 2,000 steps than after 300', value: late.tensors! - early.tensors!, unit: '', limit: 0 },
    { what: 'peak memory more after 2,000 steps than after 300', value: late.peakMB - early.peakMB, unit: 'MB', limit: 30 },
  ]
}

/** Runs everything, about seven minutes on two cores. */
export async function run(): Promise<boolean> {
  // makes the tests' PyTorch environment where there is none; its last line is the path of the Python
  const python = execFileSync(process.execPath, [path.resolve(__dirname, '../setup/oracle.mjs')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim().split('\n').at(-1)!
  return report('model', [...await against('bench GPT', bench, python), ...await against('desk GPT', desk, python), ...await againstNanogpt('bench GPT', bench), ...await growth(), ...await flat()])
}
