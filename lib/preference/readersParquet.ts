import { open } from 'node:fs/promises'
import type { AsyncBuffer } from 'hyparquet'
import type { SourceRow } from './readersShared'

const BLOCK_ROWS = 10_000

/** Parquet's 64-bit integers as numbers where they fit, null as absent. */
function plain(fields: Record<string, unknown>): Record<string, unknown> {
  for (const [name, value] of Object.entries(fields)) {
    if (value === null) delete fields[name]
    else if (typeof value === 'bigint' && BigInt(Number(value)) === value) fields[name] = Number(value)
  }
  return fields
}

/**
 * The rows of a Parquet file, one at a time, read in blocks of 10,000 (memory: one block and the compressed columns of one row group).
 * Throws Error that names the file, and the rows where known, when it is not Parquet, cut off, or packed in a way that hyparquet does not read.
 */
export async function* readParquet(path: string): AsyncGenerator<SourceRow> {
  const { parquetMetadataAsync, parquetReadObjects } = await import('hyparquet')
  const handle = await open(path)
  try {
    const { size } = await handle.stat()
    const file: AsyncBuffer = {
      byteLength: size,
      async slice(start, end = size) {
        const from = start < 0 ? size + start : start, bytes = new Uint8Array(Math.max(0, end - from))
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, from)
        return bytes.buffer.slice(0, bytesRead)
      },
    }
    const metadata = await parquetMetadataAsync(file).catch((error: Error) => {
      throw new Error(`${path}: not a complete Parquet file (${error.message}): fetch or write it again`, { cause: error })
    })
    let start = 0
    for (const group of metadata.row_groups) {
      const groupEnd = start + Number(group.num_rows)
      for (; start < groupEnd; start = Math.min(groupEnd, start + BLOCK_ROWS)) {
        const rowEnd = Math.min(groupEnd, start + BLOCK_ROWS)
        const rows = await parquetReadObjects({ file, metadata, rowStart: start, rowEnd, useOffsetIndex: true }).catch((error: Error) => {
          throw new Error(`${path}: rows ${start + 1} to ${rowEnd}: ${error.message}; write the file with snappy compression, or fetch it again if it was cut off`, { cause: error })
        })
        for (const [i, fields] of rows.entries()) yield { row: start + i + 1, share: (start + i + 1) / Number(metadata.num_rows), fields: plain(fields) }
      }
    }
  } finally {
    await handle.close()
  }
}
