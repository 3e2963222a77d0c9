import type * as tfjs from '@tensorflow/tfjs'
import { rotary } from '../tensor/attention'
import { tf } from '../tensor/backend'
import { hostTensor } from '../tensor/host'
import type { HostTensor } from '../tensor/host'
import { layerNorm, linear, linearGelu, linearOnto, rmsNorm, swiGlu } from '../tensor/layers'
import type { Random } from '../tensor/random'
import type { GptConfig, LlamaConfig } from './config'
import type { Params } from './params'

/** x times the factors of dropout, where it is on. */
export const dropped = <T extends tfjs.Tensor>(x: T, factors?: tfjs.Tensor): T => factors ? tf.mul(x, factors) : x

/** The factors of dropout: 0 with probability `rate`, else 1/(1 − rate); undefined where it is off. */
export function dropoutFactors(shape: readonly number[], rate: number, random?: Random): HostTensor | undefined {
  if (!random || rate === 0) return undefined
  const size = shape.reduce((a, b) => a * b, 1)
  return hostTensor(Float32Array.from({ length: size }, () => random.uniform() < rate ? 0 : 1 / (1 - rate)), shape)
}

/** Factors of dropout on the two branches of a block, [n, width] each. */
export interface BlockDropout { readonly attended?: tfjs.Tensor, readonly inner?: tfjs.Tensor }

/** The attention of GPT-2's layer `layer`: packed projection [n, 3 width] → [n, width]. */
export type PackedAttend = (qkv: tfjs.Tensor2D, layer: number) => tfjs.Tensor2D

/**
 * One block of GPT-2 on the residual stream x [n, width]: x + attention(norm x), then x + MLP(norm x).
 * What attention looks at (the batch itself, or a cache) is the caller's.
 */
export function gptBlock(x: tfjs.Tensor2D, params: Params, config: GptConfig, layer: number, attend: PackedAttend, drop: BlockDropout = {}): tfjs.Tensor2D {
  const weight = (name: string) => params[`transformer.h.${layer}.${name}`], epsilon = config.layer_norm_epsilon
  const dense = (input: tfjs.Tensor2D, name: string) => linear(input, weight(`${name}.weight`), weight(`${name}.bias`))
  const normed = layerNorm(x, weight('ln_1.weight'), weight('ln_1.bias'), epsilon)
  const onto = (stream: tfjs.Tensor2D, input: tfjs.Tensor2D, name: string, factors?: tfjs.Tensor): tfjs.Tensor2D =>
    factors ? tf.add(stream, dropped(dense(input, name), factors)) : linearOnto(stream, input, weight(`${name}.weight`), weight(`${name}.bias`))
  const middle = onto(x, attend(dense(normed, 'attn.c_attn'), layer), 'attn.c_proj', drop.attended)
  const inner = linearGelu(layerNorm(middle, weight('ln_2.weight'), weight('ln_2.bias'), epsilon), weight('mlp.c_fc.weight'), weight('mlp.c_fc.bias'))
  return onto(middle, inner, 'mlp.c_proj', drop.inner)
}

/** The attention of Llama's layer `layer`: q [b, heads, t, e], k and v [b, keyHeads, t, e] → [b, heads, t, e]. */
export type Attend = (q: tfjs.Tensor4D, k: tfjs.Tensor4D, v: tfjs.Tensor4D, layer: number) => tfjs.Tensor4D

/** Cosines and sines of the rotary angles, [1 or b, 1, t, e] each. */
export interface Angles { readonly cos: tfjs.Tensor4D, readonly sin: tfjs.Tensor4D }

/** {@link Angles} on the host. */
export type HostAngles = { readonly cos: HostTensor<[number, number, number, number]>, readonly sin: HostTensor<[number, number, number, number]> }

/** One block of Llama on the residual stream x [b·t, width]; angles are those of the positions of x. */
export function llamaBlock(x: tfjs.Tensor2D, [b, t]: readonly [number, number], params: Params, config: LlamaConfig, layer: number, angles: Angles, attend: Attend): tfjs.Tensor2D {
  const weight = (name: string) => params[`model.layers.${layer}.${name}.weight`], e = config.head_dim
  const dense = (input: tfjs.Tensor2D, name: string) => linear(input, weight(name), undefined, true)
  const heads = (input: tfjs.Tensor2D, name: string, count: number) =>
    tf.transpose<tfjs.Tensor4D>(tf.reshape<tfjs.Rank.R4>(dense(input, name), [b, t, count, e]), [0, 2, 1, 3])
  const normed = rmsNorm(x, weight('input_layernorm'), config.rms_norm_eps)
  const q = rotary(heads(normed, 'self_attn.q_proj', config.num_attention_heads), angles.cos, angles.sin)
  const k = rotary(heads(normed, 'self_attn.k_proj', config.num_key_value_heads), angles.cos, angles.sin)
  const attended = attend(q, k, heads(normed, 'self_attn.v_proj', config.num_key_value_heads), layer)
  const merged = tf.reshape<tfjs.Rank.R2>(tf.transpose(attended, [0, 2, 1, 3]), [b * t, config.num_attention_heads * e])
  const middle = tf.add<tfjs.Tensor2D>(x, dense(merged, 'self_attn.o_proj'))
  const second = rmsNorm(middle, weight('post_attention_layernorm'), config.rms_norm_eps)
  return tf.add(middle, dense(swiGlu(dense(second, 'mlp.gate_proj'), dense(second, 'mlp.up_proj')), 'mlp.down_proj'))
}

/** Angles of the given positions: frequency i of e/2 is θ^(−2i/e), both halves of a head use the same. positions: b rows of t, or one row for all. */
export function anglesOf(positions: Int32Array, rows: number, { head_dim: e, rope_theta }: LlamaConfig): HostAngles {
  const t = positions.length / rows, cos = new Float32Array(rows * t * e), sin = new Float32Array(rows * t * e)
  positions.forEach((position, at) => {
    for (let i = 0; i < e; i++) {
      const angle = position * rope_theta ** (-2 * (i % (e / 2)) / e)
      cos[at * e + i] = Math.cos(angle)
      sin[at * e + i] = Math.sin(angle)
    }
  })
  return { cos: hostTensor(cos, [rows, 1, t, e]), sin: hostTensor(sin, [rows, 1, t, e]) }
}
