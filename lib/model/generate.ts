import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { jitMode, jitWorks } from '../tensor/jit'
import { hasKernels } from '../tensor/kernels'
import { Random } from '../tensor/random'
import type { SamplingOptions } from '../tensor/sampling'
import { argMax, checkSampling, filterScores, logSumExp, noDistribution, sampleToken } from '../tensor/sampling'
import type { Cache, Continuation } from './cache'
import { disposeCache, extend, selectRows } from './cache'
import type { ModelConfig } from './config'
import { shapeOf } from './config'
import { decodeMany } from './decodeLoop'
import type { Drawn } from './decodeLoop'
import { decodeStep, emptyRecent, oldCache, RECENT } from './fixedCache'
import type { FixedCache } from './fixedCache'
import { lmHead } from './forward'
import { headScores } from './heads'
import { roundUp } from './inputs'
import type { Params } from './params'

/** How to continue prompts. */
export interface GenerateOptions extends SamplingOptions {
  readonly maxNewTokens: number
  /** A response ends with the first of these, which belongs to it. */
  readonly stopTokens?: readonly number[]
  /** Source of randomness, needed unless temperature is 0; every call takes one number from it, every row has a stream of its own. */
  readonly random?: Random
  /** Pieces of the rows that are decoded side by side, one a core (default 1). */
  readonly shards?: number
  /** Also return the scalar head's value before each token (`score.weight` must be among params). */
  readonly values?: boolean
}

/** One response. */
export interface Generation {
  /** Prompt not included, stop token included. */
  readonly tokens: readonly number[]
  /** Log-probability of each token at the sampling temperature (at temperature 0: of the unscaled model), before any filter. */
  readonly logps: Float32Array
  /** Value of the state before each token. */
  readonly values?: Float32Array
  /** True when a stop token ended it, false when maxNewTokens did. */
  readonly stopped: boolean
}

/** One position of every row that is still running. */
export interface DecodeStep {
  /** Indices of these rows among the prompts. */
  readonly rows: readonly number[]
  readonly tokens: readonly number[]
  readonly logps: readonly number[]
  readonly values?: readonly number[]
}

/**
 * Continues each prompt by sampling, with a key-value cache, all prompts at once. Prompts may differ in length and are padded on the left.
 * The same seed gives the same tokens on every backend up to float rounding of the logits. Throws RangeError where prompt and response exceed the context.
 */
export function generate(params: Params, config: ModelConfig, prompts: readonly ArrayLike<number>[], options: GenerateOptions): Generation[] {
  const out = prompts.map(() => ({ tokens: [] as number[], logps: [] as number[], values: [] as number[] })), stops = new Set(options.stopTokens)
  for (const { rows, tokens, logps, values } of decode(params, config, prompts, options)) {
    rows.forEach((row, i) => {
      out[row].tokens.push(tokens[i])
      out[row].logps.push(logps[i])
      if (values) out[row].values.push(values[i])
    })
  }
  return out.map(({ tokens, logps, values }) => ({
    tokens, logps: Float32Array.from(logps), ...options.values && { values: Float32Array.from(values) }, stopped: stops.has(tokens[tokens.length - 1]),
  }))
}

/** {@link generate} one position at a time, giving way to the event loop between two, for display. */
export async function* stream(params: Params, config: ModelConfig, prompts: readonly ArrayLike<number>[], options: GenerateOptions): AsyncGenerator<DecodeStep> {
  for (const step of decode(params, config, prompts, options)) {
    yield step
    await new Promise(resolve => setTimeout(resolve, 0))
  }
}

function decode(params: Params, config: ModelConfig, prompts: readonly ArrayLike<number>[], options: GenerateOptions): Generator<DecodeStep> {
  check(config, prompts, options)
  return jitWorks() && options.maxNewTokens > 4 && prompts.length > 0 ? decodeFixed(params, config, prompts, options) : decodeGrowing(params, config, prompts, options)
}

/** A row as it grows. */
interface Row { readonly row: number, readonly ids: number[], readonly padding: number, readonly random?: Random }

const rowsOf = (prompts: readonly ArrayLike<number>[], longest: number, random?: Random): Row[] => {
  const base = random && Random.seed(random.int(2 ** 53 - 1))
  return prompts.map((prompt, row) => ({ row, ids: Array.from(prompt), padding: longest - prompt.length, random: base?.split(row) }))
}

/** With a cache of fixed shape, so that a position is one compiled call. Rows that have ended go along until half of them have. */
function* decodeFixed(params: Params, config: ModelConfig, prompts: readonly ArrayLike<number>[], options: GenerateOptions): Generator<DecodeStep> {
  const longest = Math.max(...prompts.map(p => p.length)), stops = new Set(options.stopTokens), { vocabulary, context } = shapeOf(config)
  const many = !filters(options) && (hasKernels() || jitMode() === 'xla' && vocabulary <= 4096), all = longest + options.maxNewTokens
  const columns = many ? roundUp(longest) : Math.min(Math.ceil(all / 32) * 32, Math.max(context, all))
  let rows = rowsOf(prompts, longest, options.random), live = rows.map((_, i) => i), cache: FixedCache | undefined
  try {
    const first = readPrompts(params, config, rows, longest, options.values)
    cache = begin(first.longer, columns, Int32Array.from(rows, r => r.padding), many)
    let { logits, values } = first, ahead: Drawn | undefined
    const { temperature = 1 } = options
    for (let step = 0, at = 0; ; step++) {
      const told = ahead ? ahead.values?.subarray(at * rows.length) : values, drawn = ahead
      const picks = live.map(i => drawn ? picked(drawn, at * rows.length + i) : pick(logits.subarray(i * vocabulary, (i + 1) * vocabulary), rows[i].ids, options, rows[i].random))
      live.forEach((i, k) => rows[i].ids.push(picks[k].token))
      yield { rows: live.map(i => rows[i].row), tokens: picks.map(p => p.token), logps: picks.map(p => p.logp), ...told && { values: live.map(i => told[i]) } }
      live = live.filter((_, k) => !stops.has(picks[k].token))
      if (live.length === 0 || step + 1 === options.maxNewTokens) return
      if (ahead && ++at < RECENT) continue
      const size = sizeFor(live.length, rows.length)
      if (size < rows.length) {
        const ended = rows.map((_, i) => i).filter(i => !live.includes(i)), kept = [...live, ...ended].slice(0, size)
        const { padding } = cache, smaller: FixedCache = { ...cache, old: selectRows(cache.old, kept), recent: selectRows(cache.recent, kept), padding: Int32Array.from(kept, i => padding[i]) }
        disposeFixed(cache)
        cache = smaller
        rows = kept.map(i => rows[i])
        live = live.map((_, k) => k)
      }
      const ids = Int32Array.from(rows, r => r.ids[r.ids.length - 1]), positions = Int32Array.from(rows, r => r.ids.length - 1)
      if (many) {
        const count = Math.min(RECENT, options.maxNewTokens - step - 1), alive = new Float32Array(rows.length), uniforms = new Float32Array(count * rows.length)
        for (const i of live) { alive[i] = 1; for (let j = 0; j < count; j++) uniforms[j * rows.length + i] = rows[i].random?.uniform() ?? 0 }
        ahead = decodeMany(params, config, cache, ids, positions, { temperature, uniforms, alive, stopTokens: options.stopTokens ?? [], values: options.values ?? false, more: step + 1 + count < options.maxNewTokens, shards: options.shards });
        [cache, at] = [{ ...cache, ...ahead.cache }, 0]
      } else ({ logits, values, cache } = decodeStep(params, config, cache, ids, positions, options.values, options.shards))
    }
  } finally {
    if (cache) disposeFixed(cache)
  }
}

/** The cache to go on with after prompts, whose own is freed. */
function begin(prompts: Cache, columns: number, padding: Int32Array, many: boolean): FixedCache {
  try {
    const cache = oldCache(prompts, columns, padding, many)
    return { ...cache, recent: many ? [] : emptyRecent(cache.old, padding.length), fresh: 0 }
  } finally { disposeCache(prompts) }
}

/** Rows to go on with: all, or a half or a quarter … of them, where that is enough and worth it. */
function sizeFor(live: number, rows: number): number {
  let size = rows
  while (size > 16 && Math.ceil(size / 2) >= live) size = Math.ceil(size / 2)
  return size
}

function disposeFixed({ old, recent }: FixedCache): void {
  disposeCache(old)
  disposeCache(recent)
}

function* decodeGrowing(params: Params, config: ModelConfig, prompts: readonly ArrayLike<number>[], options: GenerateOptions): Generator<DecodeStep> {
  const longest = Math.max(...prompts.map(p => p.length)), stops = new Set(options.stopTokens)
  let live = rowsOf(prompts, longest, options.random)
  let cache: Cache | undefined
  try {
    for (let step = 0; step < options.maxNewTokens && live.length > 0; step++) {
      const { logits, values, longer } = next(params, config, cache, live, step === 0 ? longest : 1, options.values)
      if (cache) disposeCache(cache)
      cache = longer
      const { vocabulary } = shapeOf(config), picks = live.map(({ ids, random }, i) => pick(logits.subarray(i * vocabulary, (i + 1) * vocabulary), ids, options, random))
      picks.forEach(({ token }, i) => live[i].ids.push(token))
      yield { rows: live.map(({ row }) => row), tokens: picks.map(p => p.token), logps: picks.map(p => p.logp), ...values && { values: Array.from(values) } }
      const going = live.map((_, i) => i).filter(i => !stops.has(picks[i].token))
      if (going.length === live.length || going.length === 0) { if (going.length === 0) return; continue }
      const kept = selectRows(cache, going)
      disposeCache(cache)
      cache = kept
      live = going.map(i => live[i])
    }
  } finally {
    if (cache) disposeCache(cache)
  }
}

/** {@link next} of whole prompts, equal ones (the groups of GRPO, the pairs of online DPO) read once. */
function readPrompts(params: Params, config: ModelConfig, rows: readonly Row[], longest: number, wantValues?: boolean) {
  const places = new Map<string, number>(), once: Row[] = [], of = rows.map(row => {
    const key = row.ids.join(), place = places.get(key) ?? once.push(row) - 1
    places.set(key, place)
    return place
  })
  const read = next(params, config, undefined, once, longest, wantValues), { vocabulary } = shapeOf(config)
  if (once.length === rows.length) return read
  const logits = new Float32Array(rows.length * vocabulary)
  of.forEach((place, i) => logits.set(read.logits.subarray(place * vocabulary, (place + 1) * vocabulary), i * vocabulary))
  const longer = selectRows(read.longer, of)
  disposeCache(read.longer)
  return { logits, values: read.values && Float32Array.from(of, place => read.values![place]), longer }
}

/** Logits (and values) after the last `columns` ids of each live row, on the host, and the cache that now includes them. */
function next(params: Params, config: ModelConfig, cache: Cache | undefined, live: readonly Row[], columns: number, wantValues?: boolean) {
  const ids = new Int32Array(live.length * columns), positions = new Int32Array(live.length * columns)
  live.forEach((row, i) => {
    const padding = cache ? 0 : row.padding
    for (let j = padding; j < columns; j++) {
      const position = row.ids.length - columns + j
      ids[i * columns + j] = row.ids[position]
      positions[i * columns + j] = position
    }
  })
  const tokens: Continuation = { rows: live.length, ids, positions, padding: Int32Array.from(live, row => row.padding) }
  const { hidden, cache: longer } = extend(params, config, cache, tokens)
  const read = (f: () => tfjs.Tensor) => { const out = tf.tidy(f), data = out.dataSync<'float32'>(); out.dispose(); return data }
  const logits = read(() => lmHead(params, config, hidden)), values = wantValues ? read(() => headScores(params, hidden)) : undefined
  hidden.dispose()
  return { logits, values, longer }
}

/** What was drawn on the device, which takes any token where there is no distribution. */
function picked({ tokens, logps }: Drawn, at: number): { token: number, logp: number } {
  if (!Number.isFinite(logps[at])) throw noDistribution(logps[at])
  return { token: tokens[at], logp: logps[at] }
}

/** Whether anything but the temperature changes what is drawn. */
const filters = ({ topK, topP, minP, repetitionPenalty, noRepeatNgram }: SamplingOptions) => [topK, topP, minP, repetitionPenalty, noRepeatNgram].some(filter => filter !== undefined)

function pick(logits: Float32Array, ids: readonly number[], options: SamplingOptions, random?: Random): { token: number, logp: number } {
  const { temperature = 1 } = options, scale = temperature || 1
  if (temperature === 1 && random && !filters(options)) return pickPlainly(logits, random)
  const scores = new Float64Array(logits)
  filterScores(scores, ids, options)
  const token = temperature === 0 || !random ? argMax(scores) : sampleToken(scores, random)
  const scaled = scale === 1 ? logits : logits.map(x => x / scale)
  return { token, logp: scaled[token] - logSumExp(scaled) }
}

/** The same without temperature and filters: sampleToken and logSumExp in one, with each exponential taken once. */
function pickPlainly(logits: Float32Array, random: Random): { token: number, logp: number } {
  const max = logits[argMax(logits)], weights = new Float64Array(logits.length)
  let total = 0
  for (let i = 0; i < logits.length; i++) total += weights[i] = Math.exp(logits[i] - max)
  if (!Number.isFinite(total)) sampleToken(logits, random) // throws
  let left = random.uniform() * total, token = 0
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue
    token = i
    left -= weights[i]
    if (left < 0) break
  }
  return { token, logp: logits[token] - (max + Math.log(total)) }
}

function check(config: ModelConfig, prompts: readonly ArrayLike<number>[], options: GenerateOptions): void {
  checkSampling(options)
  const { context } = shapeOf(config), { maxNewTokens } = options
  if (!Number.isSafeInteger(maxNewTokens) || maxNewTokens < 1) throw new RangeError(`maxNewTokens: expected a positive integer, got ${maxNewTokens}`)
  const { shards = 1 } = options
  if (!Number.isSafeInteger(shards) || shards < 1) throw new RangeError(`shards: expected a positive integer, got ${shards}`)
  if (options.temperature !== 0 && !options.random) throw new Error('random: sampling needs a Random; temperature 0 does without')
  prompts.forEach((prompt, i) => {
    if (prompt.length === 0) throw new RangeError(`prompt ${i} is empty; a model needs one token to begin with`)
    if (prompt.length + maxNewTokens > context) throw new RangeError(`prompt ${i}: ${prompt.length} tokens and ${maxNewTokens} new ones exceed the context of ${context}`)
  })
}
