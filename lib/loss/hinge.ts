import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { reverseKl } from './divergences'
import type { DpoOptions } from './dpo'
import { logRatios, type PairLogps } from './pairs'

/** Hinge on the margin: max(0, 1 − βΔ), [B]; no gradient beyond a margin of 1/β.  Zhao 2023 (SLiC-HF), arXiv:2305.10425; with log-ratios: Liu 2023, arXiv:2309.06657 */
export function hingeLoss(pairs: PairLogps, { beta = 0.1, divergence = reverseKl }: DpoOptions = {}): tfjs.Tensor1D {
  return tf.tidy(() => {
    const { chosen, rejected } = logRatios(pairs)
    return tf.relu(tf.sub<tfjs.Tensor1D>(1, tf.mul(tf.sub(divergence(chosen), divergence(rejected)), beta)))
  })
}
