import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import { z } from 'zod'
import { display } from '../notebook/display'
import { html, visible } from '../notebook/escape'
import { clonePath } from './clone'
import { download, type DownloadOptions } from './download'
import { DownloadError } from './downloads'
import { wordCount } from './pandalm'

/** The five parts of LLMBar: pairs as they come, and four sets where the worse reply was made, or picked, to look better. */
export const LLMBAR_PARTS = ['natural', 'neighbor', 'gptinst', 'gptout', 'manual'] as const
/** A part of LLMBar. */
export type LlmBarPart = (typeof LLMBAR_PARTS)[number]

/** One pair of LLMBar in numbers: its part, which reply follows the instruction (1 or 2), the words of both. */
export interface LlmBarItem { readonly part: LlmBarPart; readonly right: 1 | 2; readonly words: readonly [number, number] }

const published = z.array(z.object({ input: z.string(), output_1: z.string(), output_2: z.string(), label: z.union([z.literal(1), z.literal(2)]) }))

/** A pair as published. */
export type LlmBarRow = z.infer<typeof published>[number] & { readonly part: LlmBarPart }

/** The rows of one published file. Throws Error naming the row and the field that are wrong. */
export function parseLlmBar(json: string, part: LlmBarPart, name: string = part): LlmBarRow[] {
  const parsed = published.safeParse(JSON.parse(json))
  if (!parsed.success) throw new Error(`${name}: ${z.prettifyError(parsed.error)}`)
  return parsed.data.map(row => ({ ...row, part }))
}

/** Published rows in numbers. */
export const llmBarItems = (rows: readonly LlmBarRow[]): LlmBarItem[] =>
  rows.map(({ part, label, output_1, output_2 }) => ({ part, right: label, words: [wordCount(output_1), wordCount(output_2)] }))

/** The 419 pairs in data/llmbar-lengths.csv, made by tools/data/judgements.ts. */
export function shippedLlmBar(): LlmBarItem[] {
  const rows: string[][] = parse(readFileSync(clonePath('data', 'llmbar-lengths.csv'), 'utf8'), { comment: '#', comment_no_infix: true, from_line: 5 })
  return rows.map(([part, right, first, second]) => ({ part: z.enum(LLMBAR_PARTS).parse(part), right: right === '1' ? 1 : 2, words: [Number(first), Number(second)] }))
}

/** All five published files. Throws DownloadError when one cannot be had. */
export async function downloadLlmBar(options: DownloadOptions = {}): Promise<LlmBarRow[]> {
  const rows: LlmBarRow[] = []
  for (const part of LLMBAR_PARTS) {
    const { path } = await download(`llmbar-${part}`, options)
    rows.push(...parseLlmBar(readFileSync(path, 'utf8'), part, path))
  }
  return rows
}

/**
 * LLMBar in numbers from data/, and, where the published files can be had, its rows with all texts. Says in one line, fixed in committed notebooks, which it was.
 * Throws Error when the published files and the table in data/ disagree.
 */
export async function llmBar(options: DownloadOptions = {}): Promise<{ items: LlmBarItem[]; rows?: LlmBarRow[] }> {
  const items = shippedLlmBar(), without = 'the lab uses the labels and lengths in data/llmbar-lengths.csv'
  const volatile = `llmbar: <five files from the cache, a mirror or the network; where none has them, ${without}>`
  const say = (text: string) => display({ 'text/plain': visible(text), 'text/html': `<code>${html(text)}</code>` }, { metadata: { volatile } })
  let rows: LlmBarRow[]
  try {
    rows = await downloadLlmBar(options)
  } catch (error) {
    if (!(error instanceof DownloadError)) throw error
    say(`${error.message}. So ${without}.`)
    return { items }
  }
  if (JSON.stringify(llmBarItems(rows)) !== JSON.stringify(items)) throw new Error('data/llmbar-lengths.csv differs from the published files; make the table again with npx tsx tools/data/judgements.ts')
  say('llmbar: five files, size and SHA-256 as published')
  return { items, rows }
}
