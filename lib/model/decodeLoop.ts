/** Up to 16 positions of decoding as one compiled call: each position's token is drawn on the device from numbers that the host drew before. */
import type * as tfjs from '@tensorflow/tfjs'
import { HIDDEN } from '../tensor/attention'
import { tf } from '../tensor/backend'
import { hostTensor, toTensors } from '../tensor/host'
import type { HostTensor, OnDevice } from '../tensor/host'
import { jit, jitMode } from '../tensor/jit'
import { draw as drawTokens, hasKernels } from '../tensor/kernels'
import type { Jitted, JitMode } from '../tensor/jit'
import type { HostAngles } from './blocks'
import { anglesOf } from './blocks'
import type { Cache } from './cache'
import type { ModelConfig } from './config'
import { shapeOf } from './config'
import { cutRows, emptyRecent, joinRows, RECENT, rowsOfShards, settle, step } from './fixedCache'
import type { OldCache } from './fixedCache'
import { headWeight } from './forward'
import { roundUp } from './inputs'
import type { Params } from './params'

/** What draws the tokens of a call. */
export interface Drawing {
  /** 0: the likeliest token. */
  readonly temperature: number
  /** Uniform numbers [count, b], one a position and row. */
  readonly uniforms: Float32Array
  /** 1 at rows that are still running, [b]; the call ends when none is. */
  readonly alive: Float32Array
  readonly stopTokens: readonly number[]
  readonly values: boolean
  /** Whether more calls follow: else the cache stays as it is. */
  readonly more: boolean
  /** Pieces of the rows that run side by side (default 1). */
  readonly shards?: number
}

/** [16, b] each, of which the first `count` rows were asked for. */
export interface Drawn { readonly tokens: Int32Array, readonly logps: Float32Array, readonly values?: Float32Array, readonly cache: OldCache }

type Given = {
  /** Positions at the first step, [b]. */
  readonly positions: HostTensor<[number]>
  /** Angles of all 16 positions as rows, [16·b, 1, 1, e]. */
  readonly angles?: HostAngles
  /** [b, 1, 1, columns + 16]: padding and what is not filled of the old part. */
  readonly mask: HostTensor<[number, number, number, number]>
  /** Number among the recent columns, −1 for old ones. */
  readonly place: HostTensor<[number, number, number, number]>
  readonly uniforms: HostTensor<[number, number]>
  /** 1 at tokens that end a row, [vocabulary]. */
  readonly stops: HostTensor<[number]>
  readonly count: HostTensor<[]>
  readonly temperature: number
}

interface State { readonly i: tfjs.Scalar, readonly ids: tfjs.Tensor1D, readonly alive: tfjs.Tensor1D, readonly recent: Cache, readonly tokens: tfjs.Tensor2D, readonly logps: tfjs.Tensor2D, readonly values: tfjs.Tensor2D }
/** head: the output head's weights as [width, vocabulary], turned once a call instead of by every product. */
interface Weights { readonly params: Params, readonly head: tfjs.Tensor2D, readonly old: Cache, readonly given: OnDevice<Given> }

const int = (x: number) => tf.scalar(x, 'int32')

/** The token that each row draws, and its log-probability: inverse of the cumulative distribution, as sampleToken does. */
function draw(logits: tfjs.Tensor2D, uniforms: tfjs.Tensor2D, temperature: tfjs.Scalar | undefined): { token: tfjs.Tensor1D, logp: tfjs.Tensor1D } {
  if (hasKernels()) {
    const [token, logp] = drawTokens(logits, uniforms, temperature ?? tf.scalar(0))
    return { token: token as tfjs.Tensor1D, logp: logp as tfjs.Tensor1D }
  }
  const [b, v] = logits.shape, scaled = temperature ? tf.div<tfjs.Tensor2D>(logits, temperature) : logits, z = tf.sub<tfjs.Tensor2D>(scaled, tf.max(scaled, 1, true)), e = tf.exp(z), ids = tf.range(0, v, 1, 'int32')
  // A product with a triangle of ones: XLA's own cumulative sum takes the square of the vocabulary for each row
  const upTo = tf.cast<tfjs.Tensor2D>(tf.lessEqual<tfjs.Tensor2D>(tf.reshape(ids, [v, 1]), tf.reshape(ids, [1, v])), 'float32'), sums = tf.matMul(e, upTo), total = tf.slice(sums, [0, v - 1], [b, 1])
  const passed = tf.sum<tfjs.Tensor1D>(tf.cast(tf.lessEqual(sums, tf.mul(tf.reshape(uniforms, [b, 1]), total)), 'int32'), 1)
  const token = temperature ? tf.minimum<tfjs.Tensor1D>(passed, int(v - 1)) : tf.argMax<tfjs.Tensor1D>(logits, 1)
  const own = tf.cast<tfjs.Tensor2D>(tf.equal<tfjs.Tensor2D>(tf.reshape(token, [b, 1]), tf.reshape(ids, [1, v])), 'float32')
  return { token, logp: tf.sub(tf.sum<tfjs.Tensor1D>(tf.mul(z, own), 1), tf.log(tf.reshape(total, [b]))) }
}

const rowOf = <T extends tfjs.Tensor>(x: T, i: tfjs.Scalar): T => tf.gather<T>(x, tf.reshape(i, [1]))

/** One position of every row. */
function body(config: ModelConfig, wantValues: boolean, greedy: boolean, { i, ids, alive, recent, tokens, logps, values }: State, { params, head, old, given }: Weights): State {
  const b = ids.shape[0], places = tf.range(0, RECENT, 1, 'int32'), here = tf.cast<tfjs.Tensor4D>(tf.equal<tfjs.Tensor4D>(tf.reshape(places, [1, 1, RECENT, 1]), i), 'float32')
  const mask = tf.add<tfjs.Tensor4D>(given.mask, tf.mul(tf.cast<tfjs.Tensor4D>(tf.greater<tfjs.Tensor4D>(given.place, tf.cast(i, 'float32')), 'float32'), HIDDEN)), { angles } = given
  const turned = (x: tfjs.Tensor4D) => tf.reshape<tfjs.Rank.R4>(rowOf(tf.reshape(x, [RECENT, b, 1, x.shape[3]]), i), [b, 1, 1, x.shape[3]])
  const done = step(config, wantValues, params, old, recent, {
    ids, positions: tf.add(given.positions, i), mask, here, elsewhere: tf.sub(1, here), ...angles ? { angles: { cos: turned(angles.cos), sin: turned(angles.sin) } } : {} as { angles: undefined },
  }, head)
  const { token, logp } = draw(done.logits, rowOf(given.uniforms, i), greedy ? undefined : given.temperature)
  const row = tf.equal(tf.reshape(places, [RECENT, 1]), i), put = (into: tfjs.Tensor2D, x: tfjs.Tensor1D) => tf.where<tfjs.Tensor2D>(row, tf.reshape(x, [1, b]), into)
  return {
    i: tf.add(i, int(1)), ids: token, alive: tf.mul(alive, tf.sub(1, tf.gather(given.stops, token))), recent: done.recent,
    tokens: put(tokens, token), logps: put(logps, logp), values: done.values ? put(values, done.values) : tf.add(values, 0),
  }
}

/** With our own kernels a graph is faster than what XLA makes; where they are missing (a graphics card), as the surroundings say. */
const fastest = (): JitMode | undefined => hasKernels() ? 'graph' : jitMode()

type Loop = Jitted<(state: State, weights: Weights) => State>
const compiled = new Map<string, Loop>()

function loopOf(config: ModelConfig, wantValues: boolean, greedy: boolean): Loop {
  const mode = fastest(), key = JSON.stringify([config, wantValues, greedy, mode]), made = compiled.get(key) ?? jit.loop<State, Weights>(
    ({ i, alive }, { given }) => tf.logicalAnd(tf.less(i, given.count), tf.greater(tf.max(alive), 0)),
    (state, weights) => body(config, wantValues, greedy, state, weights), { name: 'decoding, position by position', mode })
  compiled.set(key, made)
  return made
}

/** Rows of a batch that are decoded side by side with the others. */
interface Lane { readonly ids: tfjs.Tensor1D, readonly alive: tfjs.Tensor1D, readonly given: OnDevice<Given> }
type Made = Pick<State, 'recent' | 'tokens' | 'logps' | 'values'>
type Lanes = (lanes: readonly Lane[], params: Params, old: Cache) => Made
const inLanes = new Map<string, Jitted<Lanes>>()

/** The loop of each lane, as one call: what does not need each other runs side by side, as far as there are threads for it. */
function lanesOf(config: ModelConfig, wantValues: boolean, greedy: boolean): Jitted<Lanes> {
  const key = JSON.stringify([config, wantValues, greedy, fastest()]), made = inLanes.get(key) ?? jit<Lanes>((lanes, params, old) => {
    const rows = lanes.map(({ ids }) => ids.shape[0]), olds = cutRows(old, rows), head = tf.transpose(headWeight(params, config))
    const done = lanes.map(({ ids, alive, given }, n) => {
      // In the order of what the body returns, which a loop wants
      const state: State = { i: int(0), ids, alive, recent: emptyRecent(old, rows[n]), tokens: tf.zeros([RECENT, rows[n]], 'int32'), logps: tf.fill([RECENT, rows[n]], 0), values: tf.fill([RECENT, rows[n]], 0) }
      return loopOf(config, wantValues, greedy)(state, { params, head, old: olds[n], given })
    })
    const wide = (name: 'tokens' | 'logps' | 'values') => tf.concat2d(done.map(one => one[name]), 1)
    return { recent: joinRows(done.map(one => one.recent)), tokens: wide('tokens'), logps: wide('logps'), values: wide('values') }
  }, { name: 'decoding', mode: 'graph' })
  inLanes.set(key, made)
  return made
}

/**
 * Adds up to 16 tokens to every row of a cache, the first of them after `ids` [b] at `positions` [b]. Frees what it replaces of the cache,
 * to which they are added where more calls follow; it is no larger than needed then, and each of its few sizes is compiled once.
 */
export function decodeMany(params: Params, config: ModelConfig, cache: OldCache, ids: Int32Array, positions: Int32Array, drawing: Drawing): Drawn {
  const { old, filled, padding } = cache, b = ids.length, count = drawing.uniforms.length / b, { shards = 1, temperature, values: wantValues } = drawing
  if (count > RECENT) throw new RangeError(`decodeMany: ${count} positions; expected up to ${RECENT}`)
  const laneOf = (from: number, n: number): Lane => {
    const to = from + n, uniforms = new Float32Array(count * n)
    for (let j = 0; j < count; j++) uniforms.set(drawing.uniforms.subarray(j * b + from, j * b + to), j * n)
    const given = givenOf(config, { columns: old[0].k.shape[2], filled, padding: padding.subarray(from, to) }, positions.subarray(from, to), { ...drawing, uniforms })
    return { ids: tf.tensor1d(ids.subarray(from, to), 'int32'), alive: tf.tensor1d(drawing.alive.subarray(from, to)), given: toTensors(given) }
  }
  const out = tf.tidy(() => {
    const sizes = rowsOfShards(b, shards)
    return lanesOf(config, wantValues, temperature === 0)(sizes.map((n, k) => laneOf(k * sizes[0], n)), params, old) as unknown as tfjs.TensorContainerObject
  }) as unknown as Made
  const tokens = out.tokens.dataSync<'int32'>(), logps = out.logps.dataSync<'float32'>(), values = wantValues ? out.values.dataSync<'float32'>() : undefined
  const longer = drawing.more ? settle(cache, out.recent, roundUp(filled + RECENT)) : cache
  tf.dispose(out as unknown as tfjs.TensorContainer)
  return { tokens, logps, values, cache: longer }
}

/** What the loop needs to know of some rows besides their cache. */
function givenOf(config: ModelConfig, { columns, filled, padding }: { readonly columns: number, readonly filled: number, readonly padding: Int32Array }, positions: Int32Array, drawing: Drawing): Given {
  const b = positions.length, count = drawing.uniforms.length / b, wide = columns + RECENT, { vocabulary } = shapeOf(config)
  const mask = new Float32Array(b * wide).fill(HIDDEN), uniforms = new Float32Array(RECENT * b), stops = new Float32Array(vocabulary)
  for (let i = 0; i < b; i++) { mask.fill(0, i * wide + padding[i], i * wide + filled); mask.fill(0, i * wide + columns, (i + 1) * wide) }
  uniforms.set(drawing.uniforms)
  for (const stop of drawing.stopTokens) if (stop >= 0 && stop < vocabulary) stops[stop] = 1
  const turns = Int32Array.from({ length: RECENT * b }, (_, at) => positions[at % b] + Math.floor(at / b))
  return {
    positions: hostTensor(Int32Array.from(positions), [b]), mask: hostTensor(mask, [b, 1, 1, wide]), place: hostTensor(Float32Array.from({ length: wide }, (_, j) => Math.max(-1, j - columns)), [1, 1, 1, wide]),
    uniforms: hostTensor(uniforms, [RECENT, b]), stops: hostTensor(stops, [vocabulary]), count: hostTensor(Int32Array.of(count), []), temperature: drawing.temperature || 1,
    ...config.model_type === 'llama' ? { angles: anglesOf(turns, turns.length, config) } : {},
  }
}
