import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type CsvError, type InfoCallback, type Options, parse } from 'csv-parse'
import { type Defect, MAX_ROW_BYTES, type ReadOptions, type SourceRow } from './readersShared'

interface Parsed { readonly values: readonly string[]; readonly lastLine: number; readonly bytes: number }

const QUOTES: Omit<Defect, 'found'> = { expected: 'fields in double quotes, with each quote inside doubled', fix: 'double the quotes inside the field and read the file again: what follows could not be read' }

function defect(error: CsvError, maxBytes: number): Defect {
  if (error.code === 'CSV_MAX_RECORD_SIZE') return { found: 'a row that does not end', expected: `at most ${maxBytes.toLocaleString('en')} bytes a row`, fix: 'look for a quote that is never closed, or raise maxRowBytes' }
  if (error.code === 'CSV_QUOTE_NOT_CLOSED') return { found: 'the end of the file inside a quoted field', ...QUOTES, fix: 'close the quote, or fetch or write the file again if it was cut off' }
  return { found: error.message, ...QUOTES }
}

function newlines(text: string): number {
  let n = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) n++
  return n
}

/** CSV has no numbers and no null: a label of digits becomes a number, an empty field is left out. */
function record(header: readonly string[], values: readonly string[]): Record<string, unknown> {
  const fields: Record<string, unknown> = {}
  header.forEach((name, i) => {
    if (values[i] !== '') fields[name] = name === 'label' && /^\d+(\.0)?$/.test(values[i].trim()) ? Number(values[i]) : values[i]
  })
  return fields
}

/**
 * The records of a CSV file (RFC 4180, first row: names), one at a time. A byte order mark, CRLF and empty lines are passed over.
 * A row with too few or too many fields is yielded as broken; so is one with broken quotes, and there reading ends, since where the next row begins cannot be known.
 */
export async function* readCsv(path: string, { maxRowBytes = MAX_ROW_BYTES }: ReadOptions = {}): AsyncGenerator<SourceRow> {
  const { size } = await stat(path), source = createReadStream(path, { highWaterMark: 2 ** 18 })
  let broken: SourceRow | undefined, lastLine = 0
  const parser = parse({
    bom: true, relax_column_count: true, skip_empty_lines: true, skip_records_with_error: true, max_record_size: maxRowBytes,
    // The types want a record back; the parser hands on any object.
    on_record: ((values: string[], context: InfoCallback): Parsed | null => {
      if (broken) return null
      lastLine = context.lines
      return { values, lastLine, bytes: context.bytes }
    }) as unknown as Options<string[]>['on_record'],
  })
  parser.on('skip', (error: CsvError) => {
    broken ??= { row: lastLine + 1, share: 1, broken: defect(error, maxRowBytes) }
    source.unpipe(parser)
    setImmediate(() => parser.end())
  })
  source.on('error', error => parser.destroy(error))
  let header: string[] | undefined
  try {
    for await (const { values, lastLine: end, bytes } of source.pipe(parser) as AsyncIterable<Parsed>) {
      const share = bytes / size, row = end - values.reduce((n, value) => n + newlines(value), 0)
      if (!header) header = values.map(name => name.trim())
      else if (values.length === header.length) yield { row, share, fields: record(header, values) }
      else yield { row, share, broken: { found: `${values.length} fields`, expected: `${header.length} fields, as in the first row`, fix: 'put fields that contain commas or line ends in double quotes' } }
    }
    if (broken) yield broken
  } finally {
    source.destroy()
  }
}
