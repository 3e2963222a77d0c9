import type * as tfjs from '@tensorflow/tfjs'
import { tf } from './backend'
import { hasKernels, logps, logpsGrad } from './kernels'
import { composite } from './layers'
import { lastMax } from './native'

/** The pieces of a softmax over the last axis: z = x − max, e = exp z, s = Σ e; log softmax = z − log s. */
function pieces(logits: tfjs.Tensor2D): { z: tfjs.Tensor2D, e: tfjs.Tensor2D, s: tfjs.Tensor2D } {
  const z = tf.sub<tfjs.Tensor2D>(logits, lastMax(logits)), e = tf.exp(z)
  return { z, e, s: tf.sum(e, 1, true) }
}

/**
 * Log-probability of one token a row: log softmax(logits / temperature)[token], without building the log softmax.
 * logits [n, v], n tokens → [n]. Throws RangeError on a token on the host outside the vocabulary (tokens in an int32 tensor are not looked at)
 * or a temperature that is not positive.
 */
export function gatherLogps(logits: tfjs.Tensor2D, tokens: ArrayLike<number> | tfjs.Tensor1D, temperature = 1): tfjs.Tensor1D {
  const [n, v] = logits.shape, length = tokens instanceof tf.Tensor ? tokens.size : tokens.length
  if (length !== n) throw new Error(`gatherLogps: ${n} rows of logits, but ${length} tokens`)
  if (!(temperature > 0)) throw new RangeError(`temperature: expected a positive number, got ${temperature}`)
  if (!(tokens instanceof tf.Tensor)) {
    for (let i = 0; i < n; i++) if (!(tokens[i] >= 0 && tokens[i] < v)) throw new RangeError(`token ${tokens[i]} (row ${i}): expected 0 to ${v - 1}`)
  }
  const chosen = () => tokens instanceof tf.Tensor ? tokens : tf.tensor1d(Int32Array.from(tokens), 'int32')
  if (hasKernels()) {
    return composite([logits], save => {
      const index = chosen(), [values, whole] = logps(logits, index, 1 / temperature)
      save([logits, index, whole])
      return values
    }, (dy, [logits, index, whole]) => [logpsGrad(logits, index, whole, dy, 1 / temperature)])
  }
  return composite([logits], save => {
    const index = tf.stack([tf.range(0, n, 1, 'int32'), chosen()], 1)
    const { z, e, s } = pieces(temperature === 1 ? logits : tf.div(logits, temperature))
    save([e, s, index])
    return tf.sub<tfjs.Tensor1D>(tf.gatherND(z, index), tf.log(tf.reshape(s, [n])))
  }, (dy, [e, s, index]) => {
    // d logp = onehot − softmax
    const scaled = temperature === 1 ? dy : tf.div(dy, temperature)
    const chosen = tf.scatterND(index, scaled, [n, v])
    return [tf.sub(chosen, tf.mul(e, tf.div(tf.reshape(scaled, [n, 1]), s)))]
  })
}

/** Entropy of softmax(logits) in nats, −Σ p log p.  logits [n, v] → [n]. */
export function entropies(logits: tfjs.Tensor2D): tfjs.Tensor1D {
  return composite([logits], save => {
    const { z, e, s } = pieces(logits), p = tf.div(e, s), logp = tf.sub(z, tf.log(s))
    const entropy = tf.neg(tf.sum(tf.mul(p, logp), 1, true))
    save([p, logp, entropy])
    return tf.reshape<tfjs.Rank.R1>(entropy, [-1])
    // ∂H/∂x = −p (log p + H)
  }, (dy, [p, logp, entropy]) => [tf.neg(tf.mul(tf.mul(p, tf.add(logp, entropy)), tf.reshape(dy, [-1, 1])))])
}

/**
 * Exact Kullback-Leibler divergence over the whole vocabulary, KL(p ‖ q) = Σ p (log p − log q), p and q the softmax of their logits.
 * Both [n, v] → [n]. Both get a gradient: ∂/∂x_p = p (log p − log q − KL), ∂/∂x_q = q − p.
 */
export function exactKl(logitsP: tfjs.Tensor2D, logitsQ: tfjs.Tensor2D): tfjs.Tensor1D {
  if (logitsP.shape.join() !== logitsQ.shape.join()) throw new Error(`exactKl: logits [${logitsP.shape.join(', ')}] and [${logitsQ.shape.join(', ')}] differ in shape`)
  return composite([logitsP, logitsQ], save => {
    const a = pieces(logitsP), b = pieces(logitsQ), p = tf.div(a.e, a.s)
    const ratio = tf.sub(tf.sub(a.z, tf.log(a.s)), tf.sub(b.z, tf.log(b.s)))
    const kl = tf.sum(tf.mul(p, ratio), 1, true)
    save([p, tf.div(b.e, b.s), ratio, kl])
    return tf.reshape<tfjs.Rank.R1>(kl, [-1])
  }, (dy, [p, q, ratio, kl]) => {
    const weight = tf.reshape(dy, [-1, 1])
    return [tf.mul(tf.mul(p, tf.sub(ratio, kl)), weight), tf.mul(tf.sub(q, p), weight)]
  })
}

/** Puts values [n] at the given places of a vector of zeros: place[i] gets values[i] → [size]. Values of one place are added. */
export function scatter(values: tfjs.Tensor1D, places: Int32Array | tfjs.Tensor1D, size: number): tfjs.Tensor1D {
  return composite([values], save => {
    const index = places instanceof tf.Tensor ? tf.reshape<tfjs.Rank.R2>(places, [places.size, 1]) : tf.tensor2d(places, [places.length, 1], 'int32')
    save([index])
    return tf.scatterND<tfjs.Rank.R1>(index, values, [size])
  }, (dy, [index]) => [tf.gather(dy, tf.reshape(index, [-1]))])
}
