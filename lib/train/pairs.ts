import { lengthDesensitisedWeights } from '../loss/weighting'
import type { ModelConfig } from '../model/config'
import type { LanguageModel } from '../model/params'
import type { PromptTokens } from '../rollout/evaluate'
import { checkResponse, referenceLogps, responseBatch } from './responses'
import type { ResponseBatch, WeightedResponse } from './responses'

/** A preference as tokens: two responses to one prompt, the first of which was preferred. The trainers join prompt and response. */
export interface TokenPair { readonly prompt: PromptTokens; readonly chosen: readonly number[]; readonly rejected: readonly number[] }

/** Both responses of every pair: all chosen ones, then all rejected ones.  ldAlpha: LD-DPO's α, the weight of tokens beyond the shorter response's length. */
export function pairResponses(pairs: readonly TokenPair[], ldAlpha = 1): WeightedResponse[] {
  return (['chosen', 'rejected'] as const).flatMap(side => pairs.map(pair => {
    const { [side]: tokens, [side === 'chosen' ? 'rejected' : 'chosen']: other, prompt } = pair
    return { prompt, tokens, weights: ldAlpha === 1 ? undefined : lengthDesensitisedWeights(tokens.length, other.length, ldAlpha) }
  }))
}

/** A batch of B pairs: 2B rows, chosen first, and the number of response tokens, [B] each. */
export interface PairBatch extends ResponseBatch { readonly lengths: { readonly chosen: Float32Array, readonly rejected: Float32Array } }

/** Joins prompts and responses and pads them; ldAlpha as in {@link pairResponses}. */
export function pairBatch(pairs: readonly TokenPair[], ldAlpha = 1): PairBatch {
  return { ...responseBatch(pairResponses(pairs, ldAlpha)), lengths: { chosen: Float32Array.from(pairs, p => p.chosen.length), rejected: Float32Array.from(pairs, p => p.rejected.length) } }
}

/** Longest sequence of a pair, in tokens: what a batch is as wide as. */
export const pairLength = ({ prompt, chosen, rejected }: TokenPair): number => prompt.ids.length + Math.max(chosen.length, rejected.length)

/** Throws, naming the pair, where one cannot be trained on: as {@link checkResponse}, and where both responses are the same. */
export function checkTokenPairs(who: string, pairs: readonly TokenPair[], config: ModelConfig): void {
  if (pairs.length === 0) throw new Error(`${who}: no pairs`)
  pairs.forEach(({ prompt, chosen, rejected }, i) => {
    checkResponse(`${who}: pair ${i}, chosen`, { prompt, tokens: chosen }, config)
    checkResponse(`${who}: pair ${i}, rejected`, { prompt, tokens: rejected }, config)
    if (chosen.length === rejected.length && chosen.every((token, t) => token === rejected[t])) throw new Error(`${who}: pair ${i}: chosen and rejected are the same, so nothing is preferred; leave the pair out`)
  })
}

/** Summed response log-probs of pairs under a frozen model, in their order: all that a trainer needs of a reference. */
export interface PairReference { readonly chosen: Float32Array; readonly rejected: Float32Array }

/** A reference's log-probs, computed once for as many runs on these pairs as you like; ldAlpha as in {@link pairResponses}. */
export async function pairReference(reference: LanguageModel, pairs: readonly TokenPair[], ldAlpha = 1): Promise<PairReference> {
  const logps = await referenceLogps(reference, pairResponses(pairs, ldAlpha))
  return { chosen: logps.slice(0, pairs.length), rejected: logps.slice(pairs.length) }
}
