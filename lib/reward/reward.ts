import type { LanguageModel } from '../model/params'
import { wholeSequence } from '../rollout/evaluate'
import type { PromptTokens } from '../rollout/evaluate'
import type { Rollout } from '../rollout/rollout'
import { scoreSequences } from './rewardModel'

/** Scores of rollouts, one each, and what they are made of: parts by name, one number a rollout each. */
export interface Rewards { readonly scores: ArrayLike<number>; readonly parts?: Readonly<Record<string, ArrayLike<number>>> }

/** Anything that scores rollouts: a reward model, a program, people. It may give plain numbers, or numbers with their parts. */
export type Reward<P extends PromptTokens = PromptTokens> = (rollouts: readonly Rollout<P>[]) => ArrayLike<number> | Rewards

/** A rollout with its score, and the parts of it where the reward function tells them. */
export interface Scored<P extends PromptTokens = PromptTokens> extends Rollout<P> { readonly reward: number; readonly rewardParts?: Readonly<Record<string, number>> }

const rewardsOf = (given: ArrayLike<number> | Rewards): Rewards => 'scores' in given ? given : { scores: given }

/** Rollouts with their scores. Throws RangeError unless there is one score a rollout, and where a score is not finite, naming the first. */
export function applyReward<P extends PromptTokens>(reward: Reward<P>, rollouts: readonly Rollout<P>[]): Scored<P>[] {
  const { scores, parts } = rewardsOf(reward(rollouts))
  for (const [name, values] of [['reward', scores] as const, ...Object.entries(parts ?? {})]) {
    if (values.length !== rollouts.length) throw new RangeError(`${name}: expected ${rollouts.length} scores, one a rollout, got ${values.length}`)
    const bad = Array.from(values).findIndex(v => !Number.isFinite(v))
    if (bad >= 0) throw new RangeError(`${name}: the score of rollout ${bad} is ${values[bad]}; a reward must be a finite number`)
  }
  return rollouts.map((one, i) => ({ ...one, reward: scores[i], ...parts && { rewardParts: Object.fromEntries(Object.entries(parts).map(([name, values]) => [name, values[i]])) } }))
}

/** A reward with something added to each score, which becomes a part of its own; what there was before is the part 'reward'. */
function adding<P extends PromptTokens>(reward: Reward<P>, name: string, addition: (rollout: Rollout<P>) => number): Reward<P> {
  return rollouts => {
    const { scores, parts = { reward: scores } } = rewardsOf(reward(rollouts)), added = rollouts.map(addition)
    return { scores: added.map((a, i) => scores[i] + a), parts: { ...parts, [name]: added } }
  }
}

/** A reward less `per` for each token beyond `beyond` (default 0): what length costs, in the reward's unit. */
export const penaliseLength = <P extends PromptTokens>(reward: Reward<P>, { per, beyond = 0 }: { readonly per: number, readonly beyond?: number }): Reward<P> =>
  adding(reward, 'length', ({ tokens }) => -per * Math.max(0, tokens.length - beyond))

/** A reward less `penalty` for a response that no stop token ended. As TRL's missing_eos_penalty; without it a policy may learn to be cut off. */
export const penaliseMissingEos = <P extends PromptTokens>(reward: Reward<P>, penalty: number): Reward<P> =>
  adding(reward, 'missing_eos', ({ stopped }) => stopped ? 0 : -penalty)

/** A reward in other units: (r − mean) / std, for every part the share of it (the mean goes with the part 'reward', where there is one). */
export function scaleReward<P extends PromptTokens>(reward: Reward<P>, { mean = 0, std = 1 }: { readonly mean?: number, readonly std?: number }): Reward<P> {
  if (!(std > 0 && std < Infinity && Number.isFinite(mean))) throw new RangeError(`scaleReward: expected a finite mean and a positive std, got ${mean} and ${std}`)
  return rollouts => {
    const { scores, parts } = rewardsOf(reward(rollouts)), scale = (values: ArrayLike<number>, shift: number) => Array.from(values, v => (v - shift) / std)
    return { scores: scale(scores, mean), ...parts && { parts: Object.fromEntries(Object.entries(parts).map(([name, values]) => [name, scale(values, name === 'reward' ? mean : 0)])) } }
  }
}

/** A weighted sum of rewards, whose parts are the weighted rewards under their names. */
export function combineRewards<P extends PromptTokens>(rewards: Readonly<Record<string, { readonly reward: Reward<P>, readonly weight?: number }>>): Reward<P> {
  const named = Object.entries(rewards)
  if (named.length === 0) throw new RangeError('combineRewards: no rewards')
  return rollouts => {
    const parts = Object.fromEntries(named.map(([name, { reward, weight = 1 }]) => [name, Array.from(rewardsOf(reward(rollouts)).scores, v => weight * v)]))
    return { scores: rollouts.map((_, i) => named.reduce((sum, [name]) => sum + parts[name][i], 0)), parts }
  }
}

/** A reward model as a reward: its score of prompt and response together. The model is read at every call, so that one that is retrained meanwhile counts as it then is. */
export const modelReward = <P extends PromptTokens>(model: LanguageModel | (() => LanguageModel)): Reward<P> => rollouts => {
  const { params, config } = typeof model === 'function' ? model() : model
  return scoreSequences(params, config, rollouts.map(wholeSequence))
}

/** A reward in standard deviations from its mean over some rollouts (usually of the policy at the start), so that one β and one learning rate suit any scorer. */
export function standardiseReward<P extends PromptTokens>(reward: Reward<P>, rollouts: readonly Rollout<P>[]): Reward<P> {
  const scores = applyReward(reward, rollouts).map(r => r.reward), mean = scores.reduce((a, b) => a + b, 0) / scores.length
  const std = Math.sqrt(scores.reduce((sum, s) => sum + (s - mean) ** 2, 0) / scores.length)
  if (!(std > 0)) throw new RangeError(`standardiseReward: all ${scores.length} scores are ${mean}; there is no scale in them`)
  return scaleReward(reward, { mean, std })
}
