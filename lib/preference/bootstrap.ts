import { jStat } from 'jstat'
import type { Random } from '../tensor/random'

/** The p-quantile with linear interpolation between order statistics (numpy's default). p in [0, 1]; values: at least one. */
export function quantile(values: ArrayLike<number>, p: number): number {
  if (values.length === 0) throw new RangeError('quantile: expected at least one value')
  if (!(p >= 0 && p <= 1)) throw new RangeError(`quantile: expected p from 0 to 1, got ${p}`)
  const sorted = Float64Array.from(values).sort(), at = p * (sorted.length - 1), below = Math.floor(at)
  return sorted[below] + (at - below) * (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below])
}

/** The two ends of an interval. */
export type Interval = readonly [low: number, high: number]

function tails(level: number): Interval {
  if (!(level > 0 && level < 1)) throw new RangeError(`level: expected a number between 0 and 1, got ${level}`)
  return [(1 - level) / 2, (1 + level) / 2]
}

const evaluate = <T>(statistic: (items: readonly T[]) => number, items: readonly T[], what: string): number => {
  const value = statistic(items)
  if (!Number.isFinite(value)) throw new RangeError(`bootstrap: the statistic is ${value} on ${what}; are there too few items, or too little variation?`)
  return value
}

/**
 * The statistic on `resamples` samples of the items with replacement, [resamples].  Efron 1979, doi:10.1214/aos/1176344552
 * Items must be independent: where rows belong together (pairs of one prompt), pass one item a group.
 */
export function bootstrapDistribution<T>(items: readonly T[], statistic: (items: readonly T[]) => number, random: Random, resamples = 1000): Float64Array {
  if (items.length === 0) throw new RangeError('bootstrap: expected at least one item')
  return Float64Array.from({ length: resamples }, (_, i) => evaluate(statistic, items.map(() => random.choice(items)), `resample ${i}`))
}

/** The quantiles of the bootstrap distribution. */
export const percentileInterval = (distribution: ArrayLike<number>, level = 0.95): Interval => {
  const [low, high] = tails(level)
  return [quantile(distribution, low), quantile(distribution, high)]
}

/** The percentile interval mirrored at the estimate: 2·estimate − quantile. */
export const basicInterval = (distribution: ArrayLike<number>, estimate: number, level = 0.95): Interval => {
  const [low, high] = percentileInterval(distribution, level)
  return [2 * estimate - high, 2 * estimate - low]
}

/** The percentile interval corrected for bias and for skew (jackknife acceleration).  Efron 1987, doi:10.2307/2289144 */
export function bcaInterval<T>(items: readonly T[], statistic: (items: readonly T[]) => number, distribution: ArrayLike<number>, level = 0.95): Interval {
  const all = Array.from(distribution), estimate = evaluate(statistic, items, 'all items')
  const below = all.reduce((sum, v) => sum + (v < estimate ? 1 : v === estimate ? 0.5 : 0), 0) / all.length
  const leftOut = items.map((_, i) => evaluate(statistic, [...items.slice(0, i), ...items.slice(i + 1)], `all items but ${i}`))
  const mean = leftOut.reduce((a, b) => a + b, 0) / leftOut.length, pulls = leftOut.map(v => mean - v)
  const squares = pulls.reduce((sum, u) => sum + u * u, 0), cubes = pulls.reduce((sum, u) => sum + u ** 3, 0)
  if (below === 0 || below === 1 || squares === 0) throw new RangeError('bcaInterval: the estimate lies outside the bootstrap distribution, or every item gives the same; use percentileInterval')
  const bias = jStat.normal.inv(below, 0, 1), acceleration = cubes / (6 * squares ** 1.5)
  const shifted = tails(level).map(p => {
    const z = bias + jStat.normal.inv(p, 0, 1)
    return quantile(all, jStat.normal.cdf(bias + z / (1 - acceleration * z), 0, 1))
  })
  return [shifted[0], shifted[1]]
}

/** The statistic on all items with its bootstrap standard error and percentile interval. */
export function bootstrap<T>(items: readonly T[], statistic: (items: readonly T[]) => number, random: Random, { resamples = 1000, level = 0.95 } = {}): { value: number; standardError: number; low: number; high: number } {
  const value = evaluate(statistic, items, 'all items'), distribution = bootstrapDistribution(items, statistic, random, resamples)
  const [low, high] = percentileInterval(distribution, level)
  return { value, standardError: standardDeviation(distribution), low, high }
}

/** The sample standard deviation (n − 1 below the line). */
export function standardDeviation(values: ArrayLike<number>): number {
  const all = Array.from(values), mean = all.reduce((a, b) => a + b, 0) / all.length
  return Math.sqrt(all.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (all.length - 1))
}
