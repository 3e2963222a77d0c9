import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PreferencePair } from '../../lib/preference/records'
import type { SourceRow } from '../../lib/preference/readersShared'

/** A folder for the files of one test, removed when it is over. */
export async function inFolder<T>(use: (write: (name: string, content: string | Uint8Array) => string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'preference-'))
  try {
    return await use((name, content) => {
      writeFileSync(join(folder, name), content)
      return join(folder, name)
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A valid pair, with changes. */
export const pair = (changes: Record<string, unknown> = {}): PreferencePair & Record<string, unknown> => ({
  prompt_id: 'damaged-1', prompt: 'My order arrived damaged.', chosen: 'We will send you a replacement.', rejected: 'Please wait.', label: 1, ...changes,
})

/** Everything an async iterable yields. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = []
  for await (const item of items) out.push(item)
  return out
}

/** Rows as a reader yields them. */
export const rowsOf = (records: readonly unknown[]): SourceRow[] => records.map((fields, i) => ({ row: i + 1, share: (i + 1) / records.length, fields }))
