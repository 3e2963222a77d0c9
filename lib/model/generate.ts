import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { Random } from '../tensor/random'
import type { SamplingOptions } from '../tensor/sampling'
import { argMax, checkSampling, filterScores, logSumExp, sampleToken } from '../tensor/sampling'
import type { Cache, Continuation } from './cache'
import { disposeCache, extend, selectRows } from './cache'
import type { ModelConfig } from './config'
import { shapeOf } from './config'
import { lmHead } from './forward'
import { headScores } from './heads'
import type { Params } from './params'

/** How to continue prompts. */
export interface GenerateOptions extends SamplingOptions {
  readonly maxNewTokens: number
  /** A response ends with the first of these, which belongs to it. */
  readonly stopTokens?: readonly number[]
  /** Source of randomness, needed unless temperature is 0; every call takes one number from it, every row has a stream of its own. */
  readonly random?: Random
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

function* decode(params: Params, config: ModelConfig, prompts: readonly ArrayLike<number>[], options: GenerateOptions): Generator<DecodeStep> {
  check(config, prompts, options)
  const longest = Math.max(...prompts.map(p => p.length)), stops = new Set(options.stopTokens)
  const base = options.random && Random.seed(options.random.int(2 ** 53 - 1))
  let live = prompts.map((prompt, row) => ({ row, ids: Array.from(prompt), padding: longest - prompt.length, random: base?.split(row) }))
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

/** Logits (and values) after the last `columns` ids of each live row, on the host, and the cache that now includes them. */
function next(params: Params, config: ModelConfig, cache: Cache | undefined, live: readonly { ids: number[], padding: number }[], columns: number, wantValues?: boolean) {
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

function pick(logits: Float32Array, ids: readonly number[], options: SamplingOptions, random?: Random): { token: number, logp: number } {
  const { temperature = 1 } = options, scores = Float64Array.from(logits), scale = temperature || 1
  filterScores(scores, ids, options)
  const token = temperature === 0 || !random ? argMax(scores) : sampleToken(scores, random)
  const scaled = scale === 1 ? logits : logits.map(x => x / scale)
  return { token, logp: scaled[token] - logSumExp(scaled) }
}

function check(config: ModelConfig, prompts: readonly ArrayLike<number>[], options: GenerateOptions): void {
  checkSampling(options)
  const { context } = shapeOf(config), { maxNewTokens } = options
  if (!Number.isSafeInteger(maxNewTokens) || maxNewTokens < 1) throw new RangeError(`maxNewTokens: expected a positive integer, got ${maxNewTokens}`)
  if (options.temperature !== 0 && !options.random) throw new Error('random: sampling needs a Random; temperature 0 does without')
  prompts.forEach((prompt, i) => {
    if (prompt.length === 0) throw new RangeError(`prompt ${i} is empty; a model needs one token to begin with`)
    if (prompt.length + maxNewTokens > context) throw new RangeError(`prompt ${i}: ${prompt.length} tokens and ${maxNewTokens} new ones exceed the context of ${context}`)
  })
}
