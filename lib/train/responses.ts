import type { ModelConfig } from '../model/config'
import { shapeOf } from '../model/config'
import type { LanguageModel } from '../model/params'
import { padResponses, responseLogps } from '../rollout/evaluate'
import type { Response } from '../rollout/evaluate'
import { tf } from '../tensor/backend'
import { assertFinite } from '../tensor/finite'

/** A response, and what each of its tokens counts in its log-prob (default 1). */
export interface WeightedResponse extends Response { readonly weights?: Float32Array }

/** B responses on the host, prompt and response joined, padded right with id 0, which the mask hides. */
export interface ResponseBatch {
  readonly tokens: readonly Int32Array[]
  readonly mask: readonly Int32Array[]
  /** 1 where a response token stands. */
  readonly responseMask: readonly Int32Array[]
  /** What each token's log-prob counts in its response's, B rows of t − 1, column j for token j + 1; 0 outside the responses. */
  readonly weights: readonly Float32Array[]
}

/** Joins prompts and responses and pads them. */
export function responseBatch(responses: readonly WeightedResponse[]): ResponseBatch {
  const padded = padResponses(responses), columns = padded.tokens[0].length - 1
  const weights = responses.map(({ prompt, tokens, weights: own = new Float32Array(tokens.length).fill(1) }) => {
    const row = new Float32Array(columns)
    row.set(own, prompt.ids.length - 1)
    return row
  })
  return { ...padded, weights }
}

/** Tokens of prompt and response. */
export const responseLength = ({ prompt, tokens }: Response): number => prompt.ids.length + tokens.length

/** Throws, naming it as `at`, where a response cannot be trained on: an empty prompt or response, a token out of the vocabulary, more tokens than the context. */
export function checkResponse(at: string, { prompt: { ids }, tokens }: Response, config: ModelConfig): void {
  const { context, vocabulary } = shapeOf(config), bad = [...ids, ...tokens].find(token => !(Number.isSafeInteger(token) && token >= 0 && token < vocabulary))
  if (ids.length === 0) throw new Error(`${at}: the prompt is empty, and nothing predicts the first token of a response; start prompts with a <bos>`)
  if (tokens.length === 0) throw new Error(`${at}: the response is empty; a response has at least its <eos>`)
  if (ids.length + tokens.length > context) throw new RangeError(`${at}: a prompt of ${ids.length} and a response of ${tokens.length} tokens, but the model's context is ${context}; cut the prompt from its left, or leave it out`)
  if (bad !== undefined) throw new RangeError(`${at}: a token is ${bad}, expected 0 to ${vocabulary - 1}`)
}

/** Σ_t weight_t log π(y_t | x, y_<t) of each response under a model, as it is now. */
export function sequenceLogps(model: LanguageModel, responses: readonly WeightedResponse[]): Float32Array {
  return Float32Array.from(responseLogps(model, responses), (row, i) => row.reduce((sum, logp, t) => sum + logp * (responses[i].weights?.[t] ?? 1), 0))
}

/**
 * {@link sequenceLogps} of many responses under a frozen model, in their order, some hundreds of similar length at a time; in between other
 * work gets its turn, which changes no figure. Throws where one is not finite.
 */
export async function referenceLogps(reference: LanguageModel, responses: readonly WeightedResponse[], atOnce = 256): Promise<Float32Array> {
  const order = responses.map((_, i) => i).sort((a, b) => responseLength(responses[a]) - responseLength(responses[b]) || a - b), out = new Float32Array(responses.length)
  for (let from = 0; from < order.length; from += atOnce) {
    const rows = order.slice(from, from + atOnce)
    sequenceLogps(reference, rows.map(i => responses[i])).forEach((logp, k) => { out[rows[k]] = logp })
    await tf.nextFrame()
  }
  assertFinite('reference log-probs', 0, out)
  return out
}

/**
 * Sums over the response tokens of each row of what `values` [k, n] says of the n scored tokens, in row-major order of `scored`; last the
 * number of tokens. Returns k + 1 numbers a row.
 */
export function sumByRow(values: Float32Array, k: number, scored: readonly Int32Array[], responseMask: readonly Int32Array[]): number[][] {
  const n = values.length / k
  let at = 0
  return scored.map((row, i) => {
    const sums = new Array<number>(k + 1).fill(0)
    row.forEach((s, j) => {
      if (s === 0) return
      if (responseMask[i][j]) {
        for (let v = 0; v < k; v++) sums[v] += values[v * n + at]
        sums[k]++
      }
      at++
    })
    return sums
  })
}
