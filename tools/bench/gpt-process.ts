import { spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Measured, Sizes } from './gpt-sizes'

const root = path.resolve(__dirname, '..', '..')

/** A worker in a process of its own that does one task at a time and says how long it took. */
export interface Worker { run(task: string): Promise<Measured>; stop(): void }

/** A worker from a program that answers each line on stdin with one on stdout. */
export function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Worker {
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (text: Buffer) => { complaint = (complaint + text.toString()).slice(-2000) })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async run(task) {
      child.stdin.write(`${task}\n`)
      const { value, done } = await lines.next()
      if (done) throw new Error(`The bench's worker ended: ${command} ${args.join(' ')}\n${complaint}`)
      return JSON.parse(value) as Measured
    },
    stop() { child.kill() },
  }
}

/** This library in a fresh process on the given backend. */
export function ours(sizes: Sizes, backend: 'tensorflow' | 'wasm', env: NodeJS.ProcessEnv = {}): Worker {
  const threads = String(sizes.threads)
  return start(process.execPath, ['--import', 'tsx', path.join(__dirname, 'gpt-worker.ts'), JSON.stringify(sizes)], {
    TF_CPP_MIN_LOG_LEVEL: '2', TF_NUM_INTRAOP_THREADS: threads, TF_NUM_INTEROP_THREADS: '1', RLHF_THREADS: threads, RLHF_BACKEND: backend, ...env,
  })
}

/** PyTorch in a fresh process; fused: with its fused attention and its fused Adam. */
export const torch = (sizes: Sizes, python: string, fused = false): Worker => start(python, [path.join(__dirname, 'gpt_torch.py'), JSON.stringify({ ...sizes, fused })], {})

/** `generate` of transformers in a fresh process. */
export const huggingFace = (sizes: Sizes, python: string): Worker => start(python, [path.join(__dirname, 'gpt_generate.py'), JSON.stringify(sizes)], { HF_HUB_OFFLINE: '1' })

/**
 * Lets workers do a task in turn, `warm` turns unmeasured and then `rounds`, so that other work on the machine meets them alike. A turn is the
 * task `each` times (default once), as a training does its steps, and counts with the mean of its times.
 */
export async function alternate(workers: readonly Worker[], task: string, rounds: number, { warm = 3, each = 1 } = {}): Promise<Measured[][]> {
  const out: Measured[][] = workers.map(() => [])
  for (let i = 0; i < warm + rounds; i++) {
    for (const [k, worker] of workers.entries()) {
      const turn: Measured[] = [], mean = (of: (one: Measured) => number) => turn.reduce((sum, one) => sum + of(one), 0) / each
      while (turn.length < each) turn.push(await worker.run(task))
      if (i >= warm) out[k].push({ ...turn[each - 1], ms: mean(one => one.ms), cpu: mean(one => one.cpu) })
    }
  }
  return out
}

/** The q-quantile of some numbers. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]
}
