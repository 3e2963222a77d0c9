import type * as tfjs from '@tensorflow/tfjs'

/** An attribute of an operation, as tfjs-node passes it. */
export interface Attribute { readonly name: string; readonly type: number; readonly value: unknown }
/** What tfjs-node's addon says of a tensor that an operation made. */
export interface Made { readonly id: number; readonly dtype: number; readonly shape: number[] }

/** The part of tfjs-node's addon that tracing needs; the last three functions only in an addon that has them (see README.md). */
export interface Binding {
  executeOp(name: string, attributes: readonly Attribute[], inputs: readonly number[], outputs: number): Made[]
  createTensor(shape: number[], dtype: number, values: ArrayBufferView | readonly Uint8Array[]): number
  tensorDataSync(id: number): unknown
  readonly TF_STRING: number
  readonly TF_Version: string
  readonly TF_INT32: number
  readonly TF_ATTR_TYPE: number
  readonly TF_ATTR_INT: number
  jitOpDef?(name: string): Buffer
  jitAddFunction?(def: Buffer): void
  jitRemoveFunction?(name: string): void
}

/** tfjs-node's backend, as far as tracing needs it. */
export interface NodeBackend {
  binding: Binding
  getInputTensorIds(tensors: readonly tfjs.TensorInfo[]): number[]
  createOutputTensor(made: Made): tfjs.Tensor
  executeSingleOutput(name: string, attributes: readonly Attribute[], inputs: readonly tfjs.TensorInfo[]): tfjs.TensorInfo
  getDTypeInteger(dtype: tfjs.DataType): number
  write(values: unknown, shape: number[], dtype: tfjs.DataType): object
  readSync(dataId: object): unknown
  readonly tensorMap: { get(dataId: object): { readonly values: unknown, readonly id: number } | undefined }
}

/** The backend, where it is tfjs-node's with an addon that can take functions. */
export function nodeBackend(tf: typeof tfjs): NodeBackend | undefined {
  if (tf.getBackend() !== 'tensorflow') return undefined
  const backend = tf.backend() as unknown as NodeBackend
  return typeof backend.binding?.jitAddFunction === 'function' ? backend : undefined
}

/** XLA may add in another order, NaN and infinities stay what they are; and sums are not split, which serves accuracy on long rows only: together a tenth of a small GPT's step. */
const FLAGS = '--xla_cpu_enable_fast_math=true --xla_disable_hlo_passes=tree_reduction_rewriter'

/**
 * Sets XLA's flags, which it reads when it first compiles, where the environment does not. A flag that it does not know ends the process, so
 * only for the TensorFlow that they were tried with; in a worker thread, whose environment is a copy, it has no effect.
 */
export function setXlaFlags({ TF_Version }: Binding): void {
  if (process.env.XLA_FLAGS === undefined && TF_Version.startsWith('2.15.')) process.env.XLA_FLAGS = FLAGS
}
