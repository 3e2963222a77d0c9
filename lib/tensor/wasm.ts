import type * as tfjs from '@tensorflow/tfjs'
import type { Kernel, Run } from './wasm-types'
import { fastMatMul } from './wasm-matmul'
import { identity, mergeHeads, splitHeads, sum, transpose } from './wasm-layout'
import { einsum, fusedMatMul, oneHot, unsortedSegmentSum } from './wasm-kernels'

// matMul: the stock kernel is fast only for untransposed products of one batch, and every gradient transposes.
// oneHot: writes integer ones whatever the type, so that 'float32' reads as zeros.
// fused.matMul: adds the bias to the first batch only.
// Identity copies; Sum over the first axes and Transpose of a matrix jump through memory.
// UnsortedSegmentSum (the gradient of gather) and Einsum: missing.
const ours: Readonly<Record<string, Kernel>> = {
  BatchMatMul: fastMatMul,
  OneHot: oneHot,
  _FusedMatMul: fusedMatMul,
  UnsortedSegmentSum: unsortedSegmentSum,
  Einsum: einsum,
  Identity: identity,
  Sum: sum,
  Transpose: transpose,
}

const done = new WeakSet<object>()

/** Replaces the faulty and adds the missing kernels of tfjs-backend-wasm 4.22. A second call does nothing.
 *  Still missing, and loud about it ("Kernel … not registered"): complex numbers, FFT, gradients of convolutions, ragged tensors. */
export function installWasm(tf: typeof tfjs): void {
  const registry = tf.engine().registryFactory
  if (done.has(registry)) return
  done.add(registry)
  for (const [kernelName, make] of Object.entries(ours)) {
    const stock = tf.getKernel(kernelName, 'wasm') as tfjs.KernelConfig | undefined
    const run: Run = (kernel, call) => {
      const config = kernel === kernelName && stock ? stock : tf.getKernel(kernel, 'wasm')
      return config.kernelFunc(call as unknown as Parameters<tfjs.KernelConfig['kernelFunc']>[0]) as tfjs.TensorInfo
    }
    if (stock) tf.unregisterKernel(kernelName, 'wasm')
    tf.registerKernel({ ...stock, kernelName, backendName: 'wasm', kernelFunc: make(run, tf) as unknown as tfjs.KernelConfig['kernelFunc'] })
  }
  // Operations of kernels.ts
  for (const [kernelName, kernel] of [['RlhfSplitHeads', splitHeads], ['RlhfMergeHeads', mergeHeads]] as const) {
    tf.registerKernel({ kernelName, backendName: 'wasm', kernelFunc: kernel as unknown as tfjs.KernelConfig['kernelFunc'] })
  }
}
