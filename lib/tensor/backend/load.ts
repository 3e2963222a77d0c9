import { availableParallelism } from 'node:os'
import type * as tfjs from '@tensorflow/tfjs'
import { packageFolder, packageOf, type BackendName } from './candidates'
import { installWasm } from '../wasm'
import { prepareForNode } from './wasm-node'

/** tfjs-node still calls two functions of util that Node.js 22 warns of and 23 removed. */
function restoreUtil(): void {
  const util = require('node:util') as Record<string, unknown>
  util.isNullOrUndefined = (value: unknown) => value === null || value === undefined
  util.isArray = Array.isArray
}

/** Adds the wasm backend, with its faults mended, to a tf that is loaded already.
 *  `threads` > 1 runs matrix products on that many threads. */
export function addWasm(tf: typeof tfjs, threads = 1): void {
  const wasm = require('@tensorflow/tfjs-backend-wasm') as typeof import('@tensorflow/tfjs-backend-wasm')
  const folder = packageFolder(packageOf.wasm)
  if (!folder) throw new Error(`${packageOf.wasm} is not installed: run npm ci`)
  installWasm(tf)
  prepareForNode(tf, wasm, folder, threads)
}

/** Loads a backend's package. Quiet: neither TensorFlow's start-up lines nor the banner of tfjs are printed.
 *  @throws what the package throws, when it is not installed or its library cannot be loaded */
export function load(name: BackendName, threads = 1): typeof tfjs {
  if (name === 'wasm') {
    const tf = require('@tensorflow/tfjs') as typeof tfjs
    tf.enableProdMode()
    addWasm(tf, threads)
    return tf
  }
  // TensorFlow reads it once, when its library is loaded.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '3'
  // So are these: to share one of a small model's operations out among threads takes longer than it saves. Those of a compiled step that
  // need nothing of each other still run side by side, one a processor, and sums do not depend on how many there are.
  process.env.TF_NUM_INTRAOP_THREADS ??= '1'
  restoreUtil()
  const tf = require(packageOf[name]) as typeof tfjs
  tf.enableProdMode()
  return tf
}

/** What a loaded backend says of itself. */
export interface Description { readonly device: 'GPU' | 'CPU'; readonly version: string; readonly threads: number }

/** Asks a loaded and ready backend for its device, version and threads. */
export async function describe(tf: typeof tfjs, name: BackendName): Promise<Description> {
  if (name === 'wasm') {
    const { getThreadsCount, version_wasm } = require('@tensorflow/tfjs-backend-wasm') as typeof import('@tensorflow/tfjs-backend-wasm')
    const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')
    return { device: 'CPU', version: `${version_wasm}${simd ? ' with SIMD' : ''}`, threads: Math.max(1, getThreadsCount()) }
  }
  const backend = tf.backend() as unknown as { isUsingGpuDevice: boolean, binding: { TF_Version: string } }
  const within = Number(process.env.TF_NUM_INTRAOP_THREADS) || availableParallelism(), sideBySide = Number(process.env.TF_NUM_INTEROP_THREADS) || availableParallelism(), threads = Math.max(within, sideBySide)
  return { device: backend.isUsingGpuDevice ? 'GPU' : 'CPU', version: backend.binding.TF_Version, threads }
}
