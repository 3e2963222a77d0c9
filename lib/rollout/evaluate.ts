import type { LanguageModel } from '../model/params'
import { readLogps, readValues } from '../model/scoring'

/** A prompt as the models read it; whatever else it knows (text, facts, an answer to check) travels with it to the reward. */
export interface PromptTokens { readonly ids: readonly number[] }

/** A response to a prompt: its tokens, the prompt's not among them. */
export interface Response<P extends PromptTokens = PromptTokens> { readonly prompt: P; readonly tokens: readonly number[] }

export interface EvaluateOptions {
  /** Divides the logits, as when the response was sampled. Default 1. */
  readonly temperature?: number
  /** Sequences at once (default 128); similar lengths go together. */
  readonly batchSize?: number
}

/** Prompt and response, one after the other. */
export const wholeSequence = ({ prompt, tokens }: Response): number[] => [...prompt.ids, ...tokens]

/**
 * What a model says of each token of responses in one teacher-forced pass: log π(y_t | x, y_<t) in nats, [T] a response, in the order given.
 * Throws RangeError on an empty prompt or response, or one that is longer than the context.
 */
export function responseLogps(model: LanguageModel, responses: readonly Response[], { temperature = 1, batchSize }: EvaluateOptions = {}): Float32Array[] {
  return inBatches(responses, batchSize, (padded, batch) => {
    const { data, columns } = readLogps(model, padded, temperature)
    return batch.map(({ prompt, tokens }, i) => data.slice(i * columns + prompt.ids.length - 1, i * columns + prompt.ids.length - 1 + tokens.length))
  })
}

/**
 * The scalar head's value before each token of responses and after the last one, [T + 1] a response, in the order given.
 * `score.weight` must be among the model's weights. Throws as {@link responseLogps}.
 */
export function responseValues(model: LanguageModel, responses: readonly Response[], { batchSize }: Pick<EvaluateOptions, 'batchSize'> = {}): Float32Array[] {
  return inBatches(responses, batchSize, (padded, batch) => {
    const { data, columns } = readValues(model, padded)
    return batch.map(({ prompt, tokens }, i) => data.slice(i * columns + prompt.ids.length - 1, i * columns + prompt.ids.length + tokens.length))
  })
}

interface Padded { readonly tokens: Int32Array[]; readonly mask: Int32Array[]; readonly responseMask: Int32Array[] }

function inBatches(responses: readonly Response[], batchSize = 128, f: (padded: Padded, batch: readonly Response[]) => Float32Array[]): Float32Array[] {
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) throw new RangeError(`batchSize: expected a positive integer, got ${batchSize}`)
  responses.forEach(({ prompt, tokens }, i) => {
    if (prompt.ids.length === 0 || tokens.length === 0) throw new RangeError(`response ${i}: expected a prompt and a response of at least one token each, got ${prompt.ids.length} and ${tokens.length}`)
  })
  const sequences = responses.map(wholeSequence), order = sequences.map((_, i) => i).sort((a, b) => sequences[a].length - sequences[b].length), out = new Array<Float32Array>(responses.length)
  for (let from = 0; from < order.length; from += batchSize) {
    const rows = order.slice(from, from + batchSize), batch = rows.map(i => responses[i])
    f(padResponses(batch), batch).forEach((row, k) => { out[rows[k]] = row })
  }
  return out
}

/** Responses behind their prompts as a batch, padded on the right with id 0, which the mask hides; `responseMask` is 1 at response tokens. */
export function padResponses(responses: readonly Response[]): Padded {
  const sequences = responses.map(wholeSequence), longest = Math.max(...sequences.map(s => s.length))
  const rows = (f: (row: Int32Array, i: number) => Int32Array) => sequences.map((_, i) => f(new Int32Array(longest), i))
  return {
    tokens: rows((row, i) => { row.set(sequences[i]); return row }),
    mask: rows((row, i) => row.fill(1, 0, sequences[i].length)),
    responseMask: rows((row, i) => row.fill(1, responses[i].prompt.ids.length, sequences[i].length)),
  }
}
