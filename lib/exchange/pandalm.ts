import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import { z } from 'zod'
import { clonePath } from './clone'
import type { DownloadOptions } from './download'
import { obtain } from './obtain'

/** What an annotator said of two replies: 1 or 2, the better one, or 0 for a tie. */
export type PandaLmVote = 0 | 1 | 2

/**
 * One comparison of PandaLM's test set in numbers: which of the prompts it belongs to, the models that wrote the replies, the votes
 * of the three annotators, the words of the two replies, and whether each is text (a few were published as true, without quotes).
 */
export interface PandaLmItem {
  readonly prompt: number
  readonly models: string
  readonly votes: readonly [PandaLmVote, PandaLmVote, PandaLmVote]
  readonly words: readonly [number, number]
  readonly text: readonly [boolean, boolean]
}

const vote = z.union([z.literal(0), z.literal(1), z.literal(2)])
const published = z.array(z.object({
  cmp_key: z.string(), instruction: z.string(), input: z.string(), response1: z.unknown(), response2: z.unknown(),
  annotator1: vote, annotator2: vote, annotator3: vote,
}))

/** A comparison as published, replies included; they should be text, but not all are. */
export type PandaLmRow = z.infer<typeof published>[number]

/** The words of a text: runs of signs without white space. What is no text counts as its JSON. */
export const wordCount = (reply: unknown): number => (typeof reply === 'string' ? reply : JSON.stringify(reply) ?? '').split(/\s+/).filter(Boolean).length

/** The published rows. Throws Error naming the row and the field that are wrong. */
export function parsePandaLm(json: string, name = 'PandaLM'): PandaLmRow[] {
  const parsed = published.safeParse(JSON.parse(json))
  if (!parsed.success) throw new Error(`${name}: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}

/** Published rows in numbers; prompts (instruction and input) are numbered in the order in which they first appear. */
export function pandaLmItems(rows: readonly PandaLmRow[]): PandaLmItem[] {
  const numbers = new Map<string, number>()
  return rows.map(({ instruction, input, cmp_key, response1, response2, annotator1, annotator2, annotator3 }) => {
    const key = JSON.stringify([instruction, input]), prompt = numbers.get(key) ?? numbers.size
    numbers.set(key, prompt)
    return {
      prompt, models: cmp_key, votes: [annotator1, annotator2, annotator3], words: [wordCount(response1), wordCount(response2)],
      text: [typeof response1 === 'string', typeof response2 === 'string'],
    }
  })
}

/** The 999 comparisons in data/pandalm-votes.csv, made by tools/data/judgements.ts. */
export function shippedPandaLm(): PandaLmItem[] {
  const rows: string[][] = parse(readFileSync(clonePath('data', 'pandalm-votes.csv'), 'utf8'), { comment: '#', comment_no_infix: true, from_line: 5 })
  return rows.map(([prompt, models, a, b, c, words1, words2, text1, text2]): PandaLmItem => ({
    prompt: Number(prompt), models, votes: [vote.parse(Number(a)), vote.parse(Number(b)), vote.parse(Number(c))],
    words: [Number(words1), Number(words2)], text: [text1 === '1', text2 === '1'],
  }))
}

/**
 * The test set in numbers from data/, and, where the published file can be had, its rows with all texts. Says in one line where they came from.
 * Throws Error when the published file and the table in data/ disagree.
 */
export async function pandaLm(options: DownloadOptions = {}): Promise<{ items: PandaLmItem[]; rows?: PandaLmRow[] }> {
  const items = shippedPandaLm(), path = await obtain('pandalm-testset', 'the lab uses the votes and lengths in data/pandalm-votes.csv', options)
  if (path === undefined) return { items }
  const rows = parsePandaLm(readFileSync(path, 'utf8'), path), fresh = pandaLmItems(rows)
  const differs = fresh.findIndex((item, i) => JSON.stringify(item) !== JSON.stringify(items[i]))
  if (differs >= 0 || fresh.length !== items.length) throw new Error(`data/pandalm-votes.csv: comparison ${differs + 1} differs from the published file; make the table again with npx tsx tools/data/judgements.ts`)
  return { items, rows }
}

/** What most of the three annotators said; null where each said something else. */
export function majorityVote(votes: readonly PandaLmVote[]): PandaLmVote | null {
  return ([0, 1, 2] as const).find(v => 2 * votes.filter(x => x === v).length > votes.length) ?? null
}
