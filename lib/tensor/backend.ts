import type * as tfjs from '@tensorflow/tfjs'
import { choose, inform, type BackendInfo } from './backend/choose'
import { load } from './backend/load'
import { forget } from './backend/probe'

export type { BackendInfo } from './backend/choose'

/** Loads the chosen backend; one that was probed well and cannot be loaded any more is probed again, once. */
function start(): { tf: typeof tfjs, info: BackendInfo } {
  for (let again = true; ; again = false) {
    const choice = choose()
    const { name, threads } = choice.chosen
    try {
      return { tf: load(name, threads), info: inform(choice) }
    } catch (error) {
      if (!again) throw error
      forget(name)
    }
  }
}

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
