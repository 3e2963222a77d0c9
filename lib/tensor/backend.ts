import type * as tfjs from '@tensorflow/tfjs'

/** What the labs run on. */
export interface BackendInfo { readonly name: 'tensorflow' | 'wasm'; readonly device: 'GPU' | 'CPU'; readonly label: string }

/** The one TensorFlow.js of the library; nothing else imports another. */
export const tf: typeof tfjs = load()

function load(): typeof tfjs {
  if (process.env.RLHF_BACKEND !== 'wasm') {
    try { return require('@tensorflow/tfjs-node') as typeof tfjs } catch { /* wasm is next */ }
  }
  const plain = require('@tensorflow/tfjs') as typeof tfjs
  require('@tensorflow/tfjs-backend-wasm')
  return plain
}

/** Waits until the backend can run, and says which it is. */
export async function ready(): Promise<BackendInfo> {
  if (tf.getBackend() !== 'tensorflow') await tf.setBackend('wasm')
  await tf.ready()
  return { name: tf.getBackend() as BackendInfo['name'], device: 'CPU', label: tf.getBackend() }
}
