import type * as tfjs from '@tensorflow/tfjs'
import type { Kernel, KernelCall } from './wasm-types'

/** oneHot as int32, then cast: the C code writes integers whatever type is asked for. */
export const oneHot: Kernel = run => ({ inputs, attrs, backend }: KernelCall) => {
  const { dtype } = attrs
  const { onValue, offValue } = attrs as { onValue: number, offValue: number }
  if (dtype === 'int32') return run('OneHot', { inputs, attrs, backend })
  const ones = run('OneHot', { inputs, attrs: { ...attrs, dtype: 'int32', onValue: 1, offValue: 0 }, backend })
  const cast = run('Cast', { inputs: { x: ones }, attrs: { dtype }, backend })
  backend.disposeData(ones.dataId)
  if (onValue !== 1 || offValue !== 0) {
    const values = backend.typedArrayFromHeap(cast)
    for (let i = 0; i < values.length; i++) values[i] = values[i] ? onValue : offValue
  }
  return cast
}

// The names that tfjs gives the activations of fused operations, and the kernels that compute them.
const activations: Readonly<Record<string, string>> = { relu: 'Relu', relu6: 'Relu6', elu: 'Elu', sigmoid: 'Sigmoid', leakyrelu: 'LeakyRelu', prelu: 'Prelu' }

/** activation(A B + bias) as three kernels: the stock one forgets the bias after the first batch. */
export const fusedMatMul: Kernel = run => ({ inputs, attrs, backend }: KernelCall) => {
  const { a, b, bias, preluActivationWeights } = inputs
  const activation = attrs.activation as string | undefined
  const then = (x: tfjs.TensorInfo, kernel: string, inputs: KernelCall['inputs'], attrs: KernelCall['attrs'] = {}) => {
    const next = run(kernel, { inputs, attrs, backend })
    backend.disposeData(x.dataId)
    return next
  }
  let out = run('BatchMatMul', { inputs: { a, b }, attrs: { transposeA: attrs.transposeA, transposeB: attrs.transposeB }, backend })
  if (bias) out = then(out, 'Add', { a: out, b: bias })
  if (!activation || activation === 'linear') return out
  const kernel = activations[activation]
  if (!kernel) throw new Error(`fused.matMul on wasm has no activation ${activation}: use one of linear, ${Object.keys(activations).join(', ')}`)
  return then(out, kernel, activation === 'prelu' ? { x: out, alpha: preluActivationWeights } : { x: out }, { alpha: attrs.leakyreluAlpha })
}

/**
 * out[s, …] = Σ over i with segmentIds[i] = s of x[i, …]; the shape of segmentIds begins the shape of x.
 * This is the gradient of gather, and so of every embedding. Negative ids are left out, as TensorFlow does.
 */
export const unsortedSegmentSum: Kernel = () => ({ inputs, attrs, backend }: KernelCall) => {
  const { x, segmentIds } = inputs
  const segments = attrs.numSegments as number
  const row = x.shape.slice(segmentIds.shape.length)
  const out = backend.makeOutput([segments, ...row], x.dtype)
  // Views last until memory grows: take them when nothing is allocated any more.
  const [from, ids, to] = [x, segmentIds, out].map(tensor => backend.typedArrayFromHeap(tensor))
  to.fill(0)
  const width = row.reduce((product, n) => product * n, 1)
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] >= segments) throw new Error(`unsortedSegmentSum: segmentIds[${i}] = ${ids[i]} is not below numSegments = ${segments}`)
    if (ids[i] < 0) continue
    const start = ids[i] * width
    for (let j = 0; j < width; j++) to[start + j] += from[i * width + j]
  }
  return out
}

/** Einstein summation by tfjs's own plan: bring the factors' axes into one order, multiply, sum an axis away as soon as it can be. */
export const einsum: Kernel = (run, tf) => ({ inputs, attrs, backend }: KernelCall) => {
  const tensors = Object.values(inputs)
  const { allDims, summedDims, idDims } = tf.backend_util.decodeEinsumEquation(attrs.equation as string, tensors.length)
  tf.backend_util.checkEinsumDimSizes(allDims.length, idDims, tensors as tfjs.Tensor[])
  const { path, steps } = tf.backend_util.getEinsumComputePath(summedDims, idDims)
  const made: tfjs.TensorInfo[] = []
  const keep = (x: tfjs.TensorInfo) => { made.push(x); return x }
  let out: tfjs.TensorInfo | undefined
  let rank = allDims.length
  for (const [i, step] of steps.entries()) {
    for (const id of step) {
      const { permutationIndices: perm, expandDims } = tf.backend_util.getEinsumPermutation(rank, idDims[id])
      let x = tensors[id]
      if (!tf.backend_util.isIdentityPermutation(perm)) x = keep(run('Transpose', { inputs: { x }, attrs: { perm }, backend }))
      const shape = [...x.shape]
      for (const axis of expandDims) shape.splice(axis, 0, 1)
      if (!tf.util.arraysEqual(x.shape, shape)) x = keep(run('Reshape', { inputs: { x }, attrs: { shape }, backend }))
      out = out ? keep(run('Multiply', { inputs: { a: x, b: out }, attrs: {}, backend })) : x
    }
    if (i < steps.length - 1 && out) {
      if (path[i] >= 0) out = keep(run('Sum', { inputs: { x: out }, attrs: { axis: path[i] - (allDims.length - rank), keepDims: false }, backend }))
      rank--
    }
  }
  if (!out) throw new Error(`einsum: nothing to compute in "${attrs.equation as string}"`)
  const result = made.includes(out) ? out : run('Identity', { inputs: { x: out }, attrs: {}, backend })
  for (const x of made) if (x !== result) backend.disposeData(x.dataId)
  return result
}
