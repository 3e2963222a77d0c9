import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import { z } from 'zod'
import { clonePath } from './clone'

const percent = z.coerce.number().min(0).max(100)
const entrySchema = z.object({
  model: z.string().min(1), mode: z.enum(['minimal', 'verified', 'community', 'dev']), win_rate: percent, standard_error: z.coerce.number().min(0),
  length_controlled: percent, length: z.coerce.number().int().positive(),
})

/** A model of a published leaderboard: win rates in percent, its answers' mean length in characters, and who submitted it (`mode`). */
export type LeaderboardEntry = z.infer<typeof entrySchema>

/** AlpacaEval's published ranking: version 1 (judge GPT-4, baseline text_davinci_003) or 2 (judge GPT-4 Turbo, baseline gpt4_1106_preview).  Dubois 2024, arXiv:2404.04475 */
export function shippedLeaderboard(version: 1 | 2): LeaderboardEntry[] {
  const name = `data/alpaca-eval-${version}.csv`, rows: unknown = parse(readFileSync(clonePath('data', `alpaca-eval-${version}.csv`), 'utf8'), { columns: true, comment: '#', comment_no_infix: true })
  const parsed = z.array(entrySchema).safeParse(rows)
  if (!parsed.success) throw new Error(`${name}: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}

/** A judge's verdict on one instruction: which model answered, lengths of the baseline's answer and of its own in characters, and 1 when it won, 0 when it lost, ½ for a draw. */
export interface JudgedAnswer { readonly model: number; readonly instruction: number; readonly baselineLength: number; readonly length: number; readonly win: number }

const judgedSchema = z.object({ model: z.coerce.number().int().min(0), iid: z.coerce.number().int().min(0), base: z.coerce.number().min(0), len: z.coerce.number().min(0), pref: z.coerce.number().refine(v => v === 0 || (v >= 1 && v <= 2), 'expected 0 (a draw) or a number from 1 (baseline) to 2 (model)') })

/** Published annotations in numbers: a table, gzipped or not, with columns model, iid, base, len, pref. Throws Error naming the row and the field that are wrong. */
export function readJudgedAnswers(path: string): JudgedAnswer[] {
  const bytes = readFileSync(path), text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8')
  const parsed = z.array(judgedSchema).safeParse(parse(text, { columns: true }))
  if (!parsed.success) throw new Error(`${path}: ${z.prettifyError(parsed.error).slice(0, 500)}`)
  return parsed.data.map(({ model, iid, base, len, pref }) => ({ model, instruction: iid, baselineLength: base, length: len, win: pref === 0 ? 0.5 : pref - 1 }))
}
