// %% [markdown]
// # Lab 08 · RLHF and DPO side by side
//
// **The question of this lab:** lab 06 trained a policy by a reward model and PPO, lab 07 by DPO, each with settings of its own. Give both the same start, the same pairs and the same compute. Which is better, and at what?
//
// People argue about this with slogans: DPO is simpler, PPO explores. Here every line of the comparison is a measurement. First a world of four replies, in which both methods can be solved exactly; then the parcel desk. The lab takes about 45 minutes to read and about a minute to compute.

// %%
import {
  tf, ready, Random, announceBackend, labSeed, show, showVolatile, bars, frontier, progress, predict, reveal, claim, todo, check, score, claimTable,
  deskPolicy, deskComparisons, deskPreferences, deskPrompts, drawPrompts, judgeComparisons, preferencePairs, rewardPairs, pairReference, FAIR, EOS,
  dpo, deskPpo, deskRewardModel, deskTruth, rollout, gold, modelReward, standardiseReward, linearSchedule, countParams, disposeTraining,
  klOptimalPolicy, outcomesOf, winRate,
  type DeskPrompt, type LanguageModel, type Rollout,
} from 'rlhf-labs'

// %% promises=["text"]
await announceBackend()
const seed = labSeed(), mean = (v: ArrayLike<number>) => Array.from(v).reduce((a, b) => a + b, 0) / v.length

// %% [markdown]
// ## Predict first

// %% promises=["text"]
predict('8.nat', 'A thousand pairs, the same compute. Which method gets more true reward for each nat of KL that it spends?', ['DPO', 'reward model and PPO', 'no difference to speak of'])

// %% promises=["text"]
predict('8.uncovered', 'No pair is about damaged parcels. DPO never sees such a customer. PPO may write replies to them. Who answers them better after training?', ['both do', 'only PPO', 'neither'])

// %% [markdown]
// ## Four replies
//
// One prompt, four possible replies A, B, C, D. The reference writes them with these probabilities, and this is what they are worth:
//
// | | A | B | C | D |
// | --- | --- | --- | --- | --- |
// | π_ref | 0.4 | 0.3 | 0.2 | 0.1 |
// | reward | 0 | 1 | 2 | −1 |
//
// RLHF looks for the policy with the highest mean reward minus β KL. Lab 05 derived it: π* is π_ref times e^(r/β), divided by whatever makes it sum to 1.
//
// ### Exercise 8.1
// Write it.

// %%
function tilted(reference: number[], rewards: number[], beta: number): number[] {
  // BEGIN SOLUTION
  const raised = reference.map((p, i) => p * Math.exp(rewards[i] / beta)), sum = raised.reduce((a, b) => a + b, 0)
  return raised.map(p => p / sum)
  // END SOLUTION
}

// %% promises=["text"]
const fromLibrary = (reference: number[], rewards: number[], beta: number) => Array.from(klOptimalPolicy(reference, rewards, beta).distribution)
const world = { names: ['A', 'B', 'C', 'D'], reference: [0.4, 0.3, 0.2, 0.1], rewards: [0, 1, 2, -1] }
const optimum = check('8.1', tilted, fromLibrary, [[world.reference, world.rewards, 1], [[0.5, 0.5], [0, 3], 0.5], [[0.9, 0.1], [2, 2], 1]], {
  hint: 'Multiply each probability by e^(r/β), then divide all by their sum.', level: 'intermediate', tolerance: 1e-6,
})
const byReward = optimum(world.reference, world.rewards, 1)
console.log(byReward.map((p, i) => `${world.names[i]} ${p.toFixed(3)}`).join('   '))

// %% [markdown]
// Now DPO in the same world. People compare A, B and C with each other, as Bradley-Terry says they would; **nobody is ever shown D**. The naive loop: four logits, and gradient steps on DPO's loss over all pairs of A, B and C.

// %% promises=["text"]
const sigmoid = (z: number) => 1 / (1 + Math.exp(-z)), softmax = (z: number[]) => { const e = z.map(Math.exp), s = e.reduce((a, b) => a + b, 0); return e.map(x => x / s) }
const logits = world.reference.map(Math.log), start = [...logits], shownPairs = [[0, 1], [0, 2], [1, 2]]
for (let step = 0; step < 4000; step++) {
  for (const [i, j] of shownPairs) {
    const margin = (logits[i] - start[i]) - (logits[j] - start[j]), likes = sigmoid(world.rewards[i] - world.rewards[j])
    const push = 0.2 * (likes - sigmoid(margin))
    logits[i] += push
    logits[j] -= push
  }
}
const byPairs = softmax(logits), odds = (p: number[]) => [p[1] / p[0], p[2] / p[0]]
claim('among the replies that were compared, DPO arrives where RLHF arrives', odds(byPairs).every((o, i) => Math.abs(o - odds(byReward)[i]) < 1e-3), { 'B : A': odds(byPairs)[0], 'by RLHF': odds(byReward)[0] })
claim('the logit of the reply that nobody compared has not moved', logits[3] === start[3], { 'moved by': logits[3] - start[3] })

// %% [markdown]
// So with the same data the two are one method, as lab 07 proved, wherever there are data. They differ at D. DPO leaves D's logit alone, and D's probability is whatever normalising makes of it. RLHF asks its reward model, which was never told about D either, but *must* answer. It may guess well, or badly.

// %% promises=["figure"]
const guesses = { 'right guess: −1': -1, 'wrong guess: +3': 3 }
const policies = [{ name: 'DPO', y: byPairs }, ...Object.entries(guesses).map(([name, guess]) => ({ name: `RLHF, ${name}`, y: optimum(world.reference, [0, 1, 2, guess], 1) }))]
await show(bars({
  title: 'What the reward model believes of D decides how much of it RLHF writes', x: { label: 'reply' }, y: { label: 'probability' },
  categories: world.names, bars: policies, text: v => v.toFixed(2),
}))

// %% promises=["text"]
const worth = policies.map(({ y }) => y.reduce((sum, p, i) => sum + p * world.rewards[i], 0))
claim('a scorer reaches what no pair covers, for better and for worse', worth[1] > worth[0] && worth[2] < worth[0], { DPO: worth[0], 'right guess': worth[1], 'wrong guess': worth[2] })

// %% [markdown]
// ### Exercise 8.2
// The other way round: given a trained policy, which rewards is it the optimum of? DPO's *implicit reward* is β log(π/π_ref). Only differences count, so give each reply's reward minus the first one's.

// %%
function impliedRewards(policy: number[], reference: number[], beta: number): number[] {
  // BEGIN SOLUTION
  const rewards = policy.map((p, i) => beta * Math.log(p / reference[i]))
  return rewards.map(r => r - rewards[0])
  // END SOLUTION
}

// %% promises=["text"]
const ratios = (policy: number[], reference: number[], beta: number) => policy.map((p, i) => beta * (Math.log(p) - Math.log(reference[i]) - Math.log(policy[0]) + Math.log(reference[0])))
const implied = check('8.2', impliedRewards, ratios, [[byReward, world.reference, 1], [[0.2, 0.8], [0.5, 0.5], 0.3], [[0.25, 0.25, 0.5], [0.25, 0.5, 0.25], 2]], {
  hint: 'β times the log of the ratio; then take away the first one.', level: 'intermediate', tolerance: 1e-6,
})
claim('DPO’s policy carries the rewards of A, B and C, and says that D is worth as much as A', implied(byPairs, world.reference, 1).slice(0, 3).every((r, i) => Math.abs(r - world.rewards[i]) < 1e-2), {
  B: implied(byPairs, world.reference, 1)[1], C: implied(byPairs, world.reference, 1)[2],
})

// %% [markdown]
// ## The desk: same start, same pairs
//
// Two clerks' replies to each of 1,200 customers, judged by the fair annotator. Then every pair about a *damaged* parcel is taken away. Everything else both methods get: DPO as pairs, RLHF as the pairs its reward model is trained on.

// %% sampled=true promises=["text"]
const policy = deskPolicy(), covered = ({ facts }: { facts: { issue: string } }) => facts.issue !== 'damaged'
const judged = judgeComparisons(deskComparisons(1200, seed).filter(({ prompt }) => covered(prompt)), FAIR, Random.seed(seed).split('labels'))
const pairs = preferencePairs(judged), sampling = { maxNewTokens: 48, stopTokens: [EOS] }
const held = deskPrompts([...drawPrompts(480, seed + 5, { heldOut: true }).filter(covered), ...drawPrompts(190, seed + 5, { heldOut: true, issue: 'damaged' })]), prompts = deskPrompts(drawPrompts(1000, seed + 77))
console.log(`${pairs.length} pairs; ${held.filter(p => !covered(p)).length} of the ${held.length} customers who will judge the policies have a damaged parcel`)

// %% [markdown]
// The yardstick: some 600 customers that nobody trained on, 190 of them with a damaged parcel. For each policy its replies, their true reward, their KL to the start, and the *gold win rate*: how often the reply is truly better than the start's reply to the same customer, a tie counting half.
//
// ### Find the bug: a win rate for nothing
//
// A policy compared with itself must win half the time. This function says otherwise. Mend it.

// %%
function gainOver(mine: number[], theirs: number[]): number {
  // BEGIN SOLUTION
  return mine.reduce((sum, m, i) => sum + (m > theirs[i] ? 1 : m === theirs[i] ? 0.5 : 0), 0) / mine.length
  // END SOLUTION
  // STUDENT: return mine.reduce((sum, m, i) => sum + (m >= theirs[i] ? 1 : 0), 0) / mine.length
}

// %% promises=["text"]
const libraryRate = (mine: number[], theirs: number[]) => winRate(outcomesOf(mine, theirs)).winRate
const wins = check('8.bug', gainOver, libraryRate, [[[1, 2, 3], [1, 2, 3]], [[1, 0, 2], [0, 1, 2]], [[2, 2], [1, 1]], [[0, 0, 0, 1], [0, 0, 0, 2]]], {
  hint: 'What does it give for two equal lists? Many replies of two policies are equally good.', level: 'advanced', tolerance: 1e-9,
})

// %%
const logRatio = (r: Rollout<DeskPrompt>) => r.logpOld.reduce((sum, l, t) => sum + l - r.logpRef![t], 0)
/** `every` 2: by every second customer only, for the middle of a run. */
function evaluate(model: LanguageModel, every = 1) {
  const replies = rollout(model, held.filter((_, i) => i % every === 0), { ...sampling, random: Random.seed(seed).split('held out'), reference: policy })
  return { every: every, golds: replies.map(r => gold(r.prompt, r.tokens).total), kl: mean(replies.map(logRatio)), nonsense: deskTruth(replies)['gold/gibberish'] }
}
const before = evaluate(policy)
type Point = ReturnType<typeof evaluate>
const rate = (p: Point) => wins(p.golds, before.golds.filter((_, i) => i % p.every === 0)), gains = (p: Point, who = (_: DeskPrompt) => true) =>
  mean(held.flatMap((prompt, i) => who(prompt) ? [p.golds[i] - before.golds[i]] : []))

// %%
/** Seconds of work and megabytes of tensors held between steps; what is measured aside does not count. */
function meter() {
  const base = tf.memory().numBytes
  let ms = 0, MB = 0, from = performance.now()
  return {
    see: () => { MB = Math.max(MB, (tf.memory().numBytes - base) / 2 ** 20) },
    aside: <T>(work: () => T): T => { ms += performance.now() - from; const out = work(); from = performance.now(); return out },
    read: () => ({ seconds: (ms + performance.now() - from) / 1000, MB: MB, rss: process.memoryUsage().rss / 2 ** 20 }),
  }
}
interface Run { method: string; beta: number; points: Point[]; generated: number; passes: number; cost: ReturnType<ReturnType<typeof meter>['read']> }
const runs: Run[] = [], betas = [0.1, 0.5], pairTokens = pairs.reduce((sum, p) => sum + 2 * p.prompt.ids.length + p.chosen.length + p.rejected.length, 0)

// %% [markdown]
// ## Same compute
//
// A *pass* is a token going through a model once. A backward pass costs about two forward ones, so a token that is trained on counts 3, one that is only scored counts 1.
//
// * DPO: every token of the pairs once through the reference (1), then 3 in each of two epochs.
// * RLHF: the reward model's training, 3 in each of two epochs. Then for each token of PPO's replies and their prompts: sampling 1, reference 1, reward 1, value 1, training of policy and value 3 each: 10.
//
// First DPO, with a loose and a tight leash: β 0.1 and 0.5.

// %%
await ready()
async function runDpo(beta: number): Promise<void> {
  const watch = meter(), reference = await pairReference(policy, pairs), points: Point[] = [], total = 2 * Math.ceil(pairs.length / 32)
  const training = dpo({ model: policy, pairs: pairs, reference: reference, seed: seed, beta: beta, ...deskPreferences(pairs.length, { epochs: 2 }) })
  for await (const { step } of progress(training, `DPO, β = ${beta}`, { total: total })) {
    watch.see()
    if (step === Math.round(total / 2) || step === total) points.push(watch.aside(() => evaluate({ config: policy.config, params: training.state.models.policy }, step === total ? 1 : 2)))
  }
  disposeTraining(training)
  runs.push({ method: 'DPO', beta: beta, points: points, generated: 0, passes: pairTokens * (1 + 3 * 2), cost: watch.read() })
}

// %% sampled=true promises=["text"]
for (const beta of betas) await runDpo(beta)

// %% [markdown]
// Then RLHF. One reward model from the same pairs serves both βs; its cost is counted in both. PPO's rate falls to nothing, as in lab 06.

// %% sampled=true promises=["text"]
await ready()
const rmWatch = meter(), rmTraining = deskRewardModel({ model: policy, pairs: rewardPairs(judged), seed: seed, epochs: 2 }), accuracies: number[] = []
for await (const m of progress(rmTraining, 'reward model', { total: 2 * Math.ceil(pairs.length / 16) })) {
  accuracies.push(m.accuracy)
  rmWatch.see()
}
const rmCost = rmWatch.read(), scorer: LanguageModel = { config: policy.config, params: rmTraining.state.models.reward }
claim('the reward model has learned to order its pairs', mean(accuracies.slice(-40)) > 0.65, { accuracy: mean(accuracies.slice(-40)) })

// %%
const warmUp = rollout(policy, prompts.slice(0, 128), { ...sampling, random: Random.seed(seed).split('start') })
const reward = standardiseReward(modelReward<DeskPrompt>(scorer), warmUp), promptTokens = mean(prompts.map(p => p.ids.length))
await ready()
async function runPpo(beta: number): Promise<void> {
  const watch = meter(), points: Point[] = [], training = deskPpo({ policy: policy, reward: reward, value: scorer, prompts: prompts, seed: seed, beta: beta, iterations: 12, batchSize: 64, minibatches: 4, schedule: linearSchedule({ lr: 5e-4, totalSteps: 13 }) })
  let generated = 0
  for await (const m of progress(training, `PPO, β = ${beta}`, { total: 12 })) {
    watch.see()
    generated += 64 * m['completions/mean_length']
    if (m.step % 6 === 0) points.push(watch.aside(() => evaluate({ config: policy.config, params: training.state.models.policy }, m.step === 12 ? 1 : 2)))
  }
  disposeTraining(training)
  const { seconds, ...rest } = watch.read(), passes = pairTokens * 3 * 2 + 10 * (generated + 12 * 64 * promptTokens)
  runs.push({ method: 'RLHF', beta: beta, points: points, generated: generated, passes: passes, cost: { ...rest, seconds: seconds + rmCost.seconds } })
}

// %% sampled=true promises=["text"]
for (const beta of betas) await runPpo(beta)

// %% sampled=true promises=["text"]
const run = (method: string, beta: number) => runs.find(r => r.method === method && r.beta === beta)!, both = ['DPO', 'RLHF'], end = (r: Run) => r.points.at(-1)!
const passes = both.map(m => mean(runs.filter(r => r.method === m).map(r => r.passes)))
claim('the compute is about the same', passes[1] / passes[0] > 0.67 && passes[1] / passes[0] < 1.5, { 'DPO, million passes': passes[0] / 1e6, 'RLHF, million passes': passes[1] / 1e6 })

// %% [markdown]
// ## The frontier
//
// A policy that differs more from its start *should* win more. So compare at equal KL: which curve is higher? Each curve is one run, from the start over its middle (seen by every second customer) to its end.

// %% sampled=true promises=["figure"]
await show(frontier({
  title: 'Few pairs: DPO wins as often for fewer nats', value: 'gold win rate over the start',
  curves: both.flatMap(m => betas.map(b => ({
    name: `${m}, β ${b}`, points: [{ kl: 0, reward: 0.5, label: 'start' }, ...run(m, b).points.map((p, i) => ({ kl: Math.max(0, p.kl), reward: rate(p), label: i ? 'end' : 'middle', show: i === 1 }))],
  }))),
}))

// %% sampled=true promises=["table"]
await show(runs.map(r => {
  const { winRate: rate, low, high } = winRate(outcomesOf(end(r).golds, before.golds))
  return { run: `${r.method}, β ${r.beta}`, 'gold win rate': rate, 'from': low, 'to': high, 'gold gained': gains(end(r)), 'KL, nats': end(r).kl, 'nonsense a reply': end(r).nonsense }
}), { caption: `${held.length} held-out customers, against the start's replies (nonsense at the start ${before.nonsense.toFixed(2)}); 95% intervals`, digits: 2 })

// %% sampled=true promises=["text"]
const bestOf = (m: string) => Math.max(...betas.map(b => rate(end(run(m, b))))), perNat = (m: string) => mean(betas.map(b => gains(end(run(m, b))))) / mean(betas.map(b => end(run(m, b)).kl))
claim('both beat their start', both.every(m => bestOf(m) > 0.52), { DPO: bestOf('DPO'), RLHF: bestOf('RLHF') })
claim('β is the leash of both: five times as much of it, and both stay nearer', both.every(m => end(run(m, 0.5)).kl < 0.8 * end(run(m, 0.1)).kl), {
  'DPO, 0.1': end(run('DPO', 0.1)).kl, 'DPO, 0.5': end(run('DPO', 0.5)).kl, 'RLHF, 0.1': end(run('RLHF', 0.1)).kl, 'RLHF, 0.5': end(run('RLHF', 0.5)).kl,
})
claim('for each nat DPO gains more, from this many pairs', perNat('DPO') > 1.2 * perNat('RLHF'), { 'DPO, gold a nat': perNat('DPO'), 'RLHF, gold a nat': perNat('RLHF') })
claim('both pay in nonsense at the loose leash', both.every(m => end(run(m, 0.1)).nonsense > 1.3 * before.nonsense), { before: before.nonsense, DPO: end(run('DPO', 0.1)).nonsense, RLHF: end(run('RLHF', 0.1)).nonsense })
reveal('8.nat', perNat('DPO') > 1.2 * perNat('RLHF') ? 'A' : perNat('RLHF') > 1.2 * perNat('DPO') ? 'B' : 'C')

// %% [markdown]
// Why? A thousand pairs make a weak reward model, and PPO is good at finding where it is wrong: part of its KL is spent on pleasing the scorer instead of the customer. DPO goes no further than the pairs carry it. This is not a law. Lab 06 gives PPO a reward model that has seen thirty times as many pairs and more iterations, and gains more gold than any run here. Published comparisons also go both ways, and turn on the data (Xu et al. 2024; Ivison et al. 2024).
//
// ## Customers whom no pair covers

// %% sampled=true promises=["figure"]
const uncovered = (p: DeskPrompt) => !covered(p), gainOf = (m: string, who: (p: DeskPrompt) => boolean) => mean(betas.map(b => gains(end(run(m, b)), who)))
await show(bars({
  title: 'Customers with damaged parcels get better replies, though no pair was about them', x: { label: 'method, mean over both β' }, y: { label: 'gold gained' },
  categories: both, bars: [{ name: 'covered by pairs', y: both.map(m => gainOf(m, covered)) }, { name: 'not covered', y: both.map(m => gainOf(m, uncovered)) }], text: v => v.toFixed(2),
}))
claim('both carry over to customers whom no pair covers', both.every(m => gainOf(m, uncovered) > 0.2), { DPO: gainOf('DPO', uncovered), RLHF: gainOf('RLHF', uncovered) })
const tries = prompts.slice(0, 12 * 64).filter(uncovered).length
claim('PPO wrote replies to such customers while training, DPO none', tries > 20, { 'at most so many replies by PPO': tries, 'by DPO': 0 })
reveal('8.uncovered', both.every(m => gainOf(m, uncovered) > 0.2) ? 'A' : gainOf('RLHF', uncovered) > 0.2 ? 'B' : 'C')

// %% [markdown]
// In the world of four replies DPO left the uncovered one alone. A language model is no table: its weights are shared, and what it learns about apologies, rules and made-up dates it says to every customer. That is generalisation, and nothing checks it. PPO does look at such customers, but through a reward model that knows them no better: exploring helps exactly as far as the scorer can be trusted there.
//
// ## The bill
//
// Weights are 4 bytes. A model that is trained needs them four times: weights, gradient, Adam's two averages.
//
// ### Exercise 8.3
// Megabytes for so many trained and so many frozen models of `weights` weights each.

// %%
function megabytes(weights: number, trained: number, frozen: number): number {
  // BEGIN SOLUTION
  return weights * 4 * (4 * trained + frozen) / 2 ** 20
  // END SOLUTION
}

// %% promises=["text"]
const bill = (weights: number, trained: number, frozen: number) => 4 * weights * (trained * 4 + frozen) / 1024 / 1024
const MB = check('8.3', megabytes, bill, [[2 ** 20, 1, 0], [2 ** 18, 2, 2], [126_000, 1, 1]], { hint: 'Four times the weights where a model is trained, once where it is not; 2^20 bytes are a megabyte.', level: 'foundational', tolerance: 1e-6 })
const weights = countParams(policy.params), memory = { DPO: MB(weights, 1, 1), RLHF: MB(weights, 2, 2) }
claim('PPO holds twice what DPO holds, before DPO lets its reference go', Math.abs(memory.RLHF / memory.DPO - 2) < 1e-9, { 'DPO, MB': memory.DPO, 'PPO, MB': memory.RLHF })

// %% promises=["text"]
const line = (r: Run) => `${`${r.method}, β ${r.beta}`.padEnd(12)} ${r.cost.seconds.toFixed(1).padStart(6)} s ${r.cost.MB.toFixed(1).padStart(6)} MB of tensors between steps ${r.cost.rss.toFixed(0).padStart(6)} MB process`
showVolatile(['On this machine (RLHF with its reward model):', ...runs.map(line)].join('\n'), 'On this machine: <seconds, megabytes of tensors held between steps and of the whole process, for each run>')

// %% [markdown]
// Between steps there are no gradients, and DPO's reference has become two numbers a pair: so the tensors that you see held are three copies of the weights for DPO, and for PPO three of the policy and three of the value model (reference and reward model were there before).
//
// ## The comparison
//
// Eight features, all from the runs above.

// %% sampled=true promises=["table"]
const spread = (m: string) => Math.abs(rate(end(run(m, betas[0]))) - rate(end(run(m, betas[1])))), at = (m: string, f: (r: Run) => number) => f(run(m, 0.5)), round = (x: number) => String(Number(x.toPrecision(3)))
const features: [string, (m: string) => number][] = [
  ['models alive while training the policy', m => m === 'DPO' ? 2 : 4], ['megabytes of weights and training state', m => memory[m as 'DPO' | 'RLHF']],
  ['tokens generated while training', m => at(m, r => r.generated)], ['million passes of a token', m => at(m, r => r.passes / 1e6)],
  ['gold win rate, β 0.5', m => at(m, r => rate(end(r)))], ['nats of KL spent for it', m => at(m, r => end(r).kl)],
  ['change of the win rate from β 0.1 to 0.5', spread], ['gold gained where no pair is', m => gainOf(m, uncovered)],
]
await show(features.map(([feature, f]) => ({ feature: feature, DPO: round(f('DPO')), 'RLHF by PPO': round(f('RLHF')) })), { caption: 'RLHF and DPO from the same pairs' })
claim('only RLHF generates while it trains', run('DPO', 0.5).generated === 0 && run('RLHF', 0.5).generated > 10_000, { 'tokens by DPO': 0, 'tokens by PPO': run('RLHF', 0.5).generated })

// %% [markdown]
// ### Exercise 8.4
// Advise. A team tells you: can they sample from the policy while training (`sampling`), how many preference pairs they have (`pairs`), and do they have a scorer they trust beyond those pairs (`trusted`)? Return `'DPO'` or `'RLHF'`. Without sampling there is no PPO. With a scorer that is trusted, PPO may look where no pair is. Otherwise a reward model must come from the pairs, and the lab's rule is: from 10,000 pairs on it is worth it.

// %%
function advise(sampling: boolean, pairs: number, trusted: boolean): string {
  // BEGIN SOLUTION
  return sampling && (trusted || pairs >= 10_000) ? 'RLHF' : 'DPO'
  // END SOLUTION
}

// %% promises=["text"]
const adviser = (sampling: boolean, pairs: number, trusted: boolean) => !sampling ? 'DPO' : trusted ? 'RLHF' : pairs >= 10_000 ? 'RLHF' : 'DPO'
const advice = check('8.4', advise, adviser, [[false, 50_000, true], [true, 1000, false], [true, 1000, true], [true, 30_000, false], [false, 100, false]], {
  hint: 'Ask in this order: can they sample at all? Do they trust a scorer? How many pairs?', level: 'advanced',
})

// %% [markdown]
// ## Over seeds
//
// The claims of this lab under four seeds: other customers, pairs, labels, batches and samples.

// %% promises=["table"]
await show(claimTable('08'), { caption: 'the claims of this lab under four seeds', maxRows: 60 })

// %% [markdown]
// ## What to inspect

// %% promises=["table"]
await show([
  { figure: 'gold win rate at equal KL', healthy: 'the same for both where pairs are plenty', sick: 'one far below: its scorer or its β' },
  { figure: 'KL for the gain', healthy: 'a nat buys reward', sick: 'KL grows, the win rate does not: gamed scorer, or overtrained pairs' },
  { figure: 'win rate over β', healthy: 'flat around its best', sick: 'a cliff: not a setting to ship' },
  { figure: 'gain where no pair is', healthy: 'like the gain where pairs are', sick: 'below 0: nobody has looked there' },
  { figure: 'win rate against itself', healthy: 'exactly one half', sick: 'ties counted as wins' },
  { figure: 'passes and generated tokens', healthy: 'written beside every comparison', sick: 'a method "wins" with thrice the compute' },
], { caption: 'What to inspect' })
disposeTraining(rmTraining)

// %% promises=["text"]
score()

// %% [markdown]
// ## Recap
//
// - **Foundational:** you can name the models that each method keeps in memory, and count their megabytes.
// - **Intermediate:** you can compute the optimum that both methods aim at, read the rewards off a policy, and compare a method that samples with one that does not, at equal pairs, compute and KL.
// - **Advanced:** you can find a win rate that flatters, say what each method does where no pair is, and advise a team by what it has.
//
// Lab 09 goes through DPO's relatives. Lab 10 lets DPO sample: pairs from the policy as it is now, the middle between this lab's two.
//
// **Sources.** Ouyang et al. 2022, InstructGPT (arXiv:2203.02155); Rafailov et al. 2023, DPO (arXiv:2305.18290); Schulman et al. 2017, PPO (arXiv:1707.06347); Xu et al. 2024, *Is DPO Superior to PPO for LLM Alignment?* (arXiv:2404.10719); Ivison et al. 2024, *Unpacking DPO and PPO* (arXiv:2406.09279); Gao et al. 2022 (arXiv:2210.10760).
