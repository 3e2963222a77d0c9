import { jStat } from 'jstat'
import { standardDeviation } from '../preference/bootstrap'
import type { Random } from '../tensor/random'
import { studentTwoSided } from './beta'
import { binomialTest } from './intervals'

/** A test's statistic and its two-sided p. */
export interface Test { readonly statistic: number; readonly p: number }

function differences(a: readonly number[], b: readonly number[]): number[] {
  if (a.length !== b.length || a.length < 2) throw new RangeError(`paired test: expected two lists of the same items, at least 2, got ${a.length} and ${b.length}`)
  return a.map((v, i) => {
    if (!Number.isFinite(v - b[i])) throw new RangeError(`paired test: item ${i}: expected numbers, got ${v} and ${b[i]}`)
    return v - b[i]
  })
}

/**
 * McNemar's exact test of two systems on the same items: only items that one got right and the other wrong count, and under
 * the null each of them is a coin flip. onlyA, onlyB: how many of either kind; statistic: the smaller.  McNemar 1947, doi:10.1007/BF02295996
 */
export const mcnemarExact = (onlyA: number, onlyB: number): Test =>
  ({ statistic: Math.min(onlyA, onlyB), p: onlyA + onlyB === 0 ? 1 : binomialTest(Math.min(onlyA, onlyB), onlyA + onlyB) })

/** McNemar's χ² with Edwards' continuity correction, for many items: (|onlyA − onlyB| − 1)²/(onlyA + onlyB). */
export function mcnemar(onlyA: number, onlyB: number): Test {
  if (!(onlyA + onlyB > 0)) throw new RangeError('mcnemar: the two systems differ on no item; there is nothing to test')
  const statistic = (Math.abs(onlyA - onlyB) - 1) ** 2 / (onlyA + onlyB)
  return { statistic, p: jStat.erfc(Math.sqrt(statistic / 2)) }
}

/** Student's t of paired values: mean difference over its standard error, n − 1 degrees of freedom. */
export function pairedT(a: readonly number[], b: readonly number[]): Test {
  const d = differences(a, b), mean = d.reduce((x, y) => x + y, 0) / d.length, spread = standardDeviation(d)
  if (spread === 0) throw new RangeError('pairedT: all differences are equal, so their spread is 0')
  const statistic = mean / (spread / Math.sqrt(d.length))
  return { statistic, p: studentTwoSided(statistic, d.length - 1) }
}

/**
 * Permutation test of paired values: how often would random signs give a mean difference as far from 0? All 2ⁿ sign patterns
 * up to n = 16, else `resamples` random ones (p then counts the observed one too). Assumes nothing but exchangeable signs.
 */
export function signFlipTest(a: readonly number[], b: readonly number[], random: Random, resamples = 10_000): Test {
  const d = differences(a, b), n = d.length, observed = d.reduce((x, y) => x + y, 0), slack = 1e-12 * d.reduce((x, y) => x + Math.abs(y), 0)
  const exact = n <= 16, total = exact ? 2 ** n : resamples
  let below = 0, above = 0
  for (let pattern = 0; pattern < total; pattern++) {
    let sum = 0
    for (let i = 0; i < n; i++) sum += (exact ? (pattern >>> i) & 1 : random.int(2)) === 1 ? d[i] : -d[i]
    if (sum <= observed + slack) below++
    if (sum >= observed - slack) above++
  }
  const own = exact ? 0 : 1
  return { statistic: observed / n, p: Math.min(1, 2 * (Math.min(below, above) + own) / (total + own)) }
}

/**
 * Wilcoxon's signed-rank test with the exact distribution; statistic: the smaller sum of ranks.  Wilcoxon 1945, doi:10.2307/3001968
 * Throws RangeError on ties or zeros among the differences, where that distribution does not hold: take signFlipTest.
 */
export function wilcoxonExact(a: readonly number[], b: readonly number[]): Test {
  const d = differences(a, b), n = d.length, sizes = d.map(Math.abs)
  if (new Set(sizes).size !== n || sizes.includes(0)) throw new RangeError('wilcoxonExact: differences with ties or zeros; take signFlipTest')
  const byRank = [...d].sort((x, y) => Math.abs(x) - Math.abs(y)), plus = byRank.reduce((sum, v, i) => sum + (v > 0 ? i + 1 : 0), 0), total = n * (n + 1) / 2
  // ways[s]: the share of sign patterns whose positive ranks sum to s.
  let ways = new Float64Array(total + 1)
  ways[0] = 1
  for (let rank = 1; rank <= n; rank++) ways = ways.map((w, s) => (w + (s >= rank ? ways[s - rank] : 0)) / 2)
  const statistic = Math.min(plus, total - plus)
  return { statistic, p: Math.min(1, 2 * ways.subarray(0, statistic + 1).reduce((x, y) => x + y, 0)) }
}
