/** How often the reply shown first was chosen, and whether that can be chance. */
export interface PositionBias {
  readonly n: number
  readonly first: number
  /** first / n. */
  readonly share: number
  /** Exact interval of the share. */
  readonly interval: readonly [number, number]
  /** Two-sided p of the exact binomial test against one half. */
  readonly p: number
}

/** log C(n, k), added up term by term. */
function logChoose(n: number, k: number): number {
  let sum = 0
  for (let i = 1; i <= Math.min(k, n - k); i++) sum += Math.log((n - i + 1) / i)
  return sum
}

/** P(at least k of n) when each happens with probability p. */
function upperTail(k: number, n: number, p: number): number {
  if (k <= 0) return 1
  let log = logChoose(n, k) + k * Math.log(p) + (n - k) * Math.log1p(-p), sum = 0
  for (let i = k; i <= n; i++) {
    const term = Math.exp(log)
    sum += term
    if (term < sum * 1e-17 && i > n * p) break
    log += Math.log((n - i) / (i + 1)) + Math.log(p) - Math.log1p(-p)
  }
  return Math.min(1, sum)
}

/** The p at which P(at least k of n) is `tail`. */
function solve(k: number, n: number, tail: number): number {
  let low = 0, high = 1
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (upperTail(k, n, middle) < tail) low = middle; else high = middle
  }
  return (low + high) / 2
}

/**
 * Tests whether annotators prefer the reply shown first, over pairs whose order was random: exact binomial test against one half, with Clopper and Pearson's interval.
 * first: how often the first was chosen, of n. Throws RangeError unless they are whole numbers with 0 ≤ first ≤ n and n ≥ 1.  Clopper & Pearson 1934, doi:10.2307/2331986
 */
export function positionBias(first: number, n: number, level = 0.95): PositionBias {
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(n) || n < 1 || first < 0 || first > n) throw new RangeError(`positionBias: expected whole numbers 0 ≤ first ≤ n and n ≥ 1, got ${first} of ${n}`)
  if (!(level > 0 && level < 1)) throw new RangeError(`positionBias: expected a level between 0 and 1, got ${level}`)
  const tail = (1 - level) / 2
  return {
    n, first, share: first / n,
    interval: [first === 0 ? 0 : solve(first, n, tail), first === n ? 1 : 1 - solve(n - first, n, tail)],
    p: Math.min(1, 2 * upperTail(Math.max(first, n - first), n, 0.5)),
  }
}

/** What a judge does when it sees each pair in both orders. */
export interface SwapTest {
  readonly n: number
  /** Share of pairs where the same reply won both times. */
  readonly consistent: number
  readonly firstBoth: number
  readonly secondBoth: number
  /** Exact McNemar p that the inconsistent choices favour neither place. */
  readonly p: number
}

/**
 * Position bias of a judge asked twice about each pair, the second time with the replies swapped.
 * verdicts: whether the reply shown first won, in the first and in the second order. Throws RangeError on an empty list.  McNemar 1947, doi:10.1007/BF02295996
 */
export function swapTest(verdicts: readonly (readonly [boolean, boolean])[]): SwapTest {
  if (verdicts.length === 0) throw new RangeError('swapTest: expected at least one pair')
  const firstBoth = verdicts.filter(([one, two]) => one && two).length, secondBoth = verdicts.filter(([one, two]) => !one && !two).length
  const differ = firstBoth + secondBoth
  return { n: verdicts.length, consistent: 1 - differ / verdicts.length, firstBoth, secondBoth, p: differ ? positionBias(firstBoth, differ).p : 1 }
}
