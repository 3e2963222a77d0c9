import type * as tfjs from '@tensorflow/tfjs'
import { dpoLoss } from '../loss/dpo'
import type { LanguageModel } from '../model/params'
import type { PairReference } from './pairs'
import { pairwise } from './pairwise'
import type { PairwiseMetrics, PairwiseOptions, ScoredPairs } from './pairwise'
import type { Training } from './training'

/**
 * A loss of pairs against a reference, [B]: the losses of lib/loss as they are (dpoLoss, ipoLoss, hingeLoss …), or one written around them,
 * `(pairs, { beta }) => dpoLoss(pairs, { beta, divergence: jensenShannon })`; where a loss needs lengths, `pairs.lengths` has them.
 */
export type PairwiseLoss = (pairs: ScoredPairs, options: { readonly beta: number }) => tfjs.Tensor1D

export interface DpoTrainerOptions extends PairwiseOptions {
  /** The frozen reference, or its log-probs of these pairs (pairReference), for several runs. Default: `model` as given. Its weights must stay until the first record. */
  readonly reference?: LanguageModel | PairReference
  /** Default: dpoLoss. */
  readonly loss?: PairwiseLoss
  /** How hard the policy is held to the reference (default 0.1); passed to the loss. */
  readonly beta?: number
  /** Adds so much of the chosen responses' mean negative log-likelihood per token (default: none).  Pang 2024 (RPO), arXiv:2404.19733 */
  readonly nllWeight?: number
  /** LD-DPO: tokens beyond the shorter response's length count so much (default 1).  Liu 2024, arXiv:2409.06411 */
  readonly ldAlpha?: number
  /** WPO: a pair counts the more, the likelier the policy itself would write it (default false).  Zhou 2024, arXiv:2406.11827 */
  readonly onPolicyWeights?: boolean
}

/** {@link PairwiseMetrics}, and `nll_loss` where nllWeight is given. */
export type DpoMetrics = PairwiseMetrics & { readonly nll_loss?: number }

/**
 * Direct preference optimisation, with DPO's loss or any other pairwise loss against a reference: minimises its mean over the pairs.
 * Rafailov 2023, arXiv:2305.18290
 */
export function dpo(options: DpoTrainerOptions): Training<DpoMetrics> {
  const { reference = options.model, loss = dpoLoss, beta = 0.1, nllWeight, ldAlpha, onPolicyWeights } = options
  return pairwise('dpo', options, { reference, loss: pairs => loss(pairs, { beta }), beta, nllWeight, ldAlpha, onPolicyWeights }, options)
}
