/**
 * The operations that composites are made of. On the native backend they go to the library at once: the checks that tf.add and its like make
 * first cost as much time as a small operation itself. On every other backend they are tf's. None of them is differentiable by itself:
 * for use inside tf.customGrad only, on float32 tensors.
 */
import type * as tfjs from '@tensorflow/tfjs'
import { tf } from './backend'
import { tracing } from './jit'

type Tensor = tfjs.Tensor

/** The part of tfjs-node's backend that runs one TensorFlow operation by name. */
interface NodeBackend {
  executeSingleOutput(name: string, attributes: Attribute[], inputs: Tensor[]): Tensor
  readonly binding: { readonly TF_ATTR_BOOL: number, readonly TF_ATTR_INT: number, readonly TF_ATTR_TYPE: number, readonly TF_FLOAT: number, readonly TF_INT32: number }
}
interface Attribute { readonly name: string, readonly type: number, readonly value: unknown }

const isNative = () => tf.getBackend() === 'tensorflow'

/** Runs one operation of the native library. */
function native(name: string, inputs: Tensor[], bools: readonly (readonly [string, boolean])[] = [], indexType?: string): Tensor {
  const backend = tf.backend() as unknown as NodeBackend, { TF_ATTR_TYPE: type, TF_ATTR_BOOL, TF_FLOAT, TF_INT32 } = backend.binding
  const attributes: Attribute[] = [{ name: 'T', type, value: TF_FLOAT }, ...bools.map(([name, value]) => ({ name, type: TF_ATTR_BOOL, value }))]
  if (indexType) attributes.push({ name: indexType, type, value: TF_INT32 })
  return backend.executeSingleOutput(name, attributes, inputs)
}

/** Whether what runs now is being written down for XLA, which wants other operations than TensorFlow's kernels do. */
export const inXla = (): boolean => tracing() === 'xla'

const tensor = (x: Tensor | number): Tensor => typeof x === 'number' ? tf.scalar(x) : x

function binary(name: string, other: (a: Tensor, b: Tensor | number) => Tensor) {
  return (a: Tensor, b: Tensor | number): Tensor => isNative() ? native(name, [a, tensor(b)]) : other(a, b)
}
function unary(name: string, other: (x: Tensor) => Tensor) {
  return (x: Tensor): Tensor => isNative() ? native(name, [x]) : other(x)
}

export const add = binary('AddV2', (a, b) => tf.add(a, b))
export const sub = binary('Sub', (a, b) => tf.sub(a, b))
export const mul = binary('Mul', (a, b) => tf.mul(a, b))
export const square = unary('Square', x => tf.square(x))
export const rsqrt = unary('Rsqrt', x => tf.rsqrt(x))
export const sigmoid = unary('Sigmoid', x => tf.sigmoid(x))
export const softmax = unary('Softmax', x => tf.softmax(x))

/**
 * Matrix product over the last two axes, either one transposed. Not TensorFlow's MatMul, though that is a little quicker on matrices:
 * under a CPU profiler (node --cpu-prof) version 2.15 corrupts the heap in it on one thread; BatchMatMulV2 was never seen to.
 */
export function matMul(a: Tensor, b: Tensor, transposeA = false, transposeB = false): Tensor {
  return isNative() ? native('BatchMatMulV2', [a, b], [['adj_x', transposeA], ['adj_y', transposeB]]) : tf.matMul(a, b, transposeA, transposeB)
}

/** x with its axes in another order. */
export function transpose(x: Tensor, order: number[]): Tensor {
  return isNative() ? native('Transpose', [x, tf.tensor1d(order, 'int32')], [], 'Tperm') : tf.transpose(x, order)
}

/** x in another shape of the same size. */
export function reshape(x: Tensor, shape: number[]): Tensor {
  return isNative() ? native('Reshape', [x, tf.tensor1d(shape, 'int32')], [], 'Tshape') : tf.reshape(x, shape)
}

/**
 * aᵀ b for tall a [n, i] and b [n, j], the gradient of a weight. wasm repacks its second factor at every product,
 * XLA the first where it is transposed, so the narrower one stands there.
 */
export function tallProduct(a: Tensor, b: Tensor): Tensor {
  const i = a.shape[1]!, j = b.shape[1]!, turned = isNative() ? inXla() && j > 1 && j < i : i < j
  if (!turned) return matMul(a, b, true)
  // In two pieces: of one, XLA would make the product in the other order again
  const product = matMul(b, a, true), pieces = isNative() ? tf.split(product, [Math.floor(j / 2), Math.ceil(j / 2)], 0) : [product], across = pieces.map(piece => transpose(piece, [1, 0]))
  return across.length > 1 ? tf.concat(across, 1) : across[0]
}

/** Rows of a table [rows, d] → [n, d], indices in range. wasm's own kernel moves single numbers; on the host a row is one copy. */
export function gatherRows(table: Tensor, index: Tensor): Tensor {
  if (tf.getBackend() === 'wasm') {
    const from = table.dataSync<'float32'>(), rows = index.dataSync<'int32'>(), width = table.shape[1]!, out = new Float32Array(rows.length * width)
    rows.forEach((row, i) => out.set(from.subarray(row * width, (row + 1) * width), i * width))
    return tf.tensor2d(out, [rows.length, width])
  }
  if (!isNative()) return tf.gather(table, index)
  // tf.gather reads the indices back to look at them
  const backend = tf.backend() as unknown as NodeBackend, { TF_ATTR_TYPE: type, TF_ATTR_INT, TF_FLOAT, TF_INT32 } = backend.binding
  return backend.executeSingleOutput('GatherV2', [
    { name: 'batch_dims', type: TF_ATTR_INT, value: 0 }, { name: 'Tparams', type, value: TF_FLOAT }, { name: 'Tindices', type, value: TF_INT32 }, { name: 'Taxis', type, value: TF_INT32 },
  ], [table, index, tf.scalar(0, 'int32')])
}

/** Sum over the rows of [n, d] → [d]: natively the gradient of a bias, twice as quick as the general sum. */
export function columnSums(x: Tensor): Tensor {
  return isNative() ? native('BiasAddGrad', [x]) : tf.sum(x, 0)
}

/** Sum over the last axis, which stays with size 1. */
export function lastSums(x: Tensor): Tensor {
  return isNative() ? native('Sum', [x, tf.scalar(-1, 'int32')], [['keep_dims', true]], 'Tidx') : tf.sum(x, -1, true)
}

/**
 * The largest of the last axis, which stays with size 1. XLA does not vectorise it, since NaN must stay NaN, but does so for elements of two
 * halves, which may overlap.
 */
export function lastMax(x: Tensor): Tensor {
  let rest = x
  while (inXla() && rest.shape.at(-1)! > 16) {
    const size = rest.shape.at(-1)!, half = Math.ceil(size / 2), outer = rest.shape.slice(0, -1), from = (at: number) => tf.slice(rest, [...outer.map(() => 0), at], [...outer, half])
    rest = tf.maximum(from(0), from(size - half))
  }
  return tf.max(rest, -1, true)
}

/** Mean over the last axis, which stays with size 1. */
export function lastMeans(x: Tensor): Tensor {
  return isNative() ? native('Mean', [x, tf.scalar(-1, 'int32')], [['keep_dims', true]], 'Tidx') : tf.mean(x, -1, true)
}

/** σ (1 − σ)·dy for σ = sigmoid: its gradient. */
export function sigmoidGrad(s: Tensor, dy: Tensor): Tensor {
  return isNative() ? native('SigmoidGrad', [s, dy]) : tf.mul(tf.mul(s, tf.sub(1, s)), dy)
}
