import { jStat } from 'jstat'
import { sampleCorrelation } from 'simple-statistics'
import { studentTwoSided } from './beta'
import type { Test } from './paired'

function check(x: readonly number[], y: readonly number[], least: number): void {
  if (x.length !== y.length || x.length < least) throw new RangeError(`correlation: expected two lists of the same items, at least ${least}, got ${x.length} and ${y.length}`)
  for (const [name, values] of [['x', x], ['y', y]] as const) {
    values.forEach((v, i) => { if (!Number.isFinite(v)) throw new RangeError(`correlation: ${name}[${i}]: expected a number, got ${v}`) })
    if (values.every(v => v === values[0])) throw new RangeError(`correlation: all of ${name} are ${values[0]}: a constant correlates with nothing`)
  }
}

/** Pearson's r, with the p of Student's t on n − 2 degrees of freedom. */
export function pearson(x: readonly number[], y: readonly number[]): Test {
  check(x, y, 3)
  const statistic = Math.max(-1, Math.min(1, sampleCorrelation([...x], [...y]))), degrees = x.length - 2
  return { statistic, p: studentTwoSided(statistic * Math.sqrt(degrees / (1 - statistic ** 2)), degrees) }
}

/** Ranks from 1, equal values sharing their average rank. */
export function averageRanks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((i, j) => values[i] - values[j]), ranks = new Array<number>(values.length)
  for (let from = 0; from < order.length;) {
    let to = from
    while (to + 1 < order.length && values[order[to + 1]] === values[order[from]]) to++
    for (let i = from; i <= to; i++) ranks[order[i]] = (from + to) / 2 + 1
    from = to + 1
  }
  return ranks
}

/** Spearman's ρ: Pearson's r of the ranks. */
export function spearman(x: readonly number[], y: readonly number[]): Test {
  check(x, y, 3)
  return pearson(averageRanks(x), averageRanks(y))
}

const tieSizes = (values: readonly number[]): number[] => {
  const counts = new Map<number, number>()
  for (const v of values) counts.set(v, (counts.get(v) ?? 0) + 1)
  return [...counts.values()]
}

/** Concordant minus discordant pairs. */
function balance(x: readonly number[], y: readonly number[]): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) for (let j = 0; j < i; j++) sum += Math.sign(x[i] - x[j]) * Math.sign(y[i] - y[j])
  return sum
}

/** Kendall's τ_b (ties corrected), with the p of the normal approximation.  Kendall 1945, doi:10.2307/2332303 */
export function kendallTauB(x: readonly number[], y: readonly number[]): Test {
  check(x, y, 3)
  const n = x.length, pairs = n * (n - 1), over = (sizes: number[], f: (t: number) => number) => sizes.reduce((sum, t) => sum + f(t), 0)
  const tx = tieSizes(x), ty = tieSizes(y), s = balance(x, y), equal = (t: number) => t * (t - 1) / 2
  const variance = (pairs * (2 * n + 5) - over(tx, t => t * (t - 1) * (2 * t + 5)) - over(ty, t => t * (t - 1) * (2 * t + 5))) / 18
    + 2 * over(tx, equal) * over(ty, equal) / pairs + over(tx, t => t * (t - 1) * (t - 2)) * over(ty, t => t * (t - 1) * (t - 2)) / (9 * pairs * (n - 2))
  return { statistic: s / Math.sqrt((pairs / 2 - over(tx, equal)) * (pairs / 2 - over(ty, equal))), p: jStat.erfc(Math.abs(s) / Math.sqrt(2 * variance)) }
}

/** Stuart's τ_c, for tables that are not square: 2·(C − D)/(n²·(m − 1)/m), m the fewer distinct values. */
export function kendallTauC(x: readonly number[], y: readonly number[]): number {
  check(x, y, 2)
  const m = Math.min(tieSizes(x).length, tieSizes(y).length)
  return 2 * balance(x, y) / (x.length ** 2 * (m - 1) / m)
}
