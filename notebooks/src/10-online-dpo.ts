// %% [markdown]
// # Lab 10 · Online DPO
//
// **The question of this lab:** DPO learns from pairs that somebody collected once. While the policy learns, its answers change, and the pairs stay what they were. What do you gain when the pairs are about the answers that the policy gives now?
//
// Online DPO repeats five steps: **sample** two answers from the policy, let somebody **judge** them, **form the triple** (prompt, chosen, rejected), **update** with DPO's loss, **repeat**. The loss is that of lab 07. Only the data move.
//
// You write the loop for a policy over twenty answers, and count what old pairs cannot teach. Then you train the parcel desk's policy both ways with the same number of labels, look at what becomes of the old pairs, let the reference move, and change the judge. The lab takes about 45 minutes to read and a minute to compute.

// %%
import {
  tf, ready, Random, announceBackend, labSeed, show, lines, bars, progress, predict, reveal, claim, todo, check, score,
  FAIR, EOS, deskPrompts, decodeTokens, choiceProbability, winProbability, drawPrompts, gold, prettify,
  deskPolicy, deskScorer, deskRewardModel, deskPreferences, dpo, dpoLoss, ipoLoss, onlineDpo, judgedPairs, rollout, responseLogps, scoreSequences,
  adamw, constantSchedule, disposeTraining, disposeParams, claimTable, probabilityJudge, scoreJudge, preferenceProbability,
  type DeskPrompt, type Judge, type OnlineDpoOptions, type Params, type Rollout, type SampledPair,
} from 'rlhf-labs'

// %% promises=["text"]
await announceBackend()
const seed = labSeed(), mean = (v: readonly number[]) => v.reduce((a, b) => a + b, 0) / v.length
const sum = (v: ArrayLike<number>) => Array.from(v).reduce((a, b) => a + b, 0)
const LABELS = 1024, BATCH = 128, SHORT = 2, RATE = 2e-4

// %% [markdown]
// ## Predict first

// %% promises=["text"]
predict('10.rare',
  'A policy gives the best of its answers one time in fifty. You draw two answers to each of 300 prompts and have them compared. ' +
  'In how many of the 300 pairs does the best answer stand?',
  ['about 6', 'about 12', 'about 150'])

// %% promises=["text"]
predict('10.stale',
  'You train on pairs of the starting policy. Afterwards you ask the trained policy for the probability of the old rejected answers. ' +
  'Of how many would you say: it still gives this answer at least a tenth as often as before?',
  ['nearly all', 'well below all', 'none'])

// %% [markdown]
// ## The five steps by hand
//
// A policy over three answers gives A with probability 0.6, B with 0.3, C with 0.1. It is its own reference, π_ref = π. Two samples came out as B and A, in this order. The judge prefers the first. So the triple is (x, chosen B, rejected A).
//
// DPO's margin is Δ = log π(B)/π_ref(B) − log π(A)/π_ref(A). It is 0 at the start, so the loss is log 2. Write π as the softmax of logits z: then Δ changes by 1 for each unit of z_B and by −1 for each unit of z_A. The gradient is −β σ(−βΔ) = −β/2 on z_B, +β/2 on z_A, and **0** on z_C. Nobody drew C, so nobody judged it.

// %% promises=["table"]
const handBeta = 0.5, handStart = [0.6, 0.3, 0.1], stepSize = 4, push = handBeta * winProbability(0)
const softmax = (z: readonly number[]) => { const e = z.map(Math.exp), all = sum(e); return e.map(x => x / all) }
const moves = [-push, push, 0], moved = softmax(handStart.map((p, i) => Math.log(p) + stepSize * moves[i]))
await show(['A', 'B', 'C'].map((answer, i) => ({
  answer: answer, 'π before': handStart[i], '− gradient on its logit': moves[i], 'π after a step of 4': moved[i],
})), { digits: 3 })
claim('B overtakes A', moved[1] > moved[0] && handStart[1] < handStart[0], { 'A after': moved[0], 'B after': moved[1] })

// %% [markdown]
// ### Exercise 10.1
// Form the triple. `wins` is 1 when the judge prefers `a`, 0 when it prefers `b`, and ½ for a tie. Two equal answers and a tie teach nothing: return null.

// %%
function formTriple(a: string, b: string, wins: number): { chosen: string; rejected: string } | null {
  // BEGIN SOLUTION
  if (a === b || wins === 0.5) return null
  return wins === 1 ? { chosen: a, rejected: b } : { chosen: b, rejected: a }
  // END SOLUTION
}

// %% promises=["text"]
const reference1 = (a: string, b: string, wins: number) =>
  a === b || wins === 0.5 ? null : { chosen: [b, a][wins], rejected: [a, b][wins] }
const triple = check('10.1', formTriple, reference1, [['B', 'A', 1], ['B', 'A', 0], ['A', 'A', 1], ['A', 'B', 0.5]], {
  hint: 'Three cases: nothing to learn, a wins, b wins.', level: 'foundational',
})

// %% [markdown]
// ### Exercise 10.2
// Your policy gives one answer with probability p. You draw two answers to a prompt, independently. How probable is a *useful* pair in which that answer stands, that is, one with it and another one?

// %%
function usefulPairs(p: number): number {
  // BEGIN SOLUTION
  return 2 * p * (1 - p)
  // END SOLUTION
}

// %% promises=["text"]
const exact = (p: number) => 1 - p ** 2 - (1 - p) ** 2
const useful = check('10.2', usefulPairs, exact, [[0], [0.02], [0.1], [0.5], [1]], {
  hint: 'Either the first is that answer and the second is not, or the other way round.', level: 'intermediate',
})
console.log(`an answer given one time in fifty stands in ${(300 * useful(0.02)).toFixed(0)} of 300 pairs; ` +
  `once it is given every other time, in ${(300 * useful(0.5)).toFixed(0)}`)
reveal('10.rare', 300 * useful(0.02) < 9 ? 'A' : 300 * useful(0.02) < 50 ? 'B' : 'C')

// %% [markdown]
// That is the whole argument for online data. What a policy rarely says is rarely compared, and an offline log stays that way. Online, an answer that wins is said more often, and so is compared more often, with the answers that are now its rivals.
//
// ## The naive loop
//
// Twenty answers with known utilities. The start gives the best ones rarely. The judge follows Bradley and Terry, as in lab 02. One label at a time, 300 labels; offline, all pairs come from the start, online from the policy as it is.

// %%
const K = 20, utilities = Array.from({ length: K }, (_, i) => 4 * i / (K - 1)), z0 = utilities.map(u => -0.7 * u)
const labels = 300, rate = 2, toyBeta = 0.3
function toyRun(online: boolean, random: Random): number[] {
  const z = [...z0]
  for (let n = 0; n < labels; n++) {
    const p = softmax(online ? z : z0), [a, b] = [random.weighted(p), random.weighted(p)]
    if (a === b) continue
    const [w, l] = random.uniform() < winProbability(utilities[a] - utilities[b]) ? [a, b] : [b, a]
    const margin = (z[w] - z0[w]) - (z[l] - z0[l]), g = rate * toyBeta * winProbability(-toyBeta * margin)
    z[w] += g
    z[l] -= g
  }
  return softmax(z)
}

// %% promises=["figure"]
const toyRuns = [false, true].map(online => Array.from({ length: 100 }, (_, r) => toyRun(online, Random.seed(seed).split(`toy ${r}`))))
const average = (runs: readonly number[][]) => utilities.map((_, i) => mean(runs.map(p => p[i])))
await show(bars({
  title: 'With the same number of labels, the online policy reaches the best answers',
  x: { label: 'utility of the answer' }, y: { label: 'probability', unit: 'mean of 100 runs' }, categories: utilities.map(u => u.toFixed(1)),
  bars: [{ name: 'start', y: softmax(z0) }, { name: 'offline', y: average(toyRuns[0]) }, { name: 'online', y: average(toyRuns[1]) }],
}))

// %% promises=["text"]
const worth = (p: readonly number[]) => sum(p.map((x, i) => x * utilities[i])), [offToy, onToy] = toyRuns.map(runs => mean(runs.map(worth)))
claim('after 300 labels the online policy has the higher utility', onToy > offToy + 0.5, { start: worth(softmax(z0)), offline: offToy, online: onToy })
const pair = { rejected: tf.tensor1d([-0.4]), refChosen: [0], refRejected: [0] }
const libraryPush = tf.tidy(() => tf.grad(w => tf.sum(dpoLoss({ chosen: w.as1D(), ...pair }, { beta: toyBeta })))(tf.tensor1d([0.3])).dataSync()[0])
pair.rejected.dispose()
claim('the library’s gradient on the chosen answer is the loop’s', Math.abs(libraryPush + toyBeta * winProbability(-toyBeta * 0.7)) < 1e-6, { gradient: libraryPush })

// %% [markdown]
// Offline, the best answers were hardly ever drawn, so hardly any label is about them. With endless labels both ways would end at the same policy. Labels are never endless.
//
// ## The desk: old pairs, new pairs
//
// Now the fine-tuned policy of the parcel desk. The judge is a careful annotator, who prefers the better reply by the true reward, with Bradley and Terry's noise. Two policies get the same number of labels and the same number of updates:
//
// - **offline:** two replies of the *starting* policy to each prompt, judged once, then DPO (lab 07);
// - **online:** the same prompts, 128 at a time: two replies of the policy *as it is*, judged, two passes over them, repeat.
//
// Offline also gets two passes. β is 0.1. A comparison is only honest if the loser was tuned. So both take the rate at which *offline* learns best here, and offline has warm-up and a cosine besides, which suit a fixed data set. (Change `RATE` and run again: at half and at twice this rate offline ends lower, or no higher.)

// %%
const policy = deskPolicy(), prompts = deskPrompts(drawPrompts(LABELS, seed + 50)), held = deskPrompts(drawPrompts(320, seed + 5, { heldOut: true }))
const annotator = probabilityJudge<DeskPrompt>(pairs => pairs.map(({ prompt, a, b }) => choiceProbability(prompt, a, b, FAIR)))
const sampling = { maxNewTokens: 43, stopTokens: [EOS] }, model = (params: Params) => ({ config: policy.config, params: params })
const optimiser = () => ({ optimiser: adamw({ lr: RATE, betas: [0.9, 0.99], maxGradNorm: 1 }), schedule: constantSchedule({ lr: RATE }) })
const goldOf = (replies: readonly Rollout<DeskPrompt>[]) => mean(replies.map(r => gold(r.prompt, r.tokens).total))
const driftOf = (replies: readonly Rollout<DeskPrompt>[]) => replies.map(r => sum(r.logpOld) - sum(r.logpRef!))
function evaluate(params: Params, asked = held) {
  const replies = rollout(model(params), asked, { ...sampling, random: Random.seed(seed).split('evaluate'), reference: policy })
  return { gold: goldOf(replies), kl: mean(driftOf(replies)), words: mean(replies.map(r => r.tokens.length - 1)) }
}

// %% promises=["text"] sampled=true
const pairs = await judgedPairs(policy, prompts, annotator, { ...sampling, random: Random.seed(seed).split('offline') })
const { prompt: shownPrompt, chosen, rejected } = pairs[0]
console.log(`Customer: ${prettify(shownPrompt.text)}\n`)
for (const [name, reply] of [['chosen', chosen], ['rejected', rejected]] as const) {
  console.log(`${name}, true reward ${gold(shownPrompt, reply).total.toFixed(2)}: ${prettify(decodeTokens(reply, true))}\n`)
}

// %% [markdown]
// What does a policy still have to do with an old pair? Compare its probability of the rejected reply with the probability at the time when the pair was made. While π(y)/π_ref(y) is at least 1/10, call the reply *plausible*: the policy could still make this mistake, and it is worth a label to tell it not to. Below, the mistake is dead already.
//
// ### Exercise 10.3
// You have the log-probability of each reply under the policy and under the reference. Write the share of plausible ones.

// %%
function plausibleShare(logp: number[], logpRef: number[]): number {
  // BEGIN SOLUTION
  return logp.filter((l, i) => l - logpRef[i] >= -Math.log(10)).length / logp.length
  // END SOLUTION
}

// %% promises=["text"]
const byRatio = (logp: number[], logpRef: number[]) => mean(logp.map((l, i) => Math.exp(l - logpRef[i]) >= 0.1 ? 1 : 0))
const shareOf = check('10.3', plausibleShare, byRatio, [[[-20, -21], [-20, -20]], [[-30, -22, -9], [-20, -20, -10]], [[-5], [-9]]], {
  hint: 'A ratio of 1/10 is a difference of −log 10 in log-probabilities.', level: 'intermediate',
})
const probe = pairs.slice(0, 64).map(p => ({ prompt: p.prompt, tokens: p.rejected }))
const logpsOf = (params: Params) => responseLogps(model(params), probe).map(sum), atBirth = logpsOf(policy.params)
const plausible = (params: Params) => shareOf(logpsOf(params), atBirth)

// %% promises=["text"] sampled=true
await ready()
const updates = 2 * LABELS / 16, before = evaluate(policy.params), offline: { update: number; plausible: number }[] = []
const old = dpo({ model: policy, pairs: pairs, seed: seed, ...deskPreferences(LABELS, { epochs: 2, batchSize: 16, lr: RATE }) })
for await (const m of progress(old, 'offline DPO', { total: updates })) {
  if (m.step % 16 === 0) offline.push({ update: m.step, plausible: plausible(old.state.models.policy) })
}
const offlineEnd = evaluate(old.state.models.policy)
disposeTraining(old)

// %% promises=["text"] sampled=true
await ready()
const few = held.slice(0, 160), options = { policy: policy, prompts: prompts, judge: annotator, ...sampling, batchSize: BATCH, epochs: 2, minibatches: 8, seed: seed }
const measure = (replies: readonly Rollout<DeskPrompt>[]) => ({ gold: goldOf(replies), fresh: shareOf(driftOf(replies), replies.map(() => 0)) })
const fresh = onlineDpo({ ...options, ...optimiser(), measure: measure }), online: { update: number; gold: number; fresh: number; plausible: number }[] = []
let frozen = { ...before, reported: 0 }
for await (const m of progress(fresh, 'online DPO', { total: LABELS / BATCH })) {
  online.push({ update: 16 * m.step, gold: m.gold, fresh: m.fresh, plausible: plausible(fresh.state.models.policy) })
  if (m.step === SHORT) frozen = { ...evaluate(fresh.state.models.policy, few), reported: m['objective/kl'] }
}
const onlineEnd = evaluate(fresh.state.models.policy)

// %% promises=["figure"] sampled=true
const at = online.map(o => o.update), percents = (values: readonly number[]) => [100, ...values.map(v => 100 * v)]
await show(lines({
  title: 'Old pairs are soon about replies that the policy no longer gives',
  x: { label: 'update', unit: 'of 16 pairs' }, y: { label: 'plausible replies', unit: '%', range: [0, 105] },
  lines: [
    { name: 'rejected when the pairs were made, offline policy', x: [0, ...at], y: percents(offline.map(o => o.plausible)) },
    { name: 'the same replies, online policy', x: [0, ...at], y: percents(online.map(o => o.plausible)) },
    { name: 'what the online policy has just drawn', x: [0, ...at], y: percents(online.map(o => o.fresh)) },
  ],
}))
const stale = offline.at(-1)!.plausible
reveal('10.stale', stale > 0.9 ? 'A' : stale > 0.05 ? 'B' : 'C')

// %% promises=["text"] sampled=true
claim('the plausible share of the old rejected replies shrinks as training goes on, under both policies',
  stale < 0.85 && stale < offline[0].plausible && online.at(-1)!.plausible < online[0].plausible, {
    'offline, early': offline[0].plausible, 'offline, end': stale, 'online, early': online[0].plausible, 'online, end': online.at(-1)!.plausible,
  })
claim('what the online policy draws stays plausible to it', online.every(o => o.fresh > 0.85), { 'fresh, end': online.at(-1)!.fresh })

// %% promises=["table", "text"] sampled=true
await show([{ policy: 'start', ...before }, { policy: 'offline', ...offlineEnd }, { policy: 'online', ...onlineEnd }].map(r => ({
  policy: r.policy, labels: r.policy === 'start' ? 0 : LABELS, 'true reward': r.gold, 'KL to the start': r.kl, words: r.words,
})), { caption: '320 held-out prompts, one reply each', digits: 2 })
claim('both learn, and online ends higher at the same number of labels',
  offlineEnd.gold > before.gold + 0.2 && onlineEnd.gold > offlineEnd.gold + 0.05, { start: before.gold, offline: offlineEnd.gold, online: onlineEnd.gold })

// %% promises=["table"]
await show(claimTable('10', 'online ends higher'), { caption: 'The same under four seeds: other prompts, samples and verdicts' })

// %% [markdown]
// That the fresh line stays high is no luck. Under π the mean of π_ref/π is 1, so at most one sample in ten can have a ratio π/π_ref below 1/10 (Markov’s inequality, on average).
//
// The two policies took the same number of steps on the same number of labels. Online, every label was about a mistake that the policy could still make.
//
// ## A reference that moves
//
// The loss holds the policy to π_ref, and so far that was the start. It may follow: after each iteration π_ref ← ½ π + ½ π_ref (Gorbatovski 2024). Two iterations are enough to see it; the run with the frozen reference is the one above, as it stood then. Then the policy pays only for what it moved lately, and β no longer bounds the distance from the start.

// %%
type Options = OnlineDpoOptions<DeskPrompt>
async function run(name: string, more: Partial<Options>) {
  const training = onlineDpo<DeskPrompt>({ ...options, ...optimiser(), iterations: SHORT, ...more })
  let reported = 0
  for await (const m of progress(training, name, { total: SHORT })) reported = m['objective/kl']
  const end = { ...evaluate(training.state.models.policy, few), reported: reported }
  disposeTraining(training)
  return end
}

// %% promises=["table", "text"] sampled=true
const moving = await run('moving reference', { moving: { every: 1, mix: 0.5 } })
await show([{ reference: 'frozen', ...frozen }, { reference: 'moving', ...moving }].map(r => ({
  reference: r.reference, labels: BATCH * SHORT, 'true reward': r.gold, 'KL to the start': r.kl, 'last objective/kl': r.reported,
})), { caption: 'after two iterations, 160 of the held-out prompts', digits: 2 })
claim('with a moving reference the reported KL tells much less of the drift than with a frozen one',
  moving.reported / moving.kl < 0.8 * frozen.reported / frozen.kl, { 'frozen, reported': frozen.reported, drift: frozen.kl, 'moving, reported': moving.reported, 'its drift': moving.kl })

// %% [markdown]
// `objective/kl` is the KL to the reference as it is now, on the last batch before its update. When the reference moves, keep a copy of the start and measure the KL to that, too: nothing else tells you how far the policy has come.
//
// ## Three judges
//
// The annotator costs a label a pair. A model can judge instead, for nothing, once it is trained.
//
// - A **reward model** (lab 04) scores each reply alone; the higher score wins. Ours comes with the course (data/reward): it learned from thousands of comparisons of clerks’ replies and of the policy’s own.
// - A **preference model** reads the prompt and *both* replies, and says P(a is preferred). Asked in both orders, σ(s(x,a,b) − s(x,b,a)), it cannot favour the first place. It need not rank: a may beat b, b beat c, and c beat a. We train one on 512 of the old pairs, whose labels are paid for.

// %%
const join = (...parts: (readonly number[])[]) => parts.flat(), scorer = deskScorer()
const rewardJudge = scoreJudge<DeskPrompt>((prompts, replies) => scoreSequences(scorer.params, scorer.config, prompts.map((p, i) => join(p.ids, replies[i]))))
const both = pairs.slice(0, 512).map(({ prompt, chosen, rejected }) => ({ chosen: join(prompt.ids, chosen, rejected), rejected: join(prompt.ids, rejected, chosen) }))
const comparer = deskRewardModel({ model: policy, pairs: both, seed: seed })
const preferred = preferenceProbability<DeskPrompt>((prompts, first, second) =>
  scoreSequences(comparer.state.models.reward, policy.config, prompts.map((p, i) => join(p.ids, first[i], second[i]))))
const judges: Record<string, Judge<DeskPrompt>> = { annotator: annotator, 'reward model': rewardJudge, 'preference model': probabilityJudge(preferred, { draw: false }) }

// %% promises=["text"] sampled=true
await ready()
for await (const _ of progress(comparer, 'preference model', { total: both.length / 16 })) { /* nothing to keep */ }

// %% [markdown]
// How good is a judge? On fresh pairs of held-out prompts, see how often it prefers the reply with the higher true reward. A coin would say 50%. The annotator is no oracle either.

// %% promises=["text"] sampled=true
const test: (SampledPair<DeskPrompt> & { better: number })[] = []
const collect: Judge<DeskPrompt> = drawn => {
  for (const p of drawn) test.push({ ...p, better: Math.sign(gold(p.prompt, p.a).total - gold(p.prompt, p.b).total) })
  return { wins: drawn.map(() => 1) }
}
await judgedPairs(policy, held, collect, { ...sampling, random: Random.seed(seed).split('test') })
const clear = test.filter(p => p.better !== 0)
const accuracy = async (judge: Judge<DeskPrompt>) => {
  const { wins } = await judge(clear, Random.seed(seed).split('verdicts'))
  return mean(clear.map((p, i) => wins[i] === 0.5 ? 0.5 : Number((wins[i] === 1) === (p.better > 0))))
}
console.log(`${clear.length} pairs of different true reward`)

// %% promises=["table", "figure"] sampled=true
const startFew = evaluate(policy.params, few).gold
const judged: { judge: string; accuracy: number; gold: number; kl: number }[] = []
for (const [name, judge] of Object.entries(judges)) {
  const end = name === 'annotator' ? frozen : await run(`judge: ${name}`, { judge: judge })
  judged.push({ judge: name, accuracy: await accuracy(judge), gold: end.gold, kl: end.kl })
}
await show(judged.map(j => ({
  judge: j.judge, 'right, %': 100 * j.accuracy, 'true reward after': j.gold, 'KL to the start': j.kl, 'new labels': j.judge === 'annotator' ? BATCH * SHORT : 0,
})), { digits: 2 })
const lifted = judged.filter(j => j.gold > startFew).map(j => j.judge)
await show(bars({
  title: lifted.length === judged.length ? 'Each of the three judges lifts the true reward' : `Lifted the true reward: ${lifted.join(' and ') || 'no judge'}`,
  x: { label: 'judge' }, y: { label: 'true reward on held-out prompts', unit: 'points' }, categories: ['start', ...judged.map(j => j.judge)],
  bars: [{ name: 'after training', y: [startFew, ...judged.map(j => j.gold)] }],
}))

// %% promises=["text"] sampled=true
const [careful, ...models] = judged
claim('the annotator is the best judge by far', models.every(m => careful.accuracy > m.accuracy + 0.05), Object.fromEntries(judged.map(j => [j.judge, j.accuracy])))

// %% [markdown]
// A trained judge costs no new labels, and it is only as good as its old ones: a few hundred pairs make a preference model that is not much better than a coin. It also gets worse as the policy moves away from the replies that it was trained on: that is lab 12.
//
// ## IPO-style
//
// The loop takes any loss of pairs. DPO pushes a margin on without end, ever more weakly. IPO aims at a margin of 1/(2β) and pulls back what lies beyond it (lab 09). With fresh pairs this becomes the online IPO of Calandriello et al. (2024).

// %% promises=["table", "text"] sampled=true
const ipo = await run('IPO online', { loss: ipoLoss })
await show([{ loss: 'DPO', ...frozen }, { loss: 'IPO', ...ipo }].map(r => ({
  loss: r.loss, 'true reward': r.gold, 'KL to the start': r.kl, words: r.words,
})), { digits: 2 })
claim('IPO online learns too', ipo.gold > startFew, { start: startFew, 'IPO online': ipo.gold })

// %% [markdown]
// ## Find the bug
//
// One iteration of online DPO for a policy over answers, as in the naive loop. A colleague reports that "online" training does no better than offline. The function draws the pair for the next label: `u` are two numbers from 0 to 1 that pick the answers. Find the mistake.

// %%
function nextPair(policy: number[], reference: number[], u: [number, number]): number[] {
  // BEGIN SOLUTION
  const source = policy
  // END SOLUTION
  // STUDENT: const source = reference
  const total = source.map((_: number, i: number) => source.slice(0, i + 1).reduce((a: number, b: number) => a + b, 0))
  return u.map(x => Math.min(reference.length - 1, total.findIndex((t: number) => x < t)))
}

// %% promises=["text"]
const draw = (p: number[], _: number[], u: [number, number]) => u.map(x => { let i = 0, left = x; while (left >= p[i]) left -= p[i++]; return i })
const drawCases: [number[], number[], [number, number]][] = [
  [[0.5, 0.25, 0.25], [0.5, 0.25, 0.25], [0.1, 0.6]], [[0.125, 0.125, 0.75], [0.75, 0.125, 0.125], [0.3, 0.9]], [[0.25, 0.75], [0.75, 0.25], [0.5, 0.1]],
]
const mended = check('10.bug', nextPair, draw, drawCases, { hint: 'Whose answers should the judge see?', level: 'advanced' })
console.log(`the policy prefers the third answer, and is asked about: ${mended([0.125, 0.125, 0.75], [0.75, 0.125, 0.125], [0.3, 0.9]).join(' and ')}`)

// %% [markdown]
// Nothing crashes, the loss falls, and the margins grow. The sign is in the data: the plausible share of what is being judged falls, as it does offline.
//
// ## What to inspect

// %% promises=["table"]
await show([
  { figure: 'objective/kl', healthy: 'grows, more slowly each time', sick: 'grows faster and faster: β or rate' },
  { figure: 'rewards/accuracies on fresh pairs', healthy: 'a little above 0.5', sick: 'near 1: the pairs are not fresh, or too easy' },
  { figure: 'pairs/identical', healthy: 'few', sick: 'many: the policy has one answer left' },
  { figure: 'pairs/ties', healthy: 'few', sick: 'many: the judge cannot tell its answers apart' },
  { figure: 'val/contain_eos_token', healthy: 'near 1', sick: 'falls: replies are cut off' },
  { figure: 'plausible share of the data', healthy: 'near 1', sick: 'falls: labels are wasted on old mistakes' },
  { figure: 'the judge’s accuracy on new samples', healthy: 'stays', sick: 'falls: train the judge again' },
], { caption: 'What to inspect' })

// %% promises=["text"]
for (const training of [fresh, comparer]) disposeTraining(training)
disposeParams(scorer.params)
score()

// %% [markdown]
// ## Recap
//
// - **Foundational:** you can name the five steps, and form the triple from two samples and a verdict.
// - **Intermediate:** you can say how often an answer is compared, and measure which pairs a policy could still learn from.
// - **Advanced:** you can choose judge and reference for an online run, and find a loop that only looks online.
//
// Online DPO is nearly PPO: it samples, it has a judge for a reward, and it pays for KL. What it does without is a value model. Lab 11 keeps the samples and takes a program as the judge.
//
// **Sources.** Rafailov et al. 2023 (arXiv:2305.18290); Guo et al. 2024, online AI feedback (arXiv:2402.04792); Calandriello et al. 2024, online IPO (arXiv:2403.08635); Azar et al. 2023, IPO (arXiv:2310.12036); Munos et al. 2023, preference models and Nash learning (arXiv:2312.00886); Gorbatovski et al. 2024, moving references (arXiv:2404.09656); Tajwar et al. 2024, on-policy data (arXiv:2404.14367).
