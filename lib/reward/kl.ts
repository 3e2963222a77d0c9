/**
 * How far a policy has moved from its reference, estimated from the log-probs of what the policy sampled.
 * With d = logp − logpRef, per token:  Schulman 2020, "Approximating KL divergence" (joschu.net/blog/kl-approx.html)
 *   k1 = d            unbiased, high variance, can be negative
 *   k2 = d² / 2       biased, low variance
 *   k3 = e^−d − 1 + d unbiased, low variance, never negative
 */
export type KlEstimator = (logp: number, logpRef: number) => number

/** k1: logp − logpRef. Its mean over samples of the policy is KL(π‖π_ref), in nats. */
export const k1: KlEstimator = (logp, logpRef) => logp - logpRef

/** k2: (logp − logpRef)² / 2, in nats. */
export const k2: KlEstimator = (logp, logpRef) => (logp - logpRef) ** 2 / 2

/** k3: e^(logpRef − logp) − 1 − (logpRef − logp), in nats. */
export const k3: KlEstimator = (logp, logpRef) => Math.expm1(logpRef - logp) - (logpRef - logp)

/** One response's estimate at each of its tokens. logp, logpRef: [T]. Throws RangeError where lengths differ. */
export function klPerToken(logp: ArrayLike<number>, logpRef: ArrayLike<number>, estimator: KlEstimator = k1): Float32Array {
  if (logp.length !== logpRef.length) throw new RangeError(`klPerToken: logp has ${logp.length} tokens, logpRef ${logpRef.length}; both must be of the same response`)
  return Float32Array.from({ length: logp.length }, (_, t) => estimator(logp[t], logpRef[t]))
}

/**
 * KL(p‖q) of two distributions given as log-probs over the same outcomes: Σ p (log p − log q), in nats.
 * Outcomes of probability 0 under p count 0. Throws RangeError where lengths differ.
 */
export function klExact(logP: ArrayLike<number>, logQ: ArrayLike<number>): number {
  if (logP.length !== logQ.length) throw new RangeError(`klExact: ${logP.length} outcomes against ${logQ.length}`)
  let sum = 0
  for (let i = 0; i < logP.length; i++) if (logP[i] > -Infinity) sum += Math.exp(logP[i]) * (logP[i] - logQ[i])
  return sum
}
