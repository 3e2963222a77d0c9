import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { reverseKl } from './divergences'
import { checkPairs, logRatios, logSigmoid, vector, type LogRatioScore, type PairLengths, type PairLogps } from './pairs'

export interface DpoOptions {
  /** Weight of the implicit KL penalty. */
  readonly beta?: number
  /** The divergence that holds the policy to its reference; reverse KL in the paper. */
  readonly divergence?: LogRatioScore
}

export interface NoisyLabelOptions extends DpoOptions {
  /** ε, the share of labels taken to be flipped. */
  readonly labelSmoothing?: number
}

/** Score of the chosen response less the rejected one's, [B]. */
function margins(pairs: PairLogps, divergence: LogRatioScore): tfjs.Tensor1D {
  const { chosen, rejected } = logRatios(pairs)
  return tf.sub(divergence(chosen), divergence(rejected))
}

/**
 * DPO: −log σ(β[(log π(y_w) − log π_ref(y_w)) − (log π(y_l) − log π_ref(y_l))]), [B].  Rafailov 2023, arXiv:2305.18290 eq. 7
 * With labelSmoothing ε, conservative DPO: −(1 − ε) log σ(βΔ) − ε log σ(−βΔ), whose optimum is a finite margin.
 * TRL 1.16 accepts ε for this loss and ignores it; here it counts.
 */
export function dpoLoss(pairs: PairLogps, { beta = 0.1, labelSmoothing = 0, divergence = reverseKl }: NoisyLabelOptions = {}): tfjs.Tensor1D {
  return tf.tidy(() => {
    const logits = tf.mul<tfjs.Tensor1D>(margins(pairs, divergence), beta)
    if (labelSmoothing === 0) return tf.neg(logSigmoid(logits))
    return tf.neg(tf.add<tfjs.Tensor1D>(tf.mul(logSigmoid(logits), 1 - labelSmoothing), tf.mul(logSigmoid(tf.neg(logits)), labelSmoothing)))
  })
}

/**
 * Robust DPO: [−(1 − ε) log σ(βΔ) + ε log σ(−βΔ)] / (1 − 2ε), an unbiased estimate of the clean loss when a share ε < ½ of labels
 * is flipped, [B].  Chowdhury 2024, arXiv:2403.00409. Throws RangeError unless 0 ≤ ε < ½.
 */
export function robustDpoLoss(pairs: PairLogps, { beta = 0.1, labelSmoothing = 0, divergence = reverseKl }: NoisyLabelOptions = {}): tfjs.Tensor1D {
  if (!(labelSmoothing >= 0 && labelSmoothing < 0.5)) throw new RangeError(`labelSmoothing: expected 0 <= ε < 0.5, got ${labelSmoothing}`)
  return tf.tidy(() => {
    const logits = tf.mul<tfjs.Tensor1D>(margins(pairs, divergence), beta)
    const clean = tf.mul(logSigmoid(logits), labelSmoothing - 1), flipped = tf.mul(logSigmoid(tf.neg(logits)), labelSmoothing)
    return tf.div(tf.add(clean, flipped), 1 - 2 * labelSmoothing)
  })
}

/**
 * Length-normalised DPO: −log σ(β[s_w/|y_w| − s_l/|y_l|]) with s the score of the summed log-ratio, [B].
 * Lambert 2024 (Tülu 3), arXiv:2411.15124
 */
export function lengthNormalisedDpoLoss(pairs: PairLogps, lengths: PairLengths, { beta = 0.1, divergence = reverseKl }: DpoOptions = {}): tfjs.Tensor1D {
  return tf.tidy(() => tf.neg(logSigmoid(tf.mul<tfjs.Tensor1D>(marginPerToken(pairs, lengths, divergence), beta))))
}

/** The margin with each response's score divided by its length, [B]. */
export function marginPerToken(pairs: PairLogps, lengths: PairLengths, divergence: LogRatioScore): tfjs.Tensor1D {
  checkPairs(pairs, lengths)
  const { chosen, rejected } = logRatios(pairs)
  return tf.sub(tf.div(divergence(chosen), vector(lengths.chosen)), tf.div(divergence(rejected), vector(lengths.rejected)))
}
