/**
 * A key-value cache that keeps its shapes while it fills, so that one position of decoding can be compiled once: a large part that is
 * written every {@link RECENT} positions, and a small one that every position rewrites.
 */
import type * as tfjs from '@tensorflow/tfjs'
import { HIDDEN } from '../tensor/attention'
import { tf } from '../tensor/backend'
import { hostTensor, toTensors } from '../tensor/host'
import type { HostTensor, OnDevice } from '../tensor/host'
import { jit } from '../tensor/jit'
import type { Jitted } from '../tensor/jit'
import { cachedAttention, cachedWidth, hasKernels } from '../tensor/kernels'
import { embed, layerNorm, linear, rmsNorm } from '../tensor/layers'
import { add, inXla, lastMax, lastSums, matMul, mul, reshape, softmax, sub } from '../tensor/native'
import { anglesOf, gptBlock, llamaBlock } from './blocks'
import type { HostAngles } from './blocks'
import type { Cache } from './cache'
import type { ModelConfig } from './config'
import { shapeOf } from './config'
import { lmHead } from './forward'
import { headScores } from './heads'
import type { Params } from './params'

/** Columns of the part that every position rewrites. */
export const RECENT = 16

/** The large part, and how much of it is filled. Whoever holds it disposes it. */
export interface OldCache {
  /** [b, keyHeads, columns, e] each, for every layer. */
  readonly old: Cache
  /** Columns that hold something. */
  readonly filled: number
  /** Columns of padding at the left of each row. */
  readonly padding: Int32Array
}

export interface FixedCache extends OldCache {
  /** [b, keyHeads, 16, e] each. */
  readonly recent: Cache
  /** Columns of it that hold something. */
  readonly fresh: number
}

/** The cache of prompts in `columns` in all, with room behind the prompts, or at their left where it is full at once. */
export function oldCache(cache: Cache, columns: number, padding: Int32Array, full = false): OldCache {
  const rest = columns - cache[0].k.shape[2], [left, right] = full ? [rest, 0] : [0, rest], widen = (x: tfjs.Tensor4D) => tf.pad(x, [[0, 0], [0, 0], [left, right], [0, 0]])
  return { old: tf.tidy(() => cache.map(({ k, v }) => ({ k: widen(k), v: widen(v) }))), filled: columns - right, padding: padding.map(columns => columns + left) }
}

/** A recent part that nothing was written to, for so many rows of a cache like `old`. */
export function emptyRecent(old: Cache, rows: number): Cache {
  const [, heads, , e] = old[0].k.shape, empty = () => tf.fill<tfjs.Rank.R4>([rows, heads, RECENT, e], 0)
  return old.map(() => ({ k: empty(), v: empty() }))
}

/** What one position needs besides weights and cache. */
type Inputs = {
  /** [b] */
  readonly ids: HostTensor<[number]>
  readonly positions: HostTensor<[number]>
  readonly angles?: HostAngles
  /** What is added to the scores of old and recent keys, [b, 1, 1, columns + 16]. */
  readonly mask: HostTensor<[number, number, number, number]>
  /** 1 at the recent column that is written, else 0; and the reverse, [1, 1, 16, 1]. */
  readonly here: HostTensor<[number, number, number, number]>
  readonly elsewhere: HostTensor<[number, number, number, number]>
}

interface Stepped { readonly logits: tfjs.Tensor2D, readonly values?: tfjs.Tensor1D, readonly recent: Cache }

/** softmax(q Kᵀ/√e + mask) V for keys in two pieces, without joining them: q [b, heads, 1, e] → [b, heads, 1, e]. */
function attendBoth(q: tfjs.Tensor4D, pieces: readonly { readonly k: tfjs.Tensor4D, readonly v: tfjs.Tensor4D }[], mask: tfjs.Tensor4D): tfjs.Tensor4D {
  const [b, heads, , e] = q.shape, keyHeads = pieces[0].k.shape[1], scaled = reshape(mul(q, 1 / Math.sqrt(e)), [b, keyHeads, heads / keyHeads, e])
  const sizes = pieces.map(({ k }) => k.shape[2]), products = pieces.map(({ k }) => matMul(scaled, k, false, true)), sumOf = (parts: tfjs.Tensor[]) => parts.reduce((sum, part) => add(sum, part))
  const mixed = (weights: tfjs.Tensor[]) => sumOf(weights.map((part, i) => matMul(part, pieces[i].v)))
  if (!inXla()) return reshape(mixed(tf.split(softmax(add(tf.concat(products, 3), mask)), sizes, 3)), [b, heads, 1, e]) as tfjs.Tensor4D
  // Neither joined nor divided: XLA would pass once more over them for each
  const masks = tf.split(mask, sizes, 3), scores = products.map((product, i) => add(product, masks[i])), most = scores.map(lastMax).reduce((x, y) => tf.maximum(x, y))
  const weights = scores.map(score => tf.exp(sub(score, most)))
  return reshape(mul(mixed(weights), tf.reciprocal(sumOf(weights.map(lastSums)))), [b, heads, 1, e]) as tfjs.Tensor4D
}

/** One position of every row, the output head's weights turned [width, vocabulary] where they are: logits after it, the scalar head's values where asked for, and the recent part with it. */
export function step(config: ModelConfig, wantValues: boolean, params: Params, old: Cache, recent: Cache, { ids, positions, angles, mask, here, elsewhere }: OnDevice<Inputs>, head?: tfjs.Tensor2D): Stepped {
  const { heads, headWidth, width } = shapeOf(config), b = ids.shape[0], next: { k: tfjs.Tensor4D, v: tfjs.Tensor4D }[] = []
  const fused = hasKernels() && headWidth <= cachedWidth, flat = (x: tfjs.Tensor4D) => reshape(x, [b, x.size / b]) as tfjs.Tensor2D
  const write = (into: tfjs.Tensor4D, x: tfjs.Tensor4D) => add(mul(into, elsewhere), mul(x, here)) as tfjs.Tensor4D
  const attendPacked = (packed: tfjs.Tensor2D, layer: number) => {
    const [out, k, v] = cachedAttention(packed, old[layer], recent[layer], mask, here, 1 / Math.sqrt(headWidth))
    next[layer] = { k: k as tfjs.Tensor4D, v: v as tfjs.Tensor4D }
    return out as tfjs.Tensor2D
  }
  const attend = (q: tfjs.Tensor4D, k: tfjs.Tensor4D, v: tfjs.Tensor4D, layer: number) => {
    if (fused) return reshape(attendPacked(tf.concat2d([q, k, v].map(flat), 1), layer), q.shape) as tfjs.Tensor4D
    next[layer] = { k: write(recent[layer].k, k), v: write(recent[layer].v, v) }
    return attendBoth(q, [old[layer], next[layer]], mask)
  }
  let x: tfjs.Tensor2D
  if (config.model_type === 'gpt2') {
    x = tf.add(embed(params['transformer.wte.weight'], ids), embed(params['transformer.wpe.weight'], positions))
    const packed = (qkv: tfjs.Tensor2D, layer: number) => {
      if (fused) return attendPacked(qkv, layer)
      const [q, k, v] = tf.split(qkv, 3, 1).map(part => reshape(part, [b, heads, 1, headWidth]) as tfjs.Tensor4D)
      return reshape(attend(q, k, v, layer), [b, width]) as tfjs.Tensor2D
    }
    for (let layer = 0; layer < config.n_layer; layer++) x = gptBlock(x, params, config, layer, packed)
    x = layerNorm(x, params['transformer.ln_f.weight'], params['transformer.ln_f.bias'], config.layer_norm_epsilon)
  } else {
    x = embed(params['model.embed_tokens.weight'], ids)
    for (let layer = 0; layer < config.num_hidden_layers; layer++) x = llamaBlock(x, [b, 1], params, config, layer, angles!, attend)
    x = rmsNorm(x, params['model.norm.weight'], config.rms_norm_eps)
  }
  return { logits: head ? linear(x, head) : lmHead(params, config, x), ...wantValues ? { values: headScores(params, x) } : {}, recent: next }
}

/** A cache in pieces of so many rows each: views, not copies. */
export function cutRows(cache: Cache, rows: readonly number[]): Cache[] {
  const layers = cache.map(({ k, v }) => ({ k: tf.split<tfjs.Tensor4D>(k, [...rows], 0), v: tf.split<tfjs.Tensor4D>(v, [...rows], 0) }))
  return rows.map((_, n) => layers.map(({ k, v }) => ({ k: k[n], v: v[n] })))
}

/** Pieces as one cache again. */
export const joinRows = (pieces: readonly Cache[]): Cache => pieces[0].map((_, layer) => ({ k: tf.concat4d(pieces.map(piece => piece[layer].k), 0), v: tf.concat4d(pieces.map(piece => piece[layer].v), 0) }))

/** Sizes of at most `shards` pieces of so many rows. */
export const rowsOfShards = (rows: number, shards: number): number[] => { const size = Math.ceil(rows / shards); return Array.from({ length: Math.ceil(rows / size) }, (_, k) => Math.min(size, rows - k * size)) }

/** {@link step} in pieces that do not need each other, so that TensorFlow runs them side by side. */
function stepInShards(config: ModelConfig, wantValues: boolean, shards: number, params: Params, old: Cache, recent: Cache, inputs: OnDevice<Inputs>): Stepped {
  const rows = rowsOfShards(inputs.ids.shape[0], shards)
  if (rows.length === 1) return step(config, wantValues, params, old, recent, inputs)
  const { here, elsewhere, angles } = inputs, cut = <T extends tfjs.Tensor>(x: T) => tf.split<T>(x, rows, 0), olds = cutRows(old, rows), recents = cutRows(recent, rows)
  const ids = cut(inputs.ids), positions = cut(inputs.positions), mask = cut(inputs.mask), cos = angles && cut(angles.cos), sin = angles && cut(angles.sin)
  const done = rows.map((_, n) => step(config, wantValues, params, olds[n], recents[n], { ids: ids[n], positions: positions[n], mask: mask[n], here, elsewhere, ...cos && sin ? { angles: { cos: cos[n], sin: sin[n] } } : {} }))
  return { logits: tf.concat2d(done.map(one => one.logits), 0), ...wantValues ? { values: tf.concat1d(done.map(one => one.values!)) } : {}, recent: joinRows(done.map(one => one.recent)) }
}

type Step = (params: Params, old: Cache, recent: Cache, inputs: OnDevice<Inputs>) => Stepped
const compiled = new Map<string, Jitted<Step>>()

/** The step of a configuration, compiled once. */
function stepOf(config: ModelConfig, wantValues: boolean, shards: number): Jitted<Step> {
  const key = JSON.stringify([config, wantValues, shards]), made = compiled.get(key)
    ?? jit<Step>((params, old, recent, inputs) => stepInShards(config, wantValues, shards, params, old, recent, inputs), { name: 'a position of decoding' })
  compiled.set(key, made)
  return made
}

/** Adds one token to every row, in `shards` pieces side by side: ids and positions [b] on the host, in range. Frees what it replaces of the cache. */
export function decodeStep(params: Params, config: ModelConfig, cache: FixedCache, ids: Int32Array, positions: Int32Array, wantValues = false, shards = 1): { logits: Float32Array, values?: Float32Array, cache: FixedCache } {
  const { old, recent, filled, fresh, padding } = cache, rows = ids.length, columns = old[0].k.shape[2], mask = new Float32Array(rows * (columns + RECENT)).fill(HIDDEN)
  for (let i = 0; i < rows; i++) {
    const from = i * (columns + RECENT)
    mask.fill(0, from + padding[i], from + filled)
    mask.fill(0, from + columns, from + columns + fresh + 1)
  }
  const here = new Float32Array(RECENT)
  here[fresh] = 1
  const inputs: Inputs = {
    ids: hostTensor(ids, [rows]), positions: hostTensor(positions, [rows]), mask: hostTensor(mask, [rows, 1, 1, columns + RECENT]),
    here: hostTensor(here, [1, 1, RECENT, 1]), elsewhere: hostTensor(here.map(x => 1 - x), [1, 1, RECENT, 1]), ...config.model_type === 'llama' ? { angles: anglesOf(positions, rows, config) } : {},
  }
  const out = tf.tidy(() => stepOf(config, wantValues, shards)(params, old, recent, toTensors(inputs)) as unknown as tfjs.TensorContainerObject) as unknown as Stepped
  const logits = out.logits.dataSync<'float32'>(), values = out.values?.dataSync<'float32'>()
  tf.dispose([out.logits, recent, ...out.values ? [out.values] : []] as unknown as tfjs.TensorContainer)
  return { logits, values, cache: fresh + 1 < RECENT ? { ...cache, recent: out.recent, fresh: fresh + 1 } : { ...settle(cache, out.recent), recent: out.recent, fresh: 0 } }
}

/** Writes a recent part behind what is filled of the old one, which has `columns` then (default: as many as before). Frees what it replaces. */
export function settle({ old, filled, padding }: OldCache, recent: Cache, columns = old[0].k.shape[2]): OldCache {
  const taken = Math.min(RECENT, columns - filled), rest = columns - filled - taken
  const first = (x: tfjs.Tensor4D, count: number) => count < x.shape[2] ? x.slice([0, 0, 0, 0], [-1, -1, count, -1]) : x
  const joined = tf.tidy(() => old.map(({ k, v }, layer) => {
    const [b, heads, , e] = k.shape, room = rest > 0 ? [tf.fill<tfjs.Rank.R4>([b, heads, rest, e], 0)] : []
    const join = (x: tfjs.Tensor4D, y: tfjs.Tensor4D) => tf.concat([first(x, filled), first(y, taken), ...room], 2)
    return { k: join(k, recent[layer].k), v: join(v, recent[layer].v) }
  }))
  tf.dispose(old as unknown as tfjs.TensorContainer)
  return { old: joined, filled: filled + taken, padding }
}
