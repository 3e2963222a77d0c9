import { jStat } from 'jstat'

/**
 * The regularised incomplete beta function I_x(a, b), the distribution function of Beta(a, b), by Lentz's continued fraction
 * to the last digits; jStat's own stops at 3e-7.  Abramowitz & Stegun 1964, 26.5.8
 */
export function betaCdf(x: number, a: number, b: number): number {
  if (!(a > 0 && b > 0)) throw new RangeError(`betaCdf: expected a and b above 0, got ${a} and ${b}`)
  if (!(x > 0)) return 0
  if (x >= 1) return 1
  if (x > (a + 1) / (a + b + 2)) return 1 - betaCdf(1 - x, b, a)
  const tiny = 1e-300, away = (v: number) => Math.abs(v) < tiny ? tiny : v
  let c = 1, d = 1 / away(1 - (a + b) * x / (a + 1)), fraction = d
  for (let m = 1; m <= 10_000; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    let change = 1
    for (const term of [even, odd]) {
      d = 1 / away(1 + term * d)
      c = away(1 + term / c)
      change = c * d
      fraction *= change
    }
    if (Math.abs(change - 1) < 1e-15) break
  }
  return fraction * Math.exp(logDensityFactor(a, b) + a * Math.log(x) + b * Math.log1p(-x)) / a
}

const logDensityFactor = (a: number, b: number): number => jStat.gammaln(a + b) - jStat.gammaln(a) - jStat.gammaln(b)

/** The p-quantile of Beta(a, b): jStat's, polished by Newton's method. */
export function betaQuantile(p: number, a: number, b: number): number {
  let x = jStat.beta.inv(p, a, b)
  for (let i = 0; i < 3 && x > 0 && x < 1; i++) {
    const density = Math.exp(logDensityFactor(a, b) + (a - 1) * Math.log(x) + (b - 1) * Math.log1p(-x)), next = x - (betaCdf(x, a, b) - p) / density
    if (!(next > 0 && next < 1)) break
    x = next
  }
  return x
}

/** Two-sided p of Student's t: I_{ν/(ν+t²)}(ν/2, ½). */
export const studentTwoSided = (t: number, degrees: number): number => betaCdf(degrees / (degrees + t * t), degrees / 2, 0.5)
