import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { stopGradient } from '../tensor/gradients'
import { vector, type Numbers } from './pairs'

/** Summed log-probs of single responses, [B]; the policy's carry the gradient. */
export interface ThumbLogps {
  readonly logp: tfjs.Tensor1D
  readonly logpRef: Numbers
  /** True (in a tensor 1) where the response was liked. */
  readonly liked: ArrayLike<boolean> | tfjs.Tensor1D
}

export interface KtoOptions {
  readonly beta?: number
  /** Weight of liked responses; the paper asks that the two weights times their counts stay within 1 to 4/3 of each other. */
  readonly desirableWeight?: number
  readonly undesirableWeight?: number
}

interface Weighted { logRatio: tfjs.Tensor1D; sign: tfjs.Tensor1D; weight: tfjs.Tensor1D }

function prepare({ logp, logpRef, liked }: ThumbLogps, desirable: number, undesirable: number): Weighted {
  const refs = logpRef instanceof tf.Tensor ? logpRef.size : logpRef.length, labels = liked instanceof tf.Tensor ? liked.size : liked.length
  if (logp.rank !== 1 || logp.size === 0 || logp.shape[0] !== refs || refs !== labels) {
    throw new RangeError(`kto: expected vectors of one length [B], got logp [${logp.shape.join(', ')}], logpRef [${refs}], liked [${labels}]`)
  }
  const good = liked instanceof tf.Tensor ? vector(liked) : vector(Array.from(liked, Number))
  return { logRatio: tf.sub(logp, vector(logpRef)), sign: tf.sub(tf.mul(good, 2), 1), weight: tf.add(tf.mul(good, desirable - undesirable), undesirable) }
}

/**
 * KTO: λ_D (1 − σ(β(h − z0))) for a liked response, λ_U (1 − σ(β(z0 − h))) for a disliked one, h = log π(y)/π_ref(y), [B].
 * Ethayarajh 2024, arXiv:2402.01306 eq. 7.  kl is z0, from {@link ktoReferencePoint}: a number (or a batch's scalar), so that it gets no gradient.
 */
export function ktoLoss(thumbs: ThumbLogps, kl: number | tfjs.Scalar, { beta = 0.1, desirableWeight = 1, undesirableWeight = 1 }: KtoOptions = {}): tfjs.Tensor1D {
  return tf.tidy(() => {
    const { logRatio, sign, weight } = prepare(thumbs, desirableWeight, undesirableWeight)
    return tf.mul(weight, tf.sigmoid(tf.mul(tf.mul(tf.sub(typeof kl === 'number' ? kl : stopGradient(kl), logRatio), sign), beta)))
  })
}

/**
 * KTO's reference point z0: the mean log-ratio of responses paired with other prompts of the batch, never below 0: max(0, mean(logp − logpRef)).
 * logp, logpRef: summed log-probs of the mismatched responses, [B]. Throws RangeError where they differ in length or are empty.
 */
export function ktoReferencePoint(logp: ArrayLike<number>, logpRef: ArrayLike<number>): number {
  if (logp.length === 0 || logp.length !== logpRef.length) throw new RangeError(`ktoReferencePoint: expected two vectors of one length, got ${logp.length} and ${logpRef.length}`)
  let sum = 0
  for (let i = 0; i < logp.length; i++) sum += logp[i] - logpRef[i]
  return Math.max(0, sum / logp.length)
}

/** APO-zero on single responses: KTO with z0 = 0, [B].  D'Oosterlinck 2024, arXiv:2408.06266 eq. 7, unpaired */
export function apoZeroUnpairedLoss(thumbs: ThumbLogps, options: KtoOptions = {}): tfjs.Tensor1D {
  return ktoLoss(thumbs, 0, options)
}

/**
 * KTO's weights for so many liked and disliked responses: the rarer kind gets more than 1, so that both kinds weigh the same in all,
 * λ_D n_D = λ_U n_U; the paper allows the ratio 1 to 4/3.  Ethayarajh 2024, arXiv:2402.01306 eq. 8. Throws RangeError unless both are positive.
 */
export function balancedKtoWeights(liked: number, disliked: number): { readonly desirableWeight: number, readonly undesirableWeight: number } {
  if (!(liked > 0 && disliked > 0)) throw new RangeError(`balancedKtoWeights: expected both counts to be positive, got ${liked} and ${disliked}`)
  return { desirableWeight: Math.max(1, disliked / liked), undesirableWeight: Math.max(1, liked / disliked) }
}
