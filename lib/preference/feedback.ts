import { z } from 'zod'
import { findDuplicates } from './duplicates'
import { readRows } from './readers'
import { excerpt, type ReadOptions } from './readersShared'
import { normalised, type PreferencePair, winner } from './records'

const count = z.int().min(0)
const rate = z.strictObject({ count, of: count }).refine(r => r.count <= r.of, 'count must not exceed of')

/** The schema of a described feedback log; what is left out was not collected, or not measured. */
export const feedbackSchema = z.strictObject({
  pairs: count.default(0),
  thumbs: z.strictObject({ up: count, down: count }).default({ up: 0, down: 0 }),
  checkable: count.default(0),
  online: z.boolean().default(true),
  judge: z.boolean().default(false),
  singleStage: z.boolean().default(false),
  reference: z.boolean().default(true),
  agreement: rate.optional(),
  longer: rate.optional(),
  anonymous: count.default(0),
  copies: count.default(0),
  same: count.default(0),
})

/** How many of how many. */
export interface Rate { readonly count: number; readonly of: number }

/** What a feedback log holds and what is wanted, in figures that decide between methods. */
export interface Feedback {
  /** Distinct comparisons of two different replies to a prompt. */
  readonly pairs: number
  /** Single replies that somebody liked or disliked. */
  readonly thumbs: { readonly up: number; readonly down: number }
  /** Prompts whose answer a program can check. */
  readonly checkable: number
  /** Whether the policy can be sampled while it trains (default true). */
  readonly online: boolean
  /** Whether somebody or something judges fresh samples of the policy while it trains: annotators, a reward model (default false). */
  readonly judge: boolean
  /** Whether imitation and preference must be learnt in one stage, from a model without fine-tuning (default false). */
  readonly singleStage: boolean
  /** Whether memory and time allow a frozen reference model beside the policy (default true). */
  readonly reference: boolean
  /** Of comparisons judged twice: how often both judgements agree. */
  readonly agreement?: Rate
  /** Of distinct comparisons with a winner and replies of different length: how often the longer reply won. */
  readonly longer?: Rate
  /** Of the comparisons in `agreement`: those whose rows name no annotator, so that two judgements may be one, copied. */
  readonly anonymous: number
  /** Rows that repeat an earlier judgement of the same annotator. */
  readonly copies: number
  /** Rows whose two replies say the same. */
  readonly same: number
}

/** What a log cannot tell, because it is a matter of what is wanted and possible. */
export type Wishes = Partial<Pick<Feedback, 'online' | 'judge' | 'singleStage' | 'reference'>>

const text = z.string().refine(s => s.trim() !== '', 'expected text that is not empty')
const pairRow = z.object({ prompt_id: text.nullish(), prompt: text, chosen: text, rejected: text, label: z.literal([0, 1]).nullish(), annotator: text.nullish() })
const thumbRow = z.object({ prompt: text, completion: text, label: z.union([z.boolean(), z.literal([0, 1]).transform(Boolean), z.stringbool({ truthy: ['true'], falsy: ['false'] })]) })
const taskRow = z.object({ prompt: text, answer: z.union([text, z.number()]).optional(), solution: z.union([text, z.number()]).optional() })

type Row = { readonly pair: PreferencePair } | { readonly up: boolean } | { readonly task: string }

/** What one row is, by its fields. Throws Error that names row and field. */
function readRow(fields: unknown, row: number): Row {
  const names = typeof fields === 'object' && fields !== null && !Array.isArray(fields) ? Object.keys(fields) : [], has = (name: string) => names.includes(name)
  const parse = <T>(schema: z.ZodType<T>): T => {
    const parsed = schema.safeParse(fields)
    if (!parsed.success) throw new Error(`row ${row}: ${z.prettifyError(parsed.error)}`)
    return parsed.data
  }
  if (has('chosen') || has('rejected')) {
    const { prompt_id, annotator, label, ...pair } = parse(pairRow)
    return { pair: { ...pair, prompt_id: prompt_id ?? pair.prompt, label: label ?? 1, ...annotator && { annotator } } }
  }
  if (has('completion')) return { up: parse(thumbRow).label }
  if (has('answer') || has('solution')) return { task: parse(taskRow).prompt }
  throw new Error(`row ${row}: expected a pair (prompt, chosen, rejected), a judged reply (prompt, completion, label) or a task (prompt, answer), `
    + `got ${names.length ? `the fields ${excerpt(names.join(', '), 120)}` : excerpt(JSON.stringify(fields) ?? 'nothing')}`)
}

const words = (s: string): number => s.split(/\s+/).filter(Boolean).length

/** The judgements of one comparison, in the order in which they were made: true where the reply that comes first in the alphabet won. */
interface Comparison { readonly lengths: readonly [number, number]; readonly verdicts: readonly boolean[]; readonly anonymous: boolean; readonly copies: number }

function compare(pairs: readonly PreferencePair[], indices: readonly number[]): Comparison {
  const [a, b] = [pairs[indices[0]].chosen, pairs[indices[0]].rejected].sort((x, y) => normalised(x) < normalised(y) ? -1 : 1), seen = new Set<string>()
  const kept = indices.map(i => pairs[i]).filter(({ annotator }) => annotator === undefined || (!seen.has(annotator) && seen.add(annotator)))
  return {
    lengths: [words(a), words(b)], verdicts: kept.map(pair => normalised(winner(pair)) === normalised(a)),
    anonymous: kept.slice(0, 2).some(pair => pair.annotator === undefined), copies: indices.length - kept.length,
  }
}

/**
 * A feedback log in figures, from its rows: pairs (prompt, chosen, rejected, label?, annotator?), judged replies (prompt, completion, label)
 * and tasks (prompt, answer or solution), as TRL names them, in any mixture. `agreement` takes the first two judgements of each comparison
 * that was judged more than once, so that every comparison counts once and an exact interval holds; an annotator's later judgements of
 * the same comparison are left out as copies. `longer` takes the majority of each comparison's judgements.
 * Throws Error, naming row and field, on a row that is none of these, and on a log without rows.
 */
export function describeFeedback(rows: Iterable<unknown>, wishes: Wishes = {}): Feedback {
  const pairs: PreferencePair[] = [], thumbs = { up: 0, down: 0 }, tasks = new Set<string>()
  let n = 0
  for (const fields of rows) {
    const row = readRow(fields, ++n)
    if ('pair' in row) pairs.push(row.pair)
    else if ('task' in row) tasks.add(row.task)
    else thumbs[row.up ? 'up' : 'down']++
  }
  if (n === 0) throw new Error('feedback: the log has no rows')
  const { duplicates, contradictions, ties, nearTies } = findDuplicates(pairs), repeated = [...duplicates, ...contradictions, ...ties].map(g => g.indices)
  const inGroup = new Set([...repeated.flat(), ...nearTies]), comparisons = [...repeated, ...pairs.map((_, i) => [i]).filter(([i]) => !inGroup.has(i))].map(g => compare(pairs, g))
  const twice = comparisons.filter(c => c.verdicts.length > 1)
  const uneven = comparisons.filter(({ lengths: [a, b], verdicts }) => a !== b && 2 * verdicts.filter(Boolean).length !== verdicts.length)
  const longerWon = uneven.filter(({ lengths: [a, b], verdicts }) => (2 * verdicts.filter(Boolean).length > verdicts.length) === (a > b))
  return feedbackSchema.parse({
    pairs: comparisons.length, thumbs, checkable: tasks.size, ...wishes,
    ...twice.length > 0 && { agreement: { count: twice.filter(c => c.verdicts[0] === c.verdicts[1]).length, of: twice.length } },
    ...uneven.length > 0 && { longer: { count: longerWon.length, of: uneven.length } },
    anonymous: twice.filter(c => c.anonymous).length, copies: comparisons.reduce((sum, c) => sum + c.copies, 0), same: nearTies.length,
  })
}

/** {@link describeFeedback} of a JSON Lines, CSV or Parquet file. Throws Error, naming the file and the row, as it does and on a row that cannot be read. */
export async function feedbackOfFile(path: string, options: Wishes & ReadOptions = {}): Promise<Feedback> {
  const { maxRowBytes, ...wishes } = options, rows: unknown[] = []
  for await (const source of readRows(path, maxRowBytes === undefined ? {} : { maxRowBytes })) {
    if (source.broken) throw new Error(`${path}: row ${source.row}: found ${source.broken.found}; expected ${source.broken.expected}: ${source.broken.fix}`)
    rows.push(source.fields)
  }
  try { return describeFeedback(rows, wishes) } catch (error) { throw new Error(`${path}: ${(error as Error).message}`, { cause: error }) }
}
