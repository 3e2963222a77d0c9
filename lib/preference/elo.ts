import { checkComparisons, type Comparison } from './comparisons'

/** Elo's K (points moved by a full surprise), the points per factor 10 of the odds, and what an advantage of 1 is worth in points. */
export interface EloOptions { readonly k?: number; readonly scale?: number; readonly advantage?: number }

/** What Elo expects of A before the game: 1 / (1 + 10^(−(R_A − R_B)/scale)), Bradley-Terry in base 10.  Elo 1978 */
export const eloExpected = (difference: number, scale = 400): number => 1 / (1 + 10 ** (-difference / scale))

/** Strengths in nats as Elo ratings around `mean`: R = mean + θ·scale/ln 10. */
export const toElo = (strengths: ArrayLike<number>, mean = 1000, scale = 400): Float64Array =>
  Float64Array.from(strengths, theta => mean + theta * scale / Math.LN10)

/** Ratings after each game, [games][players], and what was expected of `first` before it, [games]. */
export interface EloRun { readonly ratings: readonly Float64Array[]; readonly expected: Float64Array }

/**
 * Elo ratings, game after game: E = 1/(1 + 10^(−(R_first − R_second + advantage)/scale)), R_first += K·(S − E), R_second −= K·(S − E).
 * One game is one step of gradient ascent on Bradley-Terry's log-likelihood, with learning rate K·ln 10/scale (in nats).
 * initial: ratings [players] before the first game. Throws RangeError on bad comparisons; weights other than 1 are refused.
 */
export function elo(comparisons: readonly Comparison[], initial: ArrayLike<number>, { k = 32, scale = 400, advantage = 0 }: EloOptions = {}): EloRun {
  checkComparisons(comparisons, initial.length)
  const row = comparisons.findIndex(c => (c.weight ?? 1) !== 1)
  if (row >= 0) throw new RangeError(`comparison ${row}: weight: Elo takes one game at a time, got weight ${comparisons[row].weight}`)
  const expected = new Float64Array(comparisons.length), ratings: Float64Array[] = []
  let now = Float64Array.from(initial)
  comparisons.forEach((c, game) => {
    expected[game] = eloExpected(now[c.first] - now[c.second] + advantage * (c.advantage ?? 0), scale)
    const moved = k * (c.score - expected[game])
    now = now.slice()
    now[c.first] += moved
    now[c.second] -= moved
    ratings.push(now)
  })
  return { ratings, expected }
}
