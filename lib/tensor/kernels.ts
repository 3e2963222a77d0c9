/**
 * Operations of a GPT's step that TensorFlow has only in many pieces, as one pass over memory each: our addon brings them
 * (tools/setup/binding/kernels.cc). Only for composites, which have the same in tf's operations for wherever they are not: wasm, a graphics
 * card, the npm package's own addon, and what XLA compiles. None of them is differentiable by itself.
 */
import type * as tfjs from '@tensorflow/tfjs'
import { tf } from './backend'
import { tracing } from './jit'

type Tensor = tfjs.Tensor

interface Backend {
  readonly isUsingGpuDevice?: boolean
  readonly binding: { readonly kernels?: number, readonly TF_ATTR_FLOAT: number, readonly TF_ATTR_INT: number }
  executeMultipleOutputs(name: string, attributes: readonly object[], inputs: readonly Tensor[], outputs: number): Tensor[]
}

/** How many operations the addon has when it was built from the sources beside these; with another one, composites do without. */
const OPERATIONS = 19

let off = false

/** Whether the operations of this file can be used now. */
export function hasKernels(): boolean {
  if (off || tf.getBackend() !== 'tensorflow' || tracing() === 'xla') return false
  const backend = tf.backend() as unknown as Backend
  return backend.binding.kernels === OPERATIONS && backend.isUsingGpuDevice !== true
}

/** What `f` returns without the operations of this file: for tests that compare. */
export function withoutKernels<T>(f: () => T): T {
  const before = off
  off = true
  try { return f() } finally { off = before }
}

/** Whether {@link splitHeads} and {@link mergeHeads} can be used now: wasm has them, too. */
export const hasHeads = (): boolean => hasKernels() || !off && tf.getBackend() === 'wasm'

function run(name: string, inputs: readonly Tensor[], outputs: number, floats: Readonly<Record<string, number>> = {}, ints: Readonly<Record<string, number>> = {}): Tensor[] {
  const backend = tf.backend() as unknown as Backend, { TF_ATTR_FLOAT, TF_ATTR_INT } = backend.binding
  const attributes = [...Object.entries(floats).map(([name, value]) => ({ name, type: TF_ATTR_FLOAT, value })), ...Object.entries(ints).map(([name, value]) => ({ name, type: TF_ATTR_INT, value }))]
  return backend.executeMultipleOutputs(`Rlhf${name}`, attributes, inputs, outputs)
}

/** GPT-2's GELU. */
export const gelu = (x: Tensor): Tensor => run('Gelu', [x], 1)[0]

/** GPT-2's GELU and its derivative. */
export const geluSlope = (x: Tensor): Tensor[] => run('GeluSlope', [x], 2)

/** {@link gelu} of x + b, b [d] added to every row of x [n, d]. */
export const biasGelu = (x: Tensor, b: Tensor): Tensor => run('BiasGelu', [x, b], 1)[0]

/** {@link geluSlope} of x + b. */
export const biasGeluSlope = (x: Tensor, b: Tensor): Tensor[] => run('BiasGeluSlope', [x, b], 2)

/** Gradients for x and b: dy times the slope, and its sum over the rows. */
export const biasGeluGrad = (dy: Tensor, slope: Tensor): Tensor[] => run('BiasGeluGrad', [dy, slope], 2)

/** r + x + b, b [d] added to every row of r and x [n, d]. */
export const addBiased = (r: Tensor, x: Tensor, b: Tensor): Tensor => run('AddBiased', [r, x, b], 1)[0]

/** log softmax(factor · logits) of one token a row, and the logarithm of the sum of every row's exponentials: logits [n, v], tokens [n] → [n] each. */
export const logps = (logits: Tensor, tokens: Tensor, factor: number): Tensor[] => run('Logps', [logits, tokens], 2, { factor })

/** The gradient of {@link logps} for logits: dy factor (onehot − softmax). */
export const logpsGrad = (logits: Tensor, tokens: Tensor, whole: Tensor, dy: Tensor, factor: number): Tensor => run('LogpsGrad', [logits, tokens, whole, dy], 1, { factor })[0]

/** LayerNorm of x [n, d]: the value, and the mean and the inverse deviation [n] of every row. */
export const layerNorm = (x: Tensor, g: Tensor, b: Tensor, epsilon: number): Tensor[] => run('LayerNorm', [x, g, b], 3, { epsilon })

/** Gradients of {@link layerNorm} for x, g, b. */
export const layerNormGrad = (dy: Tensor, x: Tensor, mean: Tensor, scale: Tensor, g: Tensor): Tensor[] => run('LayerNormGrad', [dy, x, mean, scale, g], 3)

/** softmax(scores + mask) over the last axis: scores [b, h, t, s], mask [1 or b, 1, t, s]. */
export const maskedSoftmax = (scores: Tensor, mask: Tensor): Tensor => run('MaskedSoftmax', [scores, mask], 1)[0]

/** The gradient of softmax = weights over the last axis: w (dw − Σ w dw). */
export const softmaxGrad = (weights: Tensor, dweights: Tensor): Tensor => run('SoftmaxGrad', [weights, dweights], 1)[0]

const onWasm = (name: string, inputs: tfjs.NamedTensorMap, attrs: tfjs.NamedAttrMap) => tf.engine().runKernel<Tensor | Tensor[]>(`Rlhf${name}`, inputs, attrs)

/** GPT-2's packed projection [b·t, 3·heads·e] as q (times a factor), k and v, each [b, heads, t, e]. */
export const splitHeads = (packed: Tensor, t: number, heads: number, factor: number): Tensor[] =>
  hasKernels() ? run('SplitHeads', [packed], 3, { factor }, { t, heads }) : onWasm('SplitHeads', { packed }, { t, heads, factor }) as Tensor[]

/** The way back, q times the factor again. */
export const mergeHeads = (q: Tensor, k: Tensor, v: Tensor, factor: number): Tensor =>
  hasKernels() ? run('MergeHeads', [q, k, v], 1, { factor })[0] : onWasm('MergeHeads', { q, k, v }, { factor }) as Tensor

/** softmax(q kᵀ · factor + mask) v of a packed projection [b·t, 3·heads·e], e ≤ 64, mask [1 or b, 1, t, t]: the value [b·t, heads·e], and of every query its largest score and 1 over the sum of its weights. */
export const packedAttention = (packed: Tensor, mask: Tensor, t: number, heads: number, factor: number): Tensor[] => run('Attention', [packed, mask], 3, { factor }, { t, heads })

/** The gradient of {@link packedAttention}, whose weights it computes again. */
export const packedAttentionGrad = (dout: Tensor, [packed, mask, ...made]: readonly Tensor[], t: number, heads: number, factor: number): Tensor => run('AttentionGrad', [packed, mask, dout, ...made], 1, { factor }, { t, heads })[0]

/** Which heads {@link cachedAttention} is for: the width of one. */
export const cachedWidth = 128

/**
 * One position of attention over a cache in two pieces: packed [b, (heads + 2 keyHeads)·e] holds queries, a key and a value of every row. The
 * last two go to the column of the recent piece [b, keyHeads, r, e] where `here` [1, 1, r, 1] is 1; the old one is [b, keyHeads, s, e], the
 * mask [b, 1, 1, s + r]. Returns softmax(q kᵀ · factor + mask) v, [b, heads·e], and the recent keys and values.
 */
export const cachedAttention = (packed: Tensor, old: Readonly<Record<'k' | 'v', Tensor>>, recent: Readonly<Record<'k' | 'v', Tensor>>, mask: Tensor, here: Tensor, factor: number): Tensor[] =>
  run('CachedAttention', [packed, old.k, old.v, recent.k, recent.v, mask, here], 3, { factor })

/** A token of every row of logits [b, v], by a uniform number [b], at a temperature (scalar; 0: the likeliest), and its log-probability: [b] each. */
export const draw = (logits: Tensor, uniforms: Tensor, temperature: Tensor): Tensor[] => run('Draw', [logits, uniforms, temperature], 2)

/** Adam's step on vectors: keep·p + move·m/(√v + eps), and the new m and v. */
export const adam = (g: Tensor, p: Tensor, m: Tensor, v: Tensor, { keep, move, eps }: Readonly<Record<'keep' | 'move' | 'eps', Tensor>>, [b1, b2]: readonly [number, number]): Tensor[] =>
  run('Adam', [g, p, m, v, keep, move, eps], 3, { b1, b2, rest1: 1 - b1, rest2: 1 - b2 })
