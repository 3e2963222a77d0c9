import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { logSigmoid } from './pairs'

// Preference losses that hold no reference model.

export interface SimpoOptions {
  readonly beta?: number
  /** γ: the margin, already times β, that the chosen response is asked to lead by. */
  readonly gamma?: number
  readonly labelSmoothing?: number
  /** α of AlphaPO's reward (1 − p^−α) / α of the mean probability p; 0, its limit log p, is SimPO. */
  readonly alpha?: number
}

function checkVectors(name: string, chosen: tfjs.Tensor, rejected: tfjs.Tensor): void {
  if (chosen.rank !== 1 || chosen.shape.join() !== rejected.shape.join() || chosen.size === 0) {
    throw new RangeError(`${name}: expected chosen and rejected of one shape [B], got [${chosen.shape.join(', ')}] and [${rejected.shape.join(', ')}]`)
  }
}

function smoothedSigmoid(logits: tfjs.Tensor1D, labelSmoothing: number): tfjs.Tensor1D {
  return tf.neg(tf.add<tfjs.Tensor1D>(tf.mul(logSigmoid(logits), 1 - labelSmoothing), tf.mul(logSigmoid(tf.neg(logits)), labelSmoothing)))
}

/**
 * SimPO: −log σ(β(a_w − a_l) − γ) with a the log-prob averaged per token, [B].  Meng 2024, arXiv:2405.14734 eq. 6
 * With alpha, AlphaPO: a becomes (1 − e^(−α a)) / α.  Gupta 2025, arXiv:2501.03884
 * chosen, rejected: mean log-prob of a response's tokens, [B].
 */
export function simpoLoss(chosen: tfjs.Tensor1D, rejected: tfjs.Tensor1D, { beta = 2, gamma = 1, labelSmoothing = 0, alpha = 0 }: SimpoOptions = {}): tfjs.Tensor1D {
  checkVectors('simpoLoss', chosen, rejected)
  const reward = (logp: tfjs.Tensor1D) => alpha === 0 ? logp : tf.div<tfjs.Tensor1D>(tf.sub(1, tf.exp(tf.mul(logp, -alpha))), alpha)
  return tf.tidy(() => smoothedSigmoid(tf.sub<tfjs.Tensor1D>(tf.mul(tf.sub(reward(chosen), reward(rejected)), beta), gamma), labelSmoothing))
}

export interface CpoOptions { readonly beta?: number; readonly labelSmoothing?: number }

/**
 * CPO's preference term: DPO with a uniform reference, −log σ(β(log π(y_w) − log π(y_l))), [B]; the paper adds the chosen response's
 * negative log-likelihood.  Xu 2024, arXiv:2401.08417 eq. 3.  chosen, rejected: summed log-probs, [B].
 */
export function cpoLoss(chosen: tfjs.Tensor1D, rejected: tfjs.Tensor1D, { beta = 0.1, labelSmoothing = 0 }: CpoOptions = {}): tfjs.Tensor1D {
  checkVectors('cpoLoss', chosen, rejected)
  return tf.tidy(() => smoothedSigmoid(tf.mul<tfjs.Tensor1D>(tf.sub(chosen, rejected), beta), labelSmoothing))
}

/** SLiC's calibration term without a reference: max(0, 1 − β(log π(y_w) − log π(y_l))), [B].  Zhao 2023, arXiv:2305.10425 */
export function slicLoss(chosen: tfjs.Tensor1D, rejected: tfjs.Tensor1D, { beta = 0.1 }: { readonly beta?: number } = {}): tfjs.Tensor1D {
  checkVectors('slicLoss', chosen, rejected)
  return tf.tidy(() => tf.relu(tf.sub<tfjs.Tensor1D>(1, tf.mul(tf.sub(chosen, rejected), beta))))
}

/** IPO without a reference: (a_w − a_l − 1/(2β))², [B], a the mean log-prob per token.  The squared loss of Azar 2023, arXiv:2310.12036 eq. 17 */
export function referenceFreeIpoLoss(chosen: tfjs.Tensor1D, rejected: tfjs.Tensor1D, { beta = 0.1 }: { readonly beta?: number } = {}): tfjs.Tensor1D {
  checkVectors('referenceFreeIpoLoss', chosen, rejected)
  return tf.tidy(() => tf.square(tf.sub<tfjs.Tensor1D>(tf.sub(chosen, rejected), 1 / (2 * beta))))
}

/** log of the odds p / (1 − p) of a response, from its mean log-prob per token: a − log(1 − e^a). */
function logOdds(logp: tfjs.Tensor1D): tfjs.Tensor1D {
  return tf.sub(logp, tf.log1p(tf.neg(tf.exp(logp))))
}

/**
 * ORPO's odds-ratio term: −log σ(log odds(y_w) − log odds(y_l)), odds = p / (1 − p), p = e^a with a the mean log-prob per token, [B].
 * The whole loss is the chosen response's mean negative log-likelihood plus λ times this.  Hong 2024, arXiv:2403.07691 eq. 6–7
 * Throws RangeError unless both are [B]; a must be below 0 (p = 1 has infinite odds).
 */
export function orpoLoss(chosen: tfjs.Tensor1D, rejected: tfjs.Tensor1D): tfjs.Tensor1D {
  checkVectors('orpoLoss', chosen, rejected)
  return tf.tidy(() => tf.neg(logSigmoid(tf.sub<tfjs.Tensor1D>(logOdds(chosen), logOdds(rejected)))))
}
