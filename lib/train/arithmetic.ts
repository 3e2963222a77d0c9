import { allSumTasks, demonstrateSum, drawSmallTask } from '../desk/arithmetic'
import type { SumTask } from '../desk/arithmetic'
import { EOS, replyTokens } from '../desk/vocabulary'
import type { LanguageModel } from '../model/params'
import type { RolloutOptions, Rollout } from '../rollout/rollout'
import { rollout } from '../rollout/rollout'
import { verifierReward, verifySum } from '../reward/verifier'
import { Random } from '../tensor/random'
import { DESK_SFT, deskSft } from './desk'
import type { DeskSftOptions } from './desk'
import type { Example, SftMetrics } from './sft'
import type { Training } from './training'

/** How data/arithmetic is trained; the rest is {@link DESK_SFT}'s. small: share of two-amount tasks among the demonstrations. */
export const SUM_SFT = { demonstrations: 12000, small: 0.4, epochs: 3, batchSize: DESK_SFT.batchSize, lr: 3e-3, seed: 0 } as const

/** The most tokens that a reply to a task may have, <eos> included. */
export const SUM_REPLY_TOKENS = 40

/** Clerks' work on `n` training tasks drawn at random, as texts to imitate. */
export function sumDemonstrations(n: number, seed: number): Example[] {
  const random = Random.seed(seed).split('sums'), tasks = allSumTasks()
  return Array.from({ length: n }, () => {
    const task = random.uniform() < SUM_SFT.small ? drawSmallTask(random) : random.choice(tasks)
    return { ids: [...task.ids, ...replyTokens(demonstrateSum(task, random).text)], promptLength: task.ids.length }
  })
}

/** Supervised fine-tuning on clerks' sums with {@link SUM_SFT}'s settings, from fresh weights unless told otherwise. */
export const sumSft = (options: DeskSftOptions = {}): Training<SftMetrics> => deskSft({
  epochs: SUM_SFT.epochs, lr: SUM_SFT.lr, seed: SUM_SFT.seed, ...options, examples: options.examples ?? sumDemonstrations(SUM_SFT.demonstrations, options.seed ?? SUM_SFT.seed),
})

/** Replies to tasks as the desk reads them: at most {@link SUM_REPLY_TOKENS} tokens, ended by <eos>; `samples` (default 1) to each task, side by side. */
export const sumReplies = (model: LanguageModel, tasks: readonly SumTask[], options: Partial<RolloutOptions> & { readonly random: Random }): Rollout<SumTask>[] =>
  rollout(model, tasks, { maxNewTokens: SUM_REPLY_TOKENS, stopTokens: [EOS], batchSize: 256, ...options })

/** The outcome verifier as a reward: 1 for a reply that ends and states the right total, else 0. */
export const sumReward = verifierReward<SumTask>(verifySum)
