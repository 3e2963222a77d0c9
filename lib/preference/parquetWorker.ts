/** A thread that reads Parquet, so that a damaged file which sends hyparquet into an endless loop can be left: see readersParquet.ts. */
import { open } from 'node:fs/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { AsyncBuffer } from 'hyparquet'

/** What is asked: the metadata (no range), or rows [start, end). */
export interface Ask { readonly rows?: readonly [start: number, end: number] }
/** What the metadata says: how many rows each group has and all have, and the columns' names. */
export interface Layout { readonly groups: readonly number[], readonly total: number, readonly names: readonly string[] }
/** The values of each column for a range of rows. */
export interface Block { readonly columns: readonly (readonly unknown[])[] }
/** What is answered: what was asked for, or why not. */
export type Answer<T extends Layout | Block> = T | { readonly error: string }

async function main(path: string): Promise<void> {
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import('hyparquet')
  const handle = await open(path), { size } = await handle.stat()
  const file: AsyncBuffer = {
    byteLength: size,
    async slice(start, end = size) {
      const from = Math.min(size, start < 0 ? size + start : start), bytes = new Uint8Array(Math.max(0, Math.min(size, end) - from))
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, from)
      return bytes.buffer.slice(0, bytesRead)
    },
  }
  // Read when first asked for: a failure before that would have nobody to answer to.
  let read: ReturnType<typeof parquetMetadataAsync> | undefined
  const metadata = () => read ??= parquetMetadataAsync(file)
  const names = async () => parquetSchema(await metadata()).children.map(child => child.element.name)
  /** Columns are read one by one: where two fail at once, hyparquet leaves one failure floating. */
  async function column(name: string, rowStart: number, rowEnd: number): Promise<unknown[]> {
    const values = (await parquetReadObjects({ file, metadata: await metadata(), columns: [name], rowStart, rowEnd, useOffsetIndex: true })).map(row => row[name])
    // What a damaged header promises and no page holds comes back as undefined; a null that was written is null.
    const missing = values.indexOf(undefined)
    if (missing >= 0 || values.length !== rowEnd - rowStart) throw new Error(`column '${name}' ends before row ${rowStart + (missing >= 0 ? missing : values.length) + 1}`)
    return values
  }
  async function answer({ rows }: Ask): Promise<Layout | Block> {
    if (!rows) return { groups: (await metadata()).row_groups.map(g => Number(g.num_rows)), total: Number((await metadata()).num_rows), names: await names() }
    const columns: unknown[][] = []
    for (const name of await names()) columns.push(await column(name, ...rows))
    return { columns }
  }
  parentPort!.on('message', (ask: Ask) => void answer(ask).catch((error: Error) => ({ error: error.message })).then(out => parentPort!.postMessage(out)))
}
if (parentPort) main(workerData as string).catch((error: Error) => { parentPort!.postMessage({ error: error.message }) })
