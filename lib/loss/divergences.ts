import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { logSigmoid, type LogRatioScore } from './pairs'

// f-DPO: for a divergence D_f the implicit reward is β f′(π/π_ref); with t = π/π_ref the scores below are f′(t).
// Wang 2023, arXiv:2309.16240

/** Reverse KL(π‖π_ref), the divergence of plain DPO: log t. */
export const reverseKl: LogRatioScore = logRatio => logRatio

/** Forward KL(π_ref‖π): 1 − 1/t. */
export const forwardKl: LogRatioScore = logRatio => tf.sub<tfjs.Tensor1D>(1, tf.exp(tf.neg(logRatio)))

/** Jensen-Shannon: log(2t / (1 + t)) = log 2 + log σ(log t). */
export const jensenShannon: LogRatioScore = logRatio => tf.add(logSigmoid(logRatio), Math.LN2)

/**
 * α-divergence: (t^(α−1) − 1) / (α − 1); α = 1 is the limit log t. The exponent is held at 80 or below so that float32 stays finite.
 */
export const alphaDivergence = (alpha: number): LogRatioScore => logRatio => {
  if (Math.abs(alpha - 1) < 1e-6) return logRatio
  return tf.div<tfjs.Tensor1D>(tf.sub(tf.exp(tf.minimum(tf.mul(logRatio, alpha - 1), 80)), 1), alpha - 1)
}
