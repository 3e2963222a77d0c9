import type * as tfjs from '@tensorflow/tfjs'
import { groupAdvantages, leaveOneOutAdvantages } from '../advantage/group'
import { cispoLoss } from '../loss/cispo'
import { clippedPolicyLoss, gspoLoss, rlooLoss, sequenceRatio, tokenRatio } from '../loss/clipped'
import type { ClipOptions, PolicyBatch } from '../loss/clipped'
import { gmpoLoss } from '../loss/gmpo'
import { like } from '../loss/tokens'
import { tf } from '../tensor/backend'
import { meanPerSequence, meanPerToken, sumOverFixedLength } from '../tensor/masked'

/** Log-probs [B, T] and what the rollout knew → [B, T], or [B, 1] where a whole response has one number. */
export type PolicyLoss = (logp: tfjs.Tensor2D, batch: PolicyBatch) => tfjs.Tensor2D

/** Losses and mask, both [B, T] → scalar. longest: the most tokens that a response may have. */
export type Reduction = (losses: tfjs.Tensor2D, mask: tfjs.Tensor2D, longest: number) => tfjs.Scalar

/** A policy-gradient loss with the importance ratio that it looks at. */
export interface RatioLoss {
  readonly loss: PolicyLoss
  /** [B, T], or [B, 1] where a response has one ratio: for the clip_ratio metrics and the bias-corrected penalty. */
  readonly ratio: PolicyLoss
  /** Ratios below the first (advantage negative) and above the second (advantage positive) are clipped. */
  readonly bounds: readonly [number, number]
}

/** What tells the members of GRPO's family apart. */
export interface GrpoVariant extends RatioLoss {
  readonly reduce: Reduction
  /** Rewards, groups side by side → one advantage a response. */
  readonly advantages: (rewards: ArrayLike<number>, groupSize: number) => Float32Array
}

const bounds = (clip: number, clipHigh: number) => [1 - clip, 1 + clipHigh] as const

/** The clipped surrogate of token ratios (PPO's, GRPO's). Default ε 0.2 on both sides. */
export function clippedTokens(options: ClipOptions = {}): RatioLoss {
  const { clip = 0.2, clipHigh = clip } = options
  return { loss: (logp, batch) => clippedPolicyLoss(logp, batch, options), ratio: tokenRatio, bounds: bounds(clip, clipHigh) }
}

/** The same with the geometric mean over a response (GSPO's), clipped by default to 1 − 3e-4 and 1 + 4e-4. */
export function clippedSequences(options: ClipOptions = {}): RatioLoss {
  const { clip = 3e-4, clipHigh = 4e-4 } = options
  return { loss: (logp, batch) => gspoLoss(logp, batch, { ...options, clip, clipHigh }), ratio: sequenceRatio, bounds: bounds(clip, clipHigh) }
}

/** The same with the product over a response (RLOO's). Default ε 0.2 on both sides. */
export function clippedProducts(options: ClipOptions = {}): RatioLoss {
  const { clip = 0.2, clipHigh = clip } = options
  return { loss: (logp, batch) => rlooLoss(logp, batch, options), ratio: productRatio, bounds: bounds(clip, clipHigh) }
}

/** The geometric mean of token ratios that are clipped one by one, in log space (GMPO's). Default ±0.4. */
export function clippedLogs(options: { readonly clip?: number, readonly clipHigh?: number } = {}): RatioLoss {
  const { clip = 0.4, clipHigh = clip } = options
  return { loss: (logp, batch) => gmpoLoss(logp, batch, { clip, clipHigh }), ratio: tokenRatio, bounds: [Math.exp(-clip), Math.exp(clipHigh)] }
}

/** A log-likelihood weighted by the advantage and a ratio that is capped instead of cut off (CISPO's). Default cap 5. */
export function cappedTokens({ cap = 5 }: { readonly cap?: number } = {}): RatioLoss {
  // the ratio is a weight here, not a function of the model: cispoLoss lets no gradient through it
  return { loss: (logp, batch) => cispoLoss(logp, { ratio: tokenRatio(logp, batch), advantages: batch.advantages }, { cap }), ratio: tokenRatio, bounds: [0, cap] }
}

const perSequence: Reduction = (losses, mask) => meanPerSequence(losses, mask)
const perToken: Reduction = (losses, mask) => meanPerToken(losses, mask)
const fixedLength: Reduction = (losses, mask, longest) => sumOverFixedLength(losses, mask, longest)

/** Each response's tokens averaged, then the responses.  Shao 2024, arXiv:2402.03300 eq. 3 */
export const GRPO: GrpoVariant = { ...clippedTokens(), reduce: perSequence, advantages: groupAdvantages }

/** All tokens of the batch averaged: a long response weighs more. TRL's bnpo */
export const BNPO: GrpoVariant = { ...GRPO, reduce: perToken }

/** BNPO with clip-higher; its dynamic sampling is the trainer's `filterZeroSpread` and `maxRounds`.  Yu 2025, arXiv:2503.14476 */
export const DAPO: GrpoVariant = { ...BNPO, ...clippedTokens({ clip: 0.2, clipHigh: 0.28 }) }

/** A constant in place of every length, and no division by the group's spread.  Liu 2025, arXiv:2503.20783 */
export const DR_GRPO: GrpoVariant = { ...GRPO, reduce: fixedLength, advantages: (rewards, groupSize) => groupAdvantages(rewards, groupSize, { scale: 'none' }) }

/** One ratio a response.  Zheng 2025, arXiv:2507.18071 */
export const GSPO: GrpoVariant = { ...GRPO, ...clippedSequences() }

/** The geometric mean of clipped token ratios.  Zhao 2025, arXiv:2507.20673 */
export const GMPO: GrpoVariant = { ...GRPO, ...clippedLogs() }

/** Capped weights, so that clipped tokens still teach.  MiniMax-M1 2025, arXiv:2506.13585 */
export const CISPO: GrpoVariant = { ...BNPO, ...cappedTokens() }

/** Whole responses with the mean of the group's others as baseline.  Ahmadian 2024, arXiv:2402.14740 */
export const RLOO: GrpoVariant = { ...GRPO, ...clippedProducts(), advantages: leaveOneOutAdvantages }

/** The product of a response's token ratios, [B, 1]. */
function productRatio(logp: tfjs.Tensor2D, { logpOld, mask }: PolicyBatch): tfjs.Tensor2D {
  return tf.tidy(() => tf.exp(tf.sum<tfjs.Tensor2D>(tf.mul(tf.sub(logp, like(logp, logpOld, 'logpOld')), like(logp, mask, 'mask')), 1, true)))
}
