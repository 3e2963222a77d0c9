import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { stopGradient } from '../tensor/gradients'

/** Numbers without gradient, on the host or in a tensor, whose gradient is then cut off. */
export type Numbers = ArrayLike<number> | tfjs.Tensor1D

/**
 * Log-probs of a batch of preference pairs, summed over response tokens, [B] each. The policy's are tensors and carry the gradient;
 * the reference's are numbers (or a tensor of a batch, taken as numbers), so that none can reach it.
 */
export interface PairLogps {
  readonly chosen: tfjs.Tensor1D
  readonly rejected: tfjs.Tensor1D
  readonly refChosen: Numbers
  readonly refRejected: Numbers
}

/** Response tokens of each pair's two responses, [B] each. */
export interface PairLengths { readonly chosen: Numbers; readonly rejected: Numbers }

/** A score of log π(y)/π_ref(y), elementwise: what a divergence between policy and reference makes of it (see divergences.ts). */
export type LogRatioScore = (logRatio: tfjs.Tensor1D) => tfjs.Tensor1D

/** Throws RangeError unless every part is [B] with the same B. */
export function checkPairs(pairs: PairLogps, lengths?: PairLengths): void {
  const parts: [string, number | undefined][] = [
    ['chosen', sizeOf(pairs.chosen)], ['rejected', sizeOf(pairs.rejected)], ['refChosen', sizeOf(pairs.refChosen)], ['refRejected', sizeOf(pairs.refRejected)],
    ...lengths ? [['lengths.chosen', sizeOf(lengths.chosen)], ['lengths.rejected', sizeOf(lengths.rejected)]] as [string, number][] : [],
  ]
  const B = parts[0][1]
  if (B === undefined || B === 0 || parts.some(([, n]) => n !== B)) {
    throw new RangeError(`pairs: expected vectors of one length [B], got ${parts.map(([name, n]) => `${name} ${n === undefined ? 'of another rank' : `[${n}]`}`).join(', ')}`)
  }
}

const sizeOf = (x: Numbers): number | undefined => !(x instanceof tf.Tensor) ? x.length : x.rank === 1 ? x.shape[0] : undefined

/** log π(y)/π_ref(y) of the chosen and of the rejected responses, [B] each. Throws as {@link checkPairs}. */
export function logRatios(pairs: PairLogps): { chosen: tfjs.Tensor1D; rejected: tfjs.Tensor1D } {
  checkPairs(pairs)
  return { chosen: tf.sub(pairs.chosen, vector(pairs.refChosen)), rejected: tf.sub(pairs.rejected, vector(pairs.refRejected)) }
}

/** Numbers as a float32 vector without gradient. */
export const vector = (x: Numbers): tfjs.Tensor1D => x instanceof tf.Tensor ? stopGradient(x) : tf.tensor1d(Float32Array.from(x))

/** log σ(x) = −softplus(−x), finite for every finite x. */
export const logSigmoid = (x: tfjs.Tensor1D): tfjs.Tensor1D => tf.neg(tf.softplus(tf.neg(x)))
