import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import type { Numbers } from './pairs'
import { like, type Numbers2D } from './tokens'

export interface CispoBatch {
  /** The importance ratio of each token, [B][T], or of each response, [B]: numbers, since no gradient goes through it. */
  readonly ratio: Numbers2D | Numbers
  readonly advantages: Numbers2D | Numbers
}

/**
 * CISPO: −min(ρ, cap) A log π(y_t), [B, T]: REINFORCE with a capped weight, so that no token's gradient is cut off.
 * MiniMax-M1 2025, arXiv:2506.13585.  cap is the largest ratio itself, not 1 + ε.
 */
export function cispoLoss(logp: tfjs.Tensor2D, { ratio, advantages }: CispoBatch, { cap = 5 }: { readonly cap?: number } = {}): tfjs.Tensor2D {
  return tf.tidy(() => tf.neg(tf.mul<tfjs.Tensor2D>(tf.mul(tf.minimum(like(logp, ratio, 'ratio'), cap), like(logp, advantages, 'advantages')), logp)))
}
