import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { toTensors } from '../tensor/host'
import type { OnDevice } from '../tensor/host'
import { adam as fusedAdam, hasKernels } from '../tensor/kernels'
import type { Params } from './params'

/**
 * What an optimiser remembers between steps: how many there were, and two vectors a slot, 'decayed.exp_avg' as long as all weights
 * that decay, 'spared.exp_avg' as long as the rest, both in the order of {@link flatten}.
 */
export interface OptimiserState { readonly step: number; readonly slots: Vectors }

/** Named vectors. */
export type Vectors = Readonly<Record<string, tfjs.Tensor1D>>

/**
 * An update rule without state of its own. `update` is the one place where weights change: it returns new weights and a new state and
 * leaves the old ones, which the caller disposes. `gradNorm` is the norm over all gradients before clipping.
 */
export interface Optimiser {
  /** Which rule with which numbers, by which checkpoints know it again. */
  readonly settings?: object
  /** The state before the first step. */
  init(params: Params): OptimiserState
  /** One step on gradients that have the names and shapes of params; lr defaults to the optimiser's. Throws on a gradient that is not finite, naming it. */
  update(grads: Params, state: OptimiserState, params: Params, lr?: number): { params: Params, state: OptimiserState, gradNorm: number }
  /** The tensors' part of a step, which reads no number: what `rates` says of the step comes as scalars, the norm goes as one. A norm that is not finite spoils everything. */
  apply(grads: Params, slots: Vectors, params: Params, rates: OnDevice<Rates>): { params: Params, slots: Vectors, gradNorm: tfjs.Scalar }
  /** What changes with the step (its number from 1) and the learning rate, for {@link apply}; computed on the host in float64. */
  rates(step: number, lr?: number): Rates
}

/** Named numbers of a step. */
export type Rates = Readonly<Record<string, number>>

/** What every rule takes. */
export interface CommonOptions {
  /** Learning rate, where update is given none. */
  readonly lr: number
  /** λ of the weight decay (default 0). */
  readonly weightDecay?: number
  /** Which weights decay; by default matrices and embeddings do, biases and norms do not, as in transformers. */
  readonly decays?: (name: string, shape: readonly number[]) => boolean
  /** Gradients are scaled down to this global norm (default: never). */
  readonly maxGradNorm?: number
}

/** All tensors of a record as one vector, ordered by name, so that a handful of operations updates every weight. */
export function flatten(tensors: Params): tfjs.Tensor1D {
  const names = Object.keys(tensors).sort()
  return names.length ? tf.tidy(() => tf.concat1d(names.map(name => tensors[name].reshape<tfjs.Tensor1D>([-1])))) : tf.zeros([0])
}

/** The pieces of such a vector under the names and in the shapes of `like`. */
export function unflatten(vector: tfjs.Tensor1D, like: Params): Params {
  const names = Object.keys(like).sort(), sizes = names.map(name => like[name].size), total = sizes.reduce((a, b) => a + b, 0)
  if (vector.size !== total) throw new RangeError(`unflatten: the tensors of the record have ${total} numbers, the vector has ${vector.size}`)
  if (names.length === 0) return {}
  return tf.tidy(() => {
    if (tf.getBackend() === 'tensorflow') {
      return Object.fromEntries(tf.split(vector, sizes).map((piece, i) => [names[i], piece.reshape(like[names[i]].shape)]))
    }
    // wasm copies the whole vector for every piece that it slices off: 100 times slower than one read
    const host = vector.dataSync<'float32'>()
    let at = 0
    return Object.fromEntries(names.map((name, i) => [name, tf.tensor(host.subarray(at, at += sizes[i]), like[name].shape, 'float32')]))
  })
}

/**
 * g · min(1, maxNorm / (‖g‖₂ + 1e-6)), and ‖g‖₂ over all vectors together.  Pascanu 2012, arXiv:1211.5063; as torch's clip_grad_norm_
 * Infinity as maxNorm only measures.
 */
export function clipByGlobalNorm<V extends readonly tfjs.Tensor1D[]>(vectors: V, maxNorm: number): { clipped: V, norm: number } {
  const { clipped, norm } = clip(vectors, maxNorm), value = norm.dataSync()[0]
  norm.dispose()
  return { clipped, norm: value }
}

function clip<V extends readonly tfjs.Tensor1D[]>(vectors: V, maxNorm: number): { clipped: V, norm: tfjs.Scalar } {
  const { clipped, norm } = tf.tidy(() => {
    const measured = tf.addN(vectors.map(v => v.square().sum<tfjs.Scalar>())).sqrt<tfjs.Scalar>()
    const scale = maxNorm === Infinity ? undefined : measured.add(1e-6).reciprocal().mul(maxNorm).minimum(1)
    return { clipped: vectors.map(v => scale ? v.mul<tfjs.Tensor1D>(scale) : v.clone()), norm: measured }
  })
  return { clipped: clipped as readonly tfjs.Tensor1D[] as V, norm }
}

/** One step on vectors: gradient, weights, slots, what depends on step and rate, and whether weights decay and by how much → new weights and slots. */
type Step = (g: tfjs.Tensor1D, p: tfjs.Tensor1D, slots: Vectors, rates: OnDevice<Rates>, decay: number) => { p: tfjs.Tensor1D, slots: Vectors }
interface Rule { readonly slots: readonly string[], readonly rates: (step: number, lr: number, decay: number) => Rates, readonly step: Step }

function optimiser(name: string, options: CommonOptions, { slots: slotNames, rates, step }: Rule, more: object = {}): Optimiser {
  const { lr: lrDefault, weightDecay = 0, maxGradNorm = Infinity, decays = (_, shape) => shape.length > 1 } = options
  if (!(lrDefault >= 0)) throw new RangeError(`lr: expected a number from 0 on, got ${lrDefault}`)
  if (!(maxGradNorm > 0)) throw new RangeError(`maxGradNorm: expected a positive number, got ${maxGradNorm}`)
  const groupsOf = (params: Params) => {
    const names = Object.keys(params), decayed = names.filter(name => decays(name, params[name].shape))
    return [{ group: 'decayed', names: decayed, decay: weightDecay }, { group: 'spared', names: names.filter(name => !decayed.includes(name)), decay: 0 }]
  }
  const pick = (tensors: Params, names: readonly string[]): Params => Object.fromEntries(names.map(name => [name, tensors[name]]))
  const count = (params: Params, names: readonly string[]) => names.reduce((n, name) => n + params[name].size, 0)
  const apply: Optimiser['apply'] = (grads, slots, params, given) => {
    checkNames(grads, params)
    const groups = groupsOf(params)
    for (const { group, names } of groups) for (const slot of slotNames) checkSlot(slots, `${group}.${slot}`, count(params, names))
    return tf.tidy(() => {
      const { clipped, norm } = clip(groups.map(({ names }) => flatten(pick(grads, names))), maxGradNorm)
      const weights: Record<string, tfjs.Tensor> = {}, moved: Record<string, tfjs.Tensor1D> = {}
      groups.forEach(({ group, names, decay }, i) => {
        const own = Object.fromEntries(slotNames.map(slot => [slot, slots[`${group}.${slot}`]])), like = pick(params, names)
        const next = step(clipped[i], flatten(like), own, given, decay)
        Object.assign(weights, unflatten(next.p, like))
        for (const slot of slotNames) moved[`${group}.${slot}`] = next.slots[slot]
      })
      return { params: Object.fromEntries(Object.keys(params).map(name => [name, weights[name]])), slots: moved, gradNorm: norm }
    })
  }
  const ratesOf = (at: number, lr = lrDefault) => rates(at, lr, weightDecay)
  return {
    settings: { name, ...options, ...more }, apply, rates: ratesOf,
    init: params => ({
      step: 0,
      slots: Object.fromEntries(groupsOf(params).flatMap(({ group, names }) => slotNames.map(slot => [`${group}.${slot}`, tf.zeros<tfjs.Rank.R1>([count(params, names)])]))),
    }),
    update(grads, state, params, lr) {
      return tf.tidy(() => {
        const next = apply(grads, state.slots, params, toTensors(ratesOf(state.step + 1, lr))), gradNorm = next.gradNorm.dataSync()[0]
        if (!Number.isFinite(gradNorm)) throw nonFinite(grads, state.step)
        return { params: next.params, state: { step: state.step + 1, slots: next.slots }, gradNorm }
      })
    },
  }
}

function checkNames(grads: Params, params: Params): void {
  for (const name of Object.keys(params)) {
    const grad = grads[name] as tfjs.Tensor | undefined, want = params[name].shape.join(', ')
    if (grad?.shape.join(', ') !== want) throw new Error(`${name}: expected a gradient of shape [${want}], got ${grad ? `[${grad.shape.join(', ')}]` : 'none'}`)
  }
  const extra = Object.keys(grads).find(name => !Object.hasOwn(params, name))
  if (extra !== undefined) throw new Error(`${extra}: a gradient without a weight`)
}

function checkSlot(slots: Vectors, name: string, size: number): void {
  const got = Object.hasOwn(slots, name) ? slots[name].size : 'none'
  if (got !== size) throw new Error(`optimiser state: expected ${name} with ${size} numbers for these weights, got ${got}; the state belongs to another model or optimiser`)
}

/** The error that names the first gradient which is not finite. step: how many were done. */
export function nonFinite(grads: Params, step: number): Error {
  for (const [name, grad] of Object.entries(grads)) {
    if (!Number.isFinite(tf.tidy(() => grad.abs().max()).dataSync()[0])) return new Error(`step ${step}: the gradient of ${name} is not finite; lower the learning rate or look for a log or a division of 0`)
  }
  return new Error(`step ${step}: the gradients' squares overflow float32; lower the learning rate or scale the loss down`)
}

/** Betas and epsilon of Adam, with its paper's defaults. */
export interface AdamOptions extends CommonOptions { readonly betas?: readonly [number, number]; readonly eps?: number }

type Factor = number | tfjs.Scalar

/** a·x + b·y. Here and below every intermediate vector is freed at once, so that the next one takes its memory: twice as fast as one tidy at the end. */
const mix = (a: Factor, x: tfjs.Tensor1D, b: Factor, y: tfjs.Tensor1D): tfjs.Tensor1D =>
  a === 1 && b === 0 ? x.clone() : tf.tidy(() => (a === 1 ? x : tf.mul<tfjs.Tensor1D>(a, x)).add(b === 1 ? y : tf.mul(b, y)))

/** θ·keep − lr·m̂/(√v̂ + ε), m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², hats divided by 1−βᵗ (folded into rate and ε). */
function adamRule({ betas: [b1, b2] = [0.9, 0.999], eps = 1e-8 }: AdamOptions, decoupled: boolean): Rule {
  return {
    slots: ['exp_avg', 'exp_avg_sq'],
    rates(step, lr, decay) {
      const root = Math.sqrt(1 - b2 ** step)
      return { move: -lr * root / (1 - b1 ** step), eps: eps * root, ...decoupled && decay !== 0 ? { keep: 1 - lr * decay } : {} }
    },
    step(raw, p, slots, rates, decay) {
      if (hasKernels()) return tf.tidy(() => {
        const g = decoupled ? raw : mix(1, raw, decay, p), keep = decoupled && decay !== 0 ? rates.keep : tf.scalar(1)
        const [next, m, v] = fusedAdam(g, p, slots.exp_avg, slots.exp_avg_sq, { keep, move: rates.move, eps: rates.eps }, [b1, b2]) as tfjs.Tensor1D[]
        return { p: next, slots: { exp_avg: m, exp_avg_sq: v } }
      })
      const g = decoupled ? raw : mix(1, raw, decay, p), m = mix(b1, slots.exp_avg, 1 - b1, g), v = tf.tidy(() => mix(b2, slots.exp_avg_sq, 1 - b2, g.square()))
      const move = tf.tidy(() => m.div<tfjs.Tensor1D>(tf.tidy(() => v.sqrt().add(rates.eps))))
      return { p: mix(decoupled && decay !== 0 ? rates.keep : 1, p, rates.move, move), slots: { exp_avg: m, exp_avg_sq: v } }
    },
  }
}

/** AdamW: weights first shrink by 1 − lr·λ, apart from the gradient, then take {@link adam}'s step.  Loshchilov 2017, arXiv:1711.05101 */
export const adamw = (options: AdamOptions): Optimiser => optimiser('adamw', options, adamRule(options, true))

/** Adam; a weight decay is added to the gradient: g + λθ.  Kingma 2014, arXiv:1412.6980 */
export const adam = (options: AdamOptions): Optimiser => optimiser('adam', options, adamRule(options, false))

const moves = (_step: number, lr: number): Rates => ({ move: -lr })

/** θ − lr·g; with momentum μ: b ← μb + g, θ − lr·b, or with Nesterov's θ − lr·(g + μb). A weight decay is added to the gradient. As torch.optim.SGD. */
export function sgd({ momentum = 0, nesterov = false, ...options }: CommonOptions & { readonly momentum?: number, readonly nesterov?: boolean }): Optimiser {
  return optimiser('sgd', options, {
    slots: momentum ? ['momentum_buffer'] : [], rates: moves,
    step(g, p, slots, { move }, decay) {
      const grad = mix(1, g, decay, p)
      if (!momentum) return { p: mix(1, p, move, grad), slots }
      const buffer = mix(momentum, slots.momentum_buffer, 1, grad)
      return { p: mix(1, p, move, nesterov ? mix(1, grad, momentum, buffer) : buffer), slots: { momentum_buffer: buffer } }
    },
  }, { momentum, nesterov })
}

/** θ − lr·g/(√v + ε), v ← αv + (1−α)g². A weight decay is added to the gradient. As torch.optim.RMSprop.  Tieleman and Hinton 2012 */
export function rmsprop({ alpha = 0.99, eps = 1e-8, ...options }: CommonOptions & { readonly alpha?: number, readonly eps?: number }): Optimiser {
  return optimiser('rmsprop', options, {
    slots: ['square_avg'], rates: moves,
    step(g, p, slots, { move }, decay) {
      const grad = mix(1, g, decay, p), v = tf.tidy(() => mix(alpha, slots.square_avg, 1 - alpha, grad.square()))
      return { p: mix(1, p, move, tf.tidy(() => grad.div(v.sqrt().add(eps)))), slots: { square_avg: v } }
    },
  }, { alpha, eps })
}

/** Frees what an optimiser remembers. */
export function disposeState(state: OptimiserState): void { tf.dispose(state.slots) }
