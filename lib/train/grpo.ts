import type * as tfjs from '@tensorflow/tfjs'
import type { PolicyBatch } from '../loss/clipped'
import { k3Penalty } from '../loss/klPenalty'
import { like } from '../loss/tokens'
import { shapeOf } from '../model/config'
import type { ModelConfig } from '../model/config'
import { scoredInputs } from '../model/inputs'
import type { ScoredInputs } from '../model/inputs'
import { tokenLogpsAndEntropies } from '../model/logps'
import { adamw } from '../model/optimiser'
import type { Optimiser } from '../model/optimiser'
import type { LanguageModel, Params } from '../model/params'
import { constantSchedule } from '../model/schedules'
import type { Schedule } from '../model/schedules'
import { k3 } from '../reward/kl'
import { applyReward } from '../reward/reward'
import type { Reward, Scored } from '../reward/reward'
import { padResponses, responseLogps } from '../rollout/evaluate'
import type { PromptTokens } from '../rollout/evaluate'
import { rollout } from '../rollout/rollout'
import type { Rollout } from '../rollout/rollout'
import { tf } from '../tensor/backend'
import { hostRows, toTensors } from '../tensor/host'
import type { HostTensor, OnDevice } from '../tensor/host'
import { Random } from '../tensor/random'
import { clipMetrics, groupMetrics } from './grpoBatch'
import type { ScoredRollout } from './grpoBatch'
import { GRPO } from './grpoVariants'
import type { GrpoVariant } from './grpoVariants'
import { startState, training } from './training'
import type { TrainState, Training } from './training'
import { updateInPieces } from './update'

/** What GRPO is given; of the variant ({@link GRPO}, DAPO, DR_GRPO …) every part can be replaced: `grpo({ ...DR_GRPO, reduce: GRPO.reduce, … })`. */
export interface GrpoOptions<P extends PromptTokens> extends Partial<GrpoVariant> {
  /** What to train; its weights stay as they are, the trained ones are `training.state.models.policy`. */
  readonly policy: LanguageModel
  readonly prompts: readonly P[]
  /** A verifier, a reward model, or several of them by combineRewards. */
  readonly reward: Reward<P>
  /** Optimiser steps; a rollout serves `minibatches` · `iterations` of them. */
  readonly steps: number
  /** Prompts a rollout (default 8), and responses to each (default 8). */
  readonly groups?: number
  readonly groupSize?: number
  /** Pieces of a rollout, a step each (default 1), and how often all are gone through (default 1). */
  readonly minibatches?: number
  readonly iterations?: number
  /** Pieces of a step's responses that go through the model one after the other, their gradients summed: the same step in less memory (default 1). The reduction must be linear in the losses, as all of the family are. */
  readonly accumulate?: number
  /** Pieces of a step's responses that go through the model side by side, one a core (default 1). The loss sees all of them. */
  readonly shards?: number
  /** Weight of the k3 penalty against the frozen reference (default 0). Above 0 it needs `reference`. */
  readonly beta?: number
  readonly reference?: LanguageModel
  /** Multiplies the penalty by the importance ratio, as TRL does by default (default false); see k3Penalty. */
  readonly biasCorrection?: boolean
  /** Leaves groups without spread out of the update, so that they do not dilute it (default false). */
  readonly filterZeroSpread?: boolean
  /** Rollouts at most until there are `groups` groups with spread (default 1): DAPO's dynamic sampling. */
  readonly maxRounds?: number
  /** Leaves responses that were cut off out of the loss, not out of the statistics of their group (default false): DAPO's overlong filtering. */
  readonly maskTruncated?: boolean
  readonly maxNewTokens: number
  readonly stopTokens: readonly number[]
  readonly temperature?: number
  /** Responses to prompts, one each, in place of the library's sampling: an environment, tools, given texts. logpOld must be the policy's. */
  readonly sample?: (policy: LanguageModel, prompts: readonly P[], random: Random) => Rollout<P>[]
  /** More figures of each rollout for the records, such as gold rewards. */
  readonly measure?: (responses: readonly ScoredRollout<P>[]) => Readonly<Record<string, number>>
  /** Default: AdamW, weight decay 0, gradients clipped to norm 1, at a constant rate of 5e-4. */
  readonly optimiser?: Optimiser
  readonly schedule?: Schedule
  /** Seed of the order of prompts, of sampling and of minibatches (default 0). False as shuffle takes the prompts as they come. */
  readonly seed?: number
  readonly shuffle?: boolean
}

/**
 * One record a step, named as TRL's GRPOTrainer names them, with `rewards/<name>/mean` and `/std` for each part of the reward and what `measure`
 * adds. Those of the rollout stand in the record of every step that uses it.
 */
export interface GrpoMetrics {
  /** Optimiser steps, from 1. */
  readonly step: number
  readonly loss: number
  /** Mean and unbiased standard deviation of the rewards of the rollout, before filtering. */
  readonly reward: number
  readonly reward_std: number
  /** Share of groups whose rewards are all equal. */
  readonly frac_reward_zero_std: number
  readonly 'completions/mean_length': number
  /** Share of responses that were cut off. */
  readonly 'completions/clipped_ratio': number
  /** Mean k3 of policy and reference a token, nats, before the update; 0 without a reference. */
  readonly kl: number
  /** Mean entropy of the policy at response tokens, nats. */
  readonly entropy: number
  readonly 'clip_ratio/low_mean': number
  readonly 'clip_ratio/high_mean': number
  readonly 'clip_ratio/region_mean': number
  /** Before clipping; 0 where no response had an advantage and nothing was updated. */
  readonly grad_norm: number
  readonly learning_rate: number
  /** Tokens sampled and read so far, prompts included. */
  readonly num_tokens: number
  readonly [more: string]: number
}

/** A rollout as it waits for its steps: JSON, so that a run can be resumed between two of them. */
type KeptRow = { readonly prompt: number, readonly tokens: readonly number[], readonly logpOld: readonly number[], readonly logpRef: readonly number[] | null, readonly stopped: boolean, readonly advantage: number }
/** What moves besides weights and optimiser: tokens, prompts and rollouts so far, and the rollout in use. */
type More = { readonly num_tokens: number, readonly taken: number, readonly rollouts: number, readonly kept: { readonly rows: readonly KeptRow[], readonly metrics: Readonly<Record<string, number>> } | null }

/**
 * Group-relative policy optimisation: samples a group of responses to each prompt, scores them, takes each reward relative to its group as the
 * advantage of all tokens of the response, and minimises the clipped surrogate plus β·k3.  Shao 2024, arXiv:2402.03300; DeepSeek-R1, arXiv:2501.12948
 *
 * A group whose rewards are all equal has no advantage; where that holds for a whole step and there is no penalty, the step changes no weight
 * (grad_norm 0). Throws Error at once on a prompt that leaves no room for `maxNewTokens`, and at the step where a reward, the loss or a gradient
 * is not finite or `sample` gives a response without tokens.
 */
export function grpo<P extends PromptTokens>(options: GrpoOptions<P>): Training<GrpoMetrics> {
  const { policy: { config, params }, prompts, steps, minibatches = 1, iterations = 1, accumulate = 1, optimiser = adamw({ lr: 5e-4, maxGradNorm: 1 }), schedule = constantSchedule({ lr: 5e-4 }) } = options
  check(options)
  const settings = settingsOf(options), objective = objectiveOf(config, settings), perRollout = minibatches * iterations
  return training(startState('grpo', { policy: params }, { policy: optimiser.init(params) }, Random.seed(options.seed ?? 0), { num_tokens: 0, taken: 0, rollouts: 0, kept: null }), function* (own) {
    while (own.state.step < steps) {
      const { state } = own, t = state.step, at = t % perRollout, random = Random.resume(state.random)
      if (at === 0) state.more = collect(state, options, random)
      const { kept, num_tokens, rollouts } = state.more as More, { rows, metrics } = kept!
      const order = minibatches > 1 ? random.split(`order ${rollouts} ${Math.floor(at / minibatches)}`).shuffle(rows) : rows, size = Math.ceil(rows.length / minibatches)
      const some = order.slice((at % minibatches) * size, (at % minibatches + 1) * size), batch = (some.length ? some : order).map(row => ({ ...row, prompt: prompts[row.prompt] }))
      const learningRate = schedule(t), parts = cut(batch, accumulate), shares = parts.length > 1 ? cut(weightsOf(batch, settings), accumulate) : [], pieces = parts.map((rows, k) => prepare(config, rows, settings, shares[k]))
      const idle = settings.beta === 0 && batch.every(({ advantage }) => advantage === 0)
      const { loss, gradNorm, aux } = idle ? look(objective, state.models.policy, pieces) : updateInPieces(state, { role: 'policy', optimiser, learningRate, objective, sideBySide: settings.shards > 1, pieces })
      state.step = t + 1
      if ((t + 1) % perRollout === 0) state.more = { ...state.more as More, kept: null }
      yield { step: t + 1, loss, ...describe(parts, aux, settings), ...metrics, grad_norm: gradNorm, learning_rate: learningRate, num_tokens } as unknown as GrpoMetrics
    }
  }, options)
}

interface Settings { readonly variant: GrpoVariant; readonly beta: number; readonly biasCorrection: boolean; readonly maskTruncated: boolean; readonly longest: number; readonly columns: number; readonly shards: number; readonly temperature: number }

function settingsOf<P extends PromptTokens>({ beta = 0, biasCorrection = false, maskTruncated = false, shards = 1, prompts, maxNewTokens, temperature = 1, ...options }: GrpoOptions<P>): Settings {
  const { loss, ratio, bounds, reduce, advantages } = { ...GRPO, ...Object.fromEntries(Object.entries(options).filter(([, v]) => v !== undefined)) }
  return { variant: { loss, ratio, bounds, reduce, advantages }, beta, biasCorrection, maskTruncated, longest: maxNewTokens, columns: maxNewTokens + prompts.reduce((most, { ids }) => Math.max(most, ids.length), 0), shards, temperature }
}

/** Samples and scores until there are enough groups; gives what the coming steps need and moves the place in the prompts on. */
function collect<P extends PromptTokens>(state: TrainState, options: GrpoOptions<P>, random: Random): More {
  const { policy: { config }, prompts, groups = 8, groupSize = 8, filterZeroSpread = false, maxRounds = 1, reference, temperature = 1, maxNewTokens, stopTokens, shuffle = true } = options
  const { num_tokens, taken, rollouts: done } = state.more as More, model = { config, params: state.models.policy }, stream = random.split(`rollout ${done}`), step = state.step + 1
  const promptAt = (place: number) => { const index = place % prompts.length; return shuffle ? random.split(`epoch ${Math.floor(place / prompts.length)}`).shuffle(prompts.map((_, i) => i))[index] : index }
  const sample = options.sample ?? ((policy: LanguageModel, asked: readonly P[], stream: Random) => rollout(policy, asked, { random: stream, maxNewTokens, stopTokens, temperature, shards: options.shards }))
  const all: (Scored<P> & { readonly index: number })[] = []
  let round = 0, full = false
  for (; round < maxRounds && !full; round++) {
    const asked = Array.from({ length: groups }, (_, g) => promptAt(taken + round * groups + g)).flatMap(index => Array.from({ length: groupSize }, () => index))
    const fresh = checked(sample(model, asked.map(index => prompts[index]), stream.split(round)), asked.length, step)
    all.push(...scored(options.reward, fresh, step).map((one, i) => ({ ...one, index: asked[i] })))
    full = groupsOf(all, groupSize).filter(hasSpread).length >= groups
  }
  const advantages = settingsOf(options).variant.advantages(all.map(a => a.reward), groupSize), rows = all.map((one, i) => ({ ...one, advantage: advantages[i] }))
  const spread = groupsOf(rows, groupSize).filter(hasSpread).slice(0, groups).flat(), used = filterZeroSpread && spread.length > 0 ? spread : rows
  const logpRef = reference && responseLogps(reference, used, { temperature })
  return {
    num_tokens: num_tokens + all.reduce((n, { prompt, tokens }) => n + prompt.ids.length + tokens.length, 0), taken: taken + round * groups, rollouts: done + 1,
    kept: { metrics: { ...groupMetrics(all, groupSize), ...options.measure?.(rows) }, rows: used.map(({ index, tokens, logpOld, stopped, advantage }, i) => ({
      prompt: index, tokens: [...tokens], logpOld: [...logpOld], logpRef: logpRef ? [...logpRef[i]] : null, stopped, advantage,
    })) },
  }
}

/** Rollouts with their rewards; an error says at which step. */
function scored<P extends PromptTokens>(reward: Reward<P>, rollouts: readonly Rollout<P>[], step: number): Scored<P>[] {
  try { return applyReward(reward, rollouts) } catch (error) {
    throw new RangeError(`grpo, step ${step}: ${(error as Error).message}`, { cause: error })
  }
}

const groupsOf = <T>(all: readonly T[], groupSize: number): T[][] => Array.from({ length: all.length / groupSize }, (_, g) => all.slice(g * groupSize, (g + 1) * groupSize))
const hasSpread = (group: readonly { readonly reward: number }[]) => group.some(g => g.reward !== group[0].reward)

function checked<P extends PromptTokens>(rollouts: readonly Rollout<P>[], expected: number, step: number): readonly Rollout<P>[] {
  if (rollouts.length !== expected) throw new RangeError(`sample: expected ${expected} responses, one a prompt, got ${rollouts.length}`)
  rollouts.forEach(({ tokens, logpOld }, i) => {
    if (tokens.length === 0) throw new RangeError(`sample: response ${i} of step ${step} has no token; a response that says nothing is its stop token alone`)
    if (logpOld.length !== tokens.length) throw new RangeError(`sample: response ${i} of step ${step} has ${tokens.length} tokens, but ${logpOld.length} of logpOld`)
  })
  return rollouts
}

type Row = Omit<KeptRow, 'prompt'> & { readonly prompt: PromptTokens }

/** What a step is computed from: its rows in shards, one after the other; logpOld, logpRef, counted and weights are [b, t − 1], column j for token j + 1. */
interface Inputs { readonly shards: Readonly<Record<string, ScoredInputs>>; readonly advantages: Float32Array; readonly logpOld: HostTensor<[number, number]>; readonly logpRef?: HostTensor<[number, number]>; readonly counted: HostTensor<[number, number]>; readonly weights?: HostTensor<[number, number]> }
type Objective = ReturnType<typeof objectiveOf>
type Aux = Readonly<Record<'logps' | 'entropies' | 'ratio', Float32Array>>

const objectiveOf = (config: ModelConfig, { variant, temperature, ...settings }: Settings) => (params: Params, { shards, advantages, logpOld, logpRef, counted, weights }: OnDevice<Inputs>) => {
  const seen = Object.values(shards).map(batch => tokenLogpsAndEntropies(params, config, batch, { temperature })), joined = (rows: tfjs.Tensor2D[]) => rows.length > 1 ? tf.concat2d(rows, 0) : rows[0]
  const logps = joined(seen.map(one => one.logps)), entropies = joined(seen.map(one => one.entropies)), known = { logpOld, advantages, mask: counted, logpRef }
  const reduce = weights ? (losses: tfjs.Tensor2D) => tf.sum<tfjs.Scalar>(tf.mul(losses, weights)) : variant.reduce
  return { loss: grpoLoss(logps, known, { ...variant, reduce }, settings), aux: { logps, entropies, ratio: variant.ratio(logps, known) } }
}

const countedOf = (row: Row, { maskTruncated }: Settings) => row.tokens.map(() => Number(row.stopped || !maskTruncated))
/** A list in so many pieces of one size, but for the last. */
const cut = <T>(list: readonly T[], count: number): T[][] => { const size = Math.ceil(list.length / count); return Array.from({ length: Math.ceil(list.length / size) }, (_, k) => list.slice(k * size, (k + 1) * size)) }

/** What the reduction of all rows multiplies the loss of each token with: its gradient. */
function weightsOf(rows: readonly Row[], settings: Settings): number[][] {
  const { data, shape } = hostRows(rows.map(row => countedOf(row, settings)))
  const all = tf.tidy(() => tf.grad(losses => settings.variant.reduce(losses as tfjs.Tensor2D, tf.tensor2d(data, shape), settings.longest))(tf.zeros(shape)).arraySync()) as number[][]
  return rows.map(({ tokens }, i) => all[i].slice(0, tokens.length))
}

function prepare(config: ModelConfig, rows: readonly Row[], settings: Settings, weights?: readonly number[][]): Inputs {
  const { columns, shards } = settings
  const padded = padResponses(rows), masks = cut(padded.mask, shards), responseMasks = cut(padded.responseMask, shards)
  const batches = cut(padded.tokens, shards).map((tokens, k) => scoredInputs(config, tokens, { mask: masks[k], responseMask: responseMasks[k], fewShapes: columns }))
  const grid = (f: (row: Row, i: number) => readonly number[]) => hostRows(rows.map((row, i) => [...new Array<number>(row.prompt.ids.length - 1).fill(0), ...f(row, i)]), batches[0].scoredMask.shape[1])
  return {
    shards: Object.fromEntries(batches.entries()), advantages: Float32Array.from(rows, r => r.advantage), logpOld: grid(r => r.logpOld), logpRef: rows[0].logpRef ? grid(r => r.logpRef!) : undefined,
    counted: grid(r => countedOf(r, settings)), weights: weights && grid((_, i) => weights[i]),
  }
}

/** What a step that would change nothing reports. */
function look(objective: Objective, params: Params, pieces: readonly Inputs[]): { loss: number, gradNorm: number, aux: Aux[] } {
  const seen = pieces.map(inputs => tf.tidy(() => {
    const { loss, aux: { logps, entropies, ratio } } = objective(params, toTensors(inputs)), read = (t: tfjs.Tensor) => Float32Array.from(t.dataSync())
    return { loss: loss.dataSync()[0], aux: { logps: read(logps), entropies: read(entropies), ratio: read(ratio) } }
  }))
  return { loss: seen.reduce((sum, one) => sum + one.loss, 0), gradNorm: 0, aux: seen.map(one => one.aux) }
}

/** What is reported of a step's batch, before the update. */
function describe(parts: readonly (readonly Row[])[], aux: readonly Aux[], { variant }: Settings) {
  const own = (name: keyof Aux) => parts.flatMap((rows, k) => {
    const grid = aux[k][name], columns = grid.length / rows.length
    return rows.map(({ prompt, tokens }, i) => columns === 1 ? grid.slice(i, i + 1) : grid.slice(i * columns + prompt.ids.length - 1, i * columns + prompt.ids.length - 1 + tokens.length))
  })
  const rows = parts.flat(), logps = own('logps'), ratios = own('ratio'), n = rows.reduce((sum, r) => sum + r.tokens.length, 0)
  const perToken = (values: readonly ArrayLike<number>[]) => values.reduce((sum, row) => Array.from(row).reduce((a, b) => a + b, sum), 0) / n
  return {
    entropy: perToken(own('entropies')), kl: perToken(rows.map(({ logpRef }, i) => logpRef ? logps[i].map((logp, t) => k3(logp, logpRef[t])) : [])),
    ...clipMetrics(rows.map(({ advantage }, i) => ({ ratios: ratios[i], advantage })), variant.bounds),
  }
}

/** The family's loss: reduce(loss + β·k3) over the masked tokens; a loss of one number a response, [B, 1], stands at each of its tokens. logp [B, T] → scalar. */
export function grpoLoss(
  logp: tfjs.Tensor2D, batch: PolicyBatch & { readonly logpRef?: Parameters<typeof k3Penalty>[1] }, { loss, ratio, reduce }: Pick<GrpoVariant, 'loss' | 'ratio' | 'reduce'>,
  { beta, biasCorrection = false, longest }: { readonly beta: number, readonly biasCorrection?: boolean, readonly longest: number },
): tfjs.Scalar {
  return tf.tidy(() => {
    const losses = tf.mul<tfjs.Tensor2D>(loss(logp, batch), tf.onesLike(logp)), mask = like(logp, batch.mask, 'mask')
    if (beta === 0 || !batch.logpRef) return reduce(losses, mask, longest)
    return reduce(tf.add(losses, tf.mul(k3Penalty(logp, batch.logpRef, biasCorrection ? ratio(logp, batch) : undefined), beta)), mask, longest)
  })
}

function check<P extends PromptTokens>(options: GrpoOptions<P>): void {
  const { policy: { config }, prompts, steps, groups = 8, groupSize = 8, minibatches = 1, iterations = 1, accumulate = 1, maxRounds = 1, shards = 1, beta = 0, reference, maxNewTokens } = options
  if (prompts.length === 0) throw new Error('grpo: no prompts')
  for (const [name, value] of Object.entries({ steps, groups, minibatches, iterations, accumulate, maxRounds, shards, maxNewTokens })) {
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name}: expected a positive integer, got ${value}`)
  }
  if (!Number.isSafeInteger(groupSize) || groupSize < 2) throw new RangeError(`groupSize: a group needs at least 2 responses to compare, got ${groupSize}`)
  if (!(beta >= 0 && beta < Infinity)) throw new RangeError(`beta: expected a number from 0 on, got ${beta}`)
  if (beta > 0 && !reference) throw new Error(`grpo: beta is ${beta}, but there is no reference; give the frozen policy to stay near to`)
  const context = Math.min(shapeOf(config).context, reference ? shapeOf(reference.config).context : Infinity)
  const long = prompts.findIndex(({ ids }) => ids.length === 0 || ids.length + maxNewTokens > context)
  if (long >= 0) throw new RangeError(`prompt ${long}: ${prompts[long].ids.length} tokens and ${maxNewTokens} new ones do not fit the context of ${context} (a prompt needs at least one token); shorten the prompt or leave it out`)
}
