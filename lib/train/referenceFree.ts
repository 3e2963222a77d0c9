import type * as tfjs from '@tensorflow/tfjs'
import { cpoLoss, orpoLoss, simpoLoss } from '../loss/referenceFree'
import { tf } from '../tensor/backend'
import { pairwise } from './pairwise'
import type { PairwiseMetrics, PairwiseOptions } from './pairwise'
import type { Training } from './training'

/** A loss of chosen and rejected log-probs alone, [B]: cpoLoss, simpoLoss, slicLoss … */
export type ReferenceFreeLoss = (chosen: tfjs.Tensor1D, rejected: tfjs.Tensor1D, options: { readonly beta: number }) => tfjs.Tensor1D

export interface CpoTrainerOptions extends PairwiseOptions {
  /** Default: cpoLoss. One that takes means (referenceFreeIpoLoss) needs `averaged`. */
  readonly loss?: ReferenceFreeLoss
  readonly averaged?: boolean
  /** Passed to the loss (default 0.1). */
  readonly beta?: number
  /** Weight of the chosen responses' negative log-likelihood, a mean over all their tokens in the batch (default 1, the paper's). */
  readonly nllWeight?: number
}

/** {@link PairwiseMetrics} with rewards β log π(y), and the likelihood's term before its weight. */
export type ReferenceFreeMetrics = PairwiseMetrics & { readonly nll_loss: number }

/**
 * Contrastive preference optimisation, with its loss or any other that holds no reference: minimises the mean over pairs of the loss plus
 * nllWeight times the chosen responses' negative log-likelihood.  Xu 2024, arXiv:2401.08417
 */
export function cpo(options: CpoTrainerOptions): Training<ReferenceFreeMetrics> {
  const { loss = cpoLoss, averaged = false, beta = 0.1, nllWeight = 1 } = options
  return pairwise('cpo', options, { loss: ({ chosen, rejected }) => loss(chosen, rejected, { beta }), averaged, beta, nllWeight }, options)
}

export interface SimpoTrainerOptions extends PairwiseOptions {
  /** Scale of the mean log-prob per token (default 2). */
  readonly beta?: number
  /** Margin that the chosen response is asked to lead by, already times β (default 1). */
  readonly gamma?: number
  /** AlphaPO's α (default 0: SimPO). */
  readonly alpha?: number
}

/** SimPO: no reference, log-probs averaged per token, a margin γ.  Meng 2024, arXiv:2405.14734. TRL adds the likelihood unless its cpo_alpha is 0; here there is none. */
export function simpo(options: SimpoTrainerOptions): Training<ReferenceFreeMetrics> {
  const { beta = 2, gamma = 1, alpha = 0 } = options
  return pairwise('simpo', options, { loss: ({ chosen, rejected }) => simpoLoss(chosen, rejected, { beta, gamma, alpha }), averaged: true, beta, nllWeight: 0 }, options)
}

export interface OrpoTrainerOptions extends PairwiseOptions {
  /** Weight of the odds ratio (default 0.1): the paper's λ, which TRL calls beta. */
  readonly beta?: number
  /** The likelihood covers prompt and response, as in TRL, instead of the response alone, as in the paper (default false). */
  readonly nllOnPrompt?: boolean
}

/** {@link ReferenceFreeMetrics} of mean log-probs, and means over pairs of the log odds ratio and of its log σ. */
export type OrpoMetrics = ReferenceFreeMetrics & { readonly log_odds_chosen: number, readonly log_odds_ratio: number }

/** log of the odds of a response, a − log(1 − e^a). */
const logOdds = (a: number) => a - Math.log1p(-Math.exp(a))

/**
 * ORPO: imitates the chosen responses and pushes their odds over the rejected ones' in one stage, without a reference:
 * minimises the chosen responses' mean negative log-likelihood per token plus β times {@link orpoLoss}.  Hong 2024, arXiv:2403.07691 eq. 6
 */
export function orpo(options: OrpoTrainerOptions): Training<OrpoMetrics> {
  const { beta = 0.1, nllOnPrompt = false } = options
  return pairwise('orpo', options, {
    loss: ({ chosen, rejected }) => tf.mul<tfjs.Tensor1D>(orpoLoss(chosen, rejected), beta), averaged: true, beta, nllWeight: 1, nllOnPrompt,
    more: (chosen, rejected) => {
      const ratios = Array.from(chosen, (a, i) => logOdds(a) - logOdds(rejected[i])), mean = (values: number[]) => values.reduce((x, y) => x + y, 0) / values.length
      return { log_odds_chosen: mean(ratios), log_odds_ratio: mean(ratios.map(x => -Math.log1p(Math.exp(-x)))) }
    },
  }, options)
}
