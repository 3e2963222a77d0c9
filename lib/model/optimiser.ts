import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import type { Params } from './params'

/** What an optimiser remembers between steps: how many there were, and vectors as long as all weights together (see {@link flatten}). */
export interface OptimiserState { readonly step: number; readonly slots: Readonly<Record<string, tfjs.Tensor1D>> }

/**
 * An update rule without state of its own. `update` is the one place where weights change: it returns new weights and a new state and
 * leaves the old ones, which the caller disposes. `gradNorm` is the norm over all gradients before clipping.
 */
export interface Optimiser {
  /** The state before the first step. */
  init(params: Params): OptimiserState
  /** One step on gradients that have the names and shapes of params; lr defaults to the optimiser's. Throws on a gradient that is not finite, naming it. */
  update(grads: Params, state: OptimiserState, params: Params, lr?: number): { params: Params, state: OptimiserState, gradNorm: number }
}

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

/** Names in the order of the vectors: matrices first, so that what decays is usually one piece, each kind by name. */
function order(params: Params): string[] {
  const key = (name: string) => params[name].rank > 1 ? 0 : 1
  return Object.keys(params).sort((a, b) => key(a) - key(b) || (a < b ? -1 : 1))
}

/** All tensors of a record as one vector: matrices first, then vectors, each by name. A handful of operations then updates every weight. */
export function flatten(params: Params): tfjs.Tensor1D {
  return tf.tidy(() => tf.concat1d(order(params).map(name => params[name].reshape<tfjs.Tensor1D>([-1]))))
}

/** The pieces of such a vector under the names and in the shapes of `like`. */
export function unflatten(vector: tfjs.Tensor1D, like: Params): Params {
  const names = order(like), sizes = names.map(name => like[name].size), total = sizes.reduce((a, b) => a + b, 0)
  if (vector.size !== total) throw new RangeError(`unflatten: the tensors of the record have ${total} numbers, the vector has ${vector.size}`)
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
 * g · min(1, maxNorm / (‖g‖₂ + 1e-6)), and ‖g‖₂, for a vector of all gradients.  Pascanu 2012, arXiv:1211.5063; as torch's clip_grad_norm_
 * Infinity as maxNorm only measures.
 */
export function clipByGlobalNorm(vector: tfjs.Tensor1D, maxNorm: number): { clipped: tfjs.Tensor1D, norm: number } {
  const norm = Math.sqrt(tf.tidy(() => vector.square().sum()).dataSync()[0]) // one number read
  const scale = Math.min(1, maxNorm / (norm + 1e-6))
  return { clipped: scale < 1 ? tf.mul(vector, scale) : vector.clone(), norm }
}

/** λ where a weight decays and 0 elsewhere: a number when that is the same everywhere. */
function decayOf(params: Params, { weightDecay = 0, decays = (_, shape) => shape.length > 1 }: CommonOptions): number | tfjs.Tensor1D {
  const runs: { size: number, value: number }[] = []
  for (const name of order(params)) {
    const value = decays(name, params[name].shape) ? weightDecay : 0, last = runs.at(-1)
    if (last?.value === value) last.size += params[name].size
    else runs.push({ size: params[name].size, value })
  }
  return runs.length === 1 ? runs[0].value : tf.concat1d(runs.map(({ size, value }) => tf.fill([size], value)))
}

type Vectors = Readonly<Record<string, tfjs.Tensor1D>>
/** One step on vectors: gradient, weights, slots, the step's number from 1, rate and decay → new weights and slots. */
type Rule = (g: tfjs.Tensor1D, p: tfjs.Tensor1D, slots: Vectors, step: number, lr: number, decay: number | tfjs.Tensor1D) => { p: tfjs.Tensor1D, slots: Vectors }

function optimiser(options: CommonOptions, slotNames: readonly string[], rule: Rule): Optimiser {
  if (!(options.lr >= 0)) throw new RangeError(`lr: expected a number from 0 on, got ${options.lr}`)
  if (!((options.maxGradNorm ?? Infinity) > 0)) throw new RangeError(`maxGradNorm: expected a positive number, got ${options.maxGradNorm}`)
  return {
    init: params => {
      const size = Object.values(params).reduce((n, t) => n + t.size, 0)
      return { step: 0, slots: Object.fromEntries(slotNames.map(name => [name, tf.zeros<tfjs.Rank.R1>([size])])) }
    },
    update(grads, state, params, lr = options.lr) {
      checkNames(grads, state, params, slotNames)
      const out = tf.tidy(() => {
        const { clipped, norm } = clipByGlobalNorm(flatten(grads), options.maxGradNorm ?? Infinity)
        if (!Number.isFinite(norm)) throw nonFinite(grads, state.step)
        const { p, slots } = rule(clipped, flatten(params), state.slots, state.step + 1, lr, decayOf(params, options))
        return { params: unflatten(p, params), slots, gradNorm: norm }
      })
      return { params: out.params, state: { step: state.step + 1, slots: out.slots }, gradNorm: out.gradNorm }
    },
  }
}

function checkNames(grads: Params, state: OptimiserState, params: Params, slotNames: readonly string[]): void {
  const names = Object.keys(params)
  for (const name of names) {
    const grad = grads[name] as tfjs.Tensor | undefined, want = params[name].shape.join(', ')
    if (grad?.shape.join(', ') !== want) throw new Error(`${name}: expected a gradient of shape [${want}], got ${grad ? `[${grad.shape.join(', ')}]` : 'none'}`)
  }
  const extra = Object.keys(grads).find(name => !(name in params))
  if (extra !== undefined) throw new Error(`${extra}: a gradient without a weight`)
  const size = names.reduce((n, name) => n + params[name].size, 0)
  for (const name of slotNames) {
    if (state.slots[name]?.size !== size) throw new Error(`optimiser state: expected ${name} with ${size} numbers for these weights, got ${state.slots[name]?.size ?? 'none'}; the state belongs to another model or optimiser`)
  }
}

function nonFinite(grads: Params, step: number): Error {
  for (const [name, grad] of Object.entries(grads)) {
    if (!Number.isFinite(tf.tidy(() => grad.abs().max()).dataSync()[0])) return new Error(`step ${step}: the gradient of ${name} is not finite; lower the learning rate or look for a log or a division of 0`)
  }
  return new Error(`step ${step}: the gradients' squares overflow float32; lower the learning rate or scale the loss down`)
}

/** Betas and epsilon of Adam, with its paper's defaults. */
export interface AdamOptions extends CommonOptions { readonly betas?: readonly [number, number]; readonly eps?: number }

/** θ − lr·m̂/(√v̂ + ε), m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², hats divided by 1−βᵗ (folded into rate and ε). */
function adamStep(g: tfjs.Tensor1D, p: tfjs.Tensor1D, { exp_avg, exp_avg_sq }: Vectors, step: number, lr: number, [b1, b2]: readonly [number, number], eps: number) {
  const m = tf.add<tfjs.Tensor1D>(tf.mul(exp_avg, b1), tf.mul(g, 1 - b1)), v = tf.add<tfjs.Tensor1D>(tf.mul(exp_avg_sq, b2), tf.mul(tf.square(g), 1 - b2))
  const root = Math.sqrt(1 - b2 ** step)
  return { p: tf.sub<tfjs.Tensor1D>(p, tf.div(tf.mul(m, lr * root / (1 - b1 ** step)), tf.add(tf.sqrt(v), eps * root))), slots: { exp_avg: m, exp_avg_sq: v } }
}

/** AdamW: weights first shrink by 1 − lr·λ, apart from the gradient, then take {@link adam}'s step.  Loshchilov 2017, arXiv:1711.05101 */
export function adamw({ betas = [0.9, 0.999], eps = 1e-8, ...options }: AdamOptions): Optimiser {
  return optimiser(options, ['exp_avg', 'exp_avg_sq'], (g, p, slots, step, lr, decay) =>
    adamStep(g, decay === 0 || lr === 0 ? p : p.mul(tf.sub(1, tf.mul(decay, lr))), slots, step, lr, betas, eps))
}

/** Adam; a weight decay is added to the gradient: g + λθ.  Kingma 2014, arXiv:1412.6980 */
export function adam({ betas = [0.9, 0.999], eps = 1e-8, ...options }: AdamOptions): Optimiser {
  return optimiser(options, ['exp_avg', 'exp_avg_sq'], (g, p, slots, step, lr, decay) => adamStep(withDecay(g, p, decay), p, slots, step, lr, betas, eps))
}

const withDecay = (g: tfjs.Tensor1D, p: tfjs.Tensor1D, decay: number | tfjs.Tensor1D): tfjs.Tensor1D => decay === 0 ? g : g.add(p.mul(decay))

/** θ − lr·g; with momentum μ: b ← μb + g, θ − lr·b, or with Nesterov's θ − lr·(g + μb). A weight decay is added to the gradient. As torch.optim.SGD. */
export function sgd({ momentum = 0, nesterov = false, ...options }: CommonOptions & { readonly momentum?: number, readonly nesterov?: boolean }): Optimiser {
  return optimiser(options, momentum ? ['momentum_buffer'] : [], (g, p, slots, _step, lr, decay) => {
    const grad = withDecay(g, p, decay)
    if (!momentum) return { p: p.sub(grad.mul(lr)), slots }
    const buffer = slots.momentum_buffer.mul<tfjs.Tensor1D>(momentum).add<tfjs.Tensor1D>(grad)
    return { p: p.sub((nesterov ? grad.add(buffer.mul(momentum)) : buffer).mul(lr)), slots: { momentum_buffer: buffer } }
  })
}

/** θ − lr·g/(√v + ε), v ← αv + (1−α)g². A weight decay is added to the gradient. As torch.optim.RMSprop.  Tieleman and Hinton 2012 */
export function rmsprop({ alpha = 0.99, eps = 1e-8, ...options }: CommonOptions & { readonly alpha?: number, readonly eps?: number }): Optimiser {
  return optimiser(options, ['square_avg'], (g, p, slots, _step, lr, decay) => {
    const grad = withDecay(g, p, decay), v = slots.square_avg.mul<tfjs.Tensor1D>(alpha).add<tfjs.Tensor1D>(grad.square().mul(1 - alpha))
    return { p: p.sub(grad.div(v.sqrt().add(eps)).mul(lr)), slots: { square_avg: v } }
  })
}

/** Frees what an optimiser remembers. */
export function disposeState(state: OptimiserState): void { tf.dispose(state.slots) }
