/**
 * Prompts with their responses without padding, each prompt once: a row of the packed batch holds a prompt, then every response to it that
 * has room, then the next prompt. A response sees its prompt and itself, at the positions that it has behind the prompt alone, so that every
 * log-prob is the one of the padded batch. A pair of DPO whose prompt is as long as its responses has a quarter fewer tokens for it.
 */
import { HIDDEN } from '../tensor/attention'
import { hostTensor } from '../tensor/host'
import { checkIndices } from '../tensor/layers'
import type { Matrix } from './batch'
import { onHost, sameShape } from './batch'
import { anglesOf } from './blocks'
import type { ModelConfig } from './config'
import { shapeOf } from './config'
import type { ScoredInputs } from './inputs'
import { roundUp } from './inputs'
import { bestFit } from './packing'

/** Prompts and responses as they would be padded on the right, [b, t] each. */
export interface PackedBatch {
  readonly tokens: Matrix
  /** 1 for a token, 0 for padding. */
  readonly mask: Matrix
  /** 1 where a token is scored. */
  readonly responseMask: Matrix
  /** Tokens of the prompt at the left of each row, [b]; rows whose prompts are equal share one. */
  readonly promptLengths: ArrayLike<number>
}

export interface PackingOptions {
  /** Tokens that a packed row holds, at least as many as the longest sequence has; see {@link packingRoom}. */
  readonly room: number
  /** Fills up rows and scored tokens to one of a few sizes, as in BatchOptions. */
  readonly fewShapes?: boolean
}

/** A prompt and responses to it in one row: which sequences these are. */
interface Tree { readonly prompt: number, readonly sequences: readonly number[], readonly size: number }

/** Prompt and response of a sequence: how long they are, and what tells the prompt from others. */
export interface PackedSize { readonly prompt: number, readonly response: number, readonly key: string | number }

/** Groups of equal prompts, cut where a row is full. */
function treesOf(sizes: readonly PackedSize[], room: number): Tree[] {
  const groups = new Map<string | number, number[]>()
  sizes.forEach(({ key }, i) => { const group = groups.get(key); if (group) group.push(i); else groups.set(key, [i]) })
  return [...groups.values()].flatMap(group => {
    const { prompt } = sizes[group[0]]
    return bestFit(group.map(i => sizes[i].response), room - prompt).map(places => {
      const sequences = places.map(place => group[place])
      return { prompt, sequences, size: sequences.reduce((sum, i) => sum + sizes[i].response, prompt) }
    })
  })
}

/**
 * How many tokens a packed row should hold for batches like these, or undefined where padding is as good: batches of similar length have little of
 * it. What a token costs grows with its row, since attention looks at all of it; in rows that are too short, both responses of a pair find no
 * room. longest: tokens of the longest sequence of the run.
 */
export function packingRoom(config: ModelConfig, batches: readonly (readonly PackedSize[])[], longest: number): number | undefined {
  const least = Math.ceil(longest / 8) * 8, { width } = shapeOf(config), total = (f: (batch: readonly PackedSize[]) => number) => batches.reduce((sum, batch) => sum + f(batch), 0)
  // a token's matrix products, and its look at one key
  const cost = (rows: number, columns: number) => rows * columns * (2 * width + columns)
  const packed = (room: number) => total(batch => cost(few(bestFit(treesOf(batch, room).map(tree => tree.size), room).length), room))
  const padded = total(batch => cost(batch.length, Math.min(longest - 1, roundUp(batch.reduce((most, { prompt, response }) => Math.max(most, prompt + response - 1), 0)))))
  const rooms = Array.from({ length: Math.floor(least / 2 / 8) + 1 }, (_, i) => ({ room: least + 8 * i, cost: packed(least + 8 * i) })), best = rooms.reduce((a, b) => b.cost < a.cost ? b : a)
  // more shapes are to be compiled, and every row brings a mask of its own
  return best.cost < 0.85 * padded ? best.room : undefined
}

/** Sizes that are filled up to: in steps of a fourth of the power of two below. */
const few = (n: number) => { const step = Math.max(1, 2 ** (Math.floor(Math.log2(n)) - 2)); return Math.ceil(n / step) * step }

/**
 * Batches as {@link scoredInputs} would give them, packed, all of the same shapes: what comes back per position is [b, t − 1] as if they were
 * padded. Throws as scoredInputs, and where a sequence has padding before a token or no token behind its prompt.
 */
export function packedInputs(config: ModelConfig, batches: readonly PackedBatch[], { room, fewShapes }: PackingOptions): ScoredInputs[] {
  const laid = batches.map(batch => layout(config, batch, room)), most = (f: (one: Layout) => number) => laid.reduce((n, one) => Math.max(n, f(one)), 0)
  const count = most(one => one.rows.length), rows = fewShapes ? few(count) : count, places = rows * room, needed = most(one => one.scored)
  const length = fewShapes ? Math.ceil(Math.ceil(needed / places * 8) / 8 * places) : needed, columns = most(one => one.columns), wide = fewShapes ? roundUp(columns - 1) + 1 : columns
  return laid.map(one => fill(config, one, { room, rows, length, columns: wide, fewShapes }))
}

interface Layout { readonly rows: readonly (readonly Tree[])[], readonly sizes: readonly PackedSize[], readonly ids: Int32Array, readonly response: Int32Array, readonly columns: number, readonly scored: number }

/** Which prompts and responses stand in which row. */
function layout(config: ModelConfig, { tokens, mask, responseMask, promptLengths }: PackedBatch, room: number): Layout {
  const { data: ids, rows, columns } = onHost(tokens, 'tokens'), own = { data: ids, rows, columns }, { vocabulary, context } = shapeOf(config)
  const real = sameShape(onHost(mask, 'mask'), own, 'mask').data, response = sameShape(onHost(responseMask, 'responseMask'), own, 'responseMask').data
  checkIndices(ids, vocabulary, 'token')
  if (promptLengths.length !== rows) throw new Error(`promptLengths: expected ${rows}, one a row, got ${promptLengths.length}`)
  let scored = 0
  const sizes = Array.from({ length: rows }, (_, i): PackedSize => {
    const prompt = promptLengths[i], at = i * columns
    let length = 0
    for (let j = 0; j < columns; j++) {
      if (real[at + j] !== 0) { if (length < j) throw new Error(`mask: row ${i} has padding before a token; only the right may be padded`); length++ }
      if (response[at + j] !== 0 && j > 0) scored++
    }
    if (length > context) throw new RangeError(`tokens: row ${i} has ${length}, but the model's context is ${context}`)
    if (length > room) throw new RangeError(`tokens: row ${i} has ${length}, but packed rows have room for ${room}`)
    if (!(prompt > 0 && prompt < length)) throw new Error(`promptLengths: row ${i} has ${length} tokens, of which ${prompt} are its prompt; expected at least one of each`)
    return { prompt, response: length - prompt, key: ids.subarray(at, at + prompt).join() }
  })
  if (scored === 0) throw new Error(`responseMask: no token of [${rows}, ${columns}] is scored; a response needs a token after the first column`)
  const trees = treesOf(sizes, room)
  return { rows: bestFit(trees.map(tree => tree.size), room).map(places => places.map(place => trees[place])), sizes, ids, response, columns, scored }
}

interface Filling { readonly room: number, readonly rows: number, readonly length: number, readonly columns: number, readonly fewShapes?: boolean }

function fill(config: ModelConfig, { rows: trees, sizes, ids: from, response, columns: t }: Layout, { room, rows, length, columns, fewShapes }: Filling): ScoredInputs {
  const size = rows * room, ids = new Int32Array(size), positions = new Int32Array(size), mask = new Float32Array(size * room).fill(HIDDEN)
  const sources = new Int32Array(length), targets = new Int32Array(length), places = new Int32Array(length), scored = new Float32Array(length), b = sizes.length
  const scoredMask = new Float32Array(b * (columns - 1)), begins = new Int32Array(b), ends = new Int32Array(b)
  // a column without a token sees itself, so that nothing becomes NaN
  for (let at = 0; at < size; at++) mask[at * room + at % room] = 0
  trees.forEach((row, r) => {
    let at = r * room
    for (const { prompt, sequences } of row) {
      const begin = at
      const put = (i: number, j: number) => {
        ids[at] = from[i * t + j]
        positions[at] = j
        mask.fill(0, at * room + begin - r * room, at * room + begin - r * room + Math.min(j + 1, prompt))
      }
      for (let j = 0; j < prompt; j++, at++) put(sequences[0], j)
      for (const i of sequences) {
        begins[i] = begin
        ends[i] = at
        const own = at
        for (let j = 0; j < sizes[i].response; j++, at++) {
          put(i, prompt + j)
          mask.fill(0, at * room + own - r * room, at * room + at - r * room + 1)
        }
      }
    }
  })
  let n = 0
  for (let i = 0; i < b; i++) {
    const { prompt } = sizes[i]
    for (let j = 0; j + 1 < t; j++) {
      if (response[i * t + j + 1] === 0) continue
      sources[n] = j < prompt ? begins[i] + j : ends[i] + j - prompt
      targets[n] = from[i * t + j + 1]
      places[n] = i * (columns - 1) + j
      scoredMask[places[n]] = 1
      scored[n++] = 1
    }
  }
  return {
    ids: hostTensor(ids, [rows, room]), positions: hostTensor(positions, [rows, room]), mask: hostTensor(mask, [rows, 1, room, room]),
    ...config.model_type === 'llama' ? { angles: anglesOf(positions, rows, config) } : {},
    sources: hostTensor(sources, [length]), targets: hostTensor(targets, [length]), places: hostTensor(places, [length]), scoredMask: hostTensor(scoredMask, [b, columns - 1]),
    ...fewShapes || n < length ? { scored: hostTensor(scored, [length]) } : {},
  }
}
