import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import type { Numbers } from './pairs'
import { like, type Numbers2D } from './tokens'

/** What a policy-gradient loss knows besides the new log-probs: numbers from the rollout, without gradient. */
export interface PolicyBatch {
  /** Log-probs when the tokens were sampled, [B][T]. */
  readonly logpOld: Numbers2D
  /** One a token, [B][T] (PPO), or one a response, [B] (GRPO). */
  readonly advantages: Numbers2D | Numbers
  /** 1 at response tokens, [B][T]. Needed where a whole response shares one ratio. */
  readonly mask: Numbers2D
}

export interface ClipOptions {
  /** ε: the ratio counts up to 1 − ε and 1 + ε. */
  readonly clip?: number
  /** The upper ε where it differs: clip-higher of DAPO, arXiv:2503.14476. */
  readonly clipHigh?: number
  /** Caps the unclipped ratio too, so that a negative advantage cannot weigh without bound (INTELLECT-2, arXiv:2505.07291). */
  readonly ratioCap?: number
}

/** −min(ρA, clip(ρ, 1 − ε, 1 + ε_high) A), elementwise. */
function clippedObjective(ratio: tfjs.Tensor2D, advantages: tfjs.Tensor2D, { clip = 0.2, clipHigh = clip, ratioCap }: ClipOptions): tfjs.Tensor2D {
  const free = ratioCap === undefined ? ratio : tf.minimum<tfjs.Tensor2D>(ratio, ratioCap)
  return tf.neg(tf.minimum<tfjs.Tensor2D>(tf.mul(free, advantages), tf.mul(tf.clipByValue(ratio, 1 - clip, 1 + clipHigh), advantages)))
}

/**
 * The clipped surrogate a token: −min(ρ_t A_t, clip(ρ_t, 1 − ε, 1 + ε) A_t), ρ_t = π(y_t) / π_old(y_t), [B, T].
 * Schulman 2017 (PPO), arXiv:1707.06347 eq. 7; GRPO's, DAPO's and Dr. GRPO's term too: they differ in how it is reduced
 * (`meanPerSequence`, `meanPerToken`, `sumOverFixedLength`).  logp [B, T], 0 weight outside the mask is the reduction's.
 */
export function clippedPolicyLoss(logp: tfjs.Tensor2D, batch: PolicyBatch, options: ClipOptions = {}): tfjs.Tensor2D {
  return tf.tidy(() => clippedObjective(tokenRatio(logp, batch), like(logp, batch.advantages, 'advantages'), options))
}

/**
 * GSPO: the same objective with one ratio a response, the geometric mean of its token ratios, [B, 1].  Zheng 2025, arXiv:2507.18071 eq. 5–7
 */
export function gspoLoss(logp: tfjs.Tensor2D, batch: PolicyBatch, options: ClipOptions = { clip: 3e-4, clipHigh: 4e-4 }): tfjs.Tensor2D {
  return tf.tidy(() => clippedObjective(sequenceRatio(logp, batch), like(logp, batch.advantages, 'advantages'), options))
}

/**
 * RLOO in its clipped form: the same objective with one ratio a response, the product of its token ratios, [B, 1].
 * Ahmadian 2024, arXiv:2402.14740, with PPO's clip as TRL has it
 */
export function rlooLoss(logp: tfjs.Tensor2D, batch: PolicyBatch, options: ClipOptions = {}): tfjs.Tensor2D {
  return tf.tidy(() => {
    const logRatio = tf.mul(tf.sub(logp, like(logp, batch.logpOld, 'logpOld')), like(logp, batch.mask, 'mask'))
    return clippedObjective(tf.exp(tf.sum<tfjs.Tensor2D>(logRatio, 1, true)), like(logp, batch.advantages, 'advantages'), options)
  })
}

/** ρ_t = π(y_t) / π_old(y_t), [B, T]. */
export function tokenRatio(logp: tfjs.Tensor2D, { logpOld }: Pick<PolicyBatch, 'logpOld'>): tfjs.Tensor2D {
  return tf.tidy(() => tf.exp(tf.sub<tfjs.Tensor2D>(logp, like(logp, logpOld, 'logpOld'))))
}

/** The geometric mean of a response's token ratios, exp(mean_t (log π(y_t) − log π_old(y_t))), [B, 1]. */
export function sequenceRatio(logp: tfjs.Tensor2D, { logpOld, mask }: Pick<PolicyBatch, 'logpOld' | 'mask'>): tfjs.Tensor2D {
  return tf.tidy(() => {
    const m = like(logp, mask, 'mask'), logRatio = tf.mul(tf.sub(logp, like(logp, logpOld, 'logpOld')), m)
    return tf.exp(tf.div<tfjs.Tensor2D>(tf.sum(logRatio, 1, true), tf.maximum(tf.sum(m, 1, true), 1)))
  })
}
