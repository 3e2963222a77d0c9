// %% [markdown]
// # Lab 05 · Reward drift and KL
//
// **The question of this lab:** you train a policy on a reward model, and the reward rises. Is that good news? And how far may the policy move away from where it started?
//
// A reward model was trained on answers of the model you began with, the *reference*. The further the policy moves from there, the less its reward means. So RLHF makes the policy pay for the distance. The distance is the *KL divergence*, in nats, and the price of a nat is called β.
//
// You compute the payment by hand, measure KL in four ways and find out which of them may be a loss, solve the whole problem in closed form, and watch a reward go up while the answers get worse. The lab takes about 60 minutes to read and some ten seconds to compute.

// %%
import {
  tf, ready, announceBackend, labSeed, Random, show, lines, frontier, progress, predict, reveal, claim, todo, check, score,
  k1, k2, k3, klExact, exactKl, k3Penalty, shapedReward, shapedTokenRewards,
  klOptimalPolicy, bestOfN, bestOfNKl, adaptKl, standardDeviation,
  claimTable,
} from 'rlhf-labs'

// %% promises=["text"]
await announceBackend()

// %% [markdown]
// ## Predict first
//
// Three predictions. Put your letter as the last argument of each call and run the cell.

// %% promises=["text"]
predict('5.negative',
  'A KL divergence is never negative. You estimate a small one, 0.005 nats, ' +
  'as the mean of logp − logpRef over 64 samples. How often is the estimate negative?',
  ['never', 'about one time in three', 'nearly always'])

// %% promises=["text"]
predict('5.gradient',
  'The mean of logp − logpRef is an unbiased estimate of the KL. ' +
  'You use it as a loss: sample, average, differentiate, step. What happens to the KL?',
  ['it falls to zero', 'it falls, only slowly', 'it does not fall'])

// %% promises=["text"]
predict('5.gold',
  'A reward model likes good answers, and also likes long ones a little too much. ' +
  'You allow the policy more and more KL. What does the true quality of its answers do?',
  ['it rises, more slowly than the reward', 'it rises, then falls', 'it falls from the beginning'])

// %% [markdown]
// ## Paying for drift, by hand
//
// Two answers, β = 0.20. For each you know the reward model's score, and the log-probability of the answer under the policy (logp) and under the reference (logpRef). The policy is trained on the *shaped* reward:
//
// shaped = score − β · (logp − logpRef)

// %% promises=["text"]
const beta = 0.2, candidates = [
  { name: 'near_reference', score: 1.20, logp: -2.1, logpRef: -2.2 },
  { name: 'high_drift', score: 1.35, logp: -1.2, logpRef: -2.8 },
]
for (const c of candidates) {
  const penalty = beta * (c.logp - c.logpRef)
  console.log(`${c.name}: raw ${c.score.toFixed(2)} − ${penalty.toFixed(2)} = shaped ${(c.score - penalty).toFixed(2)}`)
}

// %% [markdown]
// The second answer has the better score, and loses. The policy finds it e^1.6, about five times, as likely as the reference does. That is how an answer looks that the policy has discovered and the reward model has hardly ever seen.

// %% promises=["text"]
const [nearShaped, farShaped] = candidates.map(c =>
  shapedReward({ logp: [c.logp], logpRef: [c.logpRef], score: c.score }, { beta: beta }).toFixed(2))
claim('the library gives the same figures', nearShaped === '1.18' && farShaped === '1.03', {
  near_reference: nearShaped, high_drift: farShaped,
})

// %% [markdown]
// An answer has many tokens. Its log-probability is the sum over them, so the penalty is a sum too.
//
// ### Exercise 5.1
// Write the shaped reward of a whole answer. `logp` and `logpRef` hold one number a token.

// %%
function shaped(score: number, logp: number[], logpRef: number[], beta: number): number {
  // BEGIN SOLUTION
  return score - beta * logp.reduce((sum, l, t) => sum + l - logpRef[t], 0)
  // END SOLUTION
}

// %% promises=["text"]
const byShaping = (score: number, logp: number[], logpRef: number[], beta: number) =>
  shapedReward({ logp: logp, logpRef: logpRef, score: score }, { beta: beta })
const yourShaped = check('5.1', shaped, byShaping, [
  [1.2, [-2.1], [-2.2], 0.2], [1.35, [-1.2], [-2.8], 0.2], [0.4, [-1, -0.2, -3], [-1.5, -0.1, -2], 0.05],
], { hint: 'Sum logp − logpRef over the tokens, multiply by β once, and subtract.' })

// %% [markdown]
// ## For the answer, or for each token?
//
// The same payment can be made at once, or token by token: −β (logp − logpRef) at each token, and the score on the last. PPO does it this way (lab 06), because then it can see *which* token was expensive.

// %% promises=["table"]
const words = ['Your', 'refund', 'is', 'absolutely', 'guaranteed', '!']
const logp = [-0.3, -0.5, -0.2, -0.7, -0.4, -0.6], logpRef = [-0.3, -0.7, -0.2, -3.1, -1.9, -1.1]
const response = { logp: logp, logpRef: logpRef, score: 1.5 }
const tokenRewards = Array.from(shapedTokenRewards(response, { beta: beta }))
await show(words.map((token, t) => ({
  token: token, logp: logp[t], logpRef: logpRef[t], 'logp − logpRef': logp[t] - logpRef[t], reward: tokenRewards[t],
})), { caption: 'the score of 1.5 is paid at the last token', digits: 2 })

// %% promises=["text"]
const total = tokenRewards.reduce((a, b) => a + b, 0), atOnce = yourShaped(1.5, logp, logpRef, beta)
const [dearest] = words.map((_, t) => t).sort((a, b) => logp[b] - logpRef[b] - logp[a] + logpRef[a])
claim('both ways pay the same in sum', Math.abs(total - atOnce) < 1e-6, {
  'sum over the tokens': total, 'for the answer at once': atOnce, 'dearest token': words[dearest],
})

// %% [markdown]
// ### Find the bug 1: the sign
//
// This function should return the token rewards. It has a mistake that is among the most common in RLHF code. Training with it looks wonderful for a while. Find it, mend it, and run the check.

// %%
function tokenPayments(score: number, logp: number[], logpRef: number[], beta: number): number[] {
  const rewards = logp.map((l, t) => {
    // BEGIN SOLUTION
    return -beta * (l - logpRef[t])
    // END SOLUTION
    // STUDENT: return beta * (l - logpRef[t])
  })
  rewards[rewards.length - 1] += score
  return rewards
}

// %% promises=["text"]
const byTokens = (score: number, logp: number[], logpRef: number[], beta: number) =>
  Array.from(shapedTokenRewards({ logp: logp, logpRef: logpRef, score: score }, { beta: beta }))
const payments = check('5.bug-sign', tokenPayments, byTokens, [
  [1.35, [-1.2], [-2.8], 0.2], [1.5, logp, logpRef, 0.2], [0, [-1, -2], [-2, -1], 1],
], { hint: 'high_drift must end at 1.03. Is the policy paid for drifting, or does it pay?', level: 'intermediate' })
const wrong = candidates.map(c => c.score - payments(0, [c.logp], [c.logpRef], beta)[0])
claim('with the wrong sign, drift is rewarded and high_drift wins', wrong[1] > wrong[0], {
  'near_reference, wrong sign': wrong[0], 'high_drift, wrong sign': wrong[1],
})

// %% [markdown]
// ## How to measure KL
//
// The penalty is an estimate. What it estimates is
//
// KL(π‖π_ref) = E[log π(y) − log π_ref(y)], for y sampled from the policy π.
//
// You cannot sum over all answers, so you sample. John Schulman's note of 2020 compares three estimators. With d = logp − logpRef of one sample:
//
// - **k1** = d. The definition.
// - **k2** = d² / 2. Always positive, slightly wrong.
// - **k3** = e⁻ᵈ − 1 + d. k1 plus something whose mean is 0, chosen such that the sum is never negative.
//
// ### Exercise 5.2
// Write k3. Then think: why is the mean of e⁻ᵈ − 1 equal to 0?

// %%
function thirdEstimator(logp: number, logpRef: number): number {
  // BEGIN SOLUTION
  return Math.expm1(logpRef - logp) + (logp - logpRef)
  // END SOLUTION
}

// %% promises=["text"]
const byK3 = (logp: number, logpRef: number) => k3(logp, logpRef)
const yourK3 = check('5.2', thirdEstimator, byK3, [[-2.1, -2.2], [-1.2, -2.8], [-3, -1], [-1, -1]], {
  hint: 'e⁻ᵈ = π_ref(y) / π(y). It is 0 where the two agree, and positive everywhere else.', level: 'intermediate',
})

// %% [markdown]
// e⁻ᵈ is π_ref(y) / π(y). Its mean over samples of π is Σ π(y) · π_ref(y) / π(y) = Σ π_ref(y) = 1.

// %% promises=["figure"]
const drifts = Array.from({ length: 81 }, (_, i) => (i - 40) / 20)
await show(lines({
  title: 'Near d = 0, k2 and k3 are almost the same; k1 is negative on the whole left',
  x: { label: 'd = logp − logpRef', unit: 'nats' }, y: { label: 'what one sample says', unit: 'nats' },
  lines: [
    { name: 'k1', x: drifts, y: drifts.map(d => k1(d, 0)) },
    { name: 'k2', x: drifts, y: drifts.map(d => k2(d, 0)) },
    { name: 'k3', x: drifts, y: drifts.map(d => yourK3(d, 0)) },
  ],
}))

// %% [markdown]
// ## Schulman's table
//
// The note tests them where the truth is known: the policy is the normal distribution N(0, 1), the reference is N(μ, 1). The true KL is μ²/2. For a sample x, d = μ²/2 − μx.
//
// It reports two figures, both divided by the true KL: the *bias*, which is the mean of the estimate minus the truth, and the *standard deviation* of the estimate from one sample. You compute both twice: from a million samples, and exactly, by an integral on a fine grid.

// %%
await ready()
const estimators = { k1: k1, k2: k2, k3: k3 }, random = Random.seed(labSeed())
type Name = keyof typeof estimators
const N = 1_000_000, normals = new Float64Array(N), step = 0.002
const gaussian = random.split('normals')
for await (const batch of progress(20, 'times 50,000 samples')) {
  for (let i = 0; i < N / 20; i++) normals[batch * N / 20 + i] = gaussian.normal()
}
const gridPoints = Float64Array.from({ length: 14_001 }, (_, i) => -14 + step * i)
const density = gridPoints.map(x => step * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI))

// %%
function quality(name: Name, mu: number, xs: Float64Array, weights?: Float64Array): { bias: number; std: number } {
  const truth = mu * mu / 2, k = estimators[name]
  let mean = 0, square = 0
  for (let i = 0; i < xs.length; i++) {
    const d = truth - mu * xs[i], value = k(d, 0) / truth, weight = weights ? weights[i] : 1 / xs.length
    mean += weight * value
    square += weight * value * value
  }
  return { bias: mean - 1, std: Math.sqrt(square - mean * mean) }
}

// %% promises=["table"]
const places = (value: number, digits: number) => ((Math.round(value * 10 ** digits) || 0) / 10 ** digits).toFixed(digits)
const note: [number, Name, number, number][] = [
  [0.1, 'k1', 0, 20], [0.1, 'k2', 0.002, 1.42], [0.1, 'k3', 0, 1.42],
  [1, 'k1', 0, 2], [1, 'k2', 0.25, 1.73], [1, 'k3', 0, 1.70],
]
const tested = note.map(([mu, name, bias, std]) => ({
  mu: mu, estimator: name, noteBias: bias, noteStd: std,
  exact: quality(name, mu, gridPoints, density), sampled: quality(name, mu, normals),
}))
await show(tested.map(t => ({
  μ: t.mu, estimator: t.estimator, 'bias, note': t.noteBias, 'bias, exact': places(t.exact.bias, 4),
  'bias, sampled': places(t.sampled.bias, 4), 'std, note': t.noteStd, 'std, exact': t.exact.std, 'std, sampled': t.sampled.std,
})), { caption: 'bias and standard deviation of one sample, both divided by the true KL', digits: 3 })

// %% promises=["text"]
const worst = (gaps: number[]) => Math.max(...gaps.map(Math.abs))
const biasGap = worst(tested.map(t => t.exact.bias - t.noteBias)), stdGap = worst(tested.map(t => t.exact.std - t.noteStd))
claim('exactly computed, all twelve figures are the note’s, to its rounding', biasGap < 0.0006 && stdGap < 0.006, {
  'largest gap of a bias': biasGap, 'largest gap of a standard deviation': stdGap,
})
const errors = worst(tested.map(t => (t.sampled.bias - t.exact.bias) / (t.exact.std / Math.sqrt(N))))
const spreads = worst(tested.map(t => t.sampled.std / t.exact.std - 1))
claim('sampled, biases agree to 4 standard errors and standard deviations to 6%', errors < 4 && spreads < 0.06, {
  'largest gap in standard errors': errors, 'largest relative gap of a standard deviation': spreads,
})

// %% [markdown]
// Read the first row again. One sample of k1 is off by 20 times what it measures. A million samples bring that down to 2%. k3 gets there with five thousand. And look at k2 for μ = 0.1: its bias of 0.0025 does not show, because it is of the size of the sampling error of a million samples.
//
// What does that mean for a batch of 64?

// %% promises=["table"]
const batches = Array.from({ length: 4000 }, (_, b) => normals.subarray(64 * b, 64 * (b + 1)))
const estimates = (name: Name, mu: number) => batches.map(xs =>
  xs.reduce((sum, x) => sum + estimators[name](mu * mu / 2 - mu * x, 0) / 64, 0))
const belowZero = (values: number[]) => 100 * values.filter(v => v < 0).length / values.length
const ofBatches = (['k1', 'k2', 'k3'] as Name[]).map(name => ({ estimator: name, values: estimates(name, 0.1) }))
await show(ofBatches.map(({ estimator, values }) => {
  const sorted = [...values].sort((a, b) => a - b)
  return { estimator: estimator, '5% are below': sorted[200].toFixed(4), '5% are above': sorted[3799].toFixed(4), 'negative, %': belowZero(values) }
}), { caption: 'estimates of a KL of 0.005 nats from 64 samples, 4,000 times', digits: 1 })

// %% promises=["text"]
const negative = ofBatches.map(b => belowZero(b.values))
claim('k1 is often negative, k2 and k3 never', negative[0] > 30 && negative[0] < 39 && negative[1] + negative[2] === 0, {
  '% of k1 estimates below 0': negative[0], 'of k2': negative[1], 'of k3': negative[2],
})
reveal('5.negative', negative[0] === 0 ? 'A' : negative[0] < 60 ? 'B' : 'C')

// %% [markdown]
// A negative KL in a log is not a bug by itself. A *mean* over many batches that stays negative is one, as you will see.
//
// ### Is k3 always better?
//
// The note stops at μ = 1. Go on.

// %% promises=["figure"]
const mus = Array.from({ length: 47 }, (_, i) => 0.2 + 0.05 * i), trueKl = mus.map(mu => mu * mu / 2)
const stds = (['k1', 'k2', 'k3'] as Name[]).map(name => mus.map(mu => quality(name, mu, gridPoints, density).std))
await show(lines({
  title: 'k3 is the quiet one near the reference, and the wild one far away',
  x: { label: 'true KL', unit: 'nats', log: true }, y: { label: 'standard deviation ÷ true KL', range: [0, 10.5] },
  lines: (['k1', 'k2', 'k3'] as Name[]).map((name, i) => ({ name: name, x: trueKl, y: stds[i] })),
}))

// %% promises=["text"]
const gap = (mu: number) => quality('k3', mu, gridPoints, density).std - quality('k1', mu, gridPoints, density).std
let [low, high] = [0.5, 2]
for (let i = 0; i < 20; i++) { const mid = (low + high) / 2; if (gap(mid) < 0) low = mid; else high = mid }
const far = stds.map(s => s.at(-1)!)
claim('beyond 0.63 nats a sample, k1 is the better one', Math.abs(low * low / 2 - 0.628) < 0.001 && far[2] > 5 * far[0], {
  'KL where they are equal': low * low / 2, 'k1 at 3.1 nats': far[0], 'k3 at 3.1 nats': far[2],
})

// %% [markdown]
// Far away, e⁻ᵈ is nearly always close to 0, and once in a while enormous. The mean is still right, but it rests on a few samples you may not have. A single token seldom drifts that far, the sum over a whole answer soon does. So k3 is taken token by token.
//
// ### Find the bug 2: the ratio upside down
//
// This one estimates KL(π‖π_ref) from samples of π. The true value in the test below is 0.125 nats. What is wrong?

// %%
function meanKl(logp: ArrayLike<number>, logpRef: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < logp.length; i++) {
    // BEGIN SOLUTION
    sum += logp[i] - logpRef[i]
    // END SOLUTION
    // STUDENT: sum += logpRef[i] - logp[i]
  }
  return sum / logp.length
}

// %% promises=["text"]
const byMean = (logp: ArrayLike<number>, logpRef: ArrayLike<number>) =>
  Array.from(logp, (l, i) => k1(l, logpRef[i])).reduce((a, b) => a + b, 0) / logp.length
const yourKl = check('5.bug-ratio', meanKl, byMean, [[[-1, -2], [-1.5, -2.25]], [[-1.2], [-2.8]], [[-3, -1], [-2, -1]]], {
  hint: 'The samples come from the policy. Whose log-probability comes first, and whose is subtracted?', level: 'intermediate',
})

// %% promises=["text"]
const ofPolicy = normals.map(x => -x * x / 2), ofReference = normals.map(x => -((x - 0.5) ** 2) / 2)
const right = yourKl(ofPolicy, ofReference), inverted = yourKl(ofReference, ofPolicy)
const k3Inverted = ofPolicy.reduce((sum, l, i) => sum + k3(ofReference[i], l) / N, 0)
claim('upside down, k1 gives −0.125', Math.abs(right - 0.125) < 0.003 && Math.abs(inverted + 0.125) < 0.003, {
  'right way up': right, 'upside down': inverted,
})
claim('upside down, k3 gives a wrong figure that looks right', Math.abs(k3Inverted - 0.159) < 0.003, {
  'k3 upside down': k3Inverted, truth: 0.125,
})

// %% [markdown]
// With k1 the mistake shows itself: the mean of a million samples is negative, and a KL cannot be. With k3 it hides. 0.159 is positive and of the right size. Nobody would notice. When you write a KL, test it against a case you can compute.
//
// ## All of the vocabulary at once
//
// A language model gives you more than the log-probability of the token it sampled. At each position it computes the probabilities of *all* tokens. So the KL of the next token can be had exactly, without sampling it. Only the path through the answer is still sampled.
//
// Here is a model with 8 tokens, where the next token depends on the last one. Answers have 20 tokens. It is small enough to know the true KL.

// %%
const V = 8, T = 20, chain = random.split('chain')
const refLogits = Array.from({ length: V }, () => Array.from({ length: V }, () => chain.normal()))
const policyLogits = refLogits.map(row => row.map(l => l + 0.5 * chain.normal()))
const logTable = (logits: number[][]) => tf.tidy(() => tf.logSoftmax(tf.tensor2d(logits)).arraySync())
const [policyLogp, refLogp] = [policyLogits, refLogits].map(logTable), chances = policyLogp.map(r => r.map(Math.exp))
const nextKl = Array.from(tf.tidy(() => exactKl(tf.tensor2d(policyLogits), tf.tensor2d(refLogits)).dataSync()))
let where = refLogits.map((_, i) => Number(i === 0)), chainKl = 0      // answers start after token 0
for (let t = 0; t < T; t++) {
  chainKl += where.reduce((sum, w, i) => sum + w * nextKl[i], 0)
  where = where.map((_, j) => where.reduce((sum, w, i) => sum + w * chances[i][j], 0))
}

// %% promises=["table"]
const sums = Array.from({ length: 4000 }, () => {
  let last = 0, a = 0, b = 0, c = 0
  for (let t = 0; t < T; t++) {
    const token = chain.weighted(chances[last]), [p, q] = [policyLogp[last][token], refLogp[last][token]]
    a += k1(p, q); b += k3(p, q); c += nextKl[last]
    last = token
  }
  return [a, b, c]
})
const ways = ['k1 of the sampled tokens', 'k3 of the sampled tokens', 'exact over the vocabulary'].map((name, w) => ({
  'per answer, the sum of': name, mean: sums.reduce((s, row) => s + row[w] / sums.length, 0), std: standardDeviation(sums.map(row => row[w])),
}))
await show(ways, { caption: `4,000 answers of ${T} tokens; the true KL is ${chainKl.toFixed(3)} nats`, digits: 3 })

// %% promises=["text"]
const off = worst(ways.map(w => (w.mean - chainKl) / (w.std / Math.sqrt(sums.length))))
claim('all three are right on average', off < 4, { 'largest gap in standard errors': off })
const [noisy, quiet, silent] = ways.map(w => w.std)
claim('the exact one is by far the least noisy', silent < quiet / 2 && quiet < noisy, {
  'std of k1': noisy, 'of k3': quiet, 'of the exact sum': silent,
})

// %% [markdown]
// Replacing a sample by its exact mean is called Rao-Blackwellisation, and it can only help (Amini et al. 2025). It has a price: you must keep all the logits of both models, not one number a token. With a vocabulary of 100,000 that is 100,000 times as much. In training, k1 or k3 of the sampled tokens is the usual choice.
//
// ## The estimate is right. Its gradient need not be.
//
// Now the trap. Suppose you want less KL, and add an estimate to the loss. Samples are drawn, the estimate is averaged, the machine differentiates it. The sampling is not differentiated; the machine does not know that other weights would have sampled other answers.
//
// Take a policy over six answers, small enough to know the exact gradient. First by hand.
//
// ### Exercise 5.3
// Write the gradient of KL(π‖π_ref) with respect to the logits of π, given both as lists of probabilities. It is πᵢ (dᵢ − KL), with dᵢ = log πᵢ − log π_refᵢ. The check compares with the library's `exactKl`, differentiated by the machine.

// %%
function klGradient(policy: number[], reference: number[]): number[] {
  // BEGIN SOLUTION
  const d = policy.map((p, i) => Math.log(p / reference[i]))
  const kl = policy.reduce((sum, p, i) => sum + p * d[i], 0)
  return policy.map((p, i) => p * (d[i] - kl))
  // END SOLUTION
}

// %% promises=["text"]
const asRow = (p: number[]) => tf.log(tf.tensor2d(p, [1, p.length])).as2D(1, p.length)
const byTape = (policy: number[], reference: number[]) => tf.tidy(() => {
  const slope = tf.grad(x => tf.sum(exactKl(x.as2D(1, policy.length), asRow(reference))))
  return Array.from(slope(asRow(policy)).dataSync())
})
const yourGradient = check('5.3', klGradient, byTape, [
  [[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]], [[0.5, 0.5], [0.9, 0.1]], [[0.25, 0.75], [0.25, 0.75]],
], { hint: 'Its entries sum to 0. An answer is pushed down when its d is above the average d, which is the KL.', level: 'intermediate' })

// %% [markdown]
// Now the estimators as losses. `weights` says how often each answer was sampled. With the policy's own probabilities as weights, that is the mean over infinitely many samples.

// %%
const column = (values: ArrayLike<number>) => tf.tensor2d(Array.from(values), [values.length, 1])
type Column = ReturnType<typeof column>
const startLogits = [2, 1, 0, -0.5, -1, -2], refSix = [-1, 0, 1, 0.5, 1, -1]
const logps = (logits: number[]) => Array.from(tf.tidy(() => tf.logSoftmax(tf.tensor1d(logits)).dataSync()))
const losses = {
  'k1 as loss': (logp: Column, ref: number[][], _fixed: Column) => tf.sub(logp, ref),
  'k2 as loss': (logp: Column, ref: number[][], _fixed: Column) => tf.div(tf.square(tf.sub(logp, ref)), 2),
  'k3 as loss': (logp: Column, ref: number[][], _fixed: Column) => k3Penalty(logp, ref),
  'k3 × ratio as loss': (logp: Column, ref: number[][], fixed: Column) => k3Penalty(logp, ref, tf.exp(tf.sub<Column>(logp, fixed))),
  'k1 in the reward': (logp: Column, ref: number[][], fixed: Column) => tf.mul(tf.sub(fixed, ref), logp),
}
type LossName = keyof typeof losses
const lossNames = Object.keys(losses) as LossName[]

// %% [markdown]
// `fixed` holds the same log-probabilities as `logp`, but as constants. *k3 × ratio* multiplies k3 by π/π_old, which is 1 in value and not in gradient. *k1 in the reward* is what the first half of this lab did: d is a payment, a constant, and the policy gradient is d · ∇ log π.

// %%
function gradientOf(name: LossName, logits: number[], weights: number[]): number[] {
  return tf.tidy(() => {
    const ref = logps(refSix).map(l => [l]), fixed = column(logps(logits)), share = column(weights)
    const slope = tf.grad(x => {
      const logp = tf.reshape(tf.logSoftmax(x), [6, 1]).as2D(6, 1)
      return tf.sum(tf.mul(share, losses[name](logp, ref, fixed)))
    })
    return Array.from(slope(tf.tensor1d(logits)).dataSync())
  })
}

// %% promises=["table"]
const policySix = logps(startLogits).map(Math.exp), referenceSix = logps(refSix).map(Math.exp)
const reverse = yourGradient(policySix, referenceSix), forward = policySix.map((p, i) => p - referenceSix[i])
const expected = lossNames.map(name => gradientOf(name, startLogits, policySix))
await show(policySix.map((p, i) => ({
  answer: 'ABCDEF'[i], π: p, π_ref: referenceSix[i], 'KL(π‖π_ref), exact': reverse[i], 'KL(π_ref‖π), exact': forward[i],
  ...Object.fromEntries(lossNames.map((name, n) => [name, places(expected[n][i], 3)])),
})), { caption: 'gradients with respect to the six logits, averaged over all samples', digits: 3 })

// %% promises=["text"]
const apart = (n: number, exact: number[]) => worst(expected[n].map((g, i) => g - exact[i]))
claim('k1 as a loss has no gradient at all, on average', apart(0, reverse.map(() => 0)) < 1e-5, {
  'largest entry': apart(0, reverse.map(() => 0)) < 1e-5 ? 'below 0.00001' : 'too large',
})
const same = [apart(1, reverse), apart(3, reverse), apart(4, reverse)]
claim('k2 as loss, k3 × ratio and k1 in the reward have the gradient of KL(π‖π_ref)', worst(same) < 1e-5, { figures: 18 })
claim('plain k3 as loss has the gradient of the other KL, KL(π_ref‖π)', apart(2, forward) < 1e-5, {
  'and differs from that of KL(π‖π_ref) by up to': apart(2, reverse), 'answer B': expected[2][1], 'where right is': reverse[1],
})

// %% [markdown]
// Why? The gradient of a sampled mean is E[k′(d) · ∇ log π]. For k1, k′ = 1, and E[∇ log π] = 0 always: probabilities sum to 1, whatever the weights. The reference does not even occur in it. For k2, k′ = d: right. For k3, k′ = 1 − π_ref/π, and out comes the *forward* KL, with the roles exchanged.
//
// Look at answer B. The policy says it twice as often as the reference, and plain k3 pushes it down. The right gradient pulls it *up*, because A is so much worse.
//
// So the biased estimator has the right gradient, and the two unbiased ones do not. Tang and Munos (2025) found k1 and k3 used as losses in several public code bases.
//
// Does it matter? Train with nothing but the estimate as loss, on batches of 64 sampled answers, and see whether the policy returns to the reference.

// %%
await ready()
const sampler = random.split('descent'), klOf = (logits: number[]) => klExact(logps(logits), logps(refSix))
const descend = ['k1 as loss', 'k2 as loss', 'k3 as loss'] as LossName[]
const courses: number[][] = descend.map(() => [])
for await (const n of progress(descend.length, 'losses trained')) {
  let logits = startLogits
  for (let s = 0; s <= 150; s++) {
    courses[n].push(klOf(logits))
    const now = logps(logits).map(Math.exp), share = new Array<number>(6).fill(0)
    for (let i = 0; i < 64; i++) share[sampler.weighted(now)] += 1 / 64
    const g = gradientOf(descend[n], logits, share)
    logits = logits.map((l, i) => l - 0.3 * g[i])
  }
}

// %% promises=["figure"]
const atStep = courses[0].map((_, s) => s)
await show(lines({
  title: 'k1 as a loss does not bring the policy back',
  x: { label: 'step' }, y: { label: 'KL(π‖π_ref), exact', unit: 'nats' },
  lines: descend.map((name, n) => ({ name: name, x: atStep, y: courses[n] })),
}))

// %% promises=["text"]
const [first] = courses[0], finals = courses.map(c => c.at(-1)!)
const stays = finals[0] > 0.6 * first, falls = finals[1] < 0.1 * first && finals[2] < 0.1 * first
claim('with k1 the KL stays; with k2 and k3 it falls', stays && falls, {
  'KL at the start': first, 'after k1': finals[0], 'after k2': finals[1], 'after k3': finals[2],
})
reveal('5.gradient', finals[0] > 0.6 * first ? 'C' : finals[0] < 0.02 ? 'A' : 'B')

// %% [markdown]
// k3 comes back too: both KLs are 0 only at the reference. The difference shows when something pulls the other way. The push of k3 on an answer is π − π_ref and can never exceed 1, however absurd the answer looks to the reference. GRPO uses k3 as a loss (lab 11), so you will meet it again.
//
// ## The best policy, in closed form
//
// RLHF maximises E[r] − β · KL(π‖π_ref). For a list of answers, the solution is known:
//
// π*(y) = π_ref(y) · e^{r(y)/β} / Z
//
// and the maximum is β log Z. Each answer of the reference is multiplied by a factor that depends on its reward only. DPO is built on this line (lab 07).
//
// ### Exercise 5.4
// Write π*. Subtract the largest exponent first: with β = 0.001 the powers are too large for a computer.

// %%
function optimalPolicy(reference: number[], rewards: number[], beta: number): number[] {
  // BEGIN SOLUTION
  const logs = reference.map((p, i) => Math.log(p) + rewards[i] / beta), top = Math.max(...logs)
  const z = logs.reduce((sum, l) => sum + Math.exp(l - top), 0)
  return logs.map(l => Math.exp(l - top) / z)
  // END SOLUTION
}

// %% promises=["text"]
const byOptimal = (reference: number[], rewards: number[], beta: number) =>
  Array.from(klOptimalPolicy(reference, rewards, beta).distribution)
const yourOptimal = check('5.4', optimalPolicy, byOptimal, [
  [[0.5, 0.5], [1.0986123, 0], 1], [[0.2, 0.3, 0.5], [2, -1, 0], 0.5], [[0.2, 0.8], [1, 2], 0.001],
], { hint: 'Add log π_ref and r/β, subtract the maximum, exponentiate, divide by the sum.', level: 'advanced' })

// %% [markdown]
// ## A desk with 40 answers
//
// A customer writes. The reference has 40 possible answers: 0 to 4 of the facts asked for, and 0 to 7 sentences of padding. Two facts are the most common, and each further sentence of padding is half as likely.
//
// - **Gold**, what customers really think: a point for each fact; a friendly sentence or two is welcome, a wall of text is not.
// - **Proxy**, what the reward model thinks: a point for each fact, and half a point for *every* sentence of padding. Its annotators were in a hurry, and long answers looked thorough. Plus a little noise.

// %%
const factShares = [0.1, 0.2, 0.4, 0.2, 0.1], noise = random.split('proxy')
const desk = factShares.flatMap((share, facts) => Array.from({ length: 8 }, (_, padding) => ({
  facts: facts, padding: padding, weight: share * 0.5 ** padding,
  gold: facts + 0.4 * padding - 0.12 * padding ** 2, proxy: facts + 0.5 * padding + 0.1 * noise.normal(),
})))
const totalWeight = desk.reduce((sum, a) => sum + a.weight, 0)
const reference = desk.map(a => a.weight / totalWeight), gold = desk.map(a => a.gold), proxy = desk.map(a => a.proxy)
const meanOf = (values: number[], p: ArrayLike<number>) => values.reduce((sum, v, i) => sum + v * p[i], 0)

// %% [markdown]
// Is π* really what training finds? Climb the objective with β = 0.5 by plain gradient steps on the 40 logits, starting at the reference. The gradient is exact here; PPO has to estimate it.

// %%
const trainBeta = 0.5, logReference = reference.map(Math.log), objectives: number[] = []
let climbing = logReference
const climb = tf.grad(x => tf.tidy(() => {
  const row = x.as2D(1, 40), reward = tf.sum(tf.mul(tf.softmax(row), tf.tensor2d(proxy, [1, 40])))
  return tf.sub(reward, tf.mul(trainBeta, tf.sum(exactKl(row, tf.tensor2d(logReference, [1, 40])))))
}))
for (let s = 0; s < 1000; s++) {
  const g = Array.from(tf.tidy(() => climb(tf.tensor1d(climbing)).dataSync()))
  climbing = climbing.map((l, i) => l + 4 * g[i])
  const logpNow = logps(climbing), p = logpNow.map(Math.exp)
  objectives.push(meanOf(proxy, p) - trainBeta * klExact(logpNow, logReference))
}

// %% promises=["figure"]
const best = klOptimalPolicy(reference, proxy, trainBeta)
await show(lines({
  title: 'Gradient ascent climbs to β log Z, and no further',
  x: { label: 'step', log: true }, y: { label: 'mean proxy − β KL' },
  lines: [{ name: 'gradient ascent', x: objectives.map((_, s) => s + 1), y: objectives }],
  references: [{ value: best.objective, label: `β log Z = ${best.objective.toFixed(3)}` }],
}))

// %% promises=["text"]
const star = yourOptimal(reference, proxy, trainBeta), learned = logps(climbing)
const leftOver = klExact(learned, star.map(Math.log)), shortfall = best.objective - objectives.at(-1)!
claim('gradient ascent reaches the closed form', leftOver < 0.002 && shortfall < 0.001, {
  'KL(trained‖π*)': places(leftOver, 5), 'objective still missing': places(shortfall, 5), 'β · KL(trained‖π*)': places(trainBeta * leftOver, 5),
})

// %% [markdown]
// The climb has stairs. The gradient on an answer is proportional to the answer's probability, so a good answer that is still rare has to wait. The closed form does not.
//
// In the line above, the missing objective equals β · KL(trained‖π*), and not by chance: what a policy lacks to the optimum is exactly β · KL(π‖π*). So RLHF is nothing but moving towards π*, measured in KL.
//
// ## The frontier, and reward drift
//
// Now lower β from 20 to 0.05. Each β gives one best policy. Plot what the reward model thinks of it, and what customers think of it, over how far it went.

// %% promises=["figure"]
const betas = Array.from({ length: 40 }, (_, i) => 20 * (0.05 / 20) ** (i / 39))
const policies = betas.map(b => ({ beta: b, ...klOptimalPolicy(reference, proxy, b) }))
const golds = policies.map(p => meanOf(gold, p.distribution)), peak = golds.indexOf(Math.max(...golds))
const named = (b: number) => `β ${Number(b.toPrecision(2))}`
const point = (p: typeof policies[0], i: number, reward: number) =>
  ({ kl: p.kl, reward: reward, label: named(p.beta), show: [21, 24, 27, 39].includes(i) })
await show(frontier({
  title: 'The reward model is ever more pleased; customers are not',
  curves: [
    { name: 'proxy: the reward model', points: policies.map((p, i) => point(p, i, p.expectedReward)) },
    { name: 'gold: the customers', points: policies.map((p, i) => point(p, i, golds[i])) },
  ],
  peak: { kl: policies[peak].kl, label: `gold is best at ${named(policies[peak].beta)}` },
}))

// %% promises=["text"]
const rising = policies.slice(1).every((p, i) => p.expectedReward > policies[i].expectedReward)
const goldStart = meanOf(gold, reference), goldPeak = golds[peak], goldEnd = golds.at(-1)!
claim('the proxy rises all the way', rising, {
  'proxy of the reference': meanOf(proxy, reference), 'at β 0.05': policies.at(-1)!.expectedReward,
})
claim('gold rises, turns over, and ends below where it began', goldPeak > goldStart + 0.3 && goldEnd < goldStart, {
  'gold of the reference': goldStart, 'at its peak': goldPeak, 'at β 0.05': goldEnd, 'KL at the peak': policies[peak].kl,
})
reveal('5.gold', goldEnd > 0.98 * goldPeak ? 'A' : peak > 0 ? 'B' : 'C')

// %% [markdown]
// This is *reward drift*. Nothing went wrong in training: every policy on the curve is the exact optimum of what was asked. The reward model was a good guide near the reference, where long answers are rare, and a bad one far away.
//
// What did the policies write?

// %% promises=["table"]
const facts = desk.map(a => a.facts), padding = desk.map(a => a.padding)
const chosen = [0, peak, betas.findIndex(b => b < 0.3), betas.length - 1]
const rows = [{ beta: 'reference', distribution: reference as ArrayLike<number>, kl: 0 },
  ...chosen.slice(1).map(i => ({ beta: named(betas[i]), distribution: policies[i].distribution, kl: policies[i].kl }))]
await show(rows.map(r => ({
  policy: r.beta, KL: r.kl, facts: meanOf(facts, r.distribution), padding: meanOf(padding, r.distribution),
  proxy: meanOf(proxy, r.distribution), gold: meanOf(gold, r.distribution),
})), { caption: 'mean facts and sentences of padding in an answer', digits: 2 })

// %% [markdown]
// First the policy learns facts, and pads somewhat more. In the end it pads all it can. In a real run you do not have the gold curve. You have KL, length, samples to read, and people to ask now and then. Gao et al. (2022) measured such curves with large models: gold over the root of the KL rises and falls in a very regular way (lab 12).
//
// ## Best-of-n: drift without training
//
// Take n answers from the reference and keep the one with the best score. This too is a policy that has moved. How far? At most
//
// KL ≤ log n − (n − 1)/n.
//
// ### Exercise 5.5
// Write the bound.

// %%
function bestOfNBound(n: number): number {
  // BEGIN SOLUTION
  return Math.log(n) - (n - 1) / n
  // END SOLUTION
}

// %% promises=["text"]
const bound = check('5.5', bestOfNBound, bestOfNKl, [[1], [4], [16], [1000]], { hint: 'For n = 1 it is 0, for n = 16 it is 1.835.' })
claim('for n = 16 the bound is 1.835 nats', bound(16).toFixed(3) === '1.835', { bound: bound(16) })

// %% promises=["table"]
const even = new Array<number>(2000).fill(1 / 2000), ranks = even.map((_, i) => i), ns = [1, 2, 4, 16, 64, 256]
const exactBest = ns.map(n => ({ n: n, few: bestOfN(reference, proxy, n).kl, many: bestOfN(even, ranks, n).kl, two: bestOfN([0.9, 0.1], [0, 1], n).kl }))
await show(exactBest.map(({ n, few, many, two }) => ({
  n: n, bound: bound(n), '2,000 equal answers': places(many, 3), 'our 40 answers': places(few, 3), 'two, 90% and 10%': places(two, 3),
})), { caption: 'KL(best-of-n‖reference), nats', digits: 3 })
claim('the exact KL never exceeds the bound', exactBest.every(b => Math.max(b.few, b.many, b.two) < bound(b.n) + 1e-9), {
  'n = 16, 2,000 answers': exactBest[3].many, '40 answers': exactBest[3].few, 'two answers': exactBest[3].two, bound: bound(16),
})

// %% [markdown]
// With many different answers the bound is nearly the truth. With two, best-of-n cannot get further than the rarer one, log 10 = 2.303 nats away, and the bound is far too high. A language model has very many answers, so people quote the bound as the KL of best-of-n. For a model that repeats itself, do not (Beirami et al. 2024).
//
// Is best-of-n a good way to spend KL? Put it on the frontier.

// %% promises=["figure"]
const powers = Array.from({ length: 13 }, (_, i) => 2 ** i)
const drawn = powers.map(n => ({ n: n, ...bestOfN(reference, proxy, n) }))
const nPoint = (b: typeof drawn[0], reward: number, marked: number[]) => ({ kl: b.kl, reward: reward, label: `n ${b.n}`, show: marked.includes(b.n) })
await show(frontier({
  title: 'Best-of-n stays close to the frontier, and drifts like any other',
  curves: [
    { name: 'proxy of the best policy', points: policies.map(p => ({ kl: p.kl, reward: p.expectedReward, label: named(p.beta) })) },
    { name: 'proxy of best-of-n', points: drawn.map(b => nPoint(b, b.expectedReward, [])) },
    { name: 'gold of the best policy', points: policies.map((p, i) => ({ kl: p.kl, reward: golds[i], label: named(p.beta) })) },
    { name: 'gold of best-of-n', points: drawn.map(b => nPoint(b, meanOf(gold, b.distribution), [4, 16, 256, 4096])) },
  ],
}))

// %% promises=["text"]
function policyAtKl(kl: number) {
  let [small, large] = [0.01, 1000]
  for (let i = 0; i < 60; i++) { const mid = Math.sqrt(small * large); if (klOptimalPolicy(reference, proxy, mid).kl > kl) small = mid; else large = mid }
  return klOptimalPolicy(reference, proxy, small)
}
const gained = (reward: number) => reward - meanOf(proxy, reference)
const shares = drawn.slice(1).map(b => gained(b.expectedReward) / gained(policyAtKl(b.kl).expectedReward))
claim('at equal KL, best-of-n gains most of what the best policy gains, and never more', Math.min(...shares) > 0.85 && Math.max(...shares) < 1, {
  'smallest share of its gain': Math.min(...shares), 'at n': powers[1 + shares.indexOf(Math.min(...shares))], 'largest': Math.max(...shares),
})

// %% promises=["text"]
const drawnGold = drawn.map(b => meanOf(gold, b.distribution))
const topGold = Math.max(...drawnGold)
claim('its gold turns over too, from a higher top', topGold > drawnGold.at(-1)! + 0.3 && topGold > goldPeak, {
  'gold at its best': topGold, 'at n': powers[drawnGold.indexOf(topGold)], 'with n = 4096': drawnGold.at(-1)!, 'best policy’s best gold': goldPeak,
})
const walls = (p: ArrayLike<number>) => 100 * meanOf(padding.map(length => Number(length >= 5)), p)
const [byRank, byPower] = [drawn[3], policyAtKl(drawn[3].kl)].map(p => walls(p.distribution))
claim('at equal KL, best-of-8 writes fewer walls of text', byRank < 0.75 * byPower, {
  '% of answers with 5 or more sentences of padding': byRank, 'best policy of the same KL': byPower,
})

// %% [markdown]
// The frontier is the best there is for the *proxy*. For gold, best-of-n does better here. It goes by rank: no answer can become more than n times as likely, however high its score. The best policy goes by e^{r/β}, so the few answers with the highest scores gain most, and those are the walls of text. Here, optimising the wrong thing perfectly is worse than optimising it a little less well.

// %% [markdown]
// ## Who sets β?
//
// You rarely know the right β. You may know how much KL you can afford. Ziegler et al. (2019) let a controller find β: after each batch of n answers, compare the measured KL with a target, and move β by a little.
//
// e = clip(KL / target − 1, ±0.2), and β ← β · (1 + e · n / horizon)
//
// Here β starts at 0.15, the target is 6 nats an answer, the horizon 10,000 answers.
//
// ### Exercise 5.6
// Write the new β.

// %%
function nextBeta(beta: number, kl: number, n: number): number {
  const target = 6, horizon = 10_000, clip = 0.2
  // BEGIN SOLUTION
  const error = Math.min(clip, Math.max(-clip, kl / target - 1))
  return beta * (1 + error * n / horizon)
  // END SOLUTION
}

// %% promises=["text"]
const byController = (beta: number, kl: number, n: number) => adaptKl({ beta: beta }, kl, n).beta
const yourBeta = check('5.6', nextBeta, byController, [[0.15, 6, 128], [0.15, 6.3, 128], [0.15, 60, 128], [0.15, 0, 128]], {
  hint: 'Too much KL must raise β. The error is relative, and clipped before it is used.', level: 'intermediate', tolerance: 1e-9,
})

// %% [markdown]
// Try it on a policy that learns while the controller steers. Answers have 10 tokens out of 8, each token has its own reward. The policy climbs the shaped reward. Its KL is *measured* as in a real run: k1, over 128 sampled answers a step. Three runs: β fixed at 0.15, and the controller started at 0.15 and at 1.

// %%
const worth = Array.from({ length: 8 }, (_, i) => 0.2 * i - 0.7), perToken = random.split('controller')
function steer(start: number, adaptive: boolean, steps: number): { beta: number; kl: number }[] {
  let logits = worth.map(() => 0), now = start
  const log: { beta: number; kl: number }[] = [], logRef = -Math.log(8)
  for (let s = 0; s < steps; s++) {
    const top = Math.log(logits.reduce((sum, l) => sum + Math.exp(l), 0)), lp = logits.map(l => l - top), p = lp.map(Math.exp)
    let kl = 0
    for (let i = 0; i < 128 * 10; i++) kl += k1(lp[perToken.weighted(p)], logRef) / 128
    log.push({ beta: now, kl: kl })
    const payoff = worth.map((w, i) => w - now * k1(lp[i], logRef)), base = meanOf(payoff, p)
    logits = logits.map((l, i) => l + 0.3 * p[i] * (payoff[i] - base))
    if (adaptive) now = yourBeta(now, kl, 128)
  }
  return log
}

// %%
await ready()
const plans: [string, number, boolean][] = [['β fixed at 0.15', 0.15, false], ['controller from 0.15', 0.15, true], ['controller from 1', 1, true]]
const logs: ReturnType<typeof steer>[] = []
for await (const n of progress(plans.length, 'runs of 1,500 steps')) logs.push(steer(plans[n][1], plans[n][2], 1500))
const marks = Array.from({ length: 75 }, (_, i) => 20 * i)
const smooth = (log: typeof logs[0], key: 'beta' | 'kl') =>
  marks.map(m => log.slice(m, m + 20).reduce((sum, row) => sum + row[key] / 20, 0))

// %% promises=["figure"]
await show(lines({
  title: 'The controller holds the KL at its target; a fixed β lands where it lands',
  x: { label: 'step' }, y: { label: 'measured KL an answer', unit: 'nats' },
  lines: plans.map(([name], n) => ({ name: name, x: marks, y: smooth(logs[n], 'kl') })),
  references: [{ value: 6, label: 'target' }],
}))

// %% promises=["figure"]
await show(lines({
  title: 'From below and above, the controller finds one β',
  x: { label: 'step' }, y: { label: 'β', range: [0, 1.05] },
  lines: plans.map(([name], n) => ({ name: name, x: marks, y: smooth(logs[n], 'beta') })),
}))

// %% promises=["text"]
const ends = logs.map(log => log.slice(-200)), tail = (n: number, key: 'beta' | 'kl') => ends[n].reduce((s, row) => s + row[key] / 200, 0)
claim('over the last 200 steps the controller’s KL is within 5% of 6 nats', [1, 2].every(n => Math.abs(tail(n, 'kl') / 6 - 1) < 0.05), {
  'from 0.15': tail(1, 'kl'), 'from 1': tail(2, 'kl'), 'fixed β': tail(0, 'kl'),
})
const highest = Math.max(...smooth(logs[1], 'kl'))
claim('on its way from 0.15 it lets the KL run far over the target', highest > 9, { 'highest KL': highest })
claim('both starts come to the same β', Math.abs(tail(1, 'beta') / tail(2, 'beta') - 1) < 0.1, {
  'from 0.15': tail(1, 'beta'), 'from 1': tail(2, 'beta'),
})

// %% [markdown]
// The clip is there because early KLs can be anything. With it, β moves by at most 0.26% a step, so the controller needs hundreds of steps. Meanwhile the policy does as it likes: started at 0.15, it goes to nearly twice the target first. A controller is no brake.
//
// A controller keeps a budget. It does not know whether 6 nats are wise. Only gold can tell, that is, people.
//
// ## What to inspect

// %% promises=["table"]
await show([
  { figure: 'KL, mean over many batches', healthy: 'positive, grows slowly', sick: 'negative: the ratio is upside down' },
  { figure: 'KL at step 0', healthy: '0: policy and reference are the same', sick: 'not 0: different tokens, masks or dropout' },
  { figure: 'reward up, KL up', healthy: 'both, and samples read well', sick: 'KL runs away: β too small, or its sign is wrong' },
  { figure: 'reward up, shaped reward down', healthy: 'rare', sick: 'the policy pays more than it gains' },
  { figure: 'length of answers', healthy: 'steady', sick: 'rises with the reward: drift' },
  { figure: 'KL term as loss', healthy: 'its gradient points to the reference', sick: 'k1 as loss: noise, nothing else' },
  { figure: 'k1 and k3 of the same batch', healthy: 'agree within their noise', sick: 'differ: wrong samples, or stale logps' },
  { figure: 'β under a controller', healthy: 'comes to rest', sick: 'at zero or growing: target out of reach' },
], { caption: 'What to inspect' })

// %% promises=["text"]
score()

// %% [markdown]
// ## Is it luck?
//
// Everything above ran under one seed. These are the figures that a seed moves, measured under four of them. `npm run labs -- seeds 05` measures them again.

// %% promises=["table"]
await show(claimTable('05'), { caption: 'the claims of this lab under four seeds', maxRows: 60 })

// %% [markdown]
// ## Recap
//
// - **Foundational:** you know why RLHF keeps a reference and makes the policy pay for KL, and you can compute a shaped reward, for an answer or for each token.
// - **Intermediate:** you can write k1, k2 and k3, say which is biased, which is noisy and where, and recognise two classic bugs from their figures.
// - **Advanced:** you know that an unbiased estimate may have a useless gradient, you can write the optimal policy in closed form, and you can diagnose reward drift: proxy up, gold down, every optimum exact.
//
// Lab 06 puts the token payments into PPO and learns from samples. Lab 07 turns the closed form around and gets DPO. Lab 12 comes back to the two curves and measures them for several reward models.
//
// **Sources.** Schulman 2020, *Approximating KL divergence* (joschu.net/blog/kl-approx.html); Ziegler et al. 2019 (arXiv:1909.08593); Ouyang et al. 2022 (arXiv:2203.02155); Korbak et al. 2022 (arXiv:2205.11275); Gao et al. 2022 (arXiv:2210.10760); Rafailov et al. 2023 (arXiv:2305.18290); Beirami et al. 2024 (arXiv:2401.01879); Amini et al. 2025 (arXiv:2504.10637); Tang & Munos 2025 (arXiv:2506.09477).
