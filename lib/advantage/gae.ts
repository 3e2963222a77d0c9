export interface GaeOptions {
  /** Discount; 1 in RLHF, where a response is short. */
  readonly gamma?: number
  /** Trade of bias (0: one-step TD error) against variance (1: Monte Carlo). */
  readonly lambda?: number
}

/**
 * Generalised advantage estimation over one response:  A_t = Σ_k (γλ)^k δ_{t+k},  δ_t = r_t + γ V_{t+1} − V_t,  V after the end 0.
 * Schulman 2015, arXiv:1506.02438 eq. 16
 * rewards, values: [T]. Returns advantages and returns = advantages + values, [T]. Throws RangeError where lengths differ.
 */
export function gae(rewards: ArrayLike<number>, values: ArrayLike<number>, { gamma = 1, lambda = 0.95 }: GaeOptions = {}): { advantages: Float32Array; returns: Float32Array } {
  const T = rewards.length
  if (values.length !== T) throw new RangeError(`gae: ${T} rewards but ${values.length} values; both must be of the same response`)
  const advantages = new Float32Array(T), returns = new Float32Array(T)
  let advantage = 0
  for (let t = T - 1; t >= 0; t--) {
    const next = t + 1 < T ? values[t + 1] : 0
    advantage = rewards[t] + gamma * next - values[t] + gamma * lambda * advantage
    advantages[t] = advantage
    returns[t] = advantage + values[t]
  }
  return { advantages, returns }
}
