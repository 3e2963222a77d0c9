import type { Prompt } from '../desk/scenarios'
import type { LanguageModel } from '../model/params'
import type { Random } from '../tensor/random'
import { deskReplies, judgeReplies, type JudgedReply } from '../train/desk'
import { bestOfNMean } from './bestOfN'

/** Several sampled replies to each prompt, prompt after prompt: drawn once, they show what best-of-n does under any number of scorers. */
export interface ReplyPool {
  readonly prompts: readonly Prompt[]
  /** Replies a prompt. */
  readonly samples: number
  /** The prompt of each reply, [prompts · samples]. */
  readonly asked: readonly Prompt[]
  readonly replies: readonly JudgedReply[]
}

/** Samples a pool of replies. samples: a prompt, at least 1. */
export function replyPool(policy: LanguageModel, prompts: readonly Prompt[], samples: number, random: Random): ReplyPool {
  if (!Number.isSafeInteger(samples) || samples < 1) throw new RangeError(`replyPool: expected a positive number of samples, got ${samples}`)
  const asked = prompts.flatMap(p => Array.from({ length: samples }, () => p))
  return { prompts, samples, asked, replies: judgeReplies(asked, deskReplies(policy, asked, { random })) }
}

function rowsOf({ prompts, samples, replies }: ReplyPool, values: ArrayLike<number>, name: string): number[][] {
  if (values.length !== replies.length) throw new RangeError(`${name}: expected a number for each of ${replies.length} replies, got ${values.length}`)
  return prompts.map((_, i) => Array.from({ length: samples }, (__, k) => values[i * samples + k]))
}

/** Each prompt's best reply by score: what best-of-`samples` answers. */
export function bestOfPool(pool: ReplyPool, scores: ArrayLike<number>): JudgedReply[] {
  return rowsOf(pool, scores, 'scores').map((row, i) => pool.replies[i * pool.samples + row.indexOf(Math.max(...row))])
}

/** The mean `value` of best-of-n by `scores`, for each prompt and each n, exact over all subsets of the pool ({@link bestOfNMean}): [prompts][ns]. */
export function poolCurve(pool: ReplyPool, scores: ArrayLike<number>, values: ArrayLike<number>, ns: readonly number[]): number[][] {
  const byScore = rowsOf(pool, scores, 'scores'), byValue = rowsOf(pool, values, 'values')
  return byScore.map((row, i) => ns.map(n => bestOfNMean(row, byValue[i], n)))
}
