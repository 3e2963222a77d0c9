import { shapedAdvantages } from '../advantage/shaped'
import type { ShapedAdvantageOptions } from '../advantage/shaped'
import { adaptKl } from '../reward/controller'
import type { AdaptiveKlOptions } from '../reward/controller'
import { applyReward } from '../reward/reward'
import type { Reward, Scored } from '../reward/reward'
import { shapeOf } from '../model/config'
import { adamw } from '../model/optimiser'
import type { Optimiser } from '../model/optimiser'
import type { LanguageModel, Params } from '../model/params'
import { constantSchedule } from '../model/schedules'
import type { Schedule } from '../model/schedules'
import type { PromptTokens } from '../rollout/evaluate'
import { rollout } from '../rollout/rollout'
import { Random } from '../tensor/random'
import { batchOf } from './batches'
import { ppoRolloutMetrics, ppoUpdateMetrics } from './ppoStatistics'
import type { PpoMetrics } from './ppoStatistics'
import { minibatchOrder, ppoUpdate } from './ppoUpdate'
import { startState, training } from './training'
import type { Training } from './training'

export interface PpoOptions<P extends PromptTokens = PromptTokens, E extends string = never> extends Omit<ShapedAdvantageOptions, 'beta' | 'maxNewTokens'> {
  /** What is trained; its weights stay as they are, the trained ones are `training.state.models.policy`. */
  readonly policy: LanguageModel
  /** What the policy pays for leaving; never changed. Usually the policy as it was at the start: give the same model. */
  readonly reference: LanguageModel
  /** Scores whole responses. What it holds besides the rollouts (a reward model that is retrained now and then) is the caller's, resuming included. */
  readonly reward: Reward<P>
  /** A trunk with a scalar head (see withScoreHead), trained beside the policy as `state.models.value`. Without it the policy's own trunk must carry the head, and both are trained as one. */
  readonly value?: LanguageModel
  /** Taken in an order that the seed decides, each once before any comes again. */
  readonly prompts: readonly P[]
  /** Iterations of rollout and update; default: until every prompt has come once. */
  readonly iterations?: number
  /** Responses an iteration (default 64), passes over them (default 4), and pieces of a pass, each an optimiser step (default 1). */
  readonly batchSize?: number
  readonly epochs?: number
  readonly minibatches?: number
  /** Pieces of a rollout that are sampled side by side, one a core (default 1). Policy and value model of their own always learn side by side. */
  readonly shards?: number
  readonly maxNewTokens: number
  readonly stopTokens: readonly number[]
  /** Of sampling and of every log-prob (default 1). */
  readonly temperature?: number
  /** Weight of the KL penalty (default 0.05); with `adaptive` the weight to begin with. */
  readonly beta?: number
  /** Steers beta towards a KL target after each iteration ({@link adaptKl}); default: beta is fixed. */
  readonly adaptive?: AdaptiveKlOptions
  /** ε of the ratio and of the values (default 0.2 each); Infinity turns one off. */
  readonly clip?: number
  readonly clipValue?: number
  /** Weight of the value loss (default 0.1); matters where the trunk is shared, or gradients are clipped. */
  readonly valueCoefficient?: number
  /** An iteration's updates end with the first minibatch at which the approximate KL to the sampling policy exceeds this. */
  readonly targetKl?: number
  /** Default: AdamW, weight decay 0, gradients clipped to norm 1, at constant rates of 3e-4 (policy) and 1e-3 (value). A schedule counts iterations. */
  readonly optimiser?: Optimiser
  readonly schedule?: Schedule
  readonly valueOptimiser?: Optimiser
  readonly valueSchedule?: Schedule
  /** Seed of prompts, samples and minibatches (default 0). */
  readonly seed?: number
  /** Figures to add to each record, from its rollouts: the true reward as 'gold/…', detectors … */
  readonly measure?: (rollouts: readonly Scored<P>[]) => Readonly<Record<E, number>>
}

/**
 * Reinforcement learning from a reward by PPO.  Ouyang 2022, arXiv:2203.02155 §3.5; Schulman 2017, arXiv:1707.06347
 * An iteration: the policy answers prompts; answers are scored, the KL to the reference is paid token by token; GAE and whitening give advantages;
 * policy and value take clipped steps on them. One record an iteration, of its rollouts before the update.
 * Throws RangeError on prompts that do not fit the context and on options out of range. Stops with an error at the first score, loss or
 * gradient that is not finite. A batch whose scores are all equal is no error: see {@link shapedAdvantages} and 'objective/scores_std'.
 */
export function ppo<P extends PromptTokens, E extends string = never>(options: PpoOptions<P, E>): Training<PpoMetrics & Readonly<Record<E, number>>> {
  const { policy, value, reference, prompts, maxNewTokens, stopTokens, batchSize = 64, epochs = 4, minibatches = 1, temperature = 1, clip = 0.2, clipValue = 0.2, valueCoefficient = 0.1, targetKl, shards } = options
  check({ ...options, batchSize, epochs, minibatches, temperature })
  const { optimiser = adamw({ lr: 3e-4, maxGradNorm: 1 }), valueOptimiser = adamw({ lr: 1e-3, maxGradNorm: 1 }), schedule = constantSchedule({ lr: 3e-4 }), valueSchedule = constantSchedule({ lr: 1e-3 }) } = options
  const iterations = options.iterations ?? Math.ceil(prompts.length / batchSize), { config } = policy
  const models: Record<string, Params> = { policy: policy.params, ...value && { value: value.params } }
  const optimisers = { policy: optimiser.init(policy.params), ...value && { value: valueOptimiser.init(value.params) } }
  const updated = ppoUpdate({ config, valueConfig: value?.config, temperature, clip, clipValue, valueCoefficient, targetKl, optimiser, valueOptimiser, longest: maxNewTokens + prompts.reduce((most, { ids }) => Math.max(most, ids.length), 0) })
  return training(startState('ppo', models, optimisers, Random.seed(options.seed ?? 0), { beta: options.beta ?? 0.05 }), function* (own) {
    while (own.state.step < iterations) {
      const { state } = own, t = state.step, random = Random.resume(state.random).split(`iteration ${t}`), { beta } = state.more as { beta: number }, lr = schedule(t)
      const live = (role: string) => ({ config: role === 'value' ? value!.config : config, params: state.models[role] })
      const rollouts = rollout(live('policy'), batchOf(prompts, t * batchSize, batchSize, Random.resume(state.random)), {
        random: random.split('samples'), maxNewTokens, stopTokens, temperature, reference, shards, value: live(value ? 'value' : 'policy'),
      })
      const scored = applyReward(options.reward, rollouts), estimates = shapedAdvantages(scored, { ...options, beta })
      const metrics = { ...ppoRolloutMetrics(scored, estimates, beta), ...options.measure?.(scored) as Record<E, number> }
      const order = minibatchOrder(scored.length, epochs, minibatches, random.split('minibatches'))
      const { statistics, gradNorm } = updated(state, scored, estimates, order, { lr, valueLr: valueSchedule(t) })
      state.more = { beta: options.adaptive ? adaptKl({ beta }, metrics['objective/kl'], scored.length, options.adaptive).beta : beta }
      state.step = t + 1
      yield { step: t + 1, episode: (t + 1) * batchSize, ...metrics, ...ppoUpdateMetrics(statistics), 'val/updates': statistics.length, grad_norm: gradNorm, lr }
    }
  }, options)
}

function check<P extends PromptTokens>({ policy, reference, value, prompts, iterations = 1, batchSize = 0, epochs = 0, minibatches = 0, maxNewTokens, temperature = 0, beta = 0, clip = 0.2, clipValue = 0.2, targetKl = 1 }: PpoOptions<P, string>): void {
  if (prompts.length === 0) throw new Error('ppo: no prompts')
  for (const [name, n, least] of [['iterations', iterations, 1], ['batchSize', batchSize, 2], ['epochs', epochs, 1], ['minibatches', minibatches, 1], ['maxNewTokens', maxNewTokens, 1]] as const) {
    if (!Number.isSafeInteger(n) || n < least) throw new RangeError(`${name}: expected an integer from ${least} on, got ${n}`)
  }
  if (minibatches > batchSize) throw new RangeError(`minibatches: ${batchSize} rollouts cannot be cut into ${minibatches} pieces`)
  for (const [name, x] of Object.entries({ temperature, clip, clipValue, targetKl })) if (!(x > 0)) throw new RangeError(`${name}: expected a positive number, got ${x}`)
  if (!(beta >= 0 && beta < Infinity)) throw new RangeError(`beta: expected a number from 0 on, got ${beta}`)
  if (value && 'score.weight' in policy.params) throw new Error('ppo: both policy and value carry a scalar head; leave value out to train one trunk for both, or take the policy without score.weight')
  if (!('score.weight' in (value ?? policy).params)) throw new Error(`ppo: ${value ? 'value' : 'policy'} has no score.weight; make one with withScoreHead`)
  const sizes = [policy, reference, ...value ? [value] : []].map(m => shapeOf(m.config))
  if (new Set(sizes.map(s => s.vocabulary)).size > 1) throw new Error(`ppo: policy, reference and value have vocabularies of ${sizes.map(s => s.vocabulary).join(', ')} tokens; they must read the same tokens`)
  const context = Math.min(...sizes.map(s => s.context)), long = prompts.findIndex(({ ids }) => ids.length === 0 || ids.length + maxNewTokens > context)
  if (long >= 0) throw new RangeError(`ppo: prompt ${long} has ${prompts[long].ids.length} tokens; with ${maxNewTokens} new ones a context of ${context} holds 1 to ${context - maxNewTokens}. Shorten it or leave it out`)
}
