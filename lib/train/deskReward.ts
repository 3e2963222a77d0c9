import type { Dials, Shown } from '../desk/annotators'
import { annotate } from '../desk/annotators'
import { demonstrate } from '../desk/demonstrations'
import { drawPrompts } from '../desk/scenarios'
import type { Prompt } from '../desk/scenarios'
import { withScoreHead } from '../model/heads'
import { adamw } from '../model/optimiser'
import { cosineToMinimumSchedule } from '../model/schedules'
import { scoreSequences } from '../reward/rewardModel'
import { Random } from '../tensor/random'
import { batchesByLength } from './batches'
import { deskSequence } from './desk'
import type { LanguageModel } from '../model/params'
import { rewardModel } from './rewardModel'
import type { RewardModelMetrics, RewardPair } from './rewardModel'
import type { Training } from './training'

/** Two replies to one prompt by clerks drawn at random, for `n` distinct prompts; pairs of equal replies are drawn again. `heldOut`: prompts that training never sees. */
export function deskComparisons(n: number, seed: number, options: { heldOut?: boolean } = {}): (Shown & { readonly a: string, readonly b: string })[] {
  const random = Random.seed(seed).split(options.heldOut ? 'held-out comparisons' : 'comparisons')
  return drawPrompts(n, seed, options).map(prompt => {
    const a = demonstrate(prompt, random).text
    let b = a
    while (b === a) b = demonstrate(prompt, random).text
    return { prompt, a, b }
  })
}

/** A pair as an annotator judged it. */
export interface Judged { readonly prompt: Prompt; readonly chosen: Shown['a']; readonly rejected: Shown['a'] }

/** One annotator's choice for each pair shown, drawn by {@link annotate}. */
export function judgeComparisons(shown: readonly Shown[], dials: Partial<Dials>, random: Random): Judged[] {
  return shown.map(({ prompt, a, b }) => annotate(prompt, a, b, dials, random) === 1 ? { prompt, chosen: a, rejected: b } : { prompt, chosen: b, rejected: a })
}

/** Judged pairs as a reward model reads them. */
export const rewardPairs = (judged: readonly Judged[]): RewardPair[] =>
  judged.map(({ prompt, chosen, rejected }) => ({ chosen: deskSequence(prompt, chosen).ids, rejected: deskSequence(prompt, rejected).ids }))

/** Settings of the desk's reward models. */
export const DESK_REWARD = { epochs: 1, batchSize: 16, lr: 2e-3, warmupSteps: 10, weightDecay: 0.01, betas: [0.9, 0.99] as const, minRatio: 0.1, centring: 0.01 } as const

export interface DeskRewardOptions {
  /** The trunk to start from, which stays as it is: usually the fine-tuned policy. */
  readonly model: LanguageModel
  readonly pairs: readonly RewardPair[]
  readonly epochs?: number
  readonly lr?: number
  readonly centring?: number
  readonly seed?: number
}

/**
 * A reward model for the desk: the policy's trunk with a scalar head that starts at 0, trained with {@link DESK_REWARD}'s settings.
 * The trained weights are `training.state.models.reward`; `epoch` in its records counts whole runs (1 at the end).
 */
export function deskRewardModel({ model: { config, params }, pairs, epochs = DESK_REWARD.epochs, lr = DESK_REWARD.lr, centring = DESK_REWARD.centring, seed = 0 }: DeskRewardOptions): Training<RewardModelMetrics> {
  const { batchSize, warmupSteps, weightDecay, betas, minRatio } = DESK_REWARD, random = Random.seed(seed).split('reward model'), head = withScoreHead(params, config)
  const order = Array.from({ length: epochs }, (_, e) => batchesByLength(pairs, batchSize, p => Math.max(p.chosen.length, p.rejected.length), random.split(e))).flat()
  const totalSteps = Math.ceil(order.length / batchSize)
  const training = rewardModel({
    model: { config, params: head }, pairs: order, batchSize, shuffle: false, steps: totalSteps, centring,
    optimiser: adamw({ lr, betas, weightDecay, maxGradNorm: 1 }), schedule: cosineToMinimumSchedule({ lr, warmupSteps: Math.min(warmupSteps, totalSteps - 1), totalSteps, minRatio }),
  })
  head['score.weight'].dispose()
  return training
}

/** Scores of replies to prompts, one each, by a reward model. reply: text, or tokens taken as they are. Throws RangeError where there are not as many. */
export function deskScores({ config, params }: LanguageModel, prompts: readonly Prompt[], replies: readonly (string | ArrayLike<number>)[]): Float64Array {
  if (prompts.length !== replies.length) throw new RangeError(`deskScores: ${prompts.length} prompts, but ${replies.length} replies`)
  return scoreSequences(params, config, prompts.map((p, i) => deskSequence(p, replies[i]).ids))
}
