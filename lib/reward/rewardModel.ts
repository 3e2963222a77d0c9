import type { ModelConfig } from '../model/config'
import type { Params } from '../model/params'
import { readScores } from '../model/scoring'

/** Sequences as a batch, padded on the right with id 0, which the mask hides. */
export function padSequences(sequences: readonly ArrayLike<number>[]): { tokens: Int32Array[], mask: Int32Array[] } {
  const longest = Math.max(...sequences.map(s => s.length))
  return {
    tokens: sequences.map(s => { const row = new Int32Array(longest); row.set(Int32Array.from(s)); return row }),
    mask: sequences.map(s => new Int32Array(longest).fill(1, 0, s.length)),
  }
}

/**
 * Rewards of whole sequences (prompt and response), read at the last token of each, in batches of `batchSize`.
 * Similar lengths go through together; the result is in the order given. Throws where a sequence is empty or longer than the context.
 */
export function scoreSequences(params: Params, config: ModelConfig, sequences: readonly ArrayLike<number>[], batchSize = 128): Float64Array {
  const order = sequences.map((_, i) => i).sort((a, b) => sequences[a].length - sequences[b].length), out = new Float64Array(sequences.length)
  const empty = sequences.findIndex(s => s.length === 0)
  if (empty >= 0) throw new RangeError(`scoreSequences: sequence ${empty} is empty`)
  for (let from = 0; from < order.length; from += batchSize) {
    const rows = order.slice(from, from + batchSize), scores = readScores({ config, params }, padSequences(rows.map(i => sequences[i])))
    rows.forEach((i, k) => { out[i] = scores[k] })
  }
  return out
}

/** Share of pairs whose chosen sequence scores higher; a tie counts half. */
export function pairAccuracy(chosen: ArrayLike<number>, rejected: ArrayLike<number>): number {
  if (chosen.length !== rejected.length || chosen.length === 0) throw new RangeError(`pairAccuracy: expected as many chosen as rejected scores, and at least one, got ${chosen.length} and ${rejected.length}`)
  return Array.from(chosen).reduce((sum, c, i) => sum + (c > rejected[i] ? 1 : c === rejected[i] ? 0.5 : 0), 0) / chosen.length
}
