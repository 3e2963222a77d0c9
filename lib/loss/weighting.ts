/**
 * Log-probs of one response with what lies beyond the shorter one's length counted less: Σ_{t ≤ m} + α Σ_{t > m}, m = min(|y_w|, |y_l|).
 * Liu 2024 (LD-DPO), arXiv:2409.06411. Given as the weight of each of `length` tokens, to multiply before summing.
 */
export function lengthDesensitisedWeights(length: number, otherLength: number, alpha: number): Float32Array {
  return Float32Array.from({ length }, (_, t) => t < otherLength ? 1 : alpha)
}

/**
 * WPO's weight of one response: exp of the mean over its tokens of log π(y_t) − log Σ_v π(v)², so that what the policy would itself
 * have written counts more. A pair's loss is multiplied by the weights of both.  Zhou 2024, arXiv:2406.11827 eq. 2
 * logps, logSumSquares: [T] of the response's tokens, numbers without gradient. Throws RangeError where lengths differ or T = 0.
 */
export function wpoWeight(logps: ArrayLike<number>, logSumSquares: ArrayLike<number>): number {
  if (logps.length === 0 || logps.length !== logSumSquares.length) throw new RangeError(`wpoWeight: expected two vectors of one length, got ${logps.length} and ${logSumSquares.length}`)
  let sum = 0
  for (let t = 0; t < logps.length; t++) sum += logps[t] - logSumSquares[t]
  return Math.exp(sum / logps.length)
}
