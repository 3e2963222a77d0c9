import type { PromptTokens } from '../rollout/evaluate'
import { zeroSpreadShare } from '../advantage/group'
import type { Scored } from '../reward/reward'

/** A rollout with its reward and its advantage over the others of its group. */
export interface ScoredRollout<P extends PromptTokens = PromptTokens> extends Scored<P> { readonly advantage: number }

const mean = (x: ArrayLike<number>) => Array.from(x).reduce((a, b) => a + b, 0) / x.length
/** Unbiased standard deviation; 0 of fewer than two. */
function spread(x: ArrayLike<number>): number {
  const m = mean(x)
  return x.length < 2 ? 0 : Math.sqrt(Array.from(x).reduce((sum, v) => sum + (v - m) ** 2, 0) / (x.length - 1))
}

/** What TRL's GRPOTrainer reports of a rollout; lengths in tokens, 0 where no response ended. */
export function groupMetrics(rollouts: readonly Scored[], groupSize: number) {
  const rewards = rollouts.map(r => r.reward), lengths = rollouts.map(r => r.tokens.length), ended = rollouts.filter(r => r.stopped).map(r => r.tokens.length)
  const parts = Object.keys(rollouts[0].rewardParts ?? {}).map(name => [name, rollouts.map(r => r.rewardParts![name])] as const)
  return {
    reward: mean(rewards), reward_std: spread(rewards), frac_reward_zero_std: zeroSpreadShare(rewards, groupSize),
    'completions/mean_length': mean(lengths), 'completions/min_length': Math.min(...lengths), 'completions/max_length': Math.max(...lengths),
    'completions/clipped_ratio': 1 - ended.length / lengths.length,
    'completions/mean_terminated_length': ended.length ? mean(ended) : 0, 'completions/min_terminated_length': ended.length ? Math.min(...ended) : 0, 'completions/max_terminated_length': ended.length ? Math.max(...ended) : 0,
    ...Object.fromEntries(parts.flatMap(([name, values]): [string, number][] => [[`rewards/${name}/mean`, mean(values)], [`rewards/${name}/std`, spread(values)]])),
  }
}

/** Shares of tokens (or responses) whose ratio is out of bounds on the side where it carries no gradient, as TRL's clip_ratio metrics; min and max are over responses. */
export function clipMetrics(rows: readonly { readonly ratios: ArrayLike<number>, readonly advantage: number }[], [low, high]: readonly [number, number]) {
  const counts = rows.map(({ ratios, advantage }) => {
    const r = Array.from(ratios)
    return { n: r.length, low: advantage < 0 ? r.filter(x => x < low).length : 0, high: advantage > 0 ? r.filter(x => x > high).length : 0 }
  })
  const n = counts.reduce((sum, r) => sum + r.n, 0), lowMean = counts.reduce((sum, r) => sum + r.low, 0) / n, highMean = counts.reduce((sum, r) => sum + r.high, 0) / n
  return {
    'clip_ratio/low_mean': lowMean, 'clip_ratio/low_min': Math.min(...counts.map(r => r.low / r.n)),
    'clip_ratio/high_mean': highMean, 'clip_ratio/high_max': Math.max(...counts.map(r => r.high / r.n)), 'clip_ratio/region_mean': lowMean + highMean,
  }
}
