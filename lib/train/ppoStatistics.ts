import type { AdvantageEstimate } from '../advantage/shaped'
import type { Minibatch } from './ppoObjective'
import type { Scored } from '../reward/reward'

type Numbers = ArrayLike<number>
const sum = (x: Numbers): number => { let total = 0; for (let i = 0; i < x.length; i++) total += x[i]; return total }
const meanOf = (x: Numbers): number => sum(x) / x.length
const variance = (x: Numbers): number => { const m = meanOf(x); return meanOf(Array.from(x, v => (v - m) ** 2)) }

/** What one minibatch tells, before its step; means over response tokens (values: over the positions with a return). */
export interface MinibatchStatistics {
  readonly policyLoss: number
  readonly valueLoss: number
  /** ½ mean (log ρ)²: how far the policy has moved from the one that sampled. */
  readonly approxKl: number
  readonly clipFraction: number
  readonly valueClipFraction: number
  readonly entropy: number
  readonly ratio: number
}

/** What a minibatch's step reports: new log-probs and entropies of response tokens [n], one response after the other, and values [b, t]. */
export interface MinibatchRead { readonly policyLoss: Numbers; readonly valueLoss: Numbers; readonly logp: Numbers; readonly entropy: Numbers; readonly values: Numbers }

/** The statistics of a minibatch from what its step reports. */
export function minibatchStatistics({ rollouts, estimates }: Minibatch, { clip, clipValue }: { readonly clip: number, readonly clipValue: number }, read: MinibatchRead): MinibatchStatistics {
  const logpOld = rollouts.flatMap(r => Array.from(r.logpOld)), advantages = estimates.flatMap(e => Array.from(e.advantages)), moved = logpOld.map((old, i) => read.logp[i] - old), ratios = moved.map(Math.exp)
  const columns = read.values.length / rollouts.length, within = (x: number, around: number, by: number) => Math.min(around + by, Math.max(around - by, x))
  // clipped is where the clipped term is the larger loss: there is no gradient then
  const valueClipped = rollouts.flatMap(({ prompt }, i) => Array.from(estimates[i].returns, (target, t) => {
    const value = read.values[i * columns + prompt.ids.length - 1 + t]
    return Number((within(value, estimates[i].valuesOld[t], clipValue) - target) ** 2 > (value - target) ** 2)
  }))
  return {
    policyLoss: read.policyLoss[0], valueLoss: read.valueLoss[0], approxKl: 0.5 * meanOf(moved.map(d => d * d)), ratio: meanOf(ratios),
    entropy: meanOf(Array.from(read.entropy).slice(0, logpOld.length)), valueClipFraction: meanOf(valueClipped),
    clipFraction: meanOf(ratios.map((r, i) => Number(-advantages[i] * within(r, 1, clip) > -advantages[i] * r))),
  }
}

/** One record an iteration. Names that TRL's PPOTrainer has too mean the same, but averages are over response tokens only, never over padding. */
export interface PpoMetrics {
  /** Iterations done, from 1. */
  readonly step: number
  /** Responses sampled so far. */
  readonly episode: number
  /** Summed over a response's tokens, mean over responses, nats: KL(π‖π_ref) by the chosen estimator. */
  readonly 'objective/kl': number
  /** −log π summed over a response's tokens, mean over responses, nats. */
  readonly 'objective/entropy': number
  /** −β times the KL of a response, mean. */
  readonly 'objective/non_score_reward': number
  /** Mean score less the KL penalty: what is maximised. */
  readonly 'objective/rlhf_reward': number
  /** Mean and standard deviation of the scores; a deviation of 0 says that the reward function told nothing apart. */
  readonly 'objective/scores': number
  readonly 'objective/scores_std': number
  /** β in this iteration. */
  readonly 'objective/kl_coef': number
  /** Means over the minibatches. */
  readonly 'policy/approxkl_avg': number
  readonly 'policy/clipfrac_avg': number
  readonly 'policy/entropy_avg': number
  readonly 'loss/policy_avg': number
  readonly 'loss/value_avg': number
  readonly 'val/clipfrac_avg': number
  /** Mean over minibatches of the mean ratio π/π_old, and its (unbiased) variance over them; 0 with one minibatch. */
  readonly 'val/ratio': number
  readonly 'val/ratio_var': number
  readonly 'val/num_eos_tokens': number
  /** 1 − Var(return − value) / Var(return) before the update: 1 perfect, 0 no better than a constant; 0 where all returns are equal. */
  readonly 'val/explained_variance': number
  /** Optimiser steps of the policy; fewer than epochs × minibatches where targetKl ended them. */
  readonly 'val/updates': number
  /** Mean length in tokens, and share of responses that no stop token ended. */
  readonly 'completions/mean_length': number
  readonly 'completions/clipped_ratio': number
  /** Norms before clipping, mean over minibatches. */
  readonly grad_norm: number
  readonly lr: number
}

/** The part of the record that rollouts and estimates tell. */
export function ppoRolloutMetrics(scored: readonly Scored[], estimates: readonly AdvantageEstimate[], beta: number) {
  const kl = meanOf(estimates.map(e => sum(e.kl))), scores = scored.map(r => r.reward), flat = (f: (e: AdvantageEstimate) => Float32Array) => estimates.flatMap(e => Array.from(f(e)))
  const returns = flat(e => e.returns), errors = flat(e => e.returns.map((r, t) => r - e.valuesOld[t])), spread = variance(returns)
  return {
    'objective/kl': kl, 'objective/entropy': -meanOf(scored.map(r => sum(r.logpOld))), 'objective/non_score_reward': -beta * kl, 'objective/rlhf_reward': meanOf(scores) - beta * kl,
    'objective/scores': meanOf(scores), 'objective/scores_std': Math.sqrt(variance(scores)), 'objective/kl_coef': beta,
    'val/explained_variance': spread === 0 ? 0 : 1 - variance(errors) / spread, 'val/num_eos_tokens': scored.filter(r => r.stopped).length,
    'completions/mean_length': meanOf(scored.map(r => r.tokens.length)), 'completions/clipped_ratio': meanOf(scored.map(r => Number(!r.stopped))),
  }
}

/** The part of the record that the minibatches tell. */
export function ppoUpdateMetrics(minibatches: readonly MinibatchStatistics[]) {
  const over = (f: (m: MinibatchStatistics) => number) => meanOf(minibatches.map(f)), n = minibatches.length
  return {
    'policy/approxkl_avg': over(m => m.approxKl), 'policy/clipfrac_avg': over(m => m.clipFraction), 'policy/entropy_avg': over(m => m.entropy),
    'loss/policy_avg': over(m => m.policyLoss), 'loss/value_avg': over(m => m.valueLoss), 'val/clipfrac_avg': over(m => m.valueClipFraction),
    'val/ratio': over(m => m.ratio), 'val/ratio_var': n > 1 ? variance(minibatches.map(m => m.ratio)) * n / (n - 1) : 0,
  }
}
