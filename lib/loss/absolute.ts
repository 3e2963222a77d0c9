import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { logRatios, logSigmoid, type PairLogps } from './pairs'

// Losses that judge each response's implicit reward r = β log π(y)/π_ref(y) by itself rather than only the difference of two,
// so that the chosen response's probability cannot fall as long as the rejected one's falls faster.

export interface AbsoluteOptions { readonly beta?: number }

function rewards(pairs: PairLogps, beta: number): { chosen: tfjs.Tensor1D; rejected: tfjs.Tensor1D } {
  const { chosen, rejected } = logRatios(pairs)
  return { chosen: tf.mul(chosen, beta), rejected: tf.mul(rejected, beta) }
}

/** BCO on pairs, reward shift 0: −log σ(r_w) − log σ(−r_l), [B].  Jung 2024, arXiv:2404.04656 */
export function bcoPairLoss(pairs: PairLogps, { beta = 0.1 }: AbsoluteOptions = {}): tfjs.Tensor1D {
  return tf.tidy(() => {
    const { chosen, rejected } = rewards(pairs, beta)
    return tf.neg(tf.add<tfjs.Tensor1D>(logSigmoid(chosen), logSigmoid(tf.neg(rejected))))
  })
}

/** NCA on pairs: −log σ(r_w) − ½ log σ(−r_w) − ½ log σ(−r_l), [B].  Chen 2024, arXiv:2402.05369 */
export function ncaPairLoss(pairs: PairLogps, { beta = 0.1 }: AbsoluteOptions = {}): tfjs.Tensor1D {
  return tf.tidy(() => {
    const { chosen, rejected } = rewards(pairs, beta)
    const noise = tf.mul(tf.add(logSigmoid(tf.neg(chosen)), logSigmoid(tf.neg(rejected))), 0.5)
    return tf.neg(tf.add<tfjs.Tensor1D>(logSigmoid(chosen), noise))
  })
}

/** SPPO with hard labels: (log-ratio_w − 1/(2β))² + (log-ratio_l + 1/(2β))², [B].  Wu 2024, arXiv:2405.00675 eq. 4.7 with P = 1 and 0 (β is its 1/η) */
export function sppoHardLoss(pairs: PairLogps, { beta = 0.1 }: AbsoluteOptions = {}): tfjs.Tensor1D {
  return tf.tidy(() => {
    const { chosen, rejected } = logRatios(pairs)
    return tf.add(tf.square(tf.sub(chosen, 0.5 / beta)), tf.square(tf.add(rejected, 0.5 / beta)))
  })
}

/** APO-zero: 1 − σ(r_w) + σ(r_l), [B]: raises the chosen, lowers the rejected; for chosen responses better than the model's.  D'Oosterlinck 2024, arXiv:2408.06266 eq. 7 */
export function apoZeroLoss(pairs: PairLogps, { beta = 0.1 }: AbsoluteOptions = {}): tfjs.Tensor1D {
  return tf.tidy(() => {
    const { chosen, rejected } = rewards(pairs, beta)
    return tf.add(tf.sigmoid(tf.neg(chosen)), tf.sigmoid(rejected))
  })
}

/** APO-down: σ(r_w) + 1 − σ(r_w − r_l), [B]: lowers both, the rejected more; for chosen responses worse than the model's.  D'Oosterlinck 2024, arXiv:2408.06266 eq. 8 */
export function apoDownLoss(pairs: PairLogps, { beta = 0.1 }: AbsoluteOptions = {}): tfjs.Tensor1D {
  return tf.tidy(() => {
    const { chosen, rejected } = rewards(pairs, beta)
    return tf.add(tf.sigmoid(chosen), tf.sigmoid(tf.sub(rejected, chosen)))
  })
}
