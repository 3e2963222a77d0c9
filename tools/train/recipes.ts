import { FAIR, choiceProbability } from '../../lib/desk/annotators'
import { allSumTasks } from '../../lib/desk/arithmetic'
import { gold } from '../../lib/desk/reward'
import { drawPrompts } from '../../lib/desk/scenarios'
import type { Prompt } from '../../lib/desk/scenarios'
import { EOS } from '../../lib/desk/vocabulary'
import { deskPolicy } from '../../lib/exchange/deskPolicy'
import { sumPolicy } from '../../lib/exchange/sumPolicy'
import { ipoLoss } from '../../lib/loss/ipo'
import { withScoreHead } from '../../lib/model/heads'
import { adamw } from '../../lib/model/optimiser'
import type { LanguageModel } from '../../lib/model/params'
import { cosineToMinimumSchedule } from '../../lib/model/schedules'
import { scoreSequences } from '../../lib/reward/rewardModel'
import type { PromptTokens, Response } from '../../lib/rollout/evaluate'
import { wholeSequence } from '../../lib/rollout/evaluate'
import { Random } from '../../lib/tensor/random'
import { SUM_REPLY_TOKENS, sumReward } from '../../lib/train/arithmetic'
import { loadCheckpoint } from '../../lib/train/checkpoint'
import { DESK_SFT, deskDemonstrations, deskSequence, deskSft } from '../../lib/train/desk'
import { DESK_REWARD, deskComparisons, deskRewardModel, judgeComparisons, rewardPairs } from '../../lib/train/deskReward'
import { dpo } from '../../lib/train/dpo'
import { grpo } from '../../lib/train/grpo'
import { kto } from '../../lib/train/kto'
import { onlineDpo } from '../../lib/train/onlineDpo'
import { probabilityJudge } from '../../lib/train/onlineDpoJudge'
import type { TokenPair } from '../../lib/train/pairs'
import { ppo } from '../../lib/train/ppo'
import { orpo, simpo } from '../../lib/train/referenceFree'
import type { Training } from '../../lib/train/training'

/** What the command line says. `n`: demonstrations, pairs, prompts or steps of sampling, by recipe; undefined: the recipe's own. */
export interface Settings { readonly seed: number; readonly n?: number; readonly lr?: number; readonly beta?: number; readonly batchSize?: number; readonly reward?: string }

/** One way to train on the desk: what it does, which role it trains, which settings it knows besides the seed, and how. */
export interface Recipe {
  readonly about: string
  readonly role: 'policy' | 'reward'
  readonly knows: readonly (keyof Settings)[]
  readonly start: (settings: Settings) => Training<{ readonly step: number }>
}

type DeskPrompt = Prompt & PromptTokens
const MAX_NEW_TOKENS = 48
const withIds = (prompt: Prompt): DeskPrompt => { const { ids, promptLength } = deskSequence(prompt, ''); return { ...prompt, ids: ids.slice(0, promptLength) } }
const goldOf = ({ prompt, tokens }: Response<DeskPrompt>) => gold(prompt, tokens).total
const measure = (rollouts: readonly Response<DeskPrompt>[]) => ({ 'gold/reward': rollouts.reduce((sum, r) => sum + goldOf(r), 0) / rollouts.length })

/** Replies of two clerks for each of n prompts, as a careful annotator judged them. */
function deskPairs(n: number, seed: number): TokenPair[] {
  return judgeComparisons(deskComparisons(n, seed), FAIR, Random.seed(seed).split('labels')).map(({ prompt, chosen, rejected }) => {
    const { ids, promptLength } = deskSequence(prompt, chosen)
    return { prompt: { ids: ids.slice(0, promptLength) }, chosen: ids.slice(promptLength), rejected: deskSequence(prompt, rejected).ids.slice(promptLength) }
  })
}

/** AdamW with five steps of warm-up and a cosine to a tenth of the rate over one pass. */
const rate = (lr: number, totalSteps: number) => ({
  optimiser: adamw({ lr, betas: [0.9, 0.99], maxGradNorm: 1 }), schedule: cosineToMinimumSchedule({ lr, warmupSteps: Math.min(5, totalSteps - 1), totalSteps, minRatio: 0.1 }),
})

/** What the trainers of pairs share: the desk's policy, 2,048 pairs, one pass of batches of 32. */
function pairSettings({ seed, n = 2048, lr = 1e-3, batchSize = 32 }: Settings) {
  return { model: deskPolicy(), pairs: deskPairs(n, seed), seed, batchSize, ...rate(lr, Math.ceil(n / batchSize)) }
}
const PAIR_SETTINGS = ['n', 'lr', 'beta', 'batchSize'] as const

/** The reward of a run of `reward`, or the true one. */
function rewardOf(folder: string | undefined): (rollouts: readonly Response<DeskPrompt>[]) => ArrayLike<number> {
  if (folder === undefined) return rollouts => rollouts.map(goldOf)
  const found = loadCheckpoint(`${folder}/checkpoints`)?.state
  if (found?.kind !== 'rewardModel') throw new Error(`--reward: ${folder} holds no run of a reward model; make one: npm run train -- reward --out ${folder}`)
  const { config } = deskPolicy()
  return rollouts => scoreSequences(found.models.reward, config, rollouts.map(wholeSequence))
}

/** The value model: the policy's trunk with a head that starts at 0. */
const valueModel = ({ config, params }: LanguageModel): LanguageModel => ({ config, params: withScoreHead(params, config) })

/** Every trainer that the command line can start, by name. Everywhere else trainers are called as functions. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  sft: {
    about: 'imitates n demonstrations of mixed quality, from random weights', role: 'policy', knows: ['n', 'lr'],
    start: ({ seed, n = DESK_SFT.demonstrations, lr }) => deskSft({ seed, examples: deskDemonstrations(n, seed).examples, ...lr !== undefined && { lr } }),
  },
  reward: {
    about: 'a reward model from n pairs', role: 'reward', knows: ['n', 'lr'],
    start: ({ seed, n = 2560, lr = DESK_REWARD.lr }) => deskRewardModel({ model: deskPolicy(), pairs: rewardPairs(judgeComparisons(deskComparisons(n, seed), FAIR, Random.seed(seed).split('labels'))), lr, seed }),
  },
  dpo: { about: 'DPO with likelihood of the chosen replies, on n pairs', role: 'policy', knows: PAIR_SETTINGS, start: s => dpo({ ...pairSettings(s), beta: s.beta ?? 0.3, nllWeight: 1 }) },
  ipo: { about: 'IPO on n pairs', role: 'policy', knows: PAIR_SETTINGS, start: s => dpo({ ...pairSettings({ lr: 3e-4, ...s }), beta: s.beta ?? 0.1, loss: ipoLoss }) },
  simpo: { about: 'SimPO on n pairs, without a reference', role: 'policy', knows: PAIR_SETTINGS, start: s => simpo({ ...pairSettings({ lr: 3e-4, ...s }), beta: s.beta ?? 2 }) },
  orpo: { about: 'ORPO on n pairs, without a reference', role: 'policy', knows: PAIR_SETTINGS, start: s => orpo({ ...pairSettings(s), beta: s.beta ?? 0.5 }) },
  kto: {
    about: 'KTO on thumbs: the replies of n pairs, one by one', role: 'policy', knows: PAIR_SETTINGS,
    start: ({ beta, ...s }) => {
      const { pairs, batchSize, optimiser, schedule, ...rest } = pairSettings({ lr: 3e-4, ...s, n: s.n ?? 1024 })
      const thumbs = pairs.flatMap(({ prompt, chosen, rejected }) => [{ prompt, tokens: chosen, liked: true }, { prompt, tokens: rejected, liked: false }])
      return kto({ ...rest, thumbs, batchSize, beta: beta ?? 0.1, optimiser, schedule: step => schedule(step / 2) })
    },
  },
  ppo: {
    about: 'PPO for n iterations, on the true reward or a run of `reward`', role: 'policy', knows: ['n', 'lr', 'beta', 'batchSize', 'reward'],
    start: ({ seed, n = 40, lr = 3e-4, beta = 0.05, batchSize = 64, reward }) => {
      const policy = deskPolicy()
      return ppo({
        policy, reference: policy, value: valueModel(policy), prompts: drawPrompts(1024, seed).map(withIds), reward: rewardOf(reward), iterations: n, beta, batchSize, seed,
        maxNewTokens: MAX_NEW_TOKENS, stopTokens: [EOS], schedule: () => lr, optimiser: adamw({ lr, maxGradNorm: 1 }), measure,
      })
    },
  },
  grpo: {
    about: 'GRPO for n steps on the desk\'s sums, with a verifier as reward', role: 'policy', knows: ['n', 'lr', 'beta'],
    start: ({ seed, n = 60, lr = 5e-4, beta = 0 }) => {
      const policy = sumPolicy()
      return grpo({ policy, reference: policy, prompts: allSumTasks(), reward: sumReward, steps: n, beta, seed, maxNewTokens: SUM_REPLY_TOKENS, stopTokens: [EOS], optimiser: adamw({ lr, maxGradNorm: 1 }), schedule: () => lr })
    },
  },
  'online-dpo': {
    about: 'online DPO for n iterations, judged by a careful annotator', role: 'policy', knows: ['n', 'lr', 'beta', 'batchSize'],
    start: ({ seed, n = 40, lr = 3e-4, beta = 0.1, batchSize = 64 }) => onlineDpo({
      policy: deskPolicy(), prompts: drawPrompts(1024, seed).map(withIds), iterations: n, batchSize, beta, seed, maxNewTokens: MAX_NEW_TOKENS, stopTokens: [EOS],
      judge: probabilityJudge(pairs => pairs.map(({ prompt, a, b }) => choiceProbability(prompt, a, b, FAIR))), optimiser: adamw({ lr, maxGradNorm: 1 }), schedule: () => lr, measure,
    }),
  },
}
