import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import type { PolicyBatch } from './clipped'
import { like } from './tokens'

/**
 * GMPO: −A exp(mean_t clip(log ρ_t)), [B, 1]: the geometric mean of token ratios, each clipped in log space to ±ε on the side that
 * would raise the objective.  Zhao 2025, arXiv:2507.20673
 */
export function gmpoLoss(logp: tfjs.Tensor2D, { logpOld, advantages, mask }: PolicyBatch, { clip = 0.4, clipHigh = clip }: { readonly clip?: number; readonly clipHigh?: number } = {}): tfjs.Tensor2D {
  return tf.tidy(() => {
    const m = like(logp, mask, 'mask'), A = like(logp, advantages, 'advantages')
    const logRatio = tf.sub<tfjs.Tensor2D>(logp, like(logp, logpOld, 'logpOld')), held = tf.clipByValue(logRatio, -clip, clipHigh)
    const good = tf.mul(tf.greater(A, 0), tf.onesLike(logp)).cast('bool')
    const oneSided = tf.where(good, tf.minimum(logRatio, held), tf.maximum(logRatio, held))
    const mean = tf.div<tfjs.Tensor2D>(tf.sum(tf.mul(oneSided, m), 1, true), tf.maximum(tf.sum(m, 1, true), 1))
    return tf.neg(tf.mul<tfjs.Tensor2D>(tf.exp(mean), A))
  })
}
