import type * as tfjs from '@tensorflow/tfjs'
import { tf } from './backend'
import { hasHeads, hasKernels, maskedSoftmax, mergeHeads, packedAttention as attendPacked, packedAttentionGrad as attendPackedGrad, softmaxGrad, splitHeads } from './kernels'
import { composite } from './layers'
import { add, inXla, lastMax, lastSums, matMul, mul, reshape, softmax, sub, transpose } from './native'

/** What is added to the score of a key that must not be seen: large enough that its weight is exactly 0 in float32. */
export const HIDDEN = -1e9

interface Attended { readonly out: tfjs.Tensor, readonly saved: tfjs.Tensor[] }

/**
 * softmax(q kᵀ + mask) v for q already scaled: q [b, k, g·t, e], k and v [b, k, s, e]; mask broadcasts to [b, k, g·t, s], keep has that shape.
 * For XLA the weights stay without their divisor, which is applied to the smaller product.
 */
function attend(q: tfjs.Tensor, k: tfjs.Tensor, v: tfjs.Tensor, mask?: tfjs.Tensor, keep?: tfjs.Tensor): Attended {
  const product = matMul(q, k, false, true), masked = () => mask ? add(product, mask) : product, kept = (x: tfjs.Tensor) => keep ? mul(x, keep) : x
  if (inXla()) {
    const scores = masked(), weights = tf.exp(sub(scores, lastMax(scores))), scale = tf.reciprocal(lastSums(weights)), out = mul(matMul(kept(weights), v), scale)
    return { out, saved: [q, k, v, out, weights, scale, ...keep ? [keep] : []] }
  }
  const fused = mask && hasKernels() && mask.rank === 4 && mask.shape[1] === 1 && mask.shape[2] === product.shape[2]
  const weights = fused ? maskedSoftmax(product, mask) : softmax(masked()), out = matMul(kept(weights), v)
  return { out, saved: [q, k, v, out, weights, ...keep ? [keep] : []] }
}

/**
 * Gradients of {@link attend} for q (scaled), k, v; those for k and v transposed, [b, k, e, s], for XLA, whose products then pack less.
 * Σ dweights·weights over keys = Σ dout·out over the head width, the smaller sum.
 */
function attendGrad(dout: tfjs.Tensor, [q, k, v, out, weights, ...more]: tfjs.Tensor[]): tfjs.Tensor[] {
  const xla = inXla(), scaled = xla ? mul(dout, more.shift()!) : dout, [keep] = more, kept = (x: tfjs.Tensor) => keep ? mul(x, keep) : x
  const dweights = kept(matMul(scaled, v, false, true))
  const dscores = hasKernels() ? softmaxGrad(weights, dweights) : mul(weights, sub(dweights, lastSums(mul(scaled, out))))
  return [matMul(dscores, k), ...xla ? [matMul(q, dscores, true), matMul(scaled, kept(weights), true)] : [matMul(dscores, q, true), matMul(kept(weights), scaled, true)]]
}

/**
 * Scaled dot-product attention: softmax(q kᵀ/√e + mask) v.  Vaswani 2017, arXiv:1706.03762
 * q [b, heads, t, e]; k, v [b, keyHeads, s, e] with heads a multiple of keyHeads (grouped queries, arXiv:2305.13245);
 * mask [1 or b, 1, t, s]: 0 where a key is seen, {@link HIDDEN} where not. Returns [b, heads, t, e].
 */
export function attention(q: tfjs.Tensor4D, k: tfjs.Tensor4D, v: tfjs.Tensor4D, mask?: tfjs.Tensor): tfjs.Tensor4D {
  const [b, heads, t, e] = q.shape, keyHeads = k.shape[1]
  if (heads % keyHeads || k.shape[3] !== e || k.shape[0] !== b || k.shape.join() !== v.shape.join()) {
    throw new Error(`attention: q [${q.shape.join(', ')}], k [${k.shape.join(', ')}], v [${v.shape.join(', ')}] do not fit`)
  }
  const groups = heads / keyHeads, scale = 1 / Math.sqrt(e)
  const group = (x: tfjs.Tensor) => groups === 1 ? x : reshape(x, [b, keyHeads, groups * t, e]), ungroup = (x: tfjs.Tensor) => groups === 1 ? x : reshape(x, q.shape)
  return composite([q, k, v], save => {
    const scaled = group(mul(q, scale))
    const { out, saved } = attend(scaled, k, v, mask && groups > 1 ? tf.tile(mask, [1, 1, groups, 1]) : mask)
    save(saved)
    return ungroup(out)
  }, (dy, saved) => {
    const [dq, ...rest] = attendGrad(group(dy), saved)
    return [ungroup(mul(dq, scale)), ...inXla() ? rest.map(x => transpose(x, [0, 1, 3, 2])) : rest]
  })
}

/**
 * The same on GPT-2's packed projection, with the change of layout inside: qkv [b·t, 3·heads·e] → [b·t, heads·e].
 * mask as in {@link attention}; keep [b, heads, t, t], if given, multiplies the weights (dropout).
 */
export function packedAttention(qkv: tfjs.Tensor2D, [b, t]: readonly [number, number], heads: number, mask?: tfjs.Tensor, keep?: tfjs.Tensor): tfjs.Tensor2D {
  const width = qkv.shape[1] / 3, e = width / heads, scale = 1 / Math.sqrt(e)
  if (qkv.shape[0] !== b * t || !Number.isInteger(e)) throw new Error(`packedAttention: [${qkv.shape.join(', ')}] is not [${b}·${t}, 3·${heads}·width]`)
  if (hasKernels() && mask?.rank === 4 && !keep && e <= 64) {
    return composite([qkv], save => {
      const [out, most, inverse] = attendPacked(qkv, mask, t, heads, scale)
      save([qkv, mask, out, most, inverse])
      return out
    }, (dy, saved) => [attendPackedGrad(dy, saved, t, heads, scale)])
  }
  const split = () => {
    if (hasHeads()) return splitHeads(qkv, t, heads, scale)
    // Of a split that cuts through joined axes XLA makes a move of single numbers
    const [q, k, v] = inXla() ? tf.split(qkv, 3, 1).map(x => transpose(reshape(x, [b, t, heads, e]), [0, 2, 1, 3]))
      : tf.split(reshape(transpose(reshape(qkv, [b, t, 3 * heads, e]), [0, 2, 1, 3]), [b, 3 * t * width]), 3, 1).map(x => reshape(x, [b, heads, t, e]))
    return [mul(q, scale), k, v]
  }
  return composite([qkv], save => {
    const [scaled, k, v] = split(), { out, saved } = attend(scaled, k, v, mask, keep)
    save(saved)
    return reshape(transpose(out, [0, 2, 1, 3]), [b * t, width])
  }, (dy, saved) => {
    const dout = transpose(reshape(dy, [b, t, heads, e]), [0, 2, 1, 3]), [dq, dk, dv] = attendGrad(dout, saved)
    if (hasHeads()) return [mergeHeads(dq, dk, dv, scale)]
    if (inXla()) return [tf.concat([transpose(mul(dq, scale), [0, 2, 1, 3]), ...[dk, dv].map(x => transpose(x, [0, 3, 1, 2]))].map(x => reshape(x, [b * t, width])), 1)]
    return [reshape(transpose(tf.concat([mul(dq, scale), dk, dv], 1), [0, 2, 1, 3]), [b * t, 3 * width])]
  })
}

/** Rotary position embedding: pairs (i, i + e/2) of each head turned by the position's angle.  Su 2021, arXiv:2104.09864
 *  x [b, heads, t, e]; cos, sin [1 or b, 1, t, e]. */
export function rotary(x: tfjs.Tensor4D, cos: tfjs.Tensor4D, sin: tfjs.Tensor4D): tfjs.Tensor4D {
  const half = x.shape[3] / 2
  const quarterTurn = (y: tfjs.Tensor): tfjs.Tensor => {
    const [first, second] = tf.split(y, 2, 3)
    return tf.concat([tf.neg(second), first], 3)
  }
  if (cos.shape[3] !== 2 * half) throw new Error(`rotary: head width ${x.shape[3]} and table width ${cos.shape[3]} differ`)
  return composite([x], save => {
    save([cos, sin])
    return add(mul(x, cos), mul(quarterTurn(x), sin))
  }, (dy, [cos, sin]) => [sub(mul(dy, cos), quarterTurn(mul(dy, sin)))])
}
