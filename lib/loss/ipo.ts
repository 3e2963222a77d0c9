import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { reverseKl } from './divergences'
import { marginPerToken, type DpoOptions } from './dpo'
import { logRatios, type PairLengths, type PairLogps } from './pairs'

export interface IpoOptions extends DpoOptions {
  /** Response lengths: the log-ratios become averages per token, as in TRL and, its authors say there, in the paper's experiments. */
  readonly lengths?: PairLengths
}

/**
 * IPO: (Δ − 1/(2β))² with Δ the difference of log-ratios, [B].  Azar 2023, arXiv:2310.12036 eq. 17 (β is its τ)
 * Summed log-ratios, as the equation has them, unless `lengths` is given. The margin it aims at is finite, 1/(2β).
 */
export function ipoLoss(pairs: PairLogps, { beta = 0.1, lengths, divergence = reverseKl }: IpoOptions = {}): tfjs.Tensor1D {
  return tf.tidy(() => {
    const { chosen, rejected } = logRatios(pairs)
    const margin = lengths ? marginPerToken(pairs, lengths, divergence) : tf.sub(divergence(chosen), divergence(rejected))
    return tf.square(tf.sub<tfjs.Tensor1D>(margin, 1 / (2 * beta)))
  })
}
