import { features, gold } from '../desk/reward'
import type { Prompt } from '../desk/scenarios'
import { EOS, promptTokens } from '../desk/vocabulary'
import { adamw } from '../model/optimiser'
import type { LanguageModel } from '../model/params'
import { constantSchedule } from '../model/schedules'
import { distinctNgrams } from '../rollout/distinct'
import type { PromptTokens } from '../rollout/evaluate'
import type { Rollout } from '../rollout/rollout'
import { ppo } from './ppo'
import type { PpoOptions } from './ppo'
import type { PpoMetrics } from './ppoStatistics'
import type { Training } from './training'

/** A prompt of the desk with its tokens. */
export type DeskPrompt = Prompt & PromptTokens

/** The desk's prompts as rollouts want them. */
export const deskPrompts = (prompts: readonly Prompt[]): DeskPrompt[] => prompts.map(p => ({ ...p, ids: promptTokens(p.text) }))

/** How the desk's policies are trained by PPO. */
export const DESK_PPO = { batchSize: 48, epochs: 1, minibatches: 3, lr: 5e-4, valueLr: 1e-3, betas: [0.9, 0.99] as const, beta: 0.1, maxNewTokens: 48, valueCoefficient: 1 } as const

/** What the desk knows of rollouts and no reward model does: means over them. */
export type DeskTruth = 'gold/reward' | 'gold/words' | 'gold/gibberish' | 'gold/distinct_2'

/** The true reward of rollouts, their words and sentences that the desk does not know, and the share of different pairs of tokens in a reply. */
export function deskTruth(rollouts: readonly Rollout<DeskPrompt>[]): Record<DeskTruth, number> {
  const mean = (f: (r: Rollout<DeskPrompt>) => number) => rollouts.reduce((sum, r) => sum + f(r), 0) / rollouts.length
  return {
    'gold/reward': mean(r => gold(r.prompt, r.tokens).total), 'gold/words': mean(r => features(r.prompt, r.tokens).words),
    'gold/gibberish': mean(r => features(r.prompt, r.tokens).gibberish), 'gold/distinct_2': distinctNgrams(rollouts.map(r => r.tokens)),
  }
}

export interface DeskPpoOptions extends Omit<PpoOptions<DeskPrompt>, 'stopTokens' | 'maxNewTokens' | 'reference' | 'measure'> {
  /** Default: the policy as it is given. */
  readonly reference?: LanguageModel
  readonly maxNewTokens?: number
  /** Rates of policy and value (default {@link DESK_PPO}'s). */
  readonly lr?: number
  readonly valueLr?: number
}

/** {@link ppo} on the desk with {@link DESK_PPO}'s settings; its records tell the desk's truth besides, as `gold/…`. */
export function deskPpo(options: DeskPpoOptions): Training<PpoMetrics & Readonly<Record<DeskTruth, number>>> {
  const { betas } = DESK_PPO, { lr = DESK_PPO.lr, valueLr = DESK_PPO.valueLr, ...more } = options
  const { batchSize, epochs, minibatches, beta, maxNewTokens, valueCoefficient } = DESK_PPO
  return ppo<DeskPrompt, DeskTruth>({
    batchSize, epochs, minibatches, beta, maxNewTokens, valueCoefficient, stopTokens: [EOS], reference: options.policy, measure: deskTruth,
    optimiser: adamw({ lr, betas, maxGradNorm: 1 }), schedule: constantSchedule({ lr }), valueOptimiser: adamw({ lr: valueLr, betas, maxGradNorm: 1 }), valueSchedule: constantSchedule({ lr: valueLr }), ...more,
  })
}
