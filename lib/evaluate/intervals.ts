import { jStat } from 'jstat'
import type { Interval } from '../preference/bootstrap'
import { betaQuantile } from './beta'

function check(successes: number, n: number, level: number): void {
  if (!(n > 0 && n < Infinity)) throw new RangeError(`interval: expected n above 0, got ${n}`)
  if (!(successes >= 0 && successes <= n)) throw new RangeError(`interval: expected successes from 0 to ${n}, got ${successes}`)
  if (!(level > 0 && level < 1)) throw new RangeError(`interval: expected a level between 0 and 1, got ${level}`)
}
const clip = (low: number, high: number): Interval => [Math.max(0, low), Math.min(1, high)]
const zOf = (level: number): number => jStat.normal.inv((1 + level) / 2, 0, 1)

/** Wilson's score interval for a proportion: good coverage from small n on, never outside [0, 1]. Take this one.  Wilson 1927, doi:10.2307/2276774 */
export function wilsonInterval(successes: number, n: number, level = 0.95): Interval {
  check(successes, n, level)
  const z = zOf(level), p = successes / n, centre = (p + z * z / (2 * n)) / (1 + z * z / n)
  const reach = z / (1 + z * z / n) * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
  return [successes === 0 ? 0 : Math.max(0, centre - reach), successes === n ? 1 : Math.min(1, centre + reach)]
}

/** Clopper and Pearson's exact interval: never covers less than the level, so it is wide.  Clopper & Pearson 1934, doi:10.2307/2331986 */
export function clopperPearsonInterval(successes: number, n: number, level = 0.95): Interval {
  check(successes, n, level)
  return [successes === 0 ? 0 : betaQuantile((1 - level) / 2, successes, n - successes + 1), successes === n ? 1 : betaQuantile((1 + level) / 2, successes + 1, n - successes)]
}

/** Wald's interval around (successes + z²/2)/(n + z²), clipped to [0, 1].  Agresti & Coull 1998, doi:10.2307/2685469 */
export function agrestiCoullInterval(successes: number, n: number, level = 0.95): Interval {
  check(successes, n, level)
  const z = zOf(level), m = n + z * z, p = (successes + z * z / 2) / m, reach = z * Math.sqrt(p * (1 - p) / m)
  return clip(p - reach, p + reach)
}

/** The central interval of the posterior under Jeffreys' prior, Beta(½, ½). */
export function jeffreysInterval(successes: number, n: number, level = 0.95): Interval {
  check(successes, n, level)
  return [betaQuantile((1 - level) / 2, successes + 0.5, n - successes + 0.5), betaQuantile((1 + level) / 2, successes + 0.5, n - successes + 0.5)]
}

/** p ± z·√(p(1−p)/n), clipped to [0, 1]: the textbook's, too narrow for small n and of no width at 0 and n. */
export function waldInterval(successes: number, n: number, level = 0.95): Interval {
  check(successes, n, level)
  const p = successes / n, reach = zOf(level) * Math.sqrt(p * (1 - p) / n)
  return clip(p - reach, p + reach)
}

/** Probabilities of 0..n successes in n trials. */
function binomialMasses(n: number, p: number): Float64Array {
  const masses = new Float64Array(n + 1)
  let logChoose = 0
  for (let k = 0; k <= n; k++) {
    masses[k] = Math.exp(logChoose + (k === 0 ? 0 : k * Math.log(p)) + (k === n ? 0 : (n - k) * Math.log1p(-p)))
    logChoose += Math.log((n - k) / (k + 1))
  }
  return masses
}

/** Two-sided p of the exact binomial test: the probability, under p = `chance`, of outcomes no likelier than the one seen. */
export function binomialTest(successes: number, n: number, chance = 0.5): number {
  check(successes, n, 0.95)
  if (!Number.isInteger(successes) || !Number.isInteger(n)) throw new RangeError(`binomialTest: expected whole numbers, got ${successes} of ${n}`)
  if (!(chance > 0 && chance < 1)) throw new RangeError(`binomialTest: expected chance between 0 and 1, got ${chance}`)
  const masses = binomialMasses(n, chance), most = masses[successes] * (1 + 1e-7)
  return Math.min(1, masses.reduce((sum, m) => m <= most ? sum + m : sum, 0))
}
