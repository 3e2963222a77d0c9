import type * as tfjs from '@tensorflow/tfjs'
import { rewardModelLoss } from '../loss/rewardModel'
import { sequenceScores } from '../model/heads'
import type { ModelConfig } from '../model/config'
import { sequenceInputs } from '../model/inputs'
import type { SequenceInputs } from '../model/inputs'
import { adamw } from '../model/optimiser'
import type { Params } from '../model/params'
import { constantSchedule } from '../model/schedules'
import { padSequences } from '../reward/rewardModel'
import { tf } from '../tensor/backend'
import type { OnDevice } from '../tensor/host'
import { jitWorks } from '../tensor/jit'
import { Random } from '../tensor/random'
import type { EpochOptions } from './options'
import { startState, training } from './training'
import type { Training } from './training'
import { update } from './update'

/** Two whole sequences (prompt and response) of which the first was preferred; `margin`: how far apart they should be (default 0). */
export interface RewardPair { readonly chosen: ArrayLike<number>; readonly rejected: ArrayLike<number>; readonly margin?: number }

/** Batches of 16 pairs and a rate of 1e-3 unless said otherwise. */
export interface RewardModelOptions extends EpochOptions {
  /** A trunk with a scalar head (see withScoreHead); its weights stay as they are, the trained ones are `training.state.models.reward`. */
  readonly model: { readonly config: ModelConfig, readonly params: Params }
  readonly pairs: readonly RewardPair[]
  /** Weight of (r_w + r_l)² in the loss (default 0); 0.01 keeps rewards around 0. */
  readonly centring?: number
}

/** One record a step, named as TRL's RewardTrainer names them; of the step's pairs, before the update. */
export interface RewardModelMetrics {
  /** From 1. */
  readonly step: number
  /** Mean over the pairs, nats. */
  readonly loss: number
  /** Share of pairs whose chosen reward is the higher one. */
  readonly accuracy: number
  /** Mean of r_w − r_l. */
  readonly margin: number
  readonly min_reward: number
  readonly mean_reward: number
  readonly max_reward: number
  /** Before clipping. */
  readonly grad_norm: number
  readonly learning_rate: number
  readonly epoch: number
}

/**
 * Reward modelling: minimises the mean of {@link rewardModelLoss} over pairs.  Ouyang 2022, arXiv:2203.02155 §3.5; Stiennon 2020, arXiv:2009.01325
 * Every epoch takes the pairs in a new order that the seed decides. Stops with an error at the first loss or gradient that is not finite.
 */
export function rewardModel(options: RewardModelOptions): Training<RewardModelMetrics> {
  const { model: { config, params }, pairs, batchSize = 16, centring = 0, optimiser = adamw({ lr: 1e-3, maxGradNorm: 1 }), shuffle = true } = options
  const schedule = options.schedule ?? constantSchedule({ lr: 1e-3 }), perEpoch = Math.ceil(pairs.length / batchSize), steps = options.steps ?? perEpoch
  const objective = objectiveOf(config, centring)
  check(options, batchSize)
  return training(startState('rewardModel', { reward: params }, { reward: optimiser.init(params) }, Random.seed(options.seed ?? 0)), function* (own) {
    while (own.state.step < steps) {
      const { state } = own, t = state.step, random = Random.resume(state.random), epoch = Math.floor(t / perEpoch), first = (t % perEpoch) * batchSize
      const order = shuffle ? random.split(`epoch ${epoch}`).shuffle(pairs) : pairs, batch = order.slice(first, first + batchSize)
      const learning_rate = schedule(t), inputs = prepare(config, batch, random.split(`step ${t}`))
      const { loss, gradNorm, aux } = update(state, { role: 'reward', optimiser, learningRate: learning_rate, objective, inputs })
      state.step = t + 1
      yield { step: t + 1, loss, ...describe(aux.scores), grad_norm: gradNorm, learning_rate, epoch: (t + 1) / perEpoch }
    }
  }, options)
}

type Rewards = Pick<RewardModelMetrics, 'accuracy' | 'margin' | 'min_reward' | 'mean_reward' | 'max_reward'>

/** Chosen sequences, then as many rejected ones, and by how much each pair should differ. */
interface Batch { readonly batch: SequenceInputs, readonly margin?: Float32Array }

/** The mean loss of a batch, whose chosen and rejected sequences go through the model together. */
const objectiveOf = (config: ModelConfig, centring: number) => (weights: Params, { batch, margin }: OnDevice<Batch>) => {
  const scores = sequenceScores(weights, config, batch), [chosen, rejected] = tf.split<tfjs.Tensor1D>(scores, 2)
  return { loss: tf.mean<tfjs.Scalar>(rewardModelLoss(chosen, rejected, { margin, centring })), aux: { scores } }
}

function prepare(config: ModelConfig, pairs: readonly RewardPair[], random: Random): Batch {
  const { tokens, mask } = padSequences([...pairs.map(p => p.chosen), ...pairs.map(p => p.rejected)])
  return { batch: sequenceInputs(config, tokens, { mask, random, fewShapes: jitWorks() }), margin: pairs.some(p => p.margin) ? Float32Array.from(pairs, p => p.margin ?? 0) : undefined }
}

/** What TRL reports of rewards, chosen ones first. */
function describe(scores: Float32Array): Rewards {
  const n = scores.length / 2, mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const margins = Array.from({ length: n }, (_, i) => scores[i] - scores[n + i])
  return {
    accuracy: mean(margins.map(m => Number(m > 0))), margin: mean(margins),
    min_reward: Math.min(...scores), mean_reward: mean([...scores]), max_reward: Math.max(...scores),
  }
}

function check({ model, pairs, steps = 1 }: RewardModelOptions, batchSize: number): void {
  if (pairs.length === 0) throw new Error('rewardModel: no pairs')
  if (!('score.weight' in model.params)) throw new Error('rewardModel: score.weight is missing; give the model a scalar head with withScoreHead')
  for (const [name, value] of Object.entries({ steps, batchSize })) {
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name}: expected a positive integer, got ${value}`)
  }
  pairs.forEach(({ chosen, rejected, margin = 0 }, i) => {
    if (chosen.length === 0 || rejected.length === 0) throw new Error(`rewardModel: pair ${i} has an empty sequence`)
    if (!(margin >= 0 && margin < Infinity)) throw new RangeError(`rewardModel: pair ${i} has a margin of ${margin}, expected a number from 0 on`)
  })
}
