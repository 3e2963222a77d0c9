import type * as tfjs from '@tensorflow/tfjs'
import { dpoLoss } from '../loss/dpo'
import type { ModelConfig } from '../model/config'
import { scoredInputs } from '../model/inputs'
import type { ScoredInputs } from '../model/inputs'
import { tokenLogps } from '../model/logps'
import { adamw } from '../model/optimiser'
import type { Optimiser } from '../model/optimiser'
import { disposeParams } from '../model/params'
import type { LanguageModel, Params } from '../model/params'
import { constantSchedule } from '../model/schedules'
import type { Schedule } from '../model/schedules'
import { padResponses } from '../rollout/evaluate'
import type { PromptTokens } from '../rollout/evaluate'
import { rollout } from '../rollout/rollout'
import type { Rollout, RolloutOptions } from '../rollout/rollout'
import { tf } from '../tensor/backend'
import type { OnDevice } from '../tensor/host'
import { jitWorks } from '../tensor/jit'
import { Random } from '../tensor/random'
import { batchesByLength, batchOf } from './batches'
import type { PairwiseLoss } from './dpo'
import type { Judge } from './onlineDpoJudge'
import { pairLength } from './pairs'
import type { TokenPair } from './pairs'
import { startState, training } from './training'
import type { Training } from './training'
import { update } from './update'

/** A reference that follows the policy: every so many iterations, π_ref ← mix·π + (1 − mix)·π_ref on the weights.  Gorbatovski 2024, arXiv:2404.09656 */
export interface MovingReference { readonly every: number; readonly mix: number }

export interface OnlineDpoOptions<P extends PromptTokens = PromptTokens, E extends string = never> {
  /** What to train; its weights stay as they are, the trained ones are `training.state.models.policy`. */
  readonly policy: LanguageModel
  /** Taken in an order that the seed decides, each once before any comes again. */
  readonly prompts: readonly P[]
  readonly judge: Judge<P>
  readonly maxNewTokens: number
  readonly stopTokens: readonly number[]
  /** Of sampling and of every log-prob (default 1). */
  readonly temperature?: number
  /** Default: the policy as given. It stays as it is, unless `moving` is given: then a copy of it moves, `training.state.models.reference`. */
  readonly reference?: LanguageModel
  readonly moving?: MovingReference
  /** Default: {@link dpoLoss}; ipoLoss makes it online IPO. */
  readonly loss?: PairwiseLoss
  /** Passed to the loss, and the scale of the reported rewards (default 0.1). */
  readonly beta?: number
  /** Iterations of sampling, judging and updates; default: until every prompt has come once. */
  readonly iterations?: number
  /**
   * Pairs an iteration (default 64): the most labels that it costs; passes over them (default 1), and pieces of a pass, each an optimiser step (default 1).
   * More updates from one batch make the later ones less online.
   */
  readonly batchSize?: number
  readonly epochs?: number
  readonly minibatches?: number
  /** Default: AdamW, weight decay 0, gradients clipped to norm 1, at a constant rate of 1e-4. The schedule counts updates, from 0. */
  readonly optimiser?: Optimiser
  readonly schedule?: Schedule
  /** Seed of the order of prompts, the samples, the judge and dropout (default 0). */
  readonly seed?: number
  /** Figures to add to each record, from its rollouts: the true reward as 'gold/…', detectors … */
  readonly measure?: (rollouts: readonly Rollout<P>[]) => Readonly<Record<E, number>>
}

/** One record an iteration, named as TRL's OnlineDPOTrainer names them; of its samples before the updates, but for loss, grad_norm and learning_rate. */
export interface OnlineDpoMetrics {
  /** Iterations, from 1. */
  readonly step: number
  /** Mean over the iteration's updates. */
  readonly loss: number
  /** log π − log π_ref of a response, mean: the KL to the reference, nats. */
  readonly 'objective/kl': number
  /** −log π of a response, mean, nats. */
  readonly 'objective/entropy': number
  /** −β times objective/kl. */
  readonly 'objective/non_score_reward': number
  /** The judge's scores, where it has them: mean, mean less the KL penalty, chosen less rejected. */
  readonly 'objective/scores'?: number
  readonly 'objective/rlhf_reward'?: number
  readonly 'objective/scores_margin'?: number
  /** β(log π − log π_ref), means over pairs; accuracies: how often the policy's own implicit reward agrees with the verdict on pairs that are new to it. */
  readonly 'rewards/chosen': number
  readonly 'rewards/rejected': number
  readonly 'rewards/margins': number
  readonly 'rewards/accuracies': number
  readonly 'logps/chosen': number
  readonly 'logps/rejected': number
  /** Share of responses that a stop token ended. */
  readonly 'val/contain_eos_token': number
  readonly beta: number
  /** Verdicts asked for so far, ties included. */
  readonly labels: number
  /** Of the iteration's prompts: those whose two samples were the same (not judged), and those that the judge called a tie. Neither is learnt from. */
  readonly 'pairs/identical': number
  readonly 'pairs/ties': number
  /** Of the last update, before clipping. */
  readonly grad_norm: number
  readonly learning_rate: number
}

interface Triple<P extends PromptTokens = PromptTokens> { readonly chosen: Rollout<P>; readonly rejected: Rollout<P>; readonly scores?: readonly [chosen: number, rejected: number] }

const sum = (v: ArrayLike<number>): number => { let s = 0; for (let i = 0; i < v.length; i++) s += v[i]; return s }
const tripleLength = ({ chosen, rejected }: Triple): number => pairLength({ prompt: chosen.prompt, chosen: chosen.tokens, rejected: rejected.tokens })
const mean = (v: readonly number[]): number => sum(v) / v.length
const logp = (r: Rollout): number => sum(r.logpOld), logRatio = (r: Rollout): number => sum(r.logpOld) - sum(r.logpRef!)

/**
 * Online DPO: sample two responses to a prompt from the policy as it is now, have them judged, form the triple (prompt, chosen, rejected), update, repeat.
 * Guo 2024, arXiv:2402.04792; with ipoLoss online IPO, Calandriello 2024, arXiv:2403.08635. Log-probs of the reference come with the samples, so an update runs the policy only.
 * Two equal samples are not judged and not learnt from, nor is a tie; an iteration without any other pair throws Error, since the policy has then become one answer,
 * or the judge indifferent. Throws at the first loss or gradient that is not finite.
 */
export function onlineDpo<P extends PromptTokens, E extends string = never>(options: OnlineDpoOptions<P, E>): Training<OnlineDpoMetrics & Readonly<Record<E, number>>> {
  const { policy, prompts, judge, maxNewTokens, stopTokens, temperature = 1, moving, loss = dpoLoss, beta = 0.1, batchSize = 64, epochs = 1, minibatches = 1, optimiser = adamw({ lr: 1e-4, maxGradNorm: 1 }) } = options
  const { config } = policy, schedule = options.schedule ?? constantSchedule({ lr: 1e-4 }), iterations = options.iterations ?? Math.ceil(prompts.length / batchSize), frozen = options.reference ?? policy
  const objective = objectiveOf(config, loss, beta, temperature)
  check({ ...options, iterations, batchSize, epochs, minibatches, temperature, beta })
  const models = { policy: policy.params, ...moving && { reference: frozen.params } }
  return training(startState('onlineDpo', models, { policy: optimiser.init(policy.params) }, Random.seed(options.seed ?? 0), { labels: 0 }), async function* (own) {
    while (own.state.step < iterations) {
      const { state } = own, t = state.step, random = Random.resume(state.random).split(`iteration ${t}`), asked = batchOf(prompts, t * batchSize, batchSize, Random.resume(state.random))
      const reference: LanguageModel = { config: frozen.config, params: state.models.reference ?? frozen.params }
      const samples = rollout({ config, params: state.models.policy }, asked, { maxNewTokens, stopTokens, temperature, samples: 2, reference, random: random.split('samples') })
      const { triples, judged } = await judgePairs(samples, judge, random.split('judge')), losses: number[] = []
      if (triples.length === 0) throw new Error(`onlineDpo: none of the ${batchSize} pairs of iteration ${t + 1} has two different responses of which the judge prefers one`)
      const size = Math.ceil(triples.length / minibatches)
      let grad_norm = NaN, learning_rate = NaN
      for (let epoch = 0; epoch < epochs; epoch++) {
        const order = batchesByLength(triples, size, tripleLength, random.split(`epoch ${epoch}`))
        for (let from = 0; from < order.length; from += size) {
          const inputs = prepare(config, order.slice(from, from + size), random.split(`update ${losses.length}`))
          learning_rate = schedule(state.optimisers.policy.step)
          const done = update(state, { role: 'policy', optimiser, learningRate: learning_rate, objective, inputs })
          grad_norm = done.gradNorm
          losses.push(done.loss)
        }
      }
      if (moving && (t + 1) % moving.every === 0) follow(state, moving.mix)
      const labels = (state.more as { labels: number }).labels + judged
      state.more = { labels }
      state.step = t + 1
      yield {
        step: t + 1, loss: mean(losses), ...describe(samples, triples, beta), beta, labels, 'pairs/identical': batchSize - judged, 'pairs/ties': judged - triples.length,
        grad_norm, learning_rate, ...options.measure?.(samples) as Record<E, number>,
      }
    }
  }, options)
}

/** How {@link judgedPairs} samples. */
export type JudgedPairsOptions = Pick<RolloutOptions, 'maxNewTokens' | 'stopTokens' | 'temperature' | 'batchSize'> & { readonly random: Random }

/**
 * The first three steps of online DPO alone: two sampled responses to each prompt, judged, as pairs for the trainers of pairs. Made once from the starting
 * policy they are an offline data set; made anew from the policy as it is, online data. Equal responses and ties are left out.
 */
export async function judgedPairs<P extends PromptTokens>(policy: LanguageModel, prompts: readonly P[], judge: Judge<P>, { random, ...sampling }: JudgedPairsOptions): Promise<(TokenPair & { readonly prompt: P })[]> {
  const { triples } = await judgePairs(rollout(policy, prompts, { ...sampling, samples: 2, random: random.split('samples') }), judge, random.split('judge'))
  return triples.map(({ chosen, rejected }) => ({ prompt: chosen.prompt, chosen: chosen.tokens, rejected: rejected.tokens }))
}

/** Neighbouring samples as pairs, judged where they differ: those with a winner, and how many were judged. */
async function judgePairs<P extends PromptTokens>(samples: readonly Rollout<P>[], judge: Judge<P>, random: Random): Promise<{ triples: Triple<P>[], judged: number }> {
  const pairs = Array.from({ length: samples.length / 2 }, (_, i) => [samples[2 * i], samples[2 * i + 1]] as const).filter(([a, b]) => a.tokens.join() !== b.tokens.join())
  if (pairs.length === 0) return { triples: [], judged: 0 }
  const { wins, scores } = await judge(pairs.map(([a, b]) => ({ prompt: a.prompt, a: a.tokens, b: b.tokens })), random)
  if (wins.length !== pairs.length) throw new RangeError(`judge: expected ${pairs.length} verdicts, got ${wins.length}`)
  const triples = pairs.flatMap(([a, b], i): Triple<P>[] => {
    if (![0, 0.5, 1].includes(wins[i])) throw new RangeError(`judge: expected 1, 0 or ½ as verdict of pair ${i}, got ${wins[i]}`)
    if (wins[i] === 0.5) return []
    const [chosen, rejected] = wins[i] ? [a, b] : [b, a]
    return [{ chosen, rejected, ...scores && { scores: wins[i] ? [scores.a[i], scores.b[i]] as const : [scores.b[i], scores.a[i]] as const } }]
  })
  return { triples, judged: pairs.length }
}

interface Batch { readonly batch: ScoredInputs; readonly refChosen: Float32Array; readonly refRejected: Float32Array; readonly lengths: { readonly chosen: Float32Array; readonly rejected: Float32Array } }

/** Chosen responses, then rejected ones, padded together, with what the reference says of them. */
function prepare(config: ModelConfig, triples: readonly Triple[], random: Random): Batch {
  const responses = (['chosen', 'rejected'] as const).map(side => triples.map(t => t[side])), { tokens, mask, responseMask } = padResponses(responses.flat())
  const [refChosen, refRejected] = responses.map(side => Float32Array.from(side, r => sum(r.logpRef!))), [chosen, rejected] = responses.map(side => Float32Array.from(side, r => r.tokens.length))
  return { batch: scoredInputs(config, tokens, { mask, responseMask, random, fewShapes: jitWorks() }), refChosen, refRejected, lengths: { chosen, rejected } }
}

/** Mean loss of a batch of pairs. */
const objectiveOf = (config: ModelConfig, loss: PairwiseLoss, beta: number, temperature: number) => (weights: Params, { batch, ...rest }: OnDevice<Batch>) => {
  const [chosen, rejected] = tf.split<tfjs.Tensor1D>(tf.sum<tfjs.Tensor1D>(tokenLogps(weights, config, batch, { temperature }), 1), 2)
  return { loss: tf.mean<tfjs.Scalar>(loss({ chosen, rejected, ...rest }, { beta })) }
}

/** π_ref ← mix·π + (1 − mix)·π_ref. */
function follow(state: { models: Readonly<Record<string, Params>> }, mix: number): void {
  const { policy, reference } = state.models
  const moved = Object.fromEntries(Object.keys(reference).map(name => [name, tf.tidy(() => tf.add(tf.mul(policy[name], mix), tf.mul(reference[name], 1 - mix)))]))
  disposeParams(reference)
  state.models = { ...state.models, reference: moved }
}

/** What TRL reports of samples and pairs. */
function describe(samples: readonly Rollout[], triples: readonly Triple[], beta: number) {
  const kl = mean(samples.map(logRatio)), chosen = triples.map(t => beta * logRatio(t.chosen)), rejected = triples.map(t => beta * logRatio(t.rejected))
  const scores = triples.flatMap(t => t.scores ? [t.scores] : [])
  return {
    'objective/kl': kl, 'objective/entropy': -mean(samples.map(logp)), 'objective/non_score_reward': -beta * kl,
    ...scores.length > 0 && { 'objective/scores': mean(scores.flat()), 'objective/rlhf_reward': mean(scores.flat()) - beta * kl, 'objective/scores_margin': mean(scores.map(([w, l]) => w - l)) },
    'rewards/chosen': mean(chosen), 'rewards/rejected': mean(rejected), 'rewards/margins': mean(chosen) - mean(rejected),
    'rewards/accuracies': mean(chosen.map((c, i) => Number(c > rejected[i]))),
    'logps/chosen': mean(triples.map(t => logp(t.chosen))), 'logps/rejected': mean(triples.map(t => logp(t.rejected))),
    'val/contain_eos_token': mean(samples.map(s => Number(s.stopped))),
  }
}

function check<P extends PromptTokens>({ prompts, iterations = 0, batchSize = 0, epochs = 0, minibatches = 0, temperature = 0, beta = 0, moving }: OnlineDpoOptions<P, string>): void {
  if (prompts.length === 0) throw new Error('onlineDpo: no prompts')
  for (const [name, n] of Object.entries({ iterations, batchSize, epochs, minibatches, ...moving && { 'moving.every': moving.every } })) {
    if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`${name}: expected a positive integer, got ${n}`)
  }
  if (minibatches > batchSize) throw new RangeError(`minibatches: ${batchSize} pairs cannot be cut into ${minibatches} pieces`)
  if (!(temperature > 0)) throw new RangeError(`temperature: expected a positive number, got ${temperature}; at 0 both samples of a pair are the same`)
  if (!(beta > 0 && beta < Infinity)) throw new RangeError(`beta: expected a positive number, got ${beta}`)
  if (moving && !(moving.mix > 0 && moving.mix <= 1)) throw new RangeError(`moving.mix: expected a number above 0 and at most 1, got ${moving.mix}`)
}
