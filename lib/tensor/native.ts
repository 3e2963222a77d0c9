import type * as tfjs from '@tensorflow/tfjs'
import { tf } from './backend'

/** The part of tfjs-node's backend that runs one TensorFlow operation by name. */
interface NodeBackend {
  executeSingleOutput(name: string, attributes: Attribute[], inputs: tfjs.Tensor[]): tfjs.Tensor
  readonly binding: { readonly TF_ATTR_BOOL: number, readonly TF_ATTR_TYPE: number, readonly TF_ATTR_STRING: number, readonly TF_FLOAT: number }
}
interface Attribute { readonly name: string, readonly type: number, readonly value: unknown }

/** Runs one float32 operation of the native library, or gives undefined on every other backend. No gradient: for use inside tf.customGrad. */
function native(name: string, inputs: tfjs.Tensor[], bools: Readonly<Record<string, boolean>> = {}): tfjs.Tensor | undefined {
  if (tf.getBackend() !== 'tensorflow') return undefined
  const backend = tf.backend() as unknown as NodeBackend, { binding } = backend
  const attributes = [
    { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    ...Object.entries(bools).map(([attribute, value]) => ({ name: attribute, type: binding.TF_ATTR_BOOL, value })),
  ]
  return backend.executeSingleOutput(name, attributes, inputs)
}

/** Matrix product of [m, k] and [k, n], either one transposed. Natively MatMul, which is quicker than the batched kernel behind tf.matMul. */
export function product(a: tfjs.Tensor, b: tfjs.Tensor, transposeA = false, transposeB = false): tfjs.Tensor2D {
  return (native('MatMul', [a, b], { transpose_a: transposeA, transpose_b: transposeB }) ?? tf.matMul(a, b, transposeA, transposeB)) as tfjs.Tensor2D
}

/** Sum over the rows of [n, d] → [d]. Natively the gradient of a bias. */
export function columnSums(x: tfjs.Tensor): tfjs.Tensor1D {
  return (native('BiasAddGrad', [x]) ?? tf.sum(x, 0)) as tfjs.Tensor1D
}

/** (1 − t²)·dy, the gradient of t = tanh. */
export function tanhGrad(t: tfjs.Tensor, dy: tfjs.Tensor): tfjs.Tensor {
  return native('TanhGrad', [t, dy]) ?? tf.tidy(() => tf.sub(dy, tf.mul(dy, tf.square(t))))
}
