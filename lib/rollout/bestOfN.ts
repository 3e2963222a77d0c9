import type { LanguageModel } from '../model/params'
import type { PromptTokens, Response } from './evaluate'
import { rollout } from './rollout'
import type { Rollout, RolloutOptions } from './rollout'

/** Scores rollouts, one number each, higher is better; every reward function is one. What it needs to know of the task travels with the prompt. */
export type Scorer<P extends PromptTokens = PromptTokens> = (rollouts: readonly Rollout<P>[]) => ArrayLike<number> | { readonly scores: ArrayLike<number> }

/** The response that was chosen, what its scorer gave it, and what the choice cost. */
export interface Chosen<P extends PromptTokens = PromptTokens> extends Response<P> {
  readonly score: number
  /** True when a stop token ended it. */
  readonly stopped: boolean
  /** Tokens that were sampled for this prompt, those of the others included. */
  readonly sampledTokens: number
}

/**
 * Best of n: samples n responses to each prompt and takes the one that scores highest, the first of equals.  Stiennon 2020, arXiv:2009.01325
 * Changes no weight. Throws RangeError on a score that is no number, or as {@link rollout}.
 */
export function sampleBestOf<P extends PromptTokens>(policy: LanguageModel, prompts: readonly P[], { n, score, ...sampling }: Omit<RolloutOptions, 'samples' | 'reference' | 'value'> & { readonly n: number; readonly score: Scorer<P> }): Chosen<P>[] {
  const all = rollout(policy, prompts, { ...sampling, samples: n }), scores = scoresOf(score, all)
  return prompts.map((_, i) => {
    const own = all.slice(i * n, (i + 1) * n), at = best(scores.slice(i * n, (i + 1) * n)), { prompt, tokens, stopped } = own[at]
    return { prompt, tokens, stopped, score: scores[i * n + at], sampledTokens: own.reduce((sum, r) => sum + r.tokens.length, 0) }
  })
}

/** Place of the highest score, the first of equals. */
export const best = (scores: readonly number[]): number => scores.reduce((top, s, i) => s > scores[top] ? i : top, 0)

/** The scorer's numbers. Throws RangeError where there is not one a rollout, or one is NaN. */
export function scoresOf<P extends PromptTokens>(score: Scorer<P>, rollouts: readonly Rollout<P>[]): number[] {
  const given = score(rollouts), all = Array.from('scores' in given ? given.scores : given), bad = all.findIndex(s => Number.isNaN(s))
  if (all.length !== rollouts.length || bad >= 0) throw new RangeError(`score: expected ${rollouts.length} numbers, got ${all.length}${bad >= 0 ? `, of which number ${bad} is NaN` : ''}`)
  return all
}
