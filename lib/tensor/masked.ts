import type * as tfjs from '@tensorflow/tfjs'
import { tf } from './backend'

type Numbers = ArrayLike<number>

function count(mask: Numbers, x: Numbers, what: string, least = 1): number {
  if (mask.length !== x.length) throw new Error(`${what}: ${x.length} values, but a mask of ${mask.length}`)
  let n = 0
  for (let i = 0; i < mask.length; i++) n += Number(mask[i] !== 0)
  if (n < least) throw new Error(`${what}: needs at least ${least} unmasked ${least === 1 ? 'value' : 'values'}, got ${n} of ${x.length}`)
  return n
}

/** Σ x where the mask is not 0, in float64. Masked entries are not read: NaN there does no harm. */
export function maskedSum(x: Numbers, mask: Numbers): number {
  count(mask, x, 'maskedSum', 0)
  let sum = 0
  for (let i = 0; i < x.length; i++) if (mask[i] !== 0) sum += x[i]
  return sum
}

/** Mean of x where the mask is not 0. Throws where everything is masked. */
export function maskedMean(x: Numbers, mask: Numbers): number {
  return maskedSum(x, mask) / count(mask, x, 'maskedMean')
}

/** Variance of x where the mask is not 0: Σ (x − mean)² / (n − 1), or / n where unbiased is false. Throws with fewer than two (one) values. */
export function maskedVar(x: Numbers, mask: Numbers, unbiased = true): number {
  const n = count(mask, x, 'maskedVar', unbiased ? 2 : 1), mean = maskedMean(x, mask)
  let sum = 0
  for (let i = 0; i < x.length; i++) if (mask[i] !== 0) sum += (x[i] - mean) ** 2
  return sum / (unbiased ? n - 1 : n)
}

function masked(x: tfjs.Tensor2D, mask: tfjs.Tensor2D, what: string): tfjs.Tensor2D {
  if (x.shape.join() !== mask.shape.join()) throw new Error(`${what}: losses [${x.shape.join(', ')}] and mask [${mask.shape.join(', ')}] differ in shape`)
  // where, not mul: a masked NaN or infinity must not reach the sum
  return tf.where(tf.cast(mask, 'bool'), x, tf.zerosLike(x))
}

/**
 * One mean over all tokens of the batch: Σ x·m / Σ m. Long sequences weigh more.  DAPO, arXiv:2503.14476 eq. 12; also SFT's loss
 * x, mask [b, t] → scalar. With accumulation, `tokens` is Σ m over all micro-batches. A batch without tokens gives 0/0: refuse it before.
 */
export function meanPerToken(x: tfjs.Tensor2D, mask: tfjs.Tensor2D, tokens?: number): tfjs.Scalar {
  return tf.tidy(() => tf.div(tf.sum(masked(x, mask, 'meanPerToken')), tokens ?? tf.sum(tf.cast(mask, 'float32'))))
}

/**
 * The mean over sequences of each one's mean: (1/b) Σ_i (Σ_t x·m / Σ_t m). Each sequence weighs the same.  GRPO, arXiv:2402.03300 eq. 3
 * x, mask [b, t] → scalar; a sequence without tokens counts as 0.
 */
export function meanPerSequence(x: tfjs.Tensor2D, mask: tfjs.Tensor2D): tfjs.Scalar {
  return tf.tidy(() => tf.mean(tf.div(tf.sum(masked(x, mask, 'meanPerSequence'), 1), tf.maximum(tf.sum(tf.cast(mask, 'float32'), 1), 1))))
}

/**
 * The sum over tokens divided by a length that no sequence changes: Σ x·m / (b·length).  Dr. GRPO, arXiv:2503.20783
 * x, mask [b, t] → scalar; length is usually the longest allowed response.
 */
export function sumOverFixedLength(x: tfjs.Tensor2D, mask: tfjs.Tensor2D, length: number): tfjs.Scalar {
  if (!(length > 0)) throw new RangeError(`length: expected a positive number, got ${length}`)
  return tf.tidy(() => tf.div(tf.sum(masked(x, mask, 'sumOverFixedLength')), x.shape[0] * length))
}
