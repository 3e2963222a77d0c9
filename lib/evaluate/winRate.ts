import { wilsonInterval } from './intervals'

/** How often A beats B: a tie is half a win; `low` and `high` are Wilson's interval at `level`. */
export interface WinRate { readonly winRate: number; readonly low: number; readonly high: number; readonly wins: number; readonly ties: number; readonly losses: number; readonly n: number }

/**
 * The win rate with its interval. outcomes: one a prompt, 1 A won, 0 B won, ½ a tie, or a judge's probability in between (which
 * counts as a win above ½). The prompts must be independent: with several comparisons of one prompt, pass their mean.
 */
export function winRate(outcomes: readonly number[], level = 0.95): WinRate {
  if (outcomes.length === 0) throw new RangeError('winRate: expected at least one outcome')
  const wrong = outcomes.findIndex(v => !(v >= 0 && v <= 1))
  if (wrong >= 0) throw new RangeError(`winRate: outcome ${wrong}: expected a number from 0 to 1, got ${outcomes[wrong]}`)
  const n = outcomes.length, sum = outcomes.reduce((a, b) => a + b, 0), wins = outcomes.filter(v => v > 0.5).length, losses = outcomes.filter(v => v < 0.5).length
  const [low, high] = wilsonInterval(sum, n, level)
  return { winRate: sum / n, low, high, wins, ties: n - wins - losses, losses, n }
}

/** Outcomes for {@link winRate} of two lists of scores of the same prompts: 1 where A's is higher by more than `tie`, 0 where B's is, else ½. */
export function outcomesOf(a: ArrayLike<number>, b: ArrayLike<number>, tie = 0): number[] {
  if (a.length !== b.length) throw new RangeError(`outcomesOf: expected two scores of each prompt, got ${a.length} and ${b.length}`)
  if (!(tie >= 0)) throw new RangeError(`outcomesOf: expected a tie of 0 or more, got ${tie}`)
  return Array.from(a, (v, i) => {
    if (!Number.isFinite(v - b[i])) throw new RangeError(`outcomesOf: prompt ${i}: expected numbers, got ${v} and ${b[i]}`)
    return v - b[i] > tie ? 1 : b[i] - v > tie ? 0 : 0.5
  })
}
