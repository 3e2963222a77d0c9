import { sigmoid } from '../desk/annotators'
import type { LanguageModel } from '../model/params'
import { responseValues } from '../rollout/evaluate'
import type { PromptTokens, Response } from '../rollout/evaluate'

/**
 * A process reward model's P(right so far) at the end of each step of responses: after every token of `stepTokens`, and after the last token.
 * `score.weight` must be among the model's weights. Returns one list a response. Throws RangeError on an empty response.
 */
export function stepProbabilities(model: LanguageModel, responses: readonly Response[], stepTokens: readonly number[]): number[][] {
  const ends = new Set(stepTokens), values = responseValues(model, responses)
  return responses.map(({ tokens }, i) => tokens.flatMap((token, t) => ends.has(token) || t === tokens.length - 1 ? [sigmoid(values[i][t + 1])] : []))
}

/** How a process model's steps become one score. */
export type Aggregate = (probabilities: readonly number[]) => number

/** The worst step's. */
export const worstStep: Aggregate = p => Math.min(...p)
/** Their product: the chance that all are right, were they independent.  Lightman 2023, arXiv:2305.20050 §2.6 */
export const productOfSteps: Aggregate = p => p.reduce((a, b) => a * b, 1)
/** The last one, which for an outcome model is the only one that was trained. */
export const lastStep: Aggregate = p => p[p.length - 1]
/** The mean, which every further step that is sure to be right raises. */
export const meanOfSteps: Aggregate = p => p.reduce((a, b) => a + b, 0) / p.length

/** A step model as a scorer of responses, whole or begun. */
export const stepScorer = <P extends PromptTokens>(model: LanguageModel, stepTokens: readonly number[], aggregate: Aggregate) => (responses: readonly Response<P>[]): number[] =>
  stepProbabilities(model, responses, stepTokens).map(aggregate)
