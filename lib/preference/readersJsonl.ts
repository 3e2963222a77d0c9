import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { type Defect, excerpt, MAX_ROW_BYTES, type ReadOptions, type SourceRow } from './readersShared'

const NEWLINE = 10, BOM = Buffer.from([0xef, 0xbb, 0xbf])

/** A line of a file without its end, or only its size when it is longer than the bound. */
interface Line { readonly row: number; readonly bytes: Buffer | null; readonly size: number; readonly end: number; readonly closed: boolean }

async function* lines(path: string, maxBytes: number): AsyncGenerator<Line> {
  let parts: Buffer[] = [], size = 0, row = 1, end = 0
  const take = (closed: boolean): Line => {
    const line = { row: row++, bytes: size <= maxBytes ? Buffer.concat(parts) : null, size, end, closed }
    parts = []
    size = 0
    return line
  }
  const keep = (piece: Buffer) => {
    size += piece.length
    end += piece.length
    if (size <= maxBytes) parts.push(piece); else parts = []
  }
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 18 }) as AsyncIterable<Buffer>) {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      keep(chunk.subarray(from, at))
      end++
      yield take(true)
      from = at + 1
    }
    if (from < chunk.length) keep(chunk.subarray(from))
  }
  if (size > 0) yield take(false)
}

function parsed(line: Line, maxBytes: number): { fields: unknown } | { broken: Defect } | null {
  let { bytes } = line
  if (bytes === null) return { broken: { found: `a line of ${line.size.toLocaleString('en')} bytes`, expected: `at most ${maxBytes.toLocaleString('en')} bytes a row`, fix: 'look for a missing line end before or after this line, or raise maxRowBytes' } }
  if (line.row === 1 && bytes.subarray(0, 3).equals(BOM)) bytes = bytes.subarray(3)
  if (!isUtf8(bytes)) return { broken: { found: 'bytes that are not UTF-8', expected: 'UTF-8 text', fix: 'save the file as UTF-8' } }
  const text = bytes.toString('utf8').trim()
  if (text === '') return null
  try {
    return { fields: JSON.parse(text) as unknown }
  } catch (error) {
    const cut = !line.closed
    return { broken: {
      found: `${excerpt(text)} (${(error as Error).message})`, expected: 'one complete JSON record',
      fix: cut ? 'the file ends inside this row: fetch or write it again' : 'write each record on one line, with double quotes and without NaN or trailing commas',
    } }
  }
}

/** The records of a JSON Lines file, one at a time. A byte order mark, CRLF and empty lines are passed over; a line that cannot be read is yielded as broken. */
export async function* readJsonLines(path: string, { maxRowBytes = MAX_ROW_BYTES }: ReadOptions = {}): AsyncGenerator<SourceRow> {
  const { size } = await stat(path)
  for await (const line of lines(path, maxRowBytes)) {
    const content = parsed(line, maxRowBytes)
    if (content) yield { row: line.row, share: line.end / size, ...content }
  }
}

/** Writes records as JSON Lines (UTF-8, LF) under a temporary name and then renames it, so that a file is complete or absent. */
export async function writeJsonLines(path: string, records: Iterable<object> | AsyncIterable<object>): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`, file = await open(temporary, 'w')
  try {
    let pending = ''
    for await (const record of records) {
      pending += `${JSON.stringify(record)}\n`
      if (pending.length < 2 ** 18) continue
      await file.write(pending)
      pending = ''
    }
    await file.write(pending)
    await file.sync()
    await file.close()
    await rename(temporary, path)
  } catch (error) {
    await file.close().catch(() => undefined)
    await rm(temporary, { force: true })
    throw error
  }
}
