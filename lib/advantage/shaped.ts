import { klPerToken } from '../reward/kl'
import type { ShapingOptions } from '../reward/shaping'
import { shapedTokenRewards } from '../reward/shaping'
import type { Scored } from '../reward/reward'
import { gae } from './gae'
import type { GaeOptions } from './gae'
import { whiten } from './whiten'

/** What PPO knows of a response before an update; a rollout made with a reference and a value model has it all. */
export type ValuedResponse = Pick<Scored, 'logpOld' | 'logpRef' | 'values' | 'reward'>

export interface ShapedAdvantageOptions extends ShapingOptions, GaeOptions {
  /** Scale token rewards to unit variance over the batch, their mean kept (default false). */
  readonly whitenRewards?: boolean
  /** With `scoreAt: 'after'`: a response of this many tokens has no room after it, so its score lands on its last token. Default: there always is room. */
  readonly maxNewTokens?: number
}

/** What an update aims at, for one response. */
export interface AdvantageEstimate {
  /** The KL estimate at each token, [T], nats. */
  readonly kl: Float32Array
  /** Token rewards after shaping (and whitening), [T], or [T + 1] where the score lands after the last token. */
  readonly rewards: Float32Array
  /** Values at the same places. */
  readonly valuesOld: Float32Array
  /** Advantage + value at the same places: what the value model should have said. */
  readonly returns: Float32Array
  /** Whitened over all response tokens of the batch, [T]. */
  readonly advantages: Float32Array
}

/**
 * From scores to advantages, as PPO for language models does it: token rewards −β k_t with the score at the end ({@link shapedTokenRewards}),
 * {@link gae}, then {@link whiten} over all response tokens of the batch.  Ouyang 2022, arXiv:2203.02155; Schulman 2015, arXiv:1506.02438
 * Equal advantages all over the batch become 0: nothing to learn from. Equal scores alone do not: KL and the values' errors remain.
 * Throws RangeError on an empty response, a score that is not finite, or a batch of fewer than two tokens.
 */
export function shapedAdvantages(responses: readonly ValuedResponse[], options: ShapedAdvantageOptions): AdvantageEstimate[] {
  const { scoreAt = 'last', maxNewTokens = Infinity, whitenRewards = false, estimator } = options
  const valued = responses.map(({ logpOld, logpRef, values, reward }, i) => {
    if (!logpRef || !values) throw new Error(`shapedAdvantages: response ${i} has no ${logpRef ? 'values' : 'logpRef'}; make rollouts with a ${logpRef ? 'value model' : 'reference'}`)
    if (values.length !== logpOld.length + 1) throw new RangeError(`shapedAdvantages: response ${i} has ${logpOld.length} tokens and ${values.length} values; expected one more, for the state after its last token`)
    return { logpOld, logpRef, values, reward }
  })
  const shaped = valued.map(({ logpOld, logpRef, reward }) =>
    shapedTokenRewards({ logp: logpOld, logpRef, score: reward }, { ...options, scoreAt: logpOld.length < maxNewTokens ? scoreAt : 'last' }))
  const rewards = whitenRewards ? whiten(shaped, { shiftMean: false }) : shaped
  const estimated = valued.map(({ values }, i) => {
    const valuesOld = values.slice(0, rewards[i].length)
    return { valuesOld, ...gae(rewards[i], valuesOld, options) }
  })
  const advantages = whiten(valued.map(({ logpOld }, i) => estimated[i].advantages.subarray(0, logpOld.length)))
  return valued.map(({ logpOld, logpRef }, i) => ({ kl: klPerToken(logpOld, logpRef, estimator), rewards: rewards[i], valuesOld: estimated[i].valuesOld, returns: estimated[i].returns, advantages: advantages[i] }))
}
