import { standardDeviation } from '../preference/bootstrap'
import { winProbability } from '../preference/bradleyTerry'
import { logisticRegression, type LogisticFit } from './logistic'

/** How much longer, squashed: tanh(Δ/std Δ), Δ = length of the answer − length of the baseline's, [n].  Dubois 2024, arXiv:2404.04475 */
export function lengthFeature(lengths: readonly number[], baselineLengths: readonly number[]): number[] {
  if (lengths.length !== baselineLengths.length || lengths.length < 2) throw new RangeError(`lengthFeature: expected two lists of the same answers, at least 2, got ${lengths.length} and ${baselineLengths.length}`)
  const longer = lengths.map((v, i) => v - baselineLengths[i]), spread = standardDeviation(longer)
  if (!(spread > 0)) throw new RangeError('lengthFeature: every answer differs from its baseline by the same length, so length explains nothing')
  return longer.map(v => Math.tanh(v / spread))
}

/** Win rates with and without the help of length, and the regression behind them (intercept, length, the other features). */
export interface LengthControlled { readonly rawWinRate: number; readonly winRate: number; readonly fit: LogisticFit }

/**
 * The length-controlled win rate: a logistic regression of wins on length (and other features such as the instruction's
 * difficulty), whose predictions are averaged with the length feature set to 0.  Dubois 2024, arXiv:2404.04475
 * wins: [n] in [0, 1]; length: lengthFeature's [n]; others: [n][d]; l2 as in logisticRegression.
 */
export function lengthControlledWinRate(wins: readonly number[], length: readonly number[], others: readonly (readonly number[])[] = wins.map(() => []), l2 = 0): LengthControlled {
  if (length.length !== wins.length || others.length !== wins.length) throw new RangeError(`lengthControlledWinRate: expected as many lengths and other features as wins (${wins.length}), got ${length.length} and ${others.length}`)
  const fit = logisticRegression(wins.map((_, i) => [length[i], ...others[i]]), wins, l2), [intercept, , ...rest] = fit.coefficients
  const atZero = others.map(row => winProbability(intercept + row.reduce((sum, v, j) => sum + v * rest[j], 0)))
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
  return { rawWinRate: mean(wins), winRate: mean(atZero), fit }
}
