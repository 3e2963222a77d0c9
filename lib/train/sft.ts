import type * as tfjs from '@tensorflow/tfjs'
import { nll } from '../loss/nll'
import type { TokenLoss } from '../loss/nll'
import type { ModelConfig } from '../model/config'
import { scoredInputs } from '../model/inputs'
import type { ScoredInputs } from '../model/inputs'
import { scoredLogits } from '../model/logps'
import { adamw } from '../model/optimiser'
import type { Params } from '../model/params'
import { constantSchedule } from '../model/schedules'
import { tf } from '../tensor/backend'
import type { OnDevice } from '../tensor/host'
import { entropies } from '../tensor/logprobs'
import { jitWorks } from '../tensor/jit'
import { Random } from '../tensor/random'
import type { EpochOptions } from './options'
import { startState, training } from './training'
import type { Training } from './training'
import { updateInPieces } from './update'

/** A text to imitate: its tokens, of which the first `promptLength` are given and not learnt (see promptAndResponse). */
export interface Example { readonly ids: readonly number[]; readonly promptLength: number }

/** Batches of 32 examples and a rate of 1e-3 unless said otherwise. */
export interface SftOptions extends EpochOptions {
  /** What to train; its weights stay as they are, the trained ones are `training.state.models.policy`. */
  readonly model: { readonly config: ModelConfig, readonly params: Params }
  readonly examples: readonly Example[]
  /** Pieces of a batch, one after the other, whose gradients are summed (default 1): the same step in less memory. */
  readonly accumulate?: number
  /** Pieces of a batch side by side in one step, each on a core of its own (default 1); not with `accumulate`. */
  readonly shards?: number
  /** Loss of a token (default: its negative log-likelihood). */
  readonly loss?: TokenLoss
}

/** One record a step, named as TRL's SFTTrainer names them. */
export interface SftMetrics {
  /** From 1. */
  readonly step: number
  /** Mean over all response tokens of the step, nats. */
  readonly loss: number
  /** Share of response tokens that the model ranks first. */
  readonly mean_token_accuracy: number
  /** Mean entropy of the model's distribution at response tokens, nats. */
  readonly entropy: number
  /** Before clipping. */
  readonly grad_norm: number
  readonly learning_rate: number
  /** Tokens read so far, prompts included. */
  readonly num_tokens: number
  readonly epoch: number
}

/** Examples as a batch, padded on the right with id 0, which the mask hides. */
export function padExamples(examples: readonly Example[]): { tokens: Int32Array[], mask: Int32Array[], responseMask: Int32Array[] } {
  const longest = Math.max(...examples.map(e => e.ids.length))
  const rows = (f: (e: Example, j: number) => number) => examples.map(e => Int32Array.from({ length: longest }, (_, j) => j < e.ids.length ? f(e, j) : 0))
  return { tokens: rows((e, j) => e.ids[j]), mask: rows(() => 1), responseMask: rows((e, j) => Number(j >= e.promptLength)) }
}

/** How many tokens of an example are scored: those of the response, and never the first of all, which nothing predicts. */
const scored = ({ ids, promptLength }: Example) => ids.length - Math.max(1, promptLength)

/**
 * Supervised fine-tuning: minimises the mean over response tokens of −log π(y_t | x, y_<t).  Ouyang 2022, arXiv:2203.02155 §3.5
 * Every epoch takes the examples in a new order that the seed decides. Stops with an error at the first loss or gradient that is not finite.
 */
export function sft(options: SftOptions): Training<SftMetrics> {
  const { model: { config, params }, examples, batchSize = 32, accumulate = 1, shards = 1, optimiser = adamw({ lr: 1e-3, maxGradNorm: 1 }), loss = nll, shuffle = true } = options
  const schedule = options.schedule ?? constantSchedule({ lr: 1e-3 }), perEpoch = Math.ceil(examples.length / batchSize), steps = options.steps ?? perEpoch
  const objective = objectiveOf(config, loss)
  check(options, batchSize, accumulate, shards)
  return training(startState('sft', { policy: params }, { policy: optimiser.init(params) }, Random.seed(options.seed ?? 0), { num_tokens: 0 }), function* (own) {
    while (own.state.step < steps) {
      const { state } = own, t = state.step, random = Random.resume(state.random), epoch = Math.floor(t / perEpoch), first = (t % perEpoch) * batchSize
      const order = shuffle ? random.split(`epoch ${epoch}`).shuffle(examples) : examples, batch = order.slice(first, first + batchSize)
      const size = Math.ceil(batch.length / Math.max(accumulate, shards)), pieces = Array.from({ length: Math.ceil(batch.length / size) }, (_, i) => batch.slice(i * size, (i + 1) * size))
      const tokens = batch.reduce((n, e) => n + scored(e), 0), dropout = random.split(`step ${t}`)
      const learning_rate = schedule(t), done = updateInPieces(state, { role: 'policy', optimiser, learningRate: learning_rate, objective, together: shards > 1 || undefined, pieces: pieces.map(piece => prepare(config, piece, tokens, dropout)) })
      const mean = (name: 'entropy' | 'hits') => done.aux.reduce((sum, piece) => sum + piece[name][0], 0) / tokens
      const num_tokens = (state.more as { num_tokens: number }).num_tokens + batch.reduce((n, e) => n + e.ids.length, 0)
      state.more = { num_tokens }
      state.step = t + 1
      yield { step: t + 1, loss: done.loss, mean_token_accuracy: mean('hits'), entropy: mean('entropy'), grad_norm: done.gradNorm, learning_rate, num_tokens, epoch: (t + 1) / perEpoch }
    }
  }, options)
}

/** A piece of a batch: all tokens that are scored in the whole of it count. */
interface Piece { readonly batch: ScoredInputs, readonly tokens: number }

/** Σ loss / tokens of a piece, so that the pieces add up to the mean over the step's response tokens; beside it what is reported. */
const objectiveOf = (config: ModelConfig, tokenLoss: TokenLoss) => (weights: Params, { batch, tokens }: OnDevice<Piece>) => {
  const { logits, targets, total } = scoredLogits(weights, config, batch)
  const hits = tf.cast<tfjs.Tensor1D>(tf.equal<tfjs.Tensor1D>(tf.argMax<tfjs.Tensor1D>(logits, 1), targets), 'float32')
  return { loss: tf.div<tfjs.Scalar>(total(tokenLoss(logits, targets)), tokens), aux: { entropy: total(entropies(logits)), hits: total(hits) } }
}

function prepare(config: ModelConfig, piece: readonly Example[], tokens: number, random: Random): Piece {
  const { tokens: ids, mask, responseMask } = padExamples(piece)
  return { batch: scoredInputs(config, ids, { mask, responseMask, random, fewShapes: jitWorks() }), tokens }
}

function check({ examples, steps = 1 }: SftOptions, batchSize: number, accumulate: number, shards: number): void {
  if (examples.length === 0) throw new Error('sft: no examples')
  for (const [name, value] of Object.entries({ steps, batchSize, accumulate, shards })) {
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name}: expected a positive integer, got ${value}`)
  }
  if (accumulate > 1 && shards > 1) throw new RangeError(`sft: accumulate ${accumulate} takes the pieces of a batch one after the other, shards ${shards} side by side; give one of them`)
  examples.forEach((e, i) => {
    if (!(Number.isSafeInteger(e.promptLength) && e.promptLength >= 0 && scored(e) > 0)) throw new Error(`sft: example ${i} has ${e.ids.length} tokens and a prompt of ${e.promptLength}: nothing to learn`)
  })
}
