import type * as tfjs from '@tensorflow/tfjs'
import type { Kernel, KernelCall, WasmBackend } from './wasm-types'

const bytes = (shape: readonly number[]) => new Uint8Array(new Int32Array(shape).buffer)
const size = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1)

type Product = (...args: unknown[]) => void
let product: { backend: WasmBackend, run: Product } | undefined

/** The C function behind the stock kernel; wrapped once a backend. */
function productOf(backend: WasmBackend): Product {
  if (product?.backend !== backend) {
    const parameters = ['number', 'array', 'number', 'number', 'array', 'number', 'number', 'number', 'number']
    product = { backend, run: backend.wasm.cwrap('BatchMatMul', null, parameters) }
  }
  return product.run
}

/** For each batch of the output, which batch of an input belongs to it: an axis of length 1 is repeated. */
function batchOf(input: readonly number[], output: readonly number[]): (batch: number) => number {
  const padded = [...Array<number>(output.length - input.length).fill(1), ...input]
  return batch => {
    let rest = batch
    let index = 0
    let stride = 1
    for (let axis = output.length - 1; axis >= 0; axis--) {
      const at = rest % output[axis]
      rest = Math.floor(rest / output[axis])
      if (padded[axis] !== 1) index += at * stride
      stride *= padded[axis]
    }
    return index
  }
}

/**
 * Batched matrix product C[…,m,n] = A[…,m,k] B[…,k,n], batch axes broadcast, either input transposed on request.
 * XNNPACK multiplies only plain matrices, so inputs are transposed first and batches go one by one through views of the
 * same memory; where B has one batch for all of A's, A's batches are rows of one product.
 */
export const fastMatMul: Kernel = (run, tf) => ({ inputs, attrs, backend }: KernelCall) => {
  if (inputs.a.dtype !== 'float32' || inputs.b.dtype !== 'float32') throw new Error(`matMul on wasm takes float32, got ${inputs.a.dtype} and ${inputs.b.dtype}: cast first`)
  const made: tfjs.TensorInfo[] = []
  const plain = (x: tfjs.TensorInfo, transposed: unknown) => {
    if (!transposed) return x
    const perm = x.shape.map((_, axis) => axis)
    perm.push(...perm.splice(-2).reverse())
    made.push(run('Transpose', { inputs: { x }, attrs: { perm }, backend }))
    return made[made.length - 1]
  }
  const a = plain(inputs.a, attrs.transposeA)
  const b = plain(inputs.b, attrs.transposeB)
  const [m, k] = a.shape.slice(-2)
  const [inner, n] = b.shape.slice(-2)
  if (k !== inner) throw new Error(`matMul: inner sizes ${k} and ${inner} of shapes [${inputs.a.shape}] and [${inputs.b.shape}] differ (transposeA ${!!attrs.transposeA}, transposeB ${!!attrs.transposeB})`)
  const batches = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
  const out = backend.makeOutput([...batches, m, n], 'float32')
  if (size(out.shape) === 0 || k === 0) backend.typedArrayFromHeap(out).fill(0)
  else if (size(b.shape.slice(0, -2)) === 1) multiply(backend, a, b, out, [size(out.shape) / n, k, n], 1, () => 0, () => 0)
  else multiply(backend, a, b, out, [m, k, n], size(batches), batchOf(a.shape.slice(0, -2), batches), batchOf(b.shape.slice(0, -2), batches))
  for (const { dataId } of made) backend.disposeData(dataId)
  return out
}

/** C_i = A_{batchA(i)} B_{batchB(i)} for `count` products of an [m, k] by a [k, n] matrix. */
function multiply(backend: WasmBackend, a: tfjs.TensorInfo, b: tfjs.TensorInfo, out: tfjs.TensorInfo, [m, k, n]: readonly number[], count: number, batchA: (i: number) => number, batchB: (i: number) => number): void {
  const run = productOf(backend)
  const offset = (x: tfjs.TensorInfo) => backend.dataIdMap.get(x.dataId).memoryOffset
  const [fromA, fromB, fromOut] = [offset(a), offset(b), offset(out)]
  const [shapeA, shapeB] = [bytes([1, m, k]), bytes([1, k, n])]
  const { registerTensor, disposeData } = backend.wasm.tfjs
  const [idA, idB, idOut] = [backend.dataIdNextNumber++, backend.dataIdNextNumber++, backend.dataIdNextNumber++]
  for (let i = 0; i < count; i++) {
    registerTensor(idA, m * k, fromA + batchA(i) * m * k * 4)
    registerTensor(idB, k * n, fromB + batchB(i) * k * n * 4)
    registerTensor(idOut, m * n, fromOut + i * m * n * 4)
    run(idA, shapeA, 3, idB, shapeB, 3, 0, 0, idOut)
    // XNNPACK keeps B packed under its number: giving the number back drops it.
    for (const id of [idA, idB, idOut]) disposeData(id)
  }
}
