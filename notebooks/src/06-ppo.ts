// %% [markdown]
// # Lab 06 · PPO
//
// **The question of this lab:** you have a policy that writes replies and a reward model that scores them. How do you turn scores of whole replies into gradients of single tokens, so that the policy gets better and stays a language model?
//
// The answer that made RLHF known is *proximal policy optimisation*, PPO. Four models are in memory at once. Two of them learn. The policy writes replies, each token is paid for, a value model says how much of the payment was to be expected, and the rest, the *advantage*, tells each token whether it should become likelier.
//
// You compute payments and advantages by hand, find a famous bug in the clipped loss, then train the parcel desk's policy, watch the reward go up and ask the true reward whether that is good news. Then you turn every knob the wrong way. The lab takes about 60 minutes to read and about a minute to compute.

// %%
import {
  tf, ready, Random, announceBackend, labSeed, show, lines, bars, live, progress, predict, reveal, claim, todo, check, score,
  deskPolicy, deskScorer, deskPrompts, drawPrompts, deskPpo, deskTruth, rollout, EOS, VOCABULARY, decodeTokens, prettify,
  modelReward, standardiseReward, linearSchedule, scaleReward, applyReward, withScoreHead, countParams,
  shapedTokenRewards, gae, whiten, shapedAdvantages, clippedPolicyLoss, clippedValueLoss, disposeTraining, claimTable,
  type DeskPrompt, type DeskPpoOptions, type LanguageModel,
} from 'rlhf-labs'

// %% promises=["text"]
await announceBackend()
const seed = labSeed(), mean = (v: ArrayLike<number>) => Array.from(v).reduce((a, b) => a + b, 0) / v.length

// %% [markdown]
// ## Predict first

// %% promises=["text"]
predict('6.frozen',
  'Policy, reference, reward model and value model are in memory. Which of them does PPO change?',
  ['the policy only', 'the policy and the value model', 'all but the reference'])

// %% promises=["text"]
predict('6.free',
  'You train against the reward model and take nothing for drifting from the reference: β = 0. ' +
  'The reward model’s score rises all the way. What does the true reward do?',
  ['it rises, more slowly', 'it rises a little or not at all, then falls far below its start', 'it stays where it was'])

// %% [markdown]
// ## The four roles
//
// | role | it says | trained? |
// | --- | --- | --- |
// | **policy** | the next token's probabilities | yes: this is what you want |
// | **reference** | the same, before training: what drift is measured against | never |
// | **reward model** | one score for a whole reply | never, here |
// | **value model** | at every token: the reward still to come | yes: it makes advantages less noisy |
//
// All four are the desk's small GPT. Reward and value model carry a row of 64 numbers on top. What is trained also needs its gradient and Adam's two averages. Count the megabytes.

// %% promises=["table"]
const policy = deskPolicy(), scorer = deskScorer(), value: LanguageModel = { config: scorer.config, params: scorer.params }
const megabytes = (model: LanguageModel, copies: number) => countParams(model.params) * 4 * copies / 2 ** 20
const roles = [
  { role: 'policy', weights: countParams(policy.params), trained: 'yes', MB: megabytes(policy, 4) },
  { role: 'reference', weights: countParams(policy.params), trained: 'no', MB: megabytes(policy, 1) },
  { role: 'reward model', weights: countParams(scorer.params), trained: 'no', MB: megabytes(scorer, 1) },
  { role: 'value model', weights: countParams(value.params), trained: 'yes', MB: megabytes(value, 4) },
]
await show(roles, { caption: 'Weights, and memory with gradient and Adam’s averages where trained', digits: 1 })
const total = roles.reduce((sum, r) => sum + r.MB, 0)
claim('RLHF by PPO holds ten times the weights of the policy', Math.abs(total / megabytes(policy, 1) - 10) < 0.05, { MB: total, 'policy alone': megabytes(policy, 1) })

// %% [markdown]
// With four models of 7 billion weights the same sum gives some 260 GB. People share trunks, keep less precise numbers, or drop the value model: that is GRPO, lab 11.
//
// ## A rollout
//
// One customer, one sampled reply. The record keeps the tokens, and at each token what three models said at that moment: log π (the policy that sampled), log π_ref and the value. They are numbers now. No gradient will pass through them.

// %% sampled=true promises=["table"]
const prompts = deskPrompts(drawPrompts(2000, seed + 77)), sampling = { maxNewTokens: 48, stopTokens: [EOS] }
const start = rollout(policy, prompts.slice(0, 128), { ...sampling, random: Random.seed(seed).split('start'), reference: policy, value: value })
console.log(`Customer: ${prettify(start[0].prompt.text)}\nReply: ${prettify(decodeTokens(start[0].tokens))}`)
await show(start[0].tokens.slice(0, 5).map((token, t) => ({
  token: VOCABULARY[token], 'log π': start[0].logpOld[t], 'log π_ref': start[0].logpRef![t], value: start[0].values![t],
})), { caption: 'The first five tokens of its record', digits: 3 })

// %% promises=["text"]
const apart = Math.max(...start.flatMap(r => Array.from(r.logpOld, (l, t) => Math.abs(l - r.logpRef![t]))))
claim('before training, policy and reference agree on every token', apart < 1e-3, { 'agree within 0.001 nats': apart < 1e-3 })

// %% [markdown]
// ## Paying tokens
//
// The reward model gives one score for the reply, and it comes at the end. The KL penalty is paid at each token as it is written (lab 05). Three tokens, β = 0.1:
//
// r_t = −β (log π − log π_ref), and the score is added to the last one.
//
// ### Exercise 6.1
// Write the payments.

// %%
function payTokens(score: number, logp: number[], logpRef: number[], beta: number): number[] {
  // BEGIN SOLUTION
  return logp.map((l, t) => -beta * (l - logpRef[t]) + (t === logp.length - 1 ? score : 0))
  // END SOLUTION
}

// %% promises=["text"]
const byShaping = (score: number, logp: number[], logpRef: number[], beta: number) =>
  Array.from(shapedTokenRewards({ logp: logp, logpRef: logpRef, score: score }, { beta: beta }))
const toy = { score: 1, logp: [-0.5, -1, -0.2], logpRef: [-1.5, -0.5, -0.4], values: [0.3, 0.4, 0.8] }
const pay = check('6.1', payTokens, byShaping, [[toy.score, toy.logp, toy.logpRef, 0.1], [2, [-1], [-1], 0.5], [0, [-1, -2], [-2, -1], 1]], {
  hint: 'Every token pays, the last one too; the score comes on top of its payment.', level: 'foundational',
})
console.log('payments:', pay(toy.score, toy.logp, toy.logpRef, 0.1).map(r => r.toFixed(2)).join('  '))

// %% [markdown]
// ## Advantages
//
// The value V_t is a forecast, made before token t is written, of all payments from there on. Compare the forecast with what came:
//
// δ_t = r_t + V_{t+1} − V_t, with V = 0 after the end.
//
// δ_t looks one token ahead: little noise, but wrong where V is wrong. Summing all later δ gives what really came minus V_t: right, but noisy. *Generalised advantage estimation* mixes the two, with λ = 0.95:
//
// A_t = δ_t + λ A_{t+1}, from the last token back to the first (γ = 1: replies are short, nothing is discounted).
//
// ### Exercise 6.2
// Write the loop.

// %%
function advantagesOf(rewards: number[], values: number[], lambda: number): number[] {
  const advantages = rewards.map(() => 0)
  // BEGIN SOLUTION
  let next = 0
  for (let t = rewards.length - 1; t >= 0; t--) {
    const delta = rewards[t] + (values[t + 1] ?? 0) - values[t]
    next = advantages[t] = delta + lambda * next
  }
  return advantages
  // END SOLUTION
}

// %% promises=["text"]
const byGae = (rewards: number[], values: number[], lambda: number) => Array.from(gae(rewards, values, { lambda: lambda }).advantages)
const toyRewards = byShaping(toy.score, toy.logp, toy.logpRef, 0.1)
const advantages = check('6.2', advantagesOf, byGae, [[toyRewards, toy.values, 0.95], [[0, 0, 1], [0, 0, 0], 1], [[1], [0.5], 0.95], [[0, 1], [0.2, 0.7], 0]], {
  hint: 'Start at the last token with A = 0 behind it and V = 0 behind it, and go left.', level: 'intermediate', tolerance: 1e-5,
})
console.log('advantages:', advantages(toyRewards, toy.values, 0.95).map(a => a.toFixed(3)).join('  '))

// %% promises=["text"]
const [lambda0, lambda1] = [0, 1].map(l => advantages(toyRewards, toy.values, l))
const monteCarlo = toyRewards.map((_, t) => toyRewards.slice(t).reduce((a, b) => a + b, 0) - toy.values[t])
claim('λ = 1 is all that came minus the forecast; λ = 0 looks one token ahead', lambda1.every((a, t) => Math.abs(a - monteCarlo[t]) < 1e-5) &&
  Math.abs(lambda0[0] - (toyRewards[0] + toy.values[1] - toy.values[0])) < 1e-5, { 'A_1, λ = 1': lambda1[0], 'A_1, λ = 0': lambda0[0] })

// %% [markdown]
// Before they are used, advantages of the whole batch are *whitened*: minus their mean, divided by their standard deviation. So the learning rate means the same whatever the unit of the reward. Once, over all response tokens, never over padding. Then, for all replies at once, the library gives what you just built.

// %% promises=["text"]
const rewarded = applyReward(modelReward<DeskPrompt>(scorer), start), estimates = shapedAdvantages(rewarded, { beta: 0.1 })
const byHand = whiten(rewarded.map(r => advantages(pay(r.reward, [...r.logpOld], [...r.logpRef!], 0.1), [...r.values!.slice(0, -1)], 0.95)))
const largest = Math.max(...estimates.flatMap((e, i) => Array.from(e.advantages, (a, t) => Math.abs(a - byHand[i][t]))))
claim('your loop over 128 replies and the library agree', largest < 1e-3, { 'agree within 0.001': largest < 1e-3, replies: estimates.length })

// %% [markdown]
// ## The clipped loss
//
// A batch of rollouts is dear, so it is used for several steps. After the first step the policy is no longer the one that sampled. The ratio ρ = π(token) / π_old(token) corrects for that, and multiplies the advantage: ρ A. Maximised without limit, one lucky token could be pushed as far as you like. PPO takes the *pessimistic* of two:
//
// loss = −min(ρ A, clip(ρ, 1 − ε, 1 + ε) A), with ε = 0.2.
//
// ### Find the bug: max or min?
//
// This loss was written by somebody who thought of good tokens only. It has a mistake that shows where the advantage is negative. Mend it.

// %%
function clippedLoss(ratio: number, advantage: number): number {
  const clipped = Math.min(1.2, Math.max(0.8, ratio))
  // BEGIN SOLUTION
  return -Math.min(ratio * advantage, clipped * advantage)
  // END SOLUTION
  // STUDENT: return advantage >= 0 ? -Math.min(ratio * advantage, clipped * advantage) : -Math.max(ratio * advantage, clipped * advantage)
}

// %% promises=["text"]
const byLibrary = (ratio: number, advantage: number) => tf.tidy(() => clippedPolicyLoss(tf.tensor2d([[Math.log(ratio)]]), { logpOld: [[0]], advantages: [[advantage]], mask: [[1]] }).dataSync()[0])
const loss = check('6.bug-min', clippedLoss, byLibrary, [[1, 2], [1.5, 1], [0.5, 1], [1.5, -1], [0.5, -1], [1, -0.3]], {
  hint: 'A bad token has become likelier: ρ = 1.5, A = −1. Which of the two terms is the larger loss, and which one has a gradient?', level: 'advanced', tolerance: 1e-5,
})

// %% promises=["figure"]
const ratios = Array.from({ length: 61 }, (_, i) => 0.4 + 0.02 * i), wrongLoss = (r: number) => -Math.max(-r, -Math.min(1.2, Math.max(0.8, r)))
await show(lines({
  title: 'With max, a bad token that has become likelier feels no push back',
  x: { label: 'ratio ρ' }, y: { label: 'loss', range: [-1.5, 1.8] },
  lines: [
    { name: 'A = +1', x: ratios, y: ratios.map(r => loss(r, 1)) }, { name: 'A = −1', x: ratios, y: ratios.map(r => loss(r, -1)) },
    { name: 'A = −1, with max', x: ratios, y: ratios.map(wrongLoss) },
  ],
}))

// %% [markdown]
// Read the slopes. A good token (A = +1) that is already 20% likelier gets no further push: flat. A bad one (A = −1) that is already 20% rarer gets none either. But a bad token that became *likelier* must always be pushed back, however far it went: the line A = −1 goes on rising on the right. With max it is flat there, and the mistake stays.

// %% promises=["text"]
const slope = (f: (r: number) => number) => (f(1.5) - f(1.4)) / 0.1
claim('at ρ = 1.45 and A = −1 the right loss pushes back, the wrong one does not', Math.abs(slope(r => loss(r, -1)) - 1) < 1e-3 && Math.abs(slope(wrongLoss)) < 1e-9, {
  'slope with min': slope(r => loss(r, -1)), 'slope with max': Math.round(slope(wrongLoss)),
})

// %% [markdown]
// The value model is trained beside it, on the returns A_t + V_t, with the square of the error. Its change is clipped as well: moving by more than 0.2 in one go must not pay.
//
// ### Exercise 6.3
// A figure to watch is the *explained variance* of the value model: 1 − Var(return − value) / Var(return). It is 1 for a perfect forecast, 0 for one that knows nothing. Write it (variances with n in the denominator).

// %%
function explainedVariance(returns: number[], values: number[]): number {
  // BEGIN SOLUTION
  const variance = (v: number[]) => { const m = v.reduce((a, b) => a + b, 0) / v.length; return v.reduce((sum, x) => sum + (x - m) ** 2, 0) / v.length }
  return 1 - variance(returns.map((r, i) => r - values[i])) / variance(returns)
  // END SOLUTION
}

// %% promises=["text"]
const spread = (v: number[]) => mean(v.map(x => x * x)) - mean(v) ** 2
const explained = check('6.3', explainedVariance, (r: number[], v: number[]) => 1 - spread(r.map((x, i) => x - v[i])) / spread(r), [
  [[1, 2, 3], [1, 2, 3]], [[1, 2, 3], [2, 2, 2]], [[1, 2, 3], [0, 1, 2]], [[0, 1, 0, 1], [0.2, 0.7, 0.1, 0.4]], [[1, 2, 3], [3, 2, 1]],
], { hint: 'A forecast that is wrong by a constant explains everything; one that is upside down explains less than nothing.', level: 'intermediate', tolerance: 1e-6 })

// %% [markdown]
// ## Training the desk's policy
//
// Now all of it, 36 times: 128 customers, one sampled reply each; scores from the reward model, in standard deviations of its scores at the start; payments, advantages, whitening; then two passes over the replies (epochs), each in four clipped steps of policy and value model. The policy's learning rate falls on a line from 5e-4 to a tenth of it, so that the last batches do not throw it about. β = 0.1: a nat of drift costs a tenth of a standard deviation of score.
//
// You see five figures grow. The *proxy* is the reward model's score: what is trained on. *Gold* is the desk's true reward: no part of the training sees it. With people as judges you would not have it either.

// %%
const reward = standardiseReward(modelReward<DeskPrompt>(scorer), start), held = deskPrompts(drawPrompts(640, seed + 5, { heldOut: true }))
const run = (options: Partial<DeskPpoOptions>) => deskPpo({ policy: policy, reward: reward, value: value, prompts: prompts, seed: seed, batchSize: 128, epochs: 2, minibatches: 4, ...options })
type Log = { [name: string]: number }[]
const column = (log: Log, name: string) => log.map(m => m[name]), step = (log: Log) => column(log, 'step')
const relative = (log: Log, name: string) => column(log, name).map(v => v / log[0][name])

// %%
const climb = (log: Log) => lines({
  title: 'Proxy and gold rise until the price of KL holds the policy', x: { label: 'iteration' }, y: { label: 'reward (proxy in SD), KL in nats' },
  lines: [{ name: 'proxy', x: step(log), y: column(log, 'objective/scores') }, { name: 'gold', x: step(log), y: column(log, 'gold/reward') },
    { name: 'KL', x: step(log), y: column(log, 'objective/kl') }],
})
const inside = (log: Log) => lines({
  title: 'The value loss falls as the value model learns', x: { label: 'iteration' }, y: { label: 'relative to iteration 1' },
  lines: [{ name: 'length', x: step(log), y: relative(log, 'completions/mean_length') }, { name: 'value loss', x: step(log), y: relative(log, 'loss/value_avg') }],
})

// %% sampled=true promises=["figure", "figure"]
const main: Log = [], charts = [live<Log[0]>(log => climb([...log])), live<Log[0]>(log => inside([...log]))], training = run({ iterations: 36, schedule: linearSchedule({ lr: 5e-4, totalSteps: 40 }) })
for await (const m of progress(training, 'PPO, β = 0.1', { total: 36 })) {
  main.push({ ...m })
  for (const chart of charts) await chart.push({ ...m })
}
for (const chart of charts) await chart.done()

// %% [markdown]
// Gold is jagged: it is a mean of 128 replies, and replies differ a lot. So compare the means of the first and of the last three iterations, and then ask 640 customers that nobody trained on.

// %% sampled=true promises=["text"]
const early = (log: Log, name: string) => mean(column(log, name).slice(0, 3)), late = (log: Log, name: string) => mean(column(log, name).slice(-3))
claim('the proxy rises', late(main, 'objective/scores') - early(main, 'objective/scores') > 0.5, { 'first three': early(main, 'objective/scores'), 'last three': late(main, 'objective/scores') })
claim('the value model learns to forecast', late(main, 'val/explained_variance') > main[0]['val/explained_variance'] + 0.2, {
  'explained variance, first': main[0]['val/explained_variance'], 'last three': late(main, 'val/explained_variance'),
})

// %% sampled=true promises=["table", "text"]
const trained: LanguageModel = { config: policy.config, params: training.state.models.policy }
const answers = (model: LanguageModel) => rollout(model, held, { ...sampling, random: Random.seed(seed).split('held out') })
const [before, after] = [policy, trained].map(answers), truths = [before, after].map(deskTruth)
await show(['before', 'after PPO'].map((name, i) => ({ policy: name, gold: truths[i]['gold/reward'], words: truths[i]['gold/words'], 'distinct-2': truths[i]['gold/distinct_2'] })),
  { caption: 'Replies to 640 held-out customers', digits: 2 })
claim('the true reward is higher after PPO', truths[1]['gold/reward'] - truths[0]['gold/reward'] > 1.2, { before: truths[0]['gold/reward'], after: truths[1]['gold/reward'] })
reveal('6.frozen', 'B')

// %% [markdown]
// So it worked: a reward model that orders three pairs in four as the true reward does was good enough to improve the replies, on customers nobody had trained on. Read some of them, always.

// %% sampled=true promises=["text"]
for (const i of [0, 1]) {
  console.log(`Customer: ${prettify(held[i].text)}\n   before: ${prettify(decodeTokens(before[i].tokens))}\n   after:  ${prettify(decodeTokens(after[i].tokens))}\n`)
}

// %% [markdown]
// ## β = 0: nothing to pay
//
// The same start, the same customers, the same everything, but drifting is free.

// %% sampled=true promises=["figure"]
const free: Log = [], freely = run({ iterations: 12, beta: 0, lr: 1e-3 }), freeChart = live<Log[0]>(log => lines({
  title: 'Without a price on KL the proxy climbs and gold falls off', x: { label: 'iteration' }, y: { label: 'reward (proxy in SD)' },
  lines: [{ name: 'proxy', x: step([...log]), y: column([...log], 'objective/scores') }, { name: 'gold', x: step([...log]), y: column([...log], 'gold/reward') }],
}))
for await (const m of progress(freely, 'PPO, β = 0', { total: 12 })) {
  free.push({ ...m })
  await freeChart.push({ ...m })
}
await freeChart.done()
disposeTraining(freely)

// %% sampled=true promises=["text"]
const smooth = (v: number[]) => v.slice(2).map((_, i) => mean(v.slice(i, i + 3))), golds = smooth(column(free, 'gold/reward')), peak = Math.max(...golds)
claim('the policy leaves the reference', late(free, 'objective/kl') > 20 && late(free, 'objective/kl') > 3 * late(main, 'objective/kl'), { 'KL, last three': late(free, 'objective/kl'), 'with β = 0.1': late(main, 'objective/kl') })
claim('the proxy is delighted', late(free, 'objective/scores') - free[0]['objective/scores'] > 1, { first: free[0]['objective/scores'], 'last three': late(free, 'objective/scores') })
claim('gold falls far below its own peak', peak - golds.at(-1)! > 1, { 'gold at its peak': peak, 'at the end': golds.at(-1)!, 'at iteration': 2 + golds.indexOf(peak) })
reveal('6.free', golds.at(-1)! < golds[0] - 0.5 ? 'B' : golds.at(-1)! > golds[0] + 0.5 ? 'A' : 'C')

// %% [markdown]
// The reward model was trained on replies of the policy at the start. Far from there its scores are extrapolations, and the policy is an excellent searcher for places where they err upwards. This run also took double the learning rate, to get there within twelve iterations; with more patience the smaller one arrives as well. Lab 12 measures such curves; lab 13 stops them.
//
// ## A learning rate ten times too high

// %% sampled=true promises=["figure"]
const fast: Log = [], fastly = run({ iterations: 4, lr: 5e-3 })
for await (const m of progress(fastly, 'learning rate × 10', { total: 4 })) fast.push({ ...m })
disposeTraining(fastly)
const four = main.slice(0, 4)
await show(lines({
  title: 'Ten times the learning rate: one update, and the language is gone', x: { label: 'iteration' }, y: { label: 'gold' },
  lines: [{ name: 'learning rate 5e-4', x: step(four), y: column(four, 'gold/reward') }, { name: 'learning rate 5e-3', x: step(fast), y: column(fast, 'gold/reward') }],
}))

// %% sampled=true promises=["table", "text"]
const repeats = Math.min(...column(fast, 'gold/distinct_2')), shrinks = late(fast, 'completions/mean_length') / fast[0]['completions/mean_length']
await show([['5e-4', four] as const, ['5e-3', fast] as const].map(([rate, log]) => ({
  'learning rate': rate, 'approximate KL a step': log[0]['policy/approxkl_avg'], 'lowest distinct-2': Math.min(...column(log, 'gold/distinct_2')),
  'entropy, last': log[3]['policy/entropy_avg'], 'length, last': log[3]['completions/mean_length'], 'gold, last three': late(log, 'gold/reward'),
})), { caption: 'Four iterations', digits: 2 })
claim('one update moves the policy ten times further and more', fast[0]['policy/approxkl_avg'] > 10 * main[0]['policy/approxkl_avg'], { 'approximate KL': fast[0]['policy/approxkl_avg'], 'with 5e-4': main[0]['policy/approxkl_avg'] })
claim('the text degenerates: pairs of words repeat, or replies shrink to a stub', repeats < 0.93 || shrinks < 0.5, { 'lowest distinct-2': repeats, 'at the start': fast[0]['gold/distinct_2'], 'length left': shrinks })
claim('and gold suffers', late(fast, 'gold/reward') < late(four, 'gold/reward') - 0.5, { 'gold, last three': late(fast, 'gold/reward'), 'with 5e-4': late(four, 'gold/reward') })

// %% [markdown]
// *distinct-2* is the share of different pairs of neighbouring words in a reply: 1 when no pair comes twice. Entropy tells how undecided the policy is at a token: near 0, it always writes the same; well above its start, it no longer knows what it writes. Clipping did not help: it takes the gradient away once a token has moved, but one Adam step of this size has already moved everything.
//
// ## Every knob the wrong way
//
// Short runs, three iterations of 24 replies each and one epoch, from the same start (eight where the KL is looked at, which needs time to grow). One knob is changed in each. Where a figure is not claimed below, do not read much into it: 24 replies are few.

// %% sampled=true promises=["text"]
const settings: [string, Partial<DeskPpoOptions>][] = [
  ['as it was', { iterations: 8 }], ['clip ε = 0.01', { clip: 0.01 }], ['β = 3', { beta: 3, iterations: 8 }], ['4 epochs', { epochs: 4 }],
  ['value coefficient 0', { valueCoefficient: 0 }], ['reward × 10', { reward: scaleReward(reward, { std: 0.1 }) }],
]
const short: Record<string, Log> = {}, moved: Record<string, number> = {}
await ready()
for await (const [name, options] of progress(settings, 'short runs')) {
  const one = run({ iterations: 3, batchSize: 24, epochs: 1, minibatches: 3, ...options }), log: Log = []
  for await (const m of one) log.push({ ...m })
  moved[name] = tf.tidy(() => tf.max(tf.abs(tf.sub(one.state.models.value['score.weight'], value.params['score.weight']))).dataSync()[0])
  disposeTraining(one)
  short[name] = log
}

// %% sampled=true promises=["table"]
await show(Object.entries(short).map(([name, log]) => ({
  run: name, 'KL to reference': log[2]['objective/kl'], 'approximate KL a step': mean(column(log.slice(0, 3), 'policy/approxkl_avg')), 'clip fraction': mean(column(log.slice(0, 3), 'policy/clipfrac_avg')),
  'value loss': mean(column(log.slice(0, 3), 'loss/value_avg')), 'value head moved by': moved[name],
})), { caption: 'The first three iterations of each', digits: 4 })

// %% sampled=true promises=["text"]
const of = (name: string, figure: string) => mean(column(short[name].slice(0, 3), figure)), plain = 'as it was'
claim('a tight clip silences several times as many tokens', of('clip ε = 0.01', 'policy/clipfrac_avg') > 2 * of(plain, 'policy/clipfrac_avg'), { 'clip fraction': of('clip ε = 0.01', 'policy/clipfrac_avg'), 'with ε = 0.2': of(plain, 'policy/clipfrac_avg') })
claim('a high β chains the policy to the reference', late(short['β = 3'], 'objective/kl') < 0.6 * late(short[plain], 'objective/kl'), { 'KL, iterations 6 to 8': late(short['β = 3'], 'objective/kl'), 'with β = 0.1': late(short[plain], 'objective/kl') })
claim('more epochs go further from the policy that sampled', of('4 epochs', 'policy/approxkl_avg') > 1.5 * of(plain, 'policy/approxkl_avg'), { 'approximate KL': of('4 epochs', 'policy/approxkl_avg'), 'with one': of(plain, 'policy/approxkl_avg') })
claim('without a value loss the value model never moves', moved['value coefficient 0'] === 0 && moved[plain] > 0, { 'largest change in its head': moved['value coefficient 0'], 'as it was': moved[plain] })
claim('rewards ten times larger blow up the value loss', of('reward × 10', 'loss/value_avg') > 20 * of(plain, 'loss/value_avg'), { 'value loss': of('reward × 10', 'loss/value_avg'), 'as it was': of(plain, 'loss/value_avg') })

// %% [markdown]
// | knob | too low | too high |
// | --- | --- | --- |
// | clip ε | tokens fall silent after the first step (seen) | no brake when a batch is used often |
// | β | gold falls off while the proxy climbs (seen) | the policy stays where it is (seen) |
// | epochs | rollouts are wasted | learns from what another policy did: approximate KL grows (seen) |
// | value coefficient | forecasts never learn (seen) | with a shared trunk, it drowns the policy's gradient |
// | reward scale | KL penalty outweighs the score | value loss explodes, and β is a tenth of what you think (seen) |
// | learning rate | waste of time | one update breaks the language (seen) |
//
// Why did whitening not save the last but one? Whitening makes the policy's step independent of the reward's scale, but the value model aims at returns in the reward's unit, and β is a price in that unit. So standardise the reward.
//
// ### Exercise 6.4
// Diagnose. Four runs, four figures each, late in training: KL to the reference, approximate KL a step, explained variance, and proxy minus its start in standard deviations. Return `'beta'` (too small), `'rate'` (learning rate too high), `'value'` (the value model learns nothing) or `'healthy'`.

// %%
function diagnose(kl: number, approxKl: number, explainedVariance: number, gain: number): string {
  // BEGIN SOLUTION
  if (approxKl > 0.05) return 'rate'
  if (kl > 20) return 'beta'
  return explainedVariance < 0.1 ? 'value' : 'healthy'
  // END SOLUTION
}

// %% promises=["text"]
const answersToFind: [number[], string][] = [[[4, 0.001, 0.6, 1.2], 'healthy'], [[95, 0.01, 0.4, 2.3], 'beta'], [[60, 0.5, 0.05, 0.2], 'rate'], [[1.5, 0.001, -0.1, 0.3], 'value']]
const doctor = (kl: number, approxKl: number, ev: number, gain: number) => answersToFind.find(([x]) => x.join() === [kl, approxKl, ev, gain].join())![1]
const diagnosis = check('6.4', diagnose, doctor, answersToFind.map(([x]) => x as [number, number, number, number]), {
  hint: 'What one update does shows in the approximate KL. What many updates add up to shows in the KL to the reference.', level: 'advanced',
})

// %% [markdown]
// ## What to inspect

// %% promises=["table"]
await show([
  { figure: 'objective/kl', healthy: '0 at iteration 1, then grows slowly', sick: 'not 0 at the start: masks or dropout; runs away: β' },
  { figure: 'objective/scores', healthy: 'rises, flattens', sick: 'rises while people like the replies less' },
  { figure: 'policy/approxkl_avg', healthy: 'below 0.05, and falling', sick: 'stays over 0.05: learning rate or epochs' },
  { figure: 'policy/clipfrac_avg', healthy: 'a few per cent', sick: 'many times that: steps too large, or ε too small' },
  { figure: 'policy/entropy_avg', healthy: 'falls slowly', sick: 'near 0: one reply for everybody; rising: noise' },
  { figure: 'val/explained_variance', healthy: 'rises to 0.5 or more', sick: 'at or below 0: value model or reward scale' },
  { figure: 'val/ratio', healthy: 'close to 1', sick: 'far from 1 at the first step: stale log-probs' },
  { figure: 'completions/mean_length', healthy: 'moves, then settles', sick: 'at its limit, or shrinking to a stub' },
  { figure: 'ten replies, read', healthy: 'sense, for this customer', sick: 'the same sentence for everybody' },
], { caption: 'What to inspect' })
disposeTraining(training)

// %% [markdown]
// ## Under other seeds
//
// One run proves little. The seed decides customers, samples and batches. These are the claims of this lab with their figures under four of them.

// %% promises=["table"]
await show(claimTable('06'), { maxRows: 60 })

// %% promises=["text"]
score()

// %% [markdown]
// ## Recap
//
// - **Foundational:** you can name the four roles of RLHF by PPO, say which two learn, and why the reference and the KL payment are there.
// - **Intermediate:** you can compute token payments, advantages and explained variance from numbers, and find the mistake in a clipped loss.
// - **Advanced:** you have trained a policy that the true reward likes better, seen the same code ruin one for want of a KL price, and can tell a bad β, learning rate, clip or value model from the record.
//
// Lab 07 gets to a similar place without sampling and without a reward model. Lab 11 drops the value model. Lab 12 measures over-optimisation, lab 13 stops it.
//
// **Sources.** Schulman et al. 2017, PPO (arXiv:1707.06347); Schulman et al. 2015, GAE (arXiv:1506.02438); Ziegler et al. 2019 (arXiv:1909.08593); Ouyang et al. 2022, InstructGPT (arXiv:2203.02155); Huang et al. 2024, *The N+ implementation details of RLHF with PPO* (arXiv:2403.17031); Gao et al. 2022 (arXiv:2210.10760); Li et al. 2016, distinct-n (arXiv:1510.03055).
