import type { Shown } from '../desk/annotators'
import type { Prompt } from '../desk/scenarios'
import type { LanguageModel } from '../model/params'
import type { Random } from '../tensor/random'
import { deskReplies } from './desk'
import { deskScores } from './deskReward'

/** What {@link contestedPairs} asks and samples. */
export interface ContestedOptions {
  readonly prompts: readonly Prompt[]
  /** Replies a prompt, even (default 16). */
  readonly samples?: number
  readonly random: Random
}

/**
 * Pairs whose labels tell most about a scorer in use: replies that the policy writes now, each prompt's favourite of the scorer against its
 * least liked, its second favourite against the second least, and so on; samples/2 pairs a prompt, the favourite as `a`, equal replies left out.
 * Judge them anew, and retrain the scorer on what comes out.  Ouyang 2022, arXiv:2203.02155 §3.1: labels for the current policy, a new reward model, repeat
 */
export function contestedPairs(policy: LanguageModel, scorer: LanguageModel, { prompts, samples = 16, random }: ContestedOptions): Shown[] {
  if (!Number.isSafeInteger(samples) || samples < 2 || samples % 2 > 0) throw new RangeError(`contestedPairs: expected an even number of samples, got ${samples}`)
  const asked = prompts.flatMap(p => Array.from({ length: samples }, () => p)), replies = deskReplies(policy, asked, { random }), scores = deskScores(scorer, asked, replies.map(r => r.tokens))
  return prompts.flatMap((prompt, i) => {
    const own = Array.from({ length: samples }, (_, k) => samples * i + k).sort((a, b) => scores[b] - scores[a])
    return Array.from({ length: samples / 2 }, (_, k) => ({ prompt, a: replies[own[k]].tokens, b: replies[own[samples - 1 - k]].tokens }))
  }).filter(({ a, b }) => a.join() !== b.join())
}

/**
 * Passes a training's records on, and after every `every` of them waits for `refresh` before it lets the training go on: there sample, label and retrain,
 * and put the new scorer where the reward reads it, as in `modelReward(() => scorer)`. Whatever the trainer is, it knows nothing of this.
 */
export async function* refreshing<M>(training: AsyncIterable<M>, { every, refresh }: { readonly every: number, readonly refresh: (metrics: M) => Promise<void> | void }): AsyncGenerator<M, void, void> {
  if (!Number.isSafeInteger(every) || every < 1) throw new RangeError(`every: expected a positive integer, got ${every}`)
  let count = 0
  for await (const metrics of training) {
    yield metrics
    if (++count % every === 0) await refresh(metrics)
  }
}
