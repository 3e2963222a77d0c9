import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { composite } from '../tensor/layers'
import { logRatios, logSigmoid, type PairLogps, checkPairs, vector } from './pairs'

export interface AotOptions { readonly beta?: number; readonly labelSmoothing?: number }

/** A vector in ascending order; its gradient goes back to where each entry came from. On tensors alone, so that a step with it can be compiled. */
const sorted = (x: tfjs.Tensor1D): tfjs.Tensor1D => composite([x], save => {
  const order = tf.topk(tf.neg(x), x.size, true).indices
  save([order])
  return tf.gather(x, order)
}, (dy, [order]) => [tf.unsortedSegmentSum(dy, order as tfjs.Tensor1D, dy.size)])

function smoothed(margin: tfjs.Tensor1D, beta: number, labelSmoothing: number): tfjs.Tensor1D {
  const logits = tf.mul<tfjs.Tensor1D>(margin, beta)
  return tf.neg(tf.add<tfjs.Tensor1D>(tf.mul(logSigmoid(logits), 1 - labelSmoothing), tf.mul(logSigmoid(tf.neg(logits)), labelSmoothing)))
}

/**
 * AOT on pairs: DPO's loss between sorted margins of the policy and sorted margins of the reference, [B], in ascending order rather than
 * pair by pair: the batch's distribution of margins is pushed up, not each one.  Melnyk 2024, arXiv:2406.05882
 */
export function aotLoss(pairs: PairLogps, { beta = 0.1, labelSmoothing = 0 }: AotOptions = {}): tfjs.Tensor1D {
  checkPairs(pairs)
  return tf.tidy(() => {
    const policy = sorted(tf.sub(pairs.chosen, pairs.rejected)), reference = sorted(tf.sub(vector(pairs.refChosen), vector(pairs.refRejected)))
    return smoothed(tf.sub(policy, reference), beta, labelSmoothing)
  })
}

/** AOT without pairs: sorted log-ratios of the chosen against sorted log-ratios of the rejected, [B].  Melnyk 2024, arXiv:2406.05882 */
export function aotUnpairedLoss(pairs: PairLogps, { beta = 0.1, labelSmoothing = 0 }: AotOptions = {}): tfjs.Tensor1D {
  return tf.tidy(() => {
    const { chosen, rejected } = logRatios(pairs)
    return smoothed(tf.sub(sorted(chosen), sorted(rejected)), beta, labelSmoothing)
  })
}
