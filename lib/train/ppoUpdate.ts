import type { AdvantageEstimate } from '../advantage/shaped'
import type { Optimiser } from '../model/optimiser'
import type { Params } from '../model/params'
import type { Scored } from '../reward/reward'
import { tf } from '../tensor/backend'
import { assertFinite } from '../tensor/finite'
import { valueAndGrads } from '../tensor/gradients'
import type { Random } from '../tensor/random'
import { policyObjective, ppoBatch, sharedObjective, valueObjective } from './ppoObjective'
import type { Objective, PolicyAux, PpoBatch, PpoConfig, ValueAux } from './ppoObjective'
import { minibatchStatistics } from './ppoStatistics'
import type { MinibatchStatistics } from './ppoStatistics'
import { applyGradients } from './training'
import type { TrainState } from './training'

/** Indices of n rollouts for each step of an update: in every epoch all of them in a new order, cut into `minibatches` pieces. */
export function minibatchOrder(n: number, epochs: number, minibatches: number, random: Random): number[][] {
  const size = Math.ceil(n / minibatches), all = Array.from({ length: n }, (_, i) => i)
  return Array.from({ length: epochs }, () => random.shuffle(all)).flatMap(order => Array.from({ length: Math.ceil(n / size) }, (_, k) => order.slice(k * size, (k + 1) * size)))
}

/** What an update is made with. */
export interface PpoUpdateOptions extends PpoConfig {
  readonly optimiser: Optimiser
  readonly valueOptimiser: Optimiser
  readonly lr: number
  readonly valueLr: number
  readonly targetKl?: number
}

/**
 * The update of an iteration: an optimiser step of policy and value on each minibatch of rollouts in turn, until `targetKl` ends it.
 * state: `models.policy`, and `models.value` where the value has a trunk of its own; this replaces them. Returns what each minibatch told, the last one
 * included that was not applied, and the numbers of steps and the gradients' norms. Throws Error on a loss or gradient that is not finite.
 */
export function ppoUpdate(state: TrainState, scored: readonly Scored[], estimates: readonly AdvantageEstimate[], order: readonly (readonly number[])[], options: PpoUpdateOptions): { statistics: MinibatchStatistics[], updates: number, gradNorm: number } {
  const statistics: MinibatchStatistics[] = [], norms: number[] = []
  for (const indices of order) {
    const batch = ppoBatch(indices.map(i => scored[i]), indices.map(i => estimates[i])), { grads, read } = gradients(state.models, batch, options)
    assertFinite('policy loss', state.step + 1, read.policyLoss)
    assertFinite('value loss', state.step + 1, read.valueLoss)
    statistics.push(minibatchStatistics(batch, options, read))
    if (statistics.at(-1)!.approxKl > (options.targetKl ?? Infinity)) {
      tf.dispose(Object.values(grads))
      break
    }
    for (const [role, own] of Object.entries(grads)) {
      const [optimiser, lr] = role === 'policy' ? [options.optimiser, options.lr] : [options.valueOptimiser, options.valueLr]
      const norm = applyGradients(state, role, (p, s) => optimiser.update(own, s, p, lr), own)
      if (role === 'policy') norms.push(norm)
    }
  }
  return { statistics, updates: norms.length, gradNorm: norms.length ? norms.reduce((a, b) => a + b, 0) / norms.length : 0 }
}

interface Read { readonly policyLoss: number; readonly valueLoss: number; readonly logp: Float32Array; readonly entropy: Float32Array; readonly values: Float32Array }

/** Gradients by role, and what the minibatch told, read into numbers. */
function gradients(models: TrainState['models'], batch: PpoBatch, settings: PpoConfig): { grads: Record<string, Params>, read: Read } {
  const of = <A extends PolicyAux | ValueAux>(objective: (weights: Params, batch: PpoBatch, settings: PpoConfig) => Objective<A>, weights: Params) => {
    const { value, grads, aux } = valueAndGrads(w => objective(w, batch, settings), weights)
    value.dispose()
    return { grads, aux }
  }
  const parts = 'value' in models ? { policy: of(policyObjective, models.policy), value: of(valueObjective, models.value) } : { policy: of(sharedObjective, models.policy) }
  const aux = Object.assign({}, ...Object.values(parts).map(p => p.aux)) as PolicyAux & ValueAux
  const read = Object.fromEntries(Object.entries(aux).map(([name, tensor]) => [name, tensor.rank === 0 ? tensor.dataSync()[0] : tensor.dataSync()])) as unknown as Read
  tf.dispose(Object.values(aux))
  return { grads: Object.fromEntries(Object.entries(parts).map(([role, p]) => [role, p.grads])), read }
}
