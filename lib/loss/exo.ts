import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { logRatios, logSigmoid, type PairLogps } from './pairs'

export interface ExoOptions {
  readonly beta?: number
  /** ε: the label's distribution is (1 − ε, ε); 0 would make its log infinite. */
  readonly labelSmoothing?: number
}

/**
 * EXO on pairs: KL(q‖p), q = (σ(βΔ), σ(−βΔ)), p = (1 − ε, ε), [B]: the reverse of DPO's direction.  Ji 2024, arXiv:2402.00856 eq. 16
 * Throws RangeError unless 0 < ε < 1.
 */
export function exoLoss(pairs: PairLogps, { beta = 0.1, labelSmoothing = 1e-3 }: ExoOptions = {}): tfjs.Tensor1D {
  if (!(labelSmoothing > 0 && labelSmoothing < 1)) throw new RangeError(`labelSmoothing: expected 0 < ε < 1, got ${labelSmoothing}`)
  return tf.tidy(() => {
    const { chosen, rejected } = logRatios(pairs), logits = tf.mul<tfjs.Tensor1D>(tf.sub(chosen, rejected), beta)
    const towards = (x: tfjs.Tensor1D, share: number) => tf.mul<tfjs.Tensor1D>(tf.sigmoid(x), tf.sub(logSigmoid(x), Math.log(share)))
    return tf.add(towards(logits, 1 - labelSmoothing), towards(tf.neg(logits), labelSmoothing))
  })
}
