import type * as tfjs from '@tensorflow/tfjs'
import type { PairLengths, PairLogps } from '../loss/pairs'
import type { ModelConfig } from '../model/config'
import { drops, scoredInputs } from '../model/inputs'
import type { ScoredInputs } from '../model/inputs'
import { scoredLogits } from '../model/logps'
import { adamw } from '../model/optimiser'
import { packedInputs, packingRoom } from '../model/packedInputs'
import type { LanguageModel, Params } from '../model/params'
import { constantSchedule } from '../model/schedules'
import { tf } from '../tensor/backend'
import { stopGradient } from '../tensor/gradients'
import { hostRows } from '../tensor/host'
import type { HostTensor, OnDevice } from '../tensor/host'
import { jitWorks } from '../tensor/jit'
import { entropies, gatherLogps } from '../tensor/logprobs'
import { Random } from '../tensor/random'
import { batchesByLength } from './batches'
import type { EpochOptions } from './options'
import { checkTokenPairs, pairBatch, pairLength, pairReference } from './pairs'
import type { PairReference, TokenPair } from './pairs'
import { sumByRow } from './responses'
import { startState, training } from './training'
import type { Training } from './training'
import { update } from './update'

/** What every trainer of pairs takes: batches of 32 pairs of similar length and a rate of 1e-4 unless said otherwise. */
export interface PairwiseOptions extends EpochOptions {
  /** What to train; its weights stay as they are, the trained ones are `training.state.models.policy`. */
  readonly model: LanguageModel
  readonly pairs: readonly TokenPair[]
  /** Pieces of a batch that go through the model side by side, one a core (default 1). The loss sees the whole batch. */
  readonly shards?: number
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
interface Inputs {
  readonly shards: Readonly<Record<string, Shard>>
  readonly lengths: { readonly chosen: Float32Array, readonly rejected: Float32Array }
  readonly refChosen: Float32Array
  readonly refRejected: Float32Array
}

/** The pairs of a batch that go through the model together; rows of [2B, t − 1] are as wide as the prepared batch. */
type Shard = {
  readonly batch: ScoredInputs
  /** What each token's log-prob counts in its response's. */
  readonly weights: HostTensor<[number, number]>
  /** Share of each token in the chosen responses' likelihood. */
  readonly nllShares?: HostTensor<[number, number]>
  /** Share of each token in its response. */
  readonly ownShares?: HostTensor<[number, number]>
}

/** Which tokens of a shard the output head runs on, and which are responses'. */
interface Tokens { readonly scored: readonly Int32Array[]; readonly responseMask: readonly Int32Array[] }

/** A batch on the host: what goes into the step, and what is needed to read its report. */
interface Prepared { readonly inputs: Inputs; readonly parts: readonly Tokens[] }

/** How batches of a run are laid out. */
interface Layout {
  /** Tokens of the longest pair. */
  readonly longest: number
  /** Tokens of a packed row; undefined: padded rows, since they are as good or dropout is on. */
  readonly room?: number
}

const total = (rows: readonly Int32Array[]) => rows.reduce((sum, row) => sum + row.reduce((a, b) => a + b, 0), 0)
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)

/** batches: those of the first epoch, as indices. */
function layoutOf(config: ModelConfig, pairs: readonly TokenPair[], batches: readonly (readonly number[])[]): Layout {
  const longest = pairs.reduce((most, pair) => Math.max(most, pairLength(pair)), 0)
  const sizes = (key: number) => [pairs[key].chosen, pairs[key].rejected].map(response => ({ prompt: pairs[key].prompt.ids.length, response: response.length, key }))
  return { longest, room: drops(config, Random.seed(0)) ? undefined : packingRoom(config, batches.slice(0, 16).map(batch => batch.flatMap(sizes)), longest) }
}

/** shards: the pairs of each. */
function prepare(config: ModelConfig, shards: readonly (readonly TokenPair[])[], [refChosen, refRejected]: readonly [Float32Array, Float32Array], objective: PairObjective, random: Random, { longest, room }: Layout): Prepared {
  const { ldAlpha, nllWeight, nllOnPrompt = false, onPolicyWeights } = objective
  const parts = shards.map(pairs => {
    const { tokens, mask, responseMask, weights } = pairBatch(pairs, ldAlpha), n = pairs.length
    // the output head runs on the responses' tokens, and on the prompts' where the likelihood covers them
    const scored = nllOnPrompt ? mask.map((row, i) => i < n ? row.map((m, j) => j === 0 ? 0 : m) : responseMask[i]) : responseMask
    return { n, tokens, mask, responseMask, weights, scored, promptLengths: [...pairs, ...pairs].map(({ prompt }) => prompt.ids.length) }
  })
  const batches = room === undefined ? parts.map(({ tokens, mask, scored }) => scoredInputs(config, tokens, { mask, responseMask: scored, random, fewShapes: jitWorks() && longest }))
    : packedInputs(config, parts.map(part => ({ ...part, responseMask: part.scored })), { room, fewShapes: jitWorks() })
  const all = sum(parts.map(({ scored, n }) => total(scored.slice(0, n)))), lengths = (side: 'chosen' | 'rejected') => Float32Array.from(shards.flat(), pair => pair[side].length)
  const shard = ({ n, mask, responseMask, weights, scored }: typeof parts[number], batch: ScoredInputs): Shard => {
    const columns = batch.scoredMask.shape[1], rows = (f: (i: number) => ArrayLike<number>) => hostRows(mask.map((_, i) => f(i)), columns)
    return {
      batch, weights: hostRows(weights, columns),
      ...nllWeight !== undefined && { nllShares: rows(i => i < n ? Float32Array.from(scored[i].subarray(1), s => s / all) : []) },
      ...onPolicyWeights && { ownShares: rows(i => Float32Array.from(responseMask[i].subarray(1), s => s / total([responseMask[i]]))) },
    }
  }
  return { parts, inputs: { shards: Object.fromEntries(parts.map((part, k) => [k, shard(part, batches[k])])), lengths: { chosen: lengths('chosen'), rejected: lengths('rejected') }, refChosen, refRejected } }
}

/** What a shard tells: log-probs of its chosen and its rejected responses, [B] each, and what else was asked for. */
function shardOf(params: Params, config: ModelConfig, { batch, weights, nllShares, ownShares }: OnDevice<Shard>) {
  const { logits, targets, back } = scoredLogits(params, config, batch), each = gatherLogps(logits, targets), spread = back(each)
  const sides = (x: tfjs.Tensor2D, shares: tfjs.Tensor2D) => tf.split<tfjs.Tensor1D>(tf.sum<tfjs.Tensor1D>(tf.mul(x, shares), 1), 2)
  const hits = tf.cast(tf.equal(tf.argMax(logits, 1), tf.cast(targets, 'int32')), 'float32')
  return {
    sums: sides(spread, weights), ratios: ownShares && sides(back(onPolicyRatios(logits, each)), ownShares),
    nll: nllShares && tf.neg(tf.sum<tfjs.Scalar>(tf.mul(spread, nllShares))), report: tf.stack([tf.mean(logits, 1), entropies(logits), hits]),
  }
}

/** The loss of a batch, and what is reported of it. Chosen and rejected go through the model together. */
const objectiveOf = (config: ModelConfig, { loss, averaged = false, nllWeight = 0 }: PairObjective) => (params: Params, inputs: OnDevice<Inputs>) => {
  const { shards, lengths, refChosen, refRejected } = inputs, n = refChosen.shape[0], parts = Object.values(shards).map(shard => shardOf(params, config, shard))
  const joined = (lists: readonly tfjs.Tensor1D[]) => lists.length > 1 ? tf.concat1d([...lists]) : lists[0], side = (k: 0 | 1) => joined(parts.map(({ sums }) => sums[k]))
  const [chosen, rejected] = averaged ? [tf.div<tfjs.Tensor1D>(side(0), lengths.chosen), tf.div<tfjs.Tensor1D>(side(1), lengths.rejected)] : [side(0), side(1)]
  const values = loss({ chosen, rejected, refChosen, refRejected, lengths })
  if (values.shape.join() !== `${n}`) throw new Error(`loss: expected one value a pair, [${n}], got [${values.shape.join(', ')}]; leave the mean to the trainer`)
  const ratios = parts.every(part => part.ratios) ? [0, 1].map(k => joined(parts.map(part => part.ratios![k]))) as [tfjs.Tensor1D, tfjs.Tensor1D] : undefined
  const pairs = tf.mean<tfjs.Scalar>(ratios ? tf.mul(values, onPolicyWeights(...ratios)) : values), nll = parts.every(part => part.nll) ? tf.addN(parts.map(part => part.nll!)) : undefined
  return {
    loss: nll ? tf.add<tfjs.Scalar>(pairs, tf.mul(nll, nllWeight)) : pairs,
    aux: { logps: tf.concat1d([chosen, rejected]), ...nll && { nll }, ...Object.fromEntries(parts.map(({ report }, k) => [`report ${k}`, report])) } as Aux,
  }
}

/** What a step reports; of each shard [3, n] beside it, as 'report 0' and so on. */
type Aux = { readonly logps: tfjs.Tensor, readonly nll?: tfjs.Tensor } & Readonly<Record<string, tfjs.Tensor>>

/** log π(y_t) − log Σ_v π(v)² of each scored token, [n]. */
const onPolicyRatios = (logits: tfjs.Tensor2D, logps: tfjs.Tensor1D): tfjs.Tensor1D =>
  tf.sub(logps, tf.sub(tf.logSumExp(tf.mul(logits, 2), 1), tf.mul(tf.logSumExp(logits, 1), 2)))

/** WPO's weight of each pair, both responses' multiplied, of their mean ratios [B]; no gradient follows.  Zhou 2024, arXiv:2406.11827 eq. 2 */
const onPolicyWeights = (chosen: tfjs.Tensor1D, rejected: tfjs.Tensor1D): tfjs.Tensor1D => stopGradient(tf.exp(tf.add<tfjs.Tensor1D>(chosen, rejected)))

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length

/** Means over response tokens of what the shards' reports say of each scored one. */
function describeTokens(aux: Readonly<Record<string, Float32Array>>, parts: readonly Tokens[]) {
  const sides = parts.map(({ scored, responseMask }, k) => sumByRow(aux[`report ${k}`], 3, scored, responseMask)), half = (rows: number[][]) => rows.length / 2
  const chosen = sides.flatMap(rows => rows.slice(0, half(rows))), rejected = sides.flatMap(rows => rows.slice(half(rows)))
  const over = (side: number[][], k: number) => sum(side.map(row => row[k])) / sum(side.map(row => row[3]))
  return { 'logits/chosen': over(chosen, 0), 'logits/rejected': over(rejected, 0), entropy: over([...chosen, ...rejected], 1), mean_token_accuracy: over(chosen, 2) }
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
  const { model: { config, params }, pairs, batchSize = 32, shards = 1, optimiser = adamw({ lr: 1e-4, maxGradNorm: 1 }), shuffle = true } = options
  const schedule = options.schedule ?? constantSchedule({ lr: 1e-4 }), perEpoch = Math.ceil(pairs.length / batchSize), steps = options.steps ?? perEpoch
  check(kind, options, batchSize, objective)
  const step = objectiveOf(config, objective), places = pairs.map((_, i) => i)
  /** The batches of an epoch. */
  const batchesOf = (stream: Random, epoch: number) => {
    const order = shuffle ? batchesByLength(places, batchSize, i => pairLength(pairs[i]), stream.split(`epoch ${epoch}`)) : places
    return Array.from({ length: perEpoch }, (_, k) => order.slice(k * batchSize, (k + 1) * batchSize))
  }
  const layout = layoutOf(config, pairs, batchesOf(Random.seed(options.seed ?? 0), 0))
  return training(startState(kind, { policy: params }, { policy: optimiser.init(params) }, Random.seed(options.seed ?? 0)), async function* (own) {
    const reference = own.state.step < steps ? await logpsOf(pairs, objective) : undefined
    while (own.state.step < steps) {
      const { state } = own, t = state.step, random = Random.resume(state.random), epoch = Math.floor(t / perEpoch), taken = batchesOf(random, epoch)[t % perEpoch]
      // every so manieth pair: shards of similar length
      const split = Array.from({ length: Math.min(shards, taken.length) }, (_, k) => taken.filter((_, i) => i % shards === k)), rows = split.flat()
      const learning_rate = schedule(t), { inputs, parts } = prepare(config, split.map(some => some.map(i => pairs[i])), sides(reference, rows), objective, random.split(`step ${t}`), layout)
      const { loss, gradNorm: grad_norm, aux } = update(state, { role: 'policy', optimiser, learningRate: learning_rate, objective: step, sideBySide: shards > 1, inputs })
      state.step = t + 1
      const likelihood = aux.nll ? { nll_loss: aux.nll[0] } : {}
      yield { step: t + 1, loss, ...likelihood, ...describePairs(aux.logps, inputs, objective), ...describeTokens(aux, parts), grad_norm, learning_rate, epoch: (t + 1) / perEpoch } as M & PairwiseMetrics
    }
  }, given)
}

const isModel = (reference: LanguageModel | PairReference): reference is LanguageModel => 'params' in reference

async function logpsOf(pairs: readonly TokenPair[], { reference, ldAlpha }: PairObjective): Promise<PairReference | undefined> {
  return reference && isModel(reference) ? pairReference(reference, pairs, ldAlpha) : reference
}

const sides = (reference: PairReference | undefined, rows: readonly number[]): [Float32Array, Float32Array] =>
  [Float32Array.from(rows, i => reference?.chosen[i] ?? 0), Float32Array.from(rows, i => reference?.rejected[i] ?? 0)]

function check(kind: string, { model, pairs, steps = 1, shards = 1 }: PairwiseOptions, batchSize: number, { beta, reference, nllWeight = 0, ldAlpha = 1 }: PairObjective): void {
  for (const [name, value] of Object.entries({ steps, batchSize, shards })) {
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
