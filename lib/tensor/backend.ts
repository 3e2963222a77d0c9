import type * as tfjs from '@tensorflow/tfjs'
import type { BackendInfo } from './backend/choose'
import { start } from './backend/start'

export type { BackendInfo } from './backend/choose'

const started = start()

/** The one TensorFlow.js of the library; nothing else imports another. On wasm it can be used after `await ready()`. */
export const tf: typeof tfjs = started.tf

/** Waits until the backend can run, and says which it is, why, and how to get a faster one.
 *  @throws when tfjs would run on another backend than the one that was chosen */
export async function ready(): Promise<BackendInfo> {
  const { info } = started
  if (tf.getBackend() !== info.name) await tf.setBackend(info.name)
  await tf.ready()
  if (tf.getBackend() !== info.name) throw new Error(`The ${info.name} backend was chosen, but tfjs runs on ${tf.getBackend()}: npm run doctor shows what works here`)
  return info
}
