/** What the notebooks' kernel costs: start-up, a cell, the first import of the library, memory. */
import { execFileSync } from 'node:child_process'
import { startKernel, type Client } from '../../test/kernel/client'
import { fastest, report } from './report'

const memory = (pid: number) => Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024

/** Milliseconds that a cell takes, from sending it to its end. */
async function time(kernel: Client, code: string): Promise<number> {
  const begun = performance.now(), { error } = await kernel.execute(code, { seconds: 120 })
  if (error) throw new Error(error.traceback.join('\n'))
  return performance.now() - begun
}

/** Milliseconds of processor time that the kernel has used, which other work on the machine hardly changes. */
async function processor(kernel: Client): Promise<number> {
  const { result } = await kernel.execute('(({ user, system }) => (user + system) / 1000)(process.cpuUsage())')
  return Number(result)
}

/** Three kernels one after the other, many cells each; the fastest of each kind, since other work on the machine only slows. */
export async function run(): Promise<boolean> {
  const start: number[] = [], first: number[] = [], trivial: number[] = [], declaring: number[] = [], imported: number[] = [], again: number[] = [], after: number[] = [], startUsed: number[] = [], importUsed: number[] = []
  const empty: number[] = [], full: number[] = []
  for (let i = 0; i < 3; i++) {
    const begun = performance.now(), kernel = await startKernel()
    start.push(performance.now() - begun)
    await time(kernel, '1')
    first.push(performance.now() - begun)
    startUsed.push(await processor(kernel))
    for (let n = 0; n < 10; n++) trivial.push(await time(kernel, `${n} + 1`))
    for (let n = 0; n < 10; n++) declaring.push(await time(kernel, `const value${n} = ${n}\nfunction f${n}(x: number) { return x + value${n} }`))
    empty.push(memory(kernel.pid))
    const used = await processor(kernel)
    imported.push(await time(kernel, 'import * as labs from \'rlhf-labs\''))
    importUsed.push(await processor(kernel) - used)
    again.push(await time(kernel, 'import { Random } from \'rlhf-labs\''))
    for (let n = 0; n < 10; n++) after.push(await time(kernel, `${n} + 2`))
    full.push(memory(kernel.pid))
    await kernel.shutdown()
  }
  return report('kernel', [
    { what: 'start, until the kernel answers', value: fastest(start), unit: 'ms' },
    { what: 'start, until the first cell is done', value: fastest(first), unit: 'ms' },
    { what: 'start, processor time', value: fastest(startUsed), unit: 'ms' },
    { what: 'trivial cell', value: fastest(trivial), unit: 'ms', limit: 150 },
    { what: 'cell that declares a constant and a function', value: fastest(declaring), unit: 'ms', limit: 150 },
    { what: 'first import of rlhf-labs', value: fastest(imported), unit: 'ms', limit: 3000 },
    { what: 'first import, processor time', value: fastest(importUsed), unit: 'ms' },
    { what: 'second import', value: fastest(again), unit: 'ms' },
    { what: 'trivial cell after the import', value: fastest(after), unit: 'ms', limit: 150 },
    { what: 'memory of an empty kernel', value: fastest(empty), unit: 'MB' },
    { what: 'memory after the import', value: fastest(full), unit: 'MB' },
  ])
}
