import { drawPrompts } from '../../lib/desk/scenarios'
import { promptTokens } from '../../lib/desk/vocabulary'
import { FAIR } from '../../lib/desk/annotators'
import { Random } from '../../lib/tensor/random'
import { deskComparisons, judgeComparisons } from '../../lib/train/deskReward'
import { preferencePairs } from '../../lib/train/deskPairs'
import { deskPrompts } from '../../lib/train/deskPpo'
import type { Measured } from './gpt-sizes'

export type Method = 'ppo' | 'dpo' | 'grpo'

/** The same for TRL and for us. Every reply has `newTokens` tokens, since no stop token ends it. */
export const SIZES = { replies: 64, newTokens: 48, minibatches: 4, groups: 8, groupSize: 8, pairs: 32, lr: 5e-4, beta: 0.1 } as const

/** An answer of a worker to 'memory': bytes by role (weights, and optimiser states as '… optimiser'). */
export type Answer = Measured & { readonly roles?: Readonly<Record<string, number>> }

/** Prompts of the desk, all of one length: TRL's GRPO scores padded prompts at other positions. */
export function benchPrompts() {
  const all = deskPrompts(drawPrompts(3000, 0)), of = (n: number) => all.filter(p => p.ids.length === n)
  const lengths = [...new Set(all.map(p => promptTokens(p.text).length))], most = lengths.reduce((a, b) => of(a).length >= of(b).length ? a : b)
  return of(most).slice(0, SIZES.replies)
}

/** Clerks' replies to the desk's prompts, judged. */
export const benchPairs = () => preferencePairs(judgeComparisons(deskComparisons(SIZES.pairs, 0), FAIR, Random.seed(0)))
