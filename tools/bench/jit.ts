/** What compiling a whole step is worth: this library operation by operation, as graphs and by XLA, and PyTorch and transformers, in turn, at one thread and at two. */
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { alternate, huggingFace, ours, quantile, torch } from './gpt-process'
import { bench, desk } from './gpt-sizes'
import type { Measured, Sizes } from './gpt-sizes'
import type { Figure } from './report'
import { report } from './report'

/** How this library can run, and the environment that makes it. At two threads a compiled step computes two halves of its batch side by side. */
const modes = { eager: { JIT: '0' }, graph: { JIT: 'graph' }, XLA: { JIT: 'xla' } } as const
const sideBySide = { TF_NUM_INTEROP_THREADS: '2', TF_NUM_INTRAOP_THREADS: '1' } as const
const start = (mode: Mode, sizes: Sizes) => mode !== 'eager' && sizes.threads === 2 ? ours({ ...sizes, pieces: 2 }, 'tensorflow', { ...modes[mode], ...sideBySide }) : ours(sizes, 'tensorflow', modes[mode])
type Mode = keyof typeof modes
const names = Object.keys(modes) as Mode[]

/** The most that the best of our modes may take, as a multiple of others' time. */
const limits = { 'bench GPT': { step: 0.9, decode: 0.8, generate: 0.5 }, 'desk GPT': { step: 0.6, decode: 0.8, generate: 0.5 } } as const

/** Median and quartiles of paired ratios of times on the clock; figures of several threads say nothing in processor time. */
function ratio(what: string, mine: readonly Measured[], theirs: readonly Measured[], limit?: number): Figure[] {
  const ratios = mine.map((m, i) => m.ms / theirs[i].ms)
  return [
    { what, value: quantile(ratios, 0.5), unit: '×', ...limit !== undefined && { limit } },
    { what: `${what}, quartile 1`, value: quantile(ratios, 0.25), unit: '×' }, { what: `${what}, quartile 3`, value: quantile(ratios, 0.75), unit: '×' },
  ]
}

const median = (runs: readonly Measured[]) => quantile(runs.map(m => m.ms), 0.5)

/** One model at one number of threads. */
async function against(label: keyof typeof limits, sizes: Sizes, python: string): Promise<Figure[]> {
  const mine = names.map(mode => start(mode, sizes)), plain = torch(sizes, python), fused = torch(sizes, python, true), transformers = huggingFace(sizes, python)
  const figures: Figure[] = [], of = `${label}, ${sizes.threads} thread${sizes.threads > 1 ? 's' : ''}`
  for (const [task, rounds, each] of [['step', 8, 4], ['decode', 4, 1]] as const) {
    const others = { 'PyTorch': plain, 'PyTorch, fused': fused, ...task === 'decode' && { 'transformers generate': transformers } }
    const times = await alternate([...mine, ...Object.values(others)], task, rounds, { each }), unit = task === 'decode' ? sizes.length - 1 : 1, own = times.slice(0, mine.length)
    const what = `${of}, ${task}${task === 'decode' ? ', a position' : ''}`, best = own.reduce((a, b) => median(b) < median(a) ? b : a)
    names.forEach((mode, i) => figures.push({ what: `${what}, ${mode}`, value: median(own[i]) / unit, unit: 'ms' }))
    Object.keys(others).forEach((name, i) => figures.push({ what: `${what}, ${name}`, value: median(times[mine.length + i]) / unit, unit: 'ms' }))
    names.forEach((mode, i) => figures.push(...ratio(`${what}, ${mode} / PyTorch`, own[i], times[mine.length], own[i] === best ? limits[label][task] : undefined)))
    figures.push({ what: `${what}, best / PyTorch, fused`, value: quantile(best.map((m, i) => m.ms / times[mine.length + 1][i].ms), 0.5), unit: '×' })
    if (task === 'decode') figures.push(...ratio(`${what}, best / transformers generate`, best, times[mine.length + 2], limits[label].generate))
    if (task === 'step') {
      names.forEach((mode, i) => figures.push({ what: `${of}, ${mode}, peak memory`, value: own[i].at(-1)!.peakMB, unit: 'MB', limit: 1200 }))
      figures.push({ what: `${of}, PyTorch, peak memory`, value: times[mine.length].at(-1)!.peakMB, unit: 'MB' })
    }
  }
  [...mine, plain, fused, transformers].forEach(worker => worker.stop())
  return figures
}

/** How much longer the first two steps take than later ones: watching the step twice, writing and compiling it. */
async function compiling(label: string, sizes: Sizes): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const mode of ['graph', 'XLA'] as const) {
    const worker = start(mode, sizes)
    const [[first, second, ...later]] = await alternate([worker], 'step', 8, { warm: 0 }), usual = median(later)
    worker.stop()
    figures.push({ what: `${label}, ${mode}, to compile a step`, value: (first.ms + second.ms - 2 * usual) / 1000, unit: 's', ...label === 'desk GPT' && { limit: 3 } })
  }
  return figures
}

/** Runs everything, about three minutes on two cores. */
export async function run(): Promise<boolean> {
  const python = execFileSync(process.execPath, [path.resolve(__dirname, '../setup/oracle.mjs')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim().split('\n').at(-1)!
  const figures: Figure[] = []
  for (const threads of [1, 2]) for (const [label, sizes] of [['bench GPT', bench], ['desk GPT', desk]] as const) figures.push(...await against(label, { ...sizes, threads }, python))
  for (const [label, sizes] of [['bench GPT', bench], ['desk GPT', desk]] as const) figures.push(...await compiling(label, sizes))
  return report('jit', figures)
}
