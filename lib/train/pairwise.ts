import type * as tfjs from '@tensorflow/tfjs'
import type { PairLengths, PairLogps } from '../loss/pairs'
import type { ModelConfig } from '../model/config'
import { scoredInputs } from '../model/inputs'
import type { ScoredInputs } from '../model/inputs'
import { scoredLogits } from '../model/logps'
import { adamw } from '../model/optimiser'
import type { Optimiser } from '../model/optimiser'
import type { LanguageModel, Params } from '../model/params'
import { constantSchedule } from '../model/schedules'
import type { Schedule } from '../model/schedules'
import { tf } from '../tensor/backend'
import { stopGradient } from '../tensor/gradients'
import { hostRows } from '../tensor/host'
import type { HostTensor, OnDevice } from '../tensor/host'
import { jitWorks } from '../tensor/jit'
import { entropies, gatherLogps } from '../tensor/logprobs'
import { Random } from '../tensor/random'
import { batchesByLength } from './batches'
import { checkTokenPairs, pairBatch, pairLength, pairReference } from './pairs'
import type { PairReference, TokenPair } from './pairs'
import { sumByRow } from './responses'
import { startState, training } from './training'
import type { Training } from './training'
import { update } from './update'

/** What every trainer of pairs takes. */
export interface PairwiseOptions {
  /** What to train; its weights stay as they are, the trained ones are `training.state.models.policy`. */
  readonly model: LanguageModel
  readonly pairs: readonly TokenPair[]
  /** Optimiser steps; default: one epoch. */
  readonly steps?: number
  /** Pairs a step (default 32). */
  readonly batchSize?: number
  /** Default: AdamW, weight decay 0, gradients clipped to norm 1, at a constant rate of 1e-4, which suits models of this library's size. */
  readonly optimiser?: Optimiser
  readonly schedule?: Schedule
  /** Seed of the order of pairs and of dropout (default 0). Each epoch is shuffled into batches of similar length; false as shuffle takes the pairs as they come. */
  readonly seed?: number
  readonly shuffle?: boolean
}

/** One record a step, named as TRL's DPOTrainer names them; of the step's pairs, before the update. */
export interface PairwiseMetrics {
  /** From 1. */
  readonly step: number
  /** Mean over the pairs, with whatever else the trainer adds. */
  readonly loss: number
  /** Means over the pairs of β(log π(y) − log π_ref(y)); without a reference of β log π(y), as the loss sees it. */
  readonly 'rewards/chosen': number
  readonly 'rewards/rejected': number
  /** Share of pairs whose chosen reward is the higher one. */
  readonly 'rewards/accuracies': number
  readonly 'rewards/margins': number
  /** Means of the responses' log-probs, nats, summed or averaged over tokens as the loss sees them. */
  readonly 'logps/chosen': number
  readonly 'logps/rejected': number
  /** Mean over response tokens and vocabulary of the logits. */
  readonly 'logits/chosen': number
  readonly 'logits/rejected': number
  /** Mean entropy at response tokens, nats. */
  readonly entropy: number
  /** Share of the chosen responses' tokens that the model ranks first. */
  readonly mean_token_accuracy: number
  /** Before clipping. */
  readonly grad_norm: number
  readonly learning_rate: number
  readonly epoch: number
}

/** Log-probs of a batch's responses, [B] each, with the number of their tokens. Without a reference its log-probs are 0. */
export interface ScoredPairs extends PairLogps { readonly lengths: PairLengths }

/** In what the trainers of pairs differ. */
export interface PairObjective {
  /** The loss of each pair, [B]. */
  readonly loss: (pairs: ScoredPairs) => tfjs.Tensor1D
  /** Scale of the rewards that are reported. */
  readonly beta: number
  /** The frozen model, or its log-probs; none for a loss without a reference. */
  readonly reference?: LanguageModel | PairReference
  /** The loss takes log-probs averaged over a response's tokens instead of summed. */
  readonly averaged?: boolean
  /** Weight of the chosen responses' negative log-likelihood, a mean over all their tokens in the batch; undefined: it is not computed. */
  readonly nllWeight?: number
  /** The likelihood covers the prompts of the chosen responses, too. */
  readonly nllOnPrompt?: boolean
  readonly ldAlpha?: number
  /** Pairs count by WPO's weight (see wpoWeight). */
  readonly onPolicyWeights?: boolean
  /** Further figures, of the log-probs that the loss saw. */
  readonly more?: (chosen: Float32Array, rejected: Float32Array) => Readonly<Record<string, number>>
}

/** What one step needs besides the weights; rows of [2B, t − 1] are as wide as the prepared batch. */
interface Inputs {
  readonly batch: ScoredInputs
  /** What each token's log-prob counts in its response's. */
  readonly weights: HostTensor<[number, number]>
  readonly lengths: { readonly chosen: Float32Array, readonly rejected: Float32Array }
  readonly refChosen: Float32Array
  readonly refRejected: Float32Array
  /** Share of each token in the chosen responses' likelihood. */
  readonly nllShares?: HostTensor<[number, number]>
  /** Share of each token in its response. */
  readonly ownShares?: HostTensor<[number, number]>
}

/** A batch on the host: what goes into the step, and which tokens the output head runs on and are responses'. */
interface Prepared { readonly inputs: Inputs; readonly scored: readonly Int32Array[]; readonly responseMask: readonly Int32Array[] }

const total = (rows: readonly Int32Array[]) => rows.reduce((sum, row) => sum + row.reduce((a, b) => a + b, 0), 0)

function prepare(config: ModelConfig, pairs: readonly TokenPair[], refChosen: Float32Array, refRejected: Float32Array, objective: PairObjective, random: Random, longest: number): Prepared {
  const { ldAlpha, nllWeight, nllOnPrompt = false, onPolicyWeights } = objective, { tokens, mask, responseMask, weights, lengths } = pairBatch(pairs, ldAlpha), n = pairs.length
  // the output head runs on the responses' tokens, and on the prompts' where the likelihood covers them
  const scored = nllOnPrompt ? mask.map((row, i) => i < n ? row.map((m, j) => j === 0 ? 0 : m) : responseMask[i]) : responseMask
  const batch = scoredInputs(config, tokens, { mask, responseMask: scored, random, fewShapes: jitWorks() && longest }), columns = batch.scoredMask.shape[1]
  const all = total(scored.slice(0, n)), rows = (f: (i: number) => ArrayLike<number>) => hostRows(mask.map((_, i) => f(i)), columns)
  return {
    scored, responseMask,
    inputs: {
      batch, weights: hostRows(weights, columns), refChosen, refRejected, lengths,
      ...nllWeight !== undefined && { nllShares: rows(i => i < n ? Float32Array.from(scored[i].subarray(1), s => s / all) : []) },
      ...onPolicyWeights && { ownShares: rows(i => Float32Array.from(responseMask[i].subarray(1), s => s / total([responseMask[i]]))) },
    },
  }
}

/** The loss of a batch, and what is reported of it. Chosen and rejected go through the model together. */
const objectiveOf = (config: ModelConfig, { loss, averaged = false, nllWeight = 0 }: PairObjective) => (params: Params, inputs: OnDevice<Inputs>) => {
  const { batch, weights, lengths, refChosen, refRejected, nllShares, ownShares } = inputs, n = refChosen.shape[0]
  const { logits, targets, back } = scoredLogits(params, config, batch), each = gatherLogps(logits, targets), spread = back(each)
  const perRow = (x: tfjs.Tensor2D, shares: tfjs.Tensor2D) => tf.sum<tfjs.Tensor1D>(tf.mul(x, shares), 1), sums = perRow(spread, weights)
  const logps = averaged ? tf.div<tfjs.Tensor1D>(sums, tf.concat1d([lengths.chosen, lengths.rejected])) : sums
  const [chosen, rejected] = tf.split<tfjs.Tensor1D>(logps, 2), values = loss({ chosen, rejected, refChosen, refRejected, lengths })
  if (values.shape.join() !== `${n}`) throw new Error(`loss: expected one value a pair, [${n}], got [${values.shape.join(', ')}]; leave the mean to the trainer`)
  const pairs = tf.mean<tfjs.Scalar>(ownShares ? tf.mul(values, onPolicyWeights(perRow(back(onPolicyRatios(logits, each)), ownShares))) : values)
  const nll = nllShares ? tf.neg(tf.sum<tfjs.Scalar>(tf.mul(spread, nllShares))) : undefined
  const hits = tf.cast(tf.equal(tf.argMax(logits, 1), tf.cast(targets, 'int32')), 'float32'), report = tf.stack([tf.mean(logits, 1), entropies(logits), hits])
  return { loss: nll ? tf.add<tfjs.Scalar>(pairs, tf.mul(nll, nllWeight)) : pairs, aux: { logps, report, ...nll && { nll } } }
}

/** log π(y_t) − log Σ_v π(v)² of each scored token, [n]. */
const onPolicyRatios = (logits: tfjs.Tensor2D, logps: tfjs.Tensor1D): tfjs.Tensor1D =>
  tf.sub(logps, tf.sub(tf.logSumExp(tf.mul(logits, 2), 1), tf.mul(tf.logSumExp(logits, 1), 2)))

/** WPO's weight of each pair, both responses' multiplied, of their mean ratios [2B]; no gradient follows.  Zhou 2024, arXiv:2406.11827 eq. 2 */
function onPolicyWeights(ratios: tfjs.Tensor1D): tfjs.Tensor1D {
  const [chosen, rejected] = tf.split<tfjs.Tensor1D>(ratios, 2)
  return stopGradient(tf.exp(tf.add<tfjs.Tensor1D>(chosen, rejected)))
}

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length

/** Means over response tokens of what `report` [3, n] says of each scored one. */
function describeTokens(report: Float32Array, { scored, responseMask }: Prepared) {
  const rows = sumByRow(report, 3, scored, responseMask), sum = (side: number[][], k: number) => side.reduce((all, row) => all + row[k], 0)
  const over = (side: number[][], k: number) => sum(side, k) / sum(side, 3), chosen = rows.slice(0, rows.length / 2), rejected = rows.slice(rows.length / 2)
  return { 'logits/chosen': over(chosen, 0), 'logits/rejected': over(rejected, 0), entropy: over(rows, 1), mean_token_accuracy: over(chosen, 2) }
}

function describePairs(logps: Float32Array, { refChosen, refRejected }: Inputs, { beta, more }: PairObjective) {
  const n = refChosen.length, chosen = logps.subarray(0, n), rejected = logps.subarray(n)
  const w = chosen.map((x, i) => beta * (x - refChosen[i])), l = rejected.map((x, i) => beta * (x - refRejected[i]))
  return {
    'rewards/chosen': mean(w), 'rewards/rejected': mean(l), 'rewards/accuracies': mean(Array.from(w, (x, i) => Number(x > l[i]))), 'rewards/margins': mean(w) - mean(l),
    'logps/chosen': mean(chosen), 'logps/rejected': mean(rejected), ...more?.(chosen, rejected),
  }
}

/**
 * The loop of every trainer of pairs. The reference's log-probs are computed once, before the first step; its weights are not needed after
 * that. Stops with an error at the first loss or gradient that is not finite. M: the metrics, with what `objective.more` adds.
 * given: the options as the trainer was given them, for `run`.
 */
export function pairwise<M extends PairwiseMetrics>(kind: string, options: PairwiseOptions, objective: PairObjective, given: object): Training<M> {
  const { model: { config, params }, pairs, batchSize = 32, optimiser = adamw({ lr: 1e-4, maxGradNorm: 1 }), shuffle = true } = options
  const schedule = options.schedule ?? constantSchedule({ lr: 1e-4 }), perEpoch = Math.ceil(pairs.length / batchSize), steps = options.steps ?? perEpoch
  const step = objectiveOf(config, objective), longest = pairs.reduce((most, pair) => Math.max(most, pairLength(pair)), 0)
  check(kind, options, batchSize, objective)
  return training(startState(kind, { policy: params }, { policy: optimiser.init(params) }, Random.seed(options.seed ?? 0)), async function* (own) {
    const reference = own.state.step < steps ? await logpsOf(pairs, objective) : undefined, places = pairs.map((_, i) => i)
    while (own.state.step < steps) {
      const { state } = own, t = state.step, random = Random.resume(state.random), epoch = Math.floor(t / perEpoch), first = (t % perEpoch) * batchSize
      const order = shuffle ? batchesByLength(places, batchSize, i => pairLength(pairs[i]), random.split(`epoch ${epoch}`)) : places, rows = order.slice(first, first + batchSize)
      const learning_rate = schedule(t), batch = prepare(config, rows.map(i => pairs[i]), ...sides(reference, rows), objective, random.split(`step ${t}`), longest)
      const { loss, gradNorm: grad_norm, aux } = update(state, { role: 'policy', optimiser, learningRate: learning_rate, objective: step, inputs: batch.inputs })
      state.step = t + 1
      const likelihood = aux.nll ? { nll_loss: aux.nll[0] } : {}
      yield { step: t + 1, loss, ...likelihood, ...describePairs(aux.logps, batch.inputs, objective), ...describeTokens(aux.report, batch), grad_norm, learning_rate, epoch: (t + 1) / perEpoch } as M & PairwiseMetrics
    }
  }, given)
}

const isModel = (reference: LanguageModel | PairReference): reference is LanguageModel => 'params' in reference

async function logpsOf(pairs: readonly TokenPair[], { reference, ldAlpha }: PairObjective): Promise<PairReference | undefined> {
  return reference && isModel(reference) ? pairReference(reference, pairs, ldAlpha) : reference
}

const sides = (reference: PairReference | undefined, rows: readonly number[]): [Float32Array, Float32Array] =>
  [Float32Array.from(rows, i => reference?.chosen[i] ?? 0), Float32Array.from(rows, i => reference?.rejected[i] ?? 0)]

function check(kind: string, { model, pairs, steps = 1 }: PairwiseOptions, batchSize: number, { beta, reference, nllWeight = 0, ldAlpha = 1 }: PairObjective): void {
  for (const [name, value] of Object.entries({ steps, batchSize })) {
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name}: expected a positive integer, got ${value}`)
  }
  if (!(beta > 0 && beta < Infinity)) throw new RangeError(`beta: expected a positive number, got ${beta}`)
  if (!(nllWeight >= 0 && nllWeight < Infinity)) throw new RangeError(`nllWeight: expected a number from 0 on, got ${nllWeight}`)
  if (!(ldAlpha >= 0 && ldAlpha <= 1)) throw new RangeError(`ldAlpha: expected a number from 0 to 1, got ${ldAlpha}`)
  checkTokenPairs(kind, pairs, model.config)
  if (reference && !isModel(reference) && (reference.chosen.length !== pairs.length || reference.rejected.length !== pairs.length)) {
    throw new RangeError(`reference: expected a log-prob for each of ${pairs.length} pairs, got ${reference.chosen.length} chosen and ${reference.rejected.length} rejected`)
  }
}
