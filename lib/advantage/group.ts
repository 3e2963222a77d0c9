import { momentsOfRows } from './rows'

export interface GroupAdvantageOptions {
  /** What a centred reward is divided by: the group's spread, the batch's, or nothing (Dr. GRPO, arXiv:2503.20783). */
  readonly scale?: 'group' | 'batch' | 'none'
  /** True: n − 1 in the standard deviation (torch.std, TRL); false: n (DeepSeekMath as often written out). */
  readonly unbiased?: boolean
  /** Added to the standard deviation, so that a group without spread divides by this and stays 0. */
  readonly epsilon?: number
}

/**
 * Group-relative advantages: A_i = (r_i − mean of its group) / (std + ε).  Shao 2024 (DeepSeekMath), arXiv:2402.03300 §4.1.2
 * rewards: responses of one prompt side by side, groups of `groupSize`. Returns one advantage a response.
 * Throws RangeError where rewards do not fill whole groups of at least 2, or one is not finite.
 */
export function groupAdvantages(rewards: ArrayLike<number>, groupSize: number, { scale = 'group', unbiased = true, epsilon = 1e-4 }: GroupAdvantageOptions = {}): Float32Array {
  const groups = split(rewards, groupSize)
  const batch = scale === 'batch' ? momentsOfRows([rewards], unbiased).variance : 0
  return Float32Array.from(groups.flatMap(group => {
    const { mean, variance } = momentsOfRows([group], unbiased)
    const divisor = scale === 'none' ? 1 : Math.sqrt(scale === 'batch' ? batch : variance) + epsilon
    return group.map(reward => (reward - mean) / divisor)
  }))
}

/**
 * Leave-one-out advantages: A_i = r_i − mean of the group's other rewards.  Ahmadian 2024 (RLOO), arXiv:2402.14740
 * Throws as {@link groupAdvantages}.
 */
export function leaveOneOutAdvantages(rewards: ArrayLike<number>, groupSize: number): Float32Array {
  return Float32Array.from(split(rewards, groupSize).flatMap(group => {
    const sum = group.reduce((a, b) => a + b, 0)
    return group.map(reward => reward - (sum - reward) / (groupSize - 1))
  }))
}

/** Share of groups whose rewards are all equal: they carry no gradient. */
export function zeroSpreadShare(rewards: ArrayLike<number>, groupSize: number): number {
  const groups = split(rewards, groupSize)
  return groups.filter(group => group.every(reward => reward === group[0])).length / groups.length
}

function split(rewards: ArrayLike<number>, groupSize: number): number[][] {
  if (!Number.isSafeInteger(groupSize) || groupSize < 2) throw new RangeError(`groupSize: a group needs at least 2 responses to compare, got ${groupSize}`)
  if (rewards.length === 0 || rewards.length % groupSize !== 0) throw new RangeError(`rewards: ${rewards.length} do not fill groups of ${groupSize}`)
  const all = Array.from(rewards), bad = all.findIndex(reward => !Number.isFinite(reward))
  if (bad >= 0) throw new RangeError(`rewards[${bad}]: expected a finite number, got ${all[bad]}`)
  return Array.from({ length: all.length / groupSize }, (_, g) => all.slice(g * groupSize, (g + 1) * groupSize))
}
