import type { AdvantageEstimate } from '../advantage/shaped'
import type { ModelConfig } from '../model/config'
import type { Optimiser } from '../model/optimiser'
import type { Scored } from '../reward/reward'
import type { Random } from '../tensor/random'
import { policyInputs, policyObjective, sharedObjective, valueInputs, valueObjective } from './ppoObjective'
import type { Minibatch, PolicyAux, PolicyInputs, PpoSettings, ValueAux, ValueInputs } from './ppoObjective'
import { minibatchStatistics } from './ppoStatistics'
import type { MinibatchRead, MinibatchStatistics } from './ppoStatistics'
import type { TrainState } from './training'
import { update, updateBoth } from './update'

/** Indices of n rollouts for each step of an update: in every epoch all of them in a new order, cut into `minibatches` pieces. */
export function minibatchOrder(n: number, epochs: number, minibatches: number, random: Random): number[][] {
  const size = Math.ceil(n / minibatches), all = Array.from({ length: n }, (_, i) => i)
  return Array.from({ length: epochs }, () => random.shuffle(all)).flatMap(order => Array.from({ length: Math.ceil(n / size) }, (_, k) => order.slice(k * size, (k + 1) * size)))
}

/** What an update is made with. */
export interface PpoUpdateOptions extends PpoSettings {
  readonly config: ModelConfig
  /** Of a value model with a trunk of its own; without it the policy's trunk carries the value head. */
  readonly valueConfig?: ModelConfig
  readonly optimiser: Optimiser
  readonly valueOptimiser: Optimiser
  readonly targetKl?: number
  /** The most tokens that prompt and response can have together. */
  readonly longest?: number
}

/** Rates of an iteration. */
export interface PpoRates { readonly lr: number; readonly valueLr: number }

/** What an update tells: the statistics of each minibatch before its step, and the mean norm of the policy's gradients before clipping. */
export interface PpoUpdated { readonly statistics: readonly MinibatchStatistics[]; readonly gradNorm: number }

/**
 * Makes an iteration's update once a trainer: an optimiser step of policy and value on each minibatch of rollouts in turn; a minibatch whose
 * approximate KL exceeds `targetKl` is the last. It replaces `models.policy` of the state, and `models.value` where the value has a trunk of its own.
 * The update throws Error on a loss or gradient that is not finite.
 */
export function ppoUpdate({ config, valueConfig, optimiser, valueOptimiser, targetKl = Infinity, longest = Infinity, ...settings }: PpoUpdateOptions) {
  const shared = sharedObjective(config, settings)
  const both = valueConfig && updateBoth<PolicyInputs, PolicyAux, ValueInputs, ValueAux>({ role: 'policy', optimiser, objective: policyObjective(config, settings) }, { role: 'value', optimiser: valueOptimiser, objective: valueObjective(valueConfig, settings) })
  const step = (state: TrainState, minibatch: Minibatch, { lr, valueLr }: PpoRates): { read: MinibatchRead, gradNorm: number } => {
    const own = policyInputs(config, minibatch, longest, !both), theirs = valueInputs(valueConfig ?? config, minibatch, longest)
    if (!both) {
      const { aux, gradNorm } = update(state, { role: 'policy', optimiser, learningRate: lr, objective: shared, inputs: { ...own, ...theirs } })
      return { read: aux, gradNorm }
    }
    const [policy, value] = both(state, { learningRate: lr, inputs: own }, { learningRate: valueLr, inputs: theirs })
    return { read: { ...policy.aux, ...value.aux }, gradNorm: policy.gradNorm }
  }
  return (state: TrainState, scored: readonly Scored[], estimates: readonly AdvantageEstimate[], order: readonly (readonly number[])[], rates: PpoRates): PpoUpdated => {
    const statistics: MinibatchStatistics[] = [], norms: number[] = []
    for (const indices of order) {
      const minibatch = { rollouts: indices.map(i => scored[i]), estimates: indices.map(i => estimates[i]) }, { read, gradNorm } = step(state, minibatch, rates)
      statistics.push(minibatchStatistics(minibatch, settings, read))
      norms.push(gradNorm)
      if (statistics.at(-1)!.approxKl > targetKl) break
    }
    return { statistics, gradNorm: norms.reduce((a, b) => a + b, 0) / norms.length }
  }
}
