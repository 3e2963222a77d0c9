import { shapeOf } from '../model/config'
import { generate } from '../model/generate'
import type { LanguageModel } from '../model/params'
import type { Random } from '../tensor/random'
import type { SamplingOptions } from '../tensor/sampling'
import { responseLogps, responseValues } from './evaluate'
import type { PromptTokens, Response } from './evaluate'

/**
 * One sampled response with all that was known when it was sampled. Rows are as long as their response, so there is no padding to mask;
 * they are numbers on the host, through which no gradient passes.
 */
export interface Rollout<P extends PromptTokens = PromptTokens> extends Response<P> {
  /** log π(y_t | x, y_<t) under the policy that sampled it, [T], nats, at the sampling temperature and before any filter. */
  readonly logpOld: Float32Array
  /** The same under the reference, [T]; where one was given. */
  readonly logpRef?: Float32Array
  /** The value before each token and after the last, [T + 1]; where a value model was given. */
  readonly values?: Float32Array
  /** True when a stop token ended it (and is its last token), false when maxNewTokens did. */
  readonly stopped: boolean
}

/** How prompts are continued, and by whom the responses are looked at. */
export interface RolloutOptions extends SamplingOptions {
  /** Source of randomness; needed unless temperature is 0. */
  readonly random?: Random
  readonly maxNewTokens: number
  /** A response ends with the first of these, which belongs to it. */
  readonly stopTokens?: readonly number[]
  /** Responses a prompt, side by side in the result (default 1). */
  readonly samples?: number
  /** A frozen model that gives logpRef, in one teacher-forced pass. */
  readonly reference?: LanguageModel
  /** A model with a scalar head that gives values, in one teacher-forced pass. */
  readonly value?: LanguageModel
  /** Sequences at once (default 128). */
  readonly batchSize?: number
  /** Pieces of these that are decoded side by side, as in GenerateOptions (default 1). */
  readonly shards?: number
}

/**
 * Lets the policy answer prompts: sampled responses with their log-probs, those under the reference, and values. Changes no weight.
 * Throws RangeError, naming the prompt, where prompt and `maxNewTokens` together exceed a model's context: cut prompts or leave them out before.
 */
export function rollout<P extends PromptTokens>(policy: LanguageModel, prompts: readonly P[], options: RolloutOptions): Rollout<P>[] {
  const { samples = 1, reference, value, batchSize = 128, random, ...sampling } = options, { temperature = 1, maxNewTokens } = sampling
  for (const [name, n] of Object.entries({ samples, batchSize })) if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`${name}: expected a positive integer, got ${n}`)
  const context = Math.min(...[policy, reference, value].flatMap(model => model ? [shapeOf(model.config).context] : []))
  prompts.forEach(({ ids }, i) => {
    if (ids.length === 0) throw new RangeError(`prompt ${i} is empty; a model needs one token to begin with`)
    if (ids.length + maxNewTokens > context) throw new RangeError(`prompt ${i}: ${ids.length} tokens and ${maxNewTokens} new ones exceed the context of ${context}; shorten the prompt or leave it out`)
  })
  const asked = prompts.flatMap(prompt => Array.from({ length: samples }, () => prompt)), sampled: Omit<Rollout<P>, 'logpRef' | 'values'>[] = []
  for (let from = 0; from < asked.length; from += batchSize) {
    const batch = asked.slice(from, from + batchSize)
    generate(policy.params, policy.config, batch.map(p => p.ids), { ...sampling, random }).forEach(({ tokens, logps, stopped }, i) => sampled.push({ prompt: batch[i], tokens, logpOld: logps, stopped }))
  }
  const logpRef = reference && responseLogps(reference, sampled, { temperature: temperature || 1, batchSize }), values = value && responseValues(value, sampled, { batchSize })
  return sampled.map((one, i) => ({ ...one, ...logpRef && { logpRef: logpRef[i] }, ...values && { values: values[i] } }))
}
