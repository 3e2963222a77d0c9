import type { Shown } from '../desk/annotators'
import type { Prompt } from '../desk/scenarios'
import { adamw } from '../model/optimiser'
import type { Optimiser } from '../model/optimiser'
import type { LanguageModel } from '../model/params'
import { cosineToMinimumSchedule } from '../model/schedules'
import type { Schedule } from '../model/schedules'
import { deskReplies, deskSequence } from './desk'
import type { ReplyOptions } from './desk'
import type { DeskPrompt } from './deskPpo'
import type { Judged } from './deskReward'
import type { Thumb } from './kto'
import type { TokenPair } from './pairs'

const split = (prompt: Prompt, reply: Shown['a']): { prompt: DeskPrompt, tokens: number[] } => {
  const { ids, promptLength } = deskSequence(prompt, reply)
  return { prompt: { ...prompt, ids: ids.slice(0, promptLength) }, tokens: ids.slice(promptLength) }
}

/** Judged replies as the preference trainers read them. */
export const preferencePairs = (judged: readonly Judged[]): (TokenPair & { readonly prompt: DeskPrompt })[] =>
  judged.map(({ prompt, chosen, rejected }) => ({ prompt: split(prompt, chosen).prompt, chosen: split(prompt, chosen).tokens, rejected: split(prompt, rejected).tokens }))

/** Replies with a thumb each, as KTO reads them. */
export const deskThumbs = (replies: readonly { readonly prompt: Prompt, readonly reply: Shown['a'], readonly liked: boolean }[]): (Thumb & { readonly prompt: DeskPrompt })[] =>
  replies.map(({ prompt, reply, liked }) => ({ ...split(prompt, reply), liked }))

/** Two replies of a policy to each prompt, to be judged; prompts whose two replies are the same are left out, since nothing can be preferred there. */
export function sampledComparisons(policy: LanguageModel, prompts: readonly Prompt[], options: ReplyOptions): (Shown & { readonly a: readonly number[], readonly b: readonly number[] })[] {
  const replies = deskReplies(policy, [...prompts, ...prompts], options), n = prompts.length
  return prompts.map((prompt, i) => ({ prompt, a: replies[i].tokens, b: replies[n + i].tokens })).filter(({ a, b }) => a.join() !== b.join())
}

/** Settings under which every preference trainer holds on the desk; at twice the rate with half the batch some seeds diverge. */
export const DESK_PREFERENCES = { epochs: 1, batchSize: 32, lr: 2e-4, warmupSteps: 10, weightDecay: 0, betas: [0.9, 0.99] as const, minRatio: 0.1 } as const

export interface DeskPreferenceOptions { readonly epochs?: number; readonly batchSize?: number; readonly lr?: number }

/** Steps, batch size, optimiser and schedule for `count` pairs or thumbs, to spread into a preference trainer's options: AdamW, a cosine to a tenth of the rate. */
export function deskPreferences(count: number, options: DeskPreferenceOptions = {}): { steps: number, batchSize: number, optimiser: Optimiser, schedule: Schedule } {
  const { epochs, batchSize, lr, warmupSteps, weightDecay, betas, minRatio } = { ...DESK_PREFERENCES, ...options }, steps = epochs * Math.ceil(count / batchSize)
  return { steps, batchSize, optimiser: adamw({ lr, betas, weightDecay, maxGradNorm: 1 }), schedule: cosineToMinimumSchedule({ lr, warmupSteps: Math.min(warmupSteps, steps - 1), totalSteps: steps, minRatio }) }
}
