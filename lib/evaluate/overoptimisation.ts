import { Matrix, QrDecomposition } from 'ml-matrix'
import { bootstrapDistribution, percentileInterval, type Interval } from '../preference/bootstrap'
import type { Random } from '../tensor/random'

/** How the true reward's gain depends on d = √KL: gain = a·d − b·bend(d), and where that peaks. */
export interface OveroptimisationLaw {
  /** As formula. */
  readonly formula: string
  readonly bend: (d: number) => number
  /** The d of the highest gain; infinite where the curve never turns (b ≤ 0). */
  readonly peak: (a: number, b: number) => number
}

/** Best-of-n: d(a − b·d).  Gao 2022, arXiv:2210.10760 eq. 1 */
export const BEST_OF_N_LAW: OveroptimisationLaw = { formula: 'd(a − b·d)', bend: d => d * d, peak: (a, b) => b > 0 ? Math.max(0, a / (2 * b)) : Infinity }
/** Reinforcement learning: d(a − b·log d).  Gao 2022, arXiv:2210.10760 eq. 2 */
export const RL_LAW: OveroptimisationLaw = { formula: 'd(a − b·log d)', bend: d => d > 0 ? d * Math.log(d) : 0, peak: (a, b) => b > 0 ? Math.exp(a / b - 1) : Infinity }

/** A law fitted to a curve. */
export interface LawFit {
  readonly a: number
  readonly b: number
  /** The d of the fitted peak. */
  readonly peak: number
  readonly fitted: readonly number[]
  /** gain − fitted, one a point. */
  readonly residuals: readonly number[]
  /** Share of the gains' variance that the law explains. */
  readonly r2: number
}

/**
 * Least squares of gains over d = √KL under a law without a constant: no distance, no gain.
 * d: [points], above 0 and not all equal; gains: reward minus the reward at d = 0, [points]. At least 3 points, or there are no residuals to look at.
 */
export function fitLaw(law: OveroptimisationLaw, d: readonly number[], gains: readonly number[]): LawFit {
  if (d.length !== gains.length || d.length < 3) throw new RangeError(`fitLaw: expected a gain for each of at least 3 distances, got ${d.length} and ${gains.length}`)
  d.forEach((v, i) => {
    if (!(v > 0 && v < Infinity)) throw new RangeError(`fitLaw: point ${i}: expected d = √KL above 0, got ${v}`)
    if (!Number.isFinite(gains[i])) throw new RangeError(`fitLaw: point ${i}: expected a finite gain, got ${gains[i]}`)
  })
  const x = new Matrix(d.map(v => [v, -law.bend(v)])), qr = new QrDecomposition(x)
  if (!qr.isFullRank()) throw new RangeError('fitLaw: the distances are too alike to tell rise and bend apart')
  const [a, b] = qr.solve(Matrix.columnVector([...gains])).to1DArray(), fitted = d.map(v => a * v - b * law.bend(v)), residuals = gains.map((v, i) => v - fitted[i])
  const mean = gains.reduce((s, v) => s + v, 0) / gains.length, total = gains.reduce((s, v) => s + (v - mean) ** 2, 0)
  return { a, b, peak: law.peak(a, b), fitted, residuals, r2: 1 - residuals.reduce((s, v) => s + v * v, 0) / total }
}

/** A fit with 95% intervals; the peak's may reach to infinity. */
export interface LawIntervals extends LawFit { readonly aInterval: Interval; readonly bInterval: Interval; readonly peakInterval: Interval }

function intervals(law: OveroptimisationLaw, fit: LawFit, drawn: readonly LawFit[]): LawIntervals {
  const of = (value: (f: LawFit) => number): Interval => percentileInterval(drawn.map(value))
  // Quantiles cannot average infinities: 1/peak is finite, and its order is the reverse.
  const [low, high] = of(f => 1 / f.peak)
  return { ...fit, aInterval: of(f => f.a), bInterval: of(f => f.b), peakInterval: [high > 0 ? 1 / high : Infinity, low > 0 ? 1 / low : Infinity] }
}

/**
 * {@link fitLaw} of the mean curve, with intervals from drawing the prompts again: the points of a curve share their samples, so
 * that their errors are not independent, but the prompts are. rows: each prompt's own gains, [prompts][points].
 */
export function fitLawOverPrompts(law: OveroptimisationLaw, d: readonly number[], rows: readonly (readonly number[])[], random: Random, resamples = 500): LawIntervals {
  const wrong = rows.findIndex(row => row.length !== d.length)
  if (rows.length < 2 || wrong >= 0) throw new RangeError(`fitLawOverPrompts: expected at least 2 prompts with ${d.length} gains each, got ${rows.length}${wrong >= 0 ? `, of which prompt ${wrong} has ${rows[wrong].length}` : ''}`)
  const fitOf = (items: readonly (readonly number[])[]) => fitLaw(law, d, d.map((_, k) => items.reduce((s, row) => s + row[k], 0) / items.length)), drawn: LawFit[] = []
  bootstrapDistribution(rows, items => { drawn.push(fitOf(items)); return 0 }, random, resamples)
  return intervals(law, fitOf(rows), drawn)
}

/**
 * {@link fitLaw} with intervals from drawing the residuals again (each scaled by √(n/(n − 2)), since the fit has taken two degrees of freedom):
 * for the curve of one training run, whose points come from different steps. Assumes that their errors are independent and alike.
 */
export function fitLawByResiduals(law: OveroptimisationLaw, d: readonly number[], gains: readonly number[], random: Random, resamples = 500): LawIntervals {
  const fit = fitLaw(law, d, gains), grow = Math.sqrt(d.length / (d.length - 2))
  const drawn = Array.from({ length: resamples }, () => fitLaw(law, d, fit.fitted.map(v => v + grow * random.choice(fit.residuals))))
  return intervals(law, fit, drawn)
}
