import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { like, type Numbers2D } from './tokens'

/**
 * The k3 penalty a token: π_ref/π − 1 − log(π_ref/π), [B, T], to be weighted by β and added to a policy loss.  Shao 2024, arXiv:2402.03300 eq. 4
 * `ratio` [B, T] or [B, 1] multiplies it: with the importance ratio its gradient is that of KL(π‖π_ref) for samples of π_old, and even
 * on-policy it differs from the plain one, which follows the forward KL.  DeepSeek-V3.2 2025, arXiv:2512.02556
 */
export function k3Penalty(logp: tfjs.Tensor2D, logpRef: Numbers2D, ratio?: tfjs.Tensor2D): tfjs.Tensor2D {
  return tf.tidy(() => {
    const d = tf.sub<tfjs.Tensor2D>(like(logp, logpRef, 'logpRef'), logp), penalty = tf.sub<tfjs.Tensor2D>(tf.expm1(d), d)
    return ratio ? tf.mul(penalty, ratio) : penalty
  })
}
