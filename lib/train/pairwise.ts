import type * as tfjs from '@tensorflow/tfjs'
import { vector } from '../loss/pairs'
import type { PairLengths, PairLogps } from '../loss/pairs'
import type { ModelConfig } from '../model/config'
import { scoredLogits } from '../model/logps'
import { adamw } from '../model/optimiser'
import type { Optimiser } from '../model/optimiser'
import type { LanguageModel, Params } from '../model/params'
import { constantSchedule } from '../model/schedules'
import type { Schedule } from '../model/schedules'
import { tf } from '../tensor/backend'
import { assertFinite } from '../tensor/finite'
import { valueAndGrads } from '../tensor/gradients'
import { entropies, gatherLogps } from '../tensor/logprobs'
import { Random } from '../tensor/random'
import { batchesByLength } from './batches'
import { checkTokenPairs, pairBatch, pairLength, pairReference } from './pairs'
import type { PairBatch, PairReference, TokenPair } from './pairs'
import { sumByRow } from './responses'
import { applyGradients, startState, training } from './training'
import type { Training } from './training'

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

/** What one step needs besides the weights. */
interface Batch extends PairBatch {
  readonly refChosen: Float32Array
  readonly refRejected: Float32Array
  /** Which tokens the output head runs on: the responses', and the prompts' where the likelihood covers them. */
  readonly scored: readonly Int32Array[]
  /** Share of each token in the chosen responses' likelihood, [2B, t − 1]. */
  readonly nllShares?: Float32Array
}

function prepare(pairs: readonly TokenPair[], refChosen: Float32Array, refRejected: Float32Array, { ldAlpha, nllWeight, nllOnPrompt = false }: PairObjective): Batch {
  const batch = pairBatch(pairs, ldAlpha), n = pairs.length, columns = batch.tokens[0].length
  const scored = nllOnPrompt ? batch.mask.map((row, i) => i < n ? row.map((m, j) => j === 0 ? 0 : m) : batch.responseMask[i]) : batch.responseMask
  if (nllWeight === undefined) return { ...batch, refChosen, refRejected, scored }
  const nllShares = new Float32Array(2 * n * (columns - 1)), tokens = scored.slice(0, n).reduce((sum, row) => sum + row.reduce((a, b) => a + b, 0), 0)
  for (let i = 0; i < n; i++) for (let j = 1; j < columns; j++) if (scored[i][j]) nllShares[i * (columns - 1) + j - 1] = 1 / tokens
  return { ...batch, refChosen, refRejected, scored, nllShares }
}

/** WPO's weight of each pair, both responses' multiplied; read on the host, so that no gradient follows. */
function onPolicyWeights(logits: tfjs.Tensor2D, logps: tfjs.Tensor1D, { scored, responseMask }: Batch): tfjs.Tensor1D {
  const ratios = tf.tidy(() => tf.sub(logps, tf.sub(tf.logSumExp(tf.mul(logits, 2), 1), tf.mul(tf.logSumExp(logits, 1), 2))).dataSync<'float32'>())
  const weights = sumByRow(ratios, 1, scored, responseMask).map(([sum, n]) => Math.exp(sum / n)), n = weights.length / 2
  return tf.tensor1d(weights.slice(0, n).map((w, i) => w * weights[n + i]))
}

/** The loss of a batch, and what is reported of it. Chosen and rejected go through the model together. */
function lossOf(params: Params, config: ModelConfig, batch: Batch, objective: PairObjective, random: Random) {
  const { tokens, mask, scored, weights, lengths, refChosen, refRejected, nllShares } = batch, n = refChosen.length, columns = tokens[0].length - 1
  const { logits, targets, back } = scoredLogits(params, config, tokens, { mask, responseMask: scored, random })
  const each = gatherLogps(logits, targets), spread = back(each), grid = (values: Float32Array) => tf.tensor2d(values, [2 * n, columns])
  const sums = tf.sum<tfjs.Tensor1D>(tf.mul(spread, grid(weights)), 1)
  const logps = objective.averaged ? tf.div<tfjs.Tensor1D>(sums, tf.concat1d([vector(lengths.chosen), vector(lengths.rejected)])) : sums
  const values = objective.loss({ chosen: tf.slice(logps, 0, n), rejected: tf.slice(logps, n, n), refChosen, refRejected, lengths })
  if (values.shape.join() !== `${n}`) throw new Error(`loss: expected one value a pair, [${n}], got [${values.shape.join(', ')}]; leave the mean to the trainer`)
  const pairs = tf.mean<tfjs.Scalar>(objective.onPolicyWeights ? tf.mul(values, onPolicyWeights(logits, each, batch)) : values)
  const nll = nllShares ? tf.neg(tf.sum<tfjs.Scalar>(tf.mul(spread, grid(nllShares)))) : tf.scalar(0)
  const hits = tf.cast(tf.equal(tf.argMax(logits, 1), tf.tensor1d(targets, 'int32')), 'float32')
  const report = tf.stack([tf.mean(logits, 1), entropies(logits), hits])
  return { loss: nllShares ? tf.add<tfjs.Scalar>(pairs, tf.mul(nll, objective.nllWeight ?? 0)) : pairs, aux: { logps, nll, report } }
}

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length

/** Means over response tokens of what `report` [3, n] says of each scored one. */
function describeTokens(report: Float32Array, { scored, responseMask }: Batch) {
  const rows = sumByRow(report, 3, scored, responseMask), total = (side: number[][], k: number) => side.reduce((sum, row) => sum + row[k], 0)
  const over = (side: number[][], k: number) => total(side, k) / total(side, 3), chosen = rows.slice(0, rows.length / 2), rejected = rows.slice(rows.length / 2)
  return { 'logits/chosen': over(chosen, 0), 'logits/rejected': over(rejected, 0), entropy: over(rows, 1), mean_token_accuracy: over(chosen, 2) }
}

function describePairs(logps: Float32Array, { refChosen, refRejected }: Batch, { beta, more }: PairObjective) {
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
  check(kind, options, batchSize, objective)
  return training(startState(kind, { policy: params }, { policy: optimiser.init(params) }, Random.seed(options.seed ?? 0)), async function* (own) {
    const reference = own.state.step < steps ? await logpsOf(pairs, objective) : undefined, places = pairs.map((_, i) => i)
    while (own.state.step < steps) {
      const { state } = own, t = state.step, random = Random.resume(state.random), epoch = Math.floor(t / perEpoch), first = (t % perEpoch) * batchSize
      const order = shuffle ? batchesByLength(places, batchSize, i => pairLength(pairs[i]), random.split(`epoch ${epoch}`)) : places, rows = order.slice(first, first + batchSize)
      const batch = prepare(rows.map(i => pairs[i]), ...sides(reference, rows), objective), dropout = random.split(`step ${t}`)
      const { value, grads, aux } = valueAndGrads(weights => lossOf(weights, config, batch, objective, dropout), state.models.policy)
      const loss = value.dataSync()[0], logps = aux.logps.dataSync<'float32'>(), nll = aux.nll.dataSync()[0], report = aux.report.dataSync<'float32'>()
      tf.dispose([value, ...Object.values(aux)])
      assertFinite('loss', t + 1, loss)
      const learning_rate = schedule(t), grad_norm = applyGradients(state, 'policy', (p, s) => optimiser.update(grads, s, p, learning_rate), grads)
      state.step = t + 1
      const likelihood = objective.nllWeight === undefined ? {} : { nll_loss: nll }
      yield { step: t + 1, loss, ...likelihood, ...describePairs(logps, batch, objective), ...describeTokens(report, batch), grad_norm, learning_rate, epoch: (t + 1) / perEpoch } as M & PairwiseMetrics
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
