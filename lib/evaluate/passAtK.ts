function check(n: number, c: number, k: number): void {
  if (![n, c, k].every(Number.isSafeInteger) || n < 1 || c < 0 || c > n || k < 1 || k > n) throw new RangeError(`passAtK: expected n samples, 0 ≤ c ≤ n correct ones, 1 ≤ k ≤ n, got n=${n}, c=${c}, k=${k}`)
}

/**
 * pass@k: the chance that at least one of k samples is right, unbiased from n ≥ k samples of which c are:
 * 1 − C(n−c, k)/C(n, k) = 1 − Π_{i=n−c+1..n} (1 − k/i).  Chen 2021, arXiv:2107.03374 eq. 1
 * Average it over problems; 1 − (1 − c/n)^k would be biased.
 */
export function passAtK(n: number, c: number, k: number): number {
  check(n, c, k)
  let none = 1
  for (let i = n - c + 1; i <= n; i++) none *= Math.max(0, 1 - k / i)
  return 1 - none
}

/** pass^k: the chance that all of k samples are right, C(c, k)/C(n, k): how far one can rely on a policy.  Yao 2024, arXiv:2406.12045 */
export function passAllK(n: number, c: number, k: number): number {
  check(n, c, k)
  let all = 1
  for (let i = 0; i < k; i++) all *= Math.max(0, c - i) / (n - i)
  return all
}
