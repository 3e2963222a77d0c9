import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { like, type Numbers2D } from './tokens'

/** What the value loss knows from the rollout: the values then, and the returns aimed at, [B][T]. */
export interface ValueBatch { readonly valuesOld: Numbers2D; readonly returns: Numbers2D }

/**
 * The clipped value loss a token: ½ max((V − R)², (clip(V, V_old ± ε) − R)²), [B, T]: a value may not gain by moving more than ε at once.
 * PPO's companion in its published code; Schulman 2017, arXiv:1707.06347 eq. 9 has the plain square.  clip: Infinity turns it off.
 */
export function clippedValueLoss(values: tfjs.Tensor2D, { valuesOld, returns }: ValueBatch, { clip = 0.2 }: { readonly clip?: number } = {}): tfjs.Tensor2D {
  return tf.tidy(() => {
    const R = like(values, returns, 'returns'), plain = tf.square(tf.sub(values, R))
    if (clip === Infinity) return tf.mul(plain, 0.5)
    const old = like(values, valuesOld, 'valuesOld'), held = tf.add(old, tf.clipByValue(tf.sub(values, old), -clip, clip))
    return tf.mul(tf.maximum(plain, tf.square(tf.sub(held, R))), 0.5)
  })
}
