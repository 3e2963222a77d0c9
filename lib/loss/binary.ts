import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { like, type Numbers2D } from './tokens'

/**
 * Binary cross-entropy of logits: −y log σ(s) − (1 − y) log σ(−s), elementwise, for outcome and process reward models.
 * Cobbe 2021, arXiv:2110.14168 §4; Lightman 2023, arXiv:2305.20050 §2.6
 * logits [B, T], labels 0 or 1, [B][T] → [B, T].
 */
export function binaryCrossEntropy(logits: tfjs.Tensor2D, labels: Numbers2D): tfjs.Tensor2D {
  // softplus(s) − y·s, which overflows nowhere
  return tf.tidy(() => tf.sub<tfjs.Tensor2D>(tf.softplus(logits), tf.mul(like(logits, labels, 'labels'), logits)))
}
