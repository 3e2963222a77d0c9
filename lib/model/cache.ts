import type * as tfjs from '@tensorflow/tfjs'
import { attention, HIDDEN } from '../tensor/attention'
import { tf } from '../tensor/backend'
import { toTensors } from '../tensor/host'
import { embed, layerNorm, rmsNorm } from '../tensor/layers'
import { anglesOf, gptBlock, llamaBlock } from './blocks'
import type { ModelConfig } from './config'
import { shapeOf } from './config'
import type { Params } from './params'

/** Keys and values of every position so far, [b, keyHeads, s, e] each, for every layer. Whoever holds it disposes it. */
export type Cache = readonly { readonly k: tfjs.Tensor4D, readonly v: tfjs.Tensor4D }[]

/** Tokens that continue the sequences of a cache: t columns for each of b rows. */
export interface Continuation {
  readonly rows: number
  /** b·t ids, row-major. */
  readonly ids: Int32Array
  /** b·t positions, row-major. */
  readonly positions: Int32Array
  /** Columns of padding at the left of each row, counted from the cache's first column; all 0 where there is none. */
  readonly padding: Int32Array
}

/** Runs the trunk on new tokens only, which see the cache and each other. Returns the hidden states of the last column [b, width] and the longer cache. */
export function extend(params: Params, config: ModelConfig, cache: Cache | undefined, { rows, ids, positions, padding }: Continuation): { hidden: tfjs.Tensor2D, cache: Cache } {
  const columns = ids.length / rows, past = cache ? cache[0].k.shape[2] : 0, { heads, headWidth, width } = shapeOf(config)
  return tf.tidy(() => {
    const mask = visible(rows, past, columns, padding), longer: { k: tfjs.Tensor4D, v: tfjs.Tensor4D }[] = []
    const attend = (q: tfjs.Tensor4D, k: tfjs.Tensor4D, v: tfjs.Tensor4D, layer: number) => {
      longer[layer] = cache ? { k: tf.concat([cache[layer].k, k], 2), v: tf.concat([cache[layer].v, v], 2) } : { k, v }
      return attention(q, longer[layer].k, longer[layer].v, mask)
    }
    if (config.model_type === 'gpt2') {
      let x = tf.add<tfjs.Tensor2D>(embed(params['transformer.wte.weight'], ids, 'token'), embed(params['transformer.wpe.weight'], positions, 'position'))
      const packed = (qkv: tfjs.Tensor2D, layer: number) => {
        const [q, k, v] = tf.unstack(tf.transpose(tf.reshape(qkv, [rows, columns, 3, heads, headWidth]), [2, 0, 3, 1, 4])) as tfjs.Tensor4D[]
        const met = attend(q, k, v, layer)
        return tf.reshape<tfjs.Rank.R2>(columns === 1 ? met : tf.transpose(met, [0, 2, 1, 3]), [rows * columns, width])
      }
      for (let layer = 0; layer < config.n_layer; layer++) x = gptBlock(x, params, config, layer, packed)
      return { hidden: layerNorm(lastColumn(x, rows, columns), params['transformer.ln_f.weight'], params['transformer.ln_f.bias'], config.layer_norm_epsilon), cache: longer }
    }
    let x = embed(params['model.embed_tokens.weight'], ids, 'token')
    const angles = toTensors(anglesOf(positions, rows, config))
    for (let layer = 0; layer < config.num_hidden_layers; layer++) x = llamaBlock(x, [rows, columns], params, config, layer, angles, attend)
    return { hidden: rmsNorm(lastColumn(x, rows, columns), params['model.norm.weight'], config.rms_norm_eps), cache: longer }
  })
}

/** The cache of some of its rows, in the given order. */
export function selectRows(cache: Cache, rows: readonly number[]): Cache {
  return tf.tidy(() => { const index = tf.tensor1d([...rows], 'int32'); return cache.map(({ k, v }) => ({ k: tf.gather(k, index), v: tf.gather(v, index) })) })
}

/** Frees a cache. */
export function disposeCache(cache: Cache): void {
  for (const { k, v } of cache) { k.dispose(); v.dispose() }
}

function lastColumn(x: tfjs.Tensor2D, rows: number, columns: number): tfjs.Tensor2D {
  return columns === 1 ? x : embed(x, Int32Array.from({ length: rows }, (_, i) => (i + 1) * columns - 1))
}

/** The additive mask [b or 1, 1, t, past + t], or undefined where every new token sees everything (one column, no padding). */
function visible(rows: number, past: number, columns: number, padding: Int32Array): tfjs.Tensor4D | undefined {
  const padded = padding.some(n => n > 0), total = past + columns
  if (!padded && columns === 1) return undefined
  const out = new Float32Array((padded ? rows : 1) * columns * total)
  for (let i = 0, at = 0; i < (padded ? rows : 1); i++) {
    for (let j = 0; j < columns; j++) {
      for (let s = 0; s < total; s++, at++) if (s !== past + j && (s > past + j || s < padding[i])) out[at] = HIDDEN
    }
  }
  return tf.tensor4d(out, [padded ? rows : 1, 1, columns, total])
}
