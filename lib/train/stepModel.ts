import { binaryCrossEntropy } from '../loss/binary'
import type { ModelConfig } from '../model/config'
import { tokenValues } from '../model/heads'
import { batchInputs } from '../model/inputs'
import type { BatchInputs } from '../model/inputs'
import { adamw } from '../model/optimiser'
import type { LanguageModel, Params } from '../model/params'
import { constantSchedule } from '../model/schedules'
import { padSequences } from '../reward/rewardModel'
import type { StepLabel } from '../reward/process'
import { hostRows } from '../tensor/host'
import type { HostTensor, OnDevice } from '../tensor/host'
import { meanPerToken } from '../tensor/masked'
import { Random } from '../tensor/random'
import type { EpochOptions } from './options'
import { startState, training } from './training'
import type { Training } from './training'
import { update } from './update'

/** A whole sequence (prompt and response) with labels at some of its tokens: one at the last (outcome), or one at the end of each step (process). `at` counts from the sequence's first token. */
export interface LabelledSequence { readonly ids: ArrayLike<number>; readonly labels: readonly StepLabel[] }

/** Batches of 32 sequences and a rate of 1e-3 unless said otherwise. */
export interface StepModelOptions extends EpochOptions {
  /** A trunk with a scalar head (see withScoreHead); its weights stay as they are, the trained ones are `training.state.models.reward`. */
  readonly model: LanguageModel
  readonly examples: readonly LabelledSequence[]
}

/** One record a step; of the step's labels, before the update. */
export interface StepModelMetrics {
  /** From 1. */
  readonly step: number
  /** Mean over the labels, nats. */
  readonly loss: number
  /** Share of labels on whose side the model is. */
  readonly accuracy: number
  /** Labels seen so far. */
  readonly num_labels: number
  /** Before clipping. */
  readonly grad_norm: number
  readonly learning_rate: number
  readonly epoch: number
}

/**
 * Outcome and process reward models: the scalar head as the logit of "right so far", trained by {@link binaryCrossEntropy} averaged over all
 * labels of the batch. An outcome model (ORM) is given one label a sequence, at its end; a process model (PRM) one a step.
 * Cobbe 2021, arXiv:2110.14168; Lightman 2023, arXiv:2305.20050
 * Stops with an error at the first loss or gradient that is not finite.
 */
export function stepModel(options: StepModelOptions): Training<StepModelMetrics> {
  const { model: { config, params }, examples, batchSize = 32, optimiser = adamw({ lr: 1e-3, maxGradNorm: 1 }), schedule = constantSchedule({ lr: 1e-3 }), shuffle = true } = options
  const perEpoch = Math.ceil(examples.length / batchSize), steps = options.steps ?? perEpoch
  const objective = objectiveOf(config)
  check(options, batchSize)
  return training(startState('stepModel', { reward: params }, { reward: optimiser.init(params) }, Random.seed(options.seed ?? 0), { num_labels: 0 }), function* (own) {
    while (own.state.step < steps) {
      const { state } = own, t = state.step, epoch = Math.floor(t / perEpoch), first = (t % perEpoch) * batchSize
      const order = shuffle ? Random.resume(state.random).split(`epoch ${epoch}`).shuffle(examples) : examples, batch = order.slice(first, first + batchSize)
      const learning_rate = schedule(t), inputs = prepare(config, batch), { loss, gradNorm, aux } = update(state, { role: 'reward', optimiser, learningRate: learning_rate, objective, inputs })
      const columns = inputs.labels.shape[1], right = batch.flatMap((e, i) => e.labels.map(l => Number(aux.logits[i * columns + l.at] > 0) === l.label))
      const num_labels = (state.more as { num_labels: number }).num_labels + batch.reduce((n, e) => n + e.labels.length, 0)
      state.more = { num_labels }
      state.step = t + 1
      yield { step: t + 1, loss, accuracy: right.filter(r => r).length / right.length, num_labels, grad_norm: gradNorm, learning_rate, epoch: (t + 1) / perEpoch }
    }
  }, options)
}

/** Labels and where they stand, both [b, t]. */
interface Inputs { readonly batch: BatchInputs; readonly labels: HostTensor<[number, number]>; readonly counted: HostTensor<[number, number]> }

const objectiveOf = (config: ModelConfig) => (weights: Params, { batch, labels, counted }: OnDevice<Inputs>) => {
  const logits = tokenValues(weights, config, batch)
  return { loss: meanPerToken(binaryCrossEntropy(logits, labels), counted), aux: { logits } }
}

function prepare(config: ModelConfig, examples: readonly LabelledSequence[]): Inputs {
  const { tokens, mask } = padSequences(examples.map(e => e.ids)), batch = batchInputs(config, tokens, { mask, fewShapes: true }), columns = batch.ids.shape[1]
  const grid = (f: (l: StepLabel) => number) => hostRows(examples.map(({ labels }) => { const row = new Float32Array(columns); labels.forEach(l => { row[l.at] = f(l) }); return row }), columns)
  return { batch, labels: grid(l => l.label), counted: grid(() => 1) }
}

function check({ model, examples, steps = 1 }: StepModelOptions, batchSize: number): void {
  if (examples.length === 0) throw new Error('stepModel: no examples')
  if (!('score.weight' in model.params)) throw new Error('stepModel: score.weight is missing; give the model a scalar head with withScoreHead')
  for (const [name, value] of Object.entries({ steps, batchSize })) {
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name}: expected a positive integer, got ${value}`)
  }
  examples.forEach(({ ids, labels }, i) => {
    if (labels.length === 0) throw new Error(`stepModel: example ${i} has no label`)
    const bad = labels.find(l => !(Number.isSafeInteger(l.at) && l.at >= 0 && l.at < ids.length) || (l.label !== 0 && l.label !== 1))
    if (bad) throw new RangeError(`stepModel: example ${i} of ${ids.length} tokens has the label ${bad.label} at ${bad.at}; expected 0 or 1 at a token of it`)
  })
}
