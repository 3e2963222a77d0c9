import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { stopGradient } from '../tensor/gradients'
import { gatherLogps } from '../tensor/logprobs'

/** A loss for every scored token: logits [n, vocabulary] and the n tokens that came (on the host, or int32) → [n]. */
export type TokenLoss = (logits: tfjs.Tensor2D, targets: ArrayLike<number> | tfjs.Tensor1D) => tfjs.Tensor1D

/** Negative log-likelihood: −log p(y), the loss of supervised fine-tuning. */
export const nll: TokenLoss = (logits, targets) => tf.tidy(() => tf.neg(gatherLogps(logits, targets)))

/** Label smoothing: (1 − ε)(−log p(y)) + ε/V Σ_v −log p(v), as if every token had probability ε/V besides.  Szegedy 2015, arXiv:1512.00567 §7 */
export function smoothedNll(epsilon: number): TokenLoss {
  if (!(epsilon >= 0 && epsilon < 1)) throw new RangeError(`epsilon: expected a probability below 1, got ${epsilon}`)
  return (logits, targets) => tf.tidy(() => {
    const uniform = tf.sub<tfjs.Tensor1D>(tf.logSumExp(logits, 1), tf.mean(logits, 1))
    return tf.add<tfjs.Tensor1D>(tf.mul(nll(logits, targets), 1 - epsilon), tf.mul(uniform, epsilon))
  })
}

/**
 * Dynamic fine-tuning: −sg[p(y)] log p(y), which undoes the 1/p(y) in the gradient of the likelihood, so that unlikely tokens do not
 * dominate.  Wu 2025, arXiv:2508.05629 eq. 9. sg: no gradient.
 */
export const dft: TokenLoss = (logits, targets) => tf.tidy(() => {
  const logp = gatherLogps(logits, targets)
  return tf.neg(tf.mul<tfjs.Tensor1D>(stopGradient(tf.exp(logp)), logp))
})
