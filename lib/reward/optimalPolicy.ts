import { klExact } from './kl'

/** A policy over a few answers: its probabilities, its KL to the reference (nats), its mean reward, and mean reward − β KL. */
export interface OptimalPolicy { readonly distribution: Float64Array; readonly kl: number; readonly expectedReward: number; readonly objective: number }

/**
 * The policy that maximises E[r] − β KL(π‖π_ref) over a few answers: π* = π_ref e^(r/β) / Z, where the maximum is β log Z.
 * probabilities (of the reference) and rewards: [answers]; beta in the rewards' unit a nat.  Korbak 2022, arXiv:2205.11275; Rafailov 2023, arXiv:2305.18290 eq. 4
 * Throws RangeError unless the probabilities sum to 1, one a reward, the rewards are finite and beta is positive.
 */
export function klOptimalPolicy(probabilities: readonly number[], rewards: readonly number[], beta: number): OptimalPolicy {
  const total = probabilities.reduce((a, b) => a + b, 0)
  if (probabilities.length !== rewards.length || probabilities.some(p => !(p >= 0)) || !(Math.abs(total - 1) <= 1e-6)) throw new RangeError(`klOptimalPolicy: expected a probability for each of ${rewards.length} rewards, summing to 1, got ${probabilities.length} summing to ${total}`)
  if (rewards.some(r => !Number.isFinite(r)) || !(beta > 0 && beta < Infinity)) throw new RangeError(`klOptimalPolicy: expected finite rewards and a positive beta, got beta=${beta}`)
  const logpRef = probabilities.map(Math.log), tilted = rewards.map((r, i) => logpRef[i] + r / beta)
  const top = Math.max(...tilted), logZ = top + Math.log(tilted.reduce((sum, t) => sum + Math.exp(t - top), 0))
  const logp = tilted.map(t => t - logZ), distribution = Float64Array.from(logp, Math.exp)
  return { distribution, kl: klExact(logp, logpRef), expectedReward: distribution.reduce((sum, p, i) => sum + p * rewards[i], 0), objective: beta * logZ }
}
