import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Answer, Ask, Block, Layout } from './parquetWorker'
import type { ReadOptions, SourceRow } from './readersShared'

const BLOCK_ROWS = 10_000

/** Parquet's 64-bit integers as numbers where they fit, null as absent. */
function plain(fields: Record<string, unknown>): Record<string, unknown> {
  for (const [name, value] of Object.entries(fields)) {
    if (value === null) delete fields[name]
    else if (typeof value === 'bigint' && BigInt(Number(value)) === value) fields[name] = Number(value)
  }
  return fields
}

/** Asks the thread and waits for its answer; throws what it answers with, or that it did not answer in time. */
async function asked<T extends Layout | Block>(worker: Worker, ask: Ask, ms: number): Promise<T> {
  const stop = AbortSignal.timeout(ms)
  worker.postMessage(ask)
  const [answer] = await once(worker, 'message', { signal: stop }).catch((error: Error) => {
    throw stop.aborted ? new Error(`nothing was read within ${ms / 1000} s`) : error
  }) as [Answer<T>]
  if ('error' in answer) throw new Error(answer.error)
  return answer
}

/**
 * The rows of a Parquet file, one at a time, read in blocks of 10,000 (memory: one block and the compressed columns of one row group).
 * Reading goes on in a thread: a block that takes longer than `blockMs` is given up, since damaged page headers can make it endless.
 * Throws Error that names the file, and the rows where known, when it is not Parquet, cut off, or packed in a way that hyparquet does not read.
 */
export async function* readParquet(path: string, { blockMs = 30_000 }: ReadOptions = {}): AsyncGenerator<SourceRow> {
  await (await open(path)).close() // what the system says of a file that cannot be opened
  // From the sources, as tests run, the thread needs what runs them.
  const here = extname(__filename), worker = new Worker(join(__dirname, `parquetWorker${here}`), { workerData: path, execArgv: here === '.ts' ? ['--require', 'tsx/cjs'] : [], resourceLimits: { maxOldGenerationSizeMb: 2048 } })
  worker.on('error', () => {}) // whoever waits for an answer is told; between two questions nobody is
  try {
    const { groups, total, names } = await asked<Layout>(worker, {}, blockMs).then(found => {
      if (found.groups.reduce((n, rows) => n + rows, 0) !== found.total) throw new Error(`its row groups do not add up to its ${found.total} rows`)
      return found
    }).catch((error: Error) => { throw new Error(`${path}: not a complete Parquet file (${error.message}): fetch or write it again`, { cause: error }) })
    let start = 0
    for (const rows of groups) {
      const groupEnd = start + rows
      for (; start < groupEnd; start = Math.min(groupEnd, start + BLOCK_ROWS)) {
        const rowEnd = Math.min(groupEnd, start + BLOCK_ROWS)
        const { columns } = await asked<Block>(worker, { rows: [start, rowEnd] }, blockMs).catch((error: Error) => {
          throw new Error(`${path}: rows ${start + 1} to ${rowEnd}: ${error.message}; write the file with snappy compression, or fetch it again if it was cut off`, { cause: error })
        })
        for (let i = 0; i < rowEnd - start; i++) {
          yield { row: start + i + 1, share: (start + i + 1) / total, fields: plain(Object.fromEntries(names.map((name, c) => [name, columns[c][i]]))) }
        }
      }
    }
  } finally {
    await worker.terminate()
  }
}
