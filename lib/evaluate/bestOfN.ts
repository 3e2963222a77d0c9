/** KL(best-of-n ‖ policy) ≤ log n − (n−1)/n nats, equal where no two answers are alike.  Beirami 2024, arXiv:2401.01879 */
export function bestOfNKl(n: number): number {
  if (!(n >= 1)) throw new RangeError(`bestOfNKl: expected n of at least 1, got ${n}`)
  return Math.log(n) - (n - 1) / n
}

/** What best-of-n does to a policy over a few answers. */
export interface BestOfN { readonly distribution: Float64Array; readonly kl: number; readonly expectedReward: number }

/**
 * The exact best-of-n policy: P(best = i) = F(r_i)ⁿ − F(<r_i)ⁿ, answers of equal reward sharing in proportion to their
 * probability; its KL to the policy (nats) and its mean reward. probabilities, rewards: [answers].
 */
export function bestOfN(probabilities: readonly number[], rewards: readonly number[], n: number): BestOfN {
  const total = probabilities.reduce((a, b) => a + b, 0)
  if (probabilities.length !== rewards.length || probabilities.some(p => !(p >= 0)) || Math.abs(total - 1) > 1e-6) throw new RangeError(`bestOfN: expected a probability for each of ${rewards.length} rewards, summing to 1, got ${probabilities.length} summing to ${total}`)
  if (rewards.some(r => !Number.isFinite(r)) || !(n >= 1)) throw new RangeError(`bestOfN: expected finite rewards and n of at least 1, got n=${n}`)
  const distribution = Float64Array.from(rewards, (reward, i) => {
    let below = 0, tied = 0
    rewards.forEach((r, j) => { if (r < reward) below += probabilities[j]; else if (r === reward) tied += probabilities[j] })
    // F(≤)ⁿ − F(<)ⁿ, without cancelling what is small beside F.
    const top = below + tied
    return tied === 0 ? 0 : probabilities[i] / tied * (below === 0 ? top ** n : -(top ** n) * Math.expm1(n * Math.log(below / top)))
  })
  let kl = 0, expectedReward = 0
  distribution.forEach((q, i) => {
    if (q > 0) kl += q * Math.log(q / probabilities[i])
    expectedReward += q * rewards[i]
  })
  return { distribution, kl, expectedReward }
}

/**
 * The mean `value` of the best of n by `score`, unbiased from N ≥ n samples: Σ_i C(i−1, n−1)/C(N, n)·value of the i-th lowest
 * score. With a proxy as score and the gold reward as value this is the over-optimisation curve.  Gao 2022, arXiv:2210.10760 app. I
 */
export function bestOfNMean(scores: readonly number[], values: readonly number[], n: number): number {
  const total = scores.length
  if (values.length !== total || !Number.isSafeInteger(n) || n < 1 || n > total) throw new RangeError(`bestOfNMean: expected as many values as scores, and 1 ≤ n ≤ ${total}, got ${values.length} values, n=${n}`)
  const ascending = scores.map((_, i) => i).sort((i, j) => scores[i] - scores[j])
  let weight = n / total, sum = 0
  for (let i = total; i >= n; i--) {
    sum += weight * values[ascending[i - 1]]
    weight *= (i - n) / (i - 1)
  }
  return sum
}
