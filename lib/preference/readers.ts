import { extname } from 'node:path'
import { readCsv } from './readersCsv'
import { readJsonLines } from './readersJsonl'
import { readParquet } from './readersParquet'
import type { ReadOptions, SourceRow } from './readersShared'

/** The rows of a JSON Lines, CSV or Parquet file, by its ending, one at a time. Throws RangeError on another ending, and what the system says of a file that cannot be opened. */
export function readRows(path: string, options: ReadOptions = {}): AsyncGenerator<SourceRow> {
  switch (extname(path).toLowerCase()) {
    case '.jsonl': case '.ndjson': return readJsonLines(path, options)
    case '.csv': return readCsv(path, options)
    case '.parquet': return readParquet(path, options)
    default: throw new RangeError(`${path}: expected a file that ends in .jsonl, .ndjson, .csv or .parquet; a JSON array becomes JSON Lines by writing one record a line`)
  }
}
