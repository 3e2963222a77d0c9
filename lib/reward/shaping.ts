import { k1, klPerToken, type KlEstimator } from './kl'

/** One sampled response: log-probs of its tokens under the policy that wrote it and under the reference, and its score. */
export interface ScoredResponse {
  readonly logp: ArrayLike<number>
  readonly logpRef: ArrayLike<number>
  readonly score: number
}

export interface ShapingOptions {
  /** Weight of the KL penalty. */
  readonly beta: number
  /** The estimate that is paid for; k1 as in InstructGPT. */
  readonly estimator?: KlEstimator
  /** Where the score lands: on the last token, or one position after it (as TRL's PPO does when there is room). */
  readonly scoreAt?: 'last' | 'after'
}

/**
 * The reward of a whole response: score − β Σ_t (logp_t − logpRef_t).  Ouyang 2022, arXiv:2203.02155 eq. 2
 * A sequence-level penalty: one number, in the score's unit.
 */
export function shapedReward({ logp, logpRef, score }: ScoredResponse, { beta, estimator = k1 }: Omit<ShapingOptions, 'scoreAt'>): number {
  return score - beta * klPerToken(logp, logpRef, estimator).reduce((a, b) => a + b, 0)
}

/**
 * The reward of each token: −β k_t everywhere, plus the score at the end; its sum is {@link shapedReward}.
 * Returns [T], or [T + 1] with `scoreAt: 'after'`. Throws RangeError on an empty response or a score that is not finite.
 */
export function shapedTokenRewards({ logp, logpRef, score }: ScoredResponse, { beta, estimator = k1, scoreAt = 'last' }: ShapingOptions): Float32Array {
  if (logp.length === 0) throw new RangeError('shapedTokenRewards: the response has no token to carry its score')
  if (!Number.isFinite(score)) throw new RangeError(`shapedTokenRewards: expected a finite score, got ${score}`)
  const kl = klPerToken(logp, logpRef, estimator)
  const rewards = new Float32Array(scoreAt === 'after' ? kl.length + 1 : kl.length)
  for (let t = 0; t < kl.length; t++) rewards[t] = -beta * kl[t]
  rewards[rewards.length - 1] += score
  return rewards
}
