import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { reverseKl } from './divergences'
import type { DpoOptions } from './dpo'
import { logRatios, logSigmoid, type PairLogps } from './pairs'

export interface DiscopopOptions extends DpoOptions {
  /** Temperature of the blend. */
  readonly tau?: number
}

/**
 * DiscoPOP (log-ratio modulated): (1 − w) · −log σ(x) + w · e^−x with x = βΔ, w = σ(x/τ), [B]: found by a search over programs.
 * Lu 2024, arXiv:2406.08414 eq. 5
 */
export function discopopLoss(pairs: PairLogps, { beta = 0.1, tau = 0.05, divergence = reverseKl }: DiscopopOptions = {}): tfjs.Tensor1D {
  return tf.tidy(() => {
    const { chosen, rejected } = logRatios(pairs)
    const logits = tf.mul<tfjs.Tensor1D>(tf.sub(divergence(chosen), divergence(rejected)), beta), weight = tf.sigmoid(tf.div(logits, tau))
    return tf.add(tf.mul(tf.neg(logSigmoid(logits)), tf.sub(1, weight)), tf.mul(tf.exp(tf.neg(logits)), weight))
  })
}
