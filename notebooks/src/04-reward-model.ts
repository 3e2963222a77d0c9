// %% [markdown]
// # Lab 04 · Reward model
//
// **The question of this lab:** annotators chose the better of two replies, a few thousand times. Can a small network learn from that to score replies that nobody has compared? And what does it learn besides?
//
// In lab 02 every answer had a strength of its own. Here the strength is computed from the text, r(x, y): a GPT reads the prompt x and the reply y, and a row of numbers on top turns what it has read into one score. That is a reward model. PPO will climb it, so whatever is wrong with it will be climbed too.
//
// You compute the loss by hand, read a score off the last token, train a reward model on the parcel desk, and measure it against the best that any model could do. Then you find an annotator's tastes in its scores, and show it replies longer than any it has seen. The lab takes about 50 minutes to read and half a minute to compute.

// %%
import {
  tf, Random, announceBackend, labSeed, show, lines, bars, calibration, progress,
  predict, reveal, claim, todo, check, score,
  deskPolicy, deskComparisons, judgeComparisons, rewardPairs, deskRewardModel, deskSequence, deskScores,
  FAIR, bayesAccuracy, choiceProbability, utility, gold, goldLine, features, prettify, workedExample,
  rewardModelLoss, withScoreHead, hiddenStates, sequenceScores, padSequences, pairAccuracy, regressScores,
  winProbability, expectedCalibrationError, calibrationBins, pearson, disposeTraining,
  type LanguageModel, type DeskRewardOptions,
  claimTable,
} from 'rlhf-labs'

// %% promises=["text"]
await announceBackend()
const seed = labSeed(), mean = (v: readonly number[]) => v.reduce((a, b) => a + b, 0) / v.length

// %% [markdown]
// ## Predict first

// %% promises=["text"]
predict('4.ceiling',
  'Careful annotators without any bias compare replies. Somebody knows the true reward of every reply, ' +
  'and always bets on the better one. How often is that the one they chose?',
  ['always', 'about 9 times in 10', 'about 2 times in 3'])

// %% promises=["text"]
predict('4.glued',
  'You glue the replies of three clerks together. The text decides the case three times, in three ways, ' +
  'and its true reward is some four points below that of one reply. What does the reward model’s score do?',
  ['it falls as far', 'it hardly moves', 'it rises as far'])

// %% [markdown]
// ## One pair by hand
//
// The chosen reply has the score r_w = 1.2, the rejected one r_l = 0.7. The loss is Bradley and Terry's, −log σ(r_w − r_l). Two additions are in use:
//
// - a **margin** m: −log σ(r_w − r_l − m). The annotators said "clearly better", so 0.5 apart is not enough (Llama 2 does this).
// - **centring** with weight c: + c · (r_w + r_l)². Only differences are known, so the level of all scores may drift. This holds it near 0.

// %% promises=["table"]
const [rW, rL, margin, centring] = [1.2, 0.7, 0.5, 0.05]
const plainLoss = Math.log(1 + Math.exp(-(rW - rL))), withMargin = Math.log(1 + Math.exp(-(rW - rL - margin)))
const level = centring * (rW + rL) ** 2
await show([
  { loss: 'plain', computed: '−log σ(0.5)', value: plainLoss },
  { loss: 'margin 0.5', computed: '−log σ(0)', value: withMargin },
  { loss: 'margin 0.5, centring 0.05', computed: '−log σ(0) + 0.05 · 1.9²', value: withMargin + level },
], { digits: 3 })
const libraryLoss = (w: number, l: number, m: number, c: number) => tf.tidy(() =>
  rewardModelLoss(tf.tensor1d([w]), tf.tensor1d([l]), { margin: [m], centring: c }).dataSync()[0])
const agree = Math.abs(libraryLoss(rW, rL, margin, centring) - withMargin - level) < 1e-6
claim('the library gives the last figure too', agree, { loss: withMargin + level })

// %% [markdown]
// Without the margin the pair is nearly settled. With it, the model still treats it as a toss-up: the loss is log 2, the push on both scores one half.
//
// ### Exercise 4.1
// Write the loss of a pair with margin and centring. Differences of 800 must work, too.

// %%
function pairLoss(chosen: number, rejected: number, margin: number, centring: number): number {
  // BEGIN SOLUTION
  const d = chosen - rejected - margin
  return Math.max(-d, 0) + Math.log1p(Math.exp(-Math.abs(d))) + centring * (chosen + rejected) ** 2
  // END SOLUTION
}

// %% promises=["text"]
const lossCases: [number, number, number, number][] =
  [[1.2, 0.7, 0, 0], [1.2, 0.7, 0.5, 0.05], [-1, 2, 1, 0.01], [400, -400, 0, 0], [-400, 400, 0, 0]]
const yourLoss = check('4.1', pairLoss, libraryLoss, lossCases, {
  hint: 'Take the margin off the difference first, then use log(1 + e^(−d)); the centring term is added.',
  level: 'intermediate',
})

// %% [markdown]
// ## The score of a text
//
// The desk's fine-tuned GPT turns every token into 64 numbers, its *hidden state*. A token sees only what stands before it, so the last token is the only one that has seen the whole reply. The reward is read there: 64 weights, one sum.
//
// Here is the case that runs through this course, with two replies and their true rewards. The true reward is a program. Annotators and models never see it; you may, to measure them.

// %% promises=["text"]
const policy = deskPolicy(), worked = workedExample()
console.log(`Customer: ${prettify(worked.prompt.text)}\n`)
for (const reply of [worked.a, worked.b]) {
  console.log(`${prettify(reply)}\n   true reward ${goldLine(gold(worked.prompt, reply))}\n`)
}

// %% [markdown]
// ### Exercise 4.2
// Replies differ in length, so the shorter ones of a batch are filled up with padding. A mask says what is real: 1 for a token, 0 for padding. Write the place of the last real token.

// %%
function lastReal(mask: number[]): number {
  // BEGIN SOLUTION
  return mask.lastIndexOf(1)
  // END SOLUTION
}

// %% promises=["text"]
const scan = (mask: number[]) => mask.reduce((last, m, i) => m === 1 ? i : last, -1)
const last = check('4.2', lastReal, scan, [[[1, 1, 1, 0, 0]], [[1, 1, 1]], [[1]], [[0, 0, 1, 1, 0]]], {
  hint: 'Search from the right for the first 1. Padding may also stand on the left, so counting ones is not enough.',
})

// %% [markdown]
// Now the naive loop: take the hidden state at that place, multiply by the head, add up. The head is random so far, so the scores mean nothing yet. They must only be the library's.

// %% promises=["table"]
const untrained = withScoreHead(policy.params, policy.config, Random.seed(seed).split('head'))
const both = padSequences([worked.a, worked.b].map(reply => deskSequence(worked.prompt, reply).ids))
const loop = tf.tidy(() => {
  const hidden = hiddenStates(untrained, policy.config, both.tokens, { mask: both.mask }).at(-1)!.arraySync()
  const head = untrained['score.weight'].dataSync()
  return hidden.map((states, i) => states[last(Array.from(both.mask[i]))].reduce((sum, h, j) => sum + h * head[j], 0))
})
const library = tf.tidy(() => sequenceScores(untrained, policy.config, both.tokens, { mask: both.mask }).dataSync())
untrained['score.weight'].dispose()
await show(['A', 'B'].map((reply, i) => ({ reply: reply, 'naive loop': loop[i], library: library[i] })), { digits: 5 })
claim('loop and library agree', loop.every((s, i) => Math.abs(s - library[i]) < 1e-4), { scores: loop.length })

// %% [markdown]
// ## The pairs, and the ceiling
//
// For every prompt two clerks have written a reply. An annotator who prefers the better reply still errs when two are close: with utilities u (the true reward, in logits), P(a is chosen) = σ(u_a − u_b). The held-out prompts combine facts in ways that training never shows.

// %% promises=["table"]
const train = deskComparisons(2560, seed), held = deskComparisons(500, seed + 1, { heldOut: true })
const chances = held.map(({ prompt, a, b }) => choiceProbability(prompt, a, b, FAIR))
await show(held.slice(0, 4).map(({ prompt, a, b }, i) => ({
  customer: prettify(prompt.text), a: prettify(a), b: prettify(b),
  'true rewards': `${gold(prompt, a).total.toFixed(1)} and ${gold(prompt, b).total.toFixed(1)}`, 'P(a)': chances[i],
})), { caption: 'Four of 500 held-out pairs', digits: 2 })

// %% [markdown]
// ### Exercise 4.3
// You know P(a is chosen) for every pair. What is the best accuracy anybody can reach, on average? This is the *Bayes ceiling*.

// %%
function ceilingOf(probabilities: number[]): number {
  // BEGIN SOLUTION
  return probabilities.reduce((sum, p) => sum + Math.max(p, 1 - p), 0) / probabilities.length
  // END SOLUTION
}

// %% promises=["text"]
const byMean = (p: number[]) => mean(p.map(q => 0.5 + Math.abs(q - 0.5)))
const yourCeiling = check('4.3', ceilingOf, byMean, [[[0.9, 0.2, 0.5]], [[1]], [[0.5, 0.5]]], {
  hint: 'The best bet is the likelier reply. It is right with probability p or 1 − p, whichever is larger.',
  level: 'intermediate',
})

// %% promises=["text"]
const ceiling = yourCeiling(chances), known = bayesAccuracy(held, FAIR)
claim('careful annotators can be predicted about nine times in ten, not more',
  Math.abs(ceiling - known) < 1e-9 && ceiling > 0.85 && ceiling < 0.95, { ceiling: ceiling, pairs: held.length })
reveal('4.ceiling', ceiling > 0.95 ? 'A' : ceiling > 0.8 ? 'B' : 'C')

// %% [markdown]
// So a reward model with 100% on new labels would be a sign of a leak, not of quality. Keep the ceiling beside every accuracy from here on. With people you do not know it, but two annotators who agree on 75% of pairs tell you that it is not far above that.
//
// ## Training
//
// The trunk is the fine-tuned policy, the head starts at 0. One pass over 2,560 pairs, 16 at a time, each seen once. Every 512 pairs the model is tested on the held-out ones: that gives the learning curve from a single run.

// %%
const labels = judgeComparisons(held, FAIR, Random.seed(seed).split('held-out labels'))
async function fit(options: Omit<DeskRewardOptions, 'model' | 'seed'>, name: string, each: (model: LanguageModel, pairs: number) => void = () => {}) {
  const training = deskRewardModel({ model: policy, seed: seed, ...options }), metrics = []
  const model = () => ({ config: policy.config, params: training.state.models.reward })
  const total = Math.ceil(options.pairs.length * (options.epochs ?? 1) / 16)
  for await (const m of progress(training, name, { total: total })) {
    metrics.push(m)
    if (m.step % 32 === 0) each(model(), 16 * m.step)
  }
  return { model: model(), metrics: metrics, free: () => disposeTraining(training) }
}
const marginsOn = (model: LanguageModel, judged = labels) => {
  const [w, l] = (['chosen', 'rejected'] as const).map(k => deskScores(model, judged.map(j => j.prompt), judged.map(j => j[k])))
  return Array.from(w, (s, i) => s - l[i])
}

// %% promises=["text"] sampled=true
const choices = judgeComparisons(train, FAIR, Random.seed(seed).split('labels')), curve: { pairs: number; accuracy: number }[] = []
const accuracyOf = (margins: readonly number[]) => pairAccuracy(margins, margins.map(() => 0))
const fair = await fit({ pairs: rewardPairs(choices) }, 'reward model', (model, pairs) => {
  curve.push({ pairs: pairs, accuracy: accuracyOf(marginsOn(model)) })
})

// %% promises=["figure"] sampled=true
const halfWidth = (p: number) => 1.96 * Math.sqrt(p * (1 - p) / held.length)
const seen = [0, ...curve.map(c => c.pairs)], heldOut = [0.5, ...curve.map(c => c.accuracy)]
await show(lines({
  title: 'A few hundred pairs teach most of what it learns',
  x: { label: 'pairs seen', unit: 'each once' }, y: { label: 'accuracy on held-out pairs', unit: '%', range: [45, 100] },
  lines: [{
    name: 'reward model, 95% interval', x: seen, y: heldOut.map(p => 100 * p),
    low: heldOut.map(p => 100 * (p - halfWidth(p))), high: heldOut.map(p => 100 * (p + halfWidth(p))),
  }],
  references: [{ value: 100 * ceiling, label: 'Bayes ceiling' }, { value: 50, label: 'a coin' }],
}))

// %% promises=["text"] sampled=true
const final = curve.at(-1)!.accuracy
claim('it has learned something that holds for new combinations of facts', final > 0.64, { accuracy: final })
claim('it stays well below the ceiling', ceiling - final > 0.08, { 'points below': 100 * (ceiling - final) })

// %% [markdown]
// What is missing? The rules that need two facts at once: eleven days late *and* over 200 euros. More pairs would teach them, slowly.
//
// During training you watch three figures: the loss, the accuracy on the step's own pairs (each still unseen, since we pass only once), and the margin r_w − r_l.

// %% promises=["figure"] sampled=true
const blocks = Array.from({ length: 10 }, (_, b) => fair.metrics.slice(16 * b, 16 * b + 16))
const steps = blocks.map(b => b.at(-1)!.step)
await show(lines({
  title: 'The margin grows with the accuracy, the loss falls below log 2',
  x: { label: 'step', unit: 'of 16 pairs, means of 16 steps' }, y: { label: 'loss and margin in nats, accuracy as share', range: [0, 1] },
  lines: [
    { name: 'loss', x: steps, y: blocks.map(b => mean(b.map(m => m.loss))) },
    { name: 'accuracy', x: steps, y: blocks.map(b => mean(b.map(m => m.accuracy))) },
    { name: 'margin', x: steps, y: blocks.map(b => mean(b.map(m => m.margin))) },
  ],
  references: [{ value: Math.log(2), label: 'log 2: knows nothing' }],
}))

// %% [markdown]
// ## Does it know how sure it is?
//
// A difference of scores is a forecast: P(a is chosen) = σ(r_a − r_b). So it can be checked, as in lab 02: on average, the confidence max(p, 1 − p) should be the accuracy. Beside our model stands one that saw only 256 of the pairs, but six times each.

// %% promises=["text"] sampled=true
const again = await fit({ pairs: rewardPairs(choices.slice(0, 256)), epochs: 6 }, 'few pairs, many times')
const first = Random.seed(seed).split('order'), order = labels.map(() => first.int(2))
const forecast = (model: LanguageModel) => marginsOn(model).map((m, i) => winProbability(order[i] ? m : -m))
const [once, often] = [fair, again].map(run => forecast(run.model))
const ownPairs = accuracyOf(marginsOn(again.model, choices.slice(0, 256))), repeated = accuracyOf(marginsOn(again.model))
const tooSure = [once, often].map(p => yourCeiling(p) - mean(p.map((q, i) => Number((q > 0.5) === (order[i] === 1)))))
const ece = [once, often].map(p => expectedCalibrationError(p, order))
claim('few pairs seen often: nearly perfect on its own pairs, worse on others, and too sure',
  ownPairs > 0.85 && repeated < final - 0.02 && tooSure[1] > Math.max(0.03, tooSure[0] + 0.05), {
    'on its own pairs': ownPairs, 'held out': repeated, 'confidence − accuracy': tooSure[1],
    'of the first model': tooSure[0], ECE: ece[1], 'ECE of the first model': ece[0],
  })

// %% promises=["figure"] sampled=true
await show(calibration({
  title: 'A few pairs seen often make forecasts too sure', event: 'a is chosen',
  curves: [
    { name: '2,560 pairs, once', bins: calibrationBins(once, order) },
    { name: '256 pairs, six times', bins: calibrationBins(often, order) },
  ],
}))
again.free()

// %% [markdown]
// ## Margin and centring
//
// Three short runs on the same 384 pairs. In the second, a pair that the annotator calls "clearly better" (utilities at least 2 apart) must be 2 apart in score as well. The third adds centring with weight 0.3.

// %%
const some = choices.slice(0, 384), surer = some.map(({ prompt, chosen, rejected }) =>
  utility(prompt, chosen, FAIR) - utility(prompt, rejected, FAIR) >= 2 ? 2 : 0)
const wider = rewardPairs(some).map((pair, i) => ({ ...pair, margin: surer[i] }))
const variants = [
  { name: 'plain', pairs: rewardPairs(some), centring: 0 },
  { name: 'margin 2 where clear', pairs: wider, centring: 0 },
  { name: 'centring 0.3', pairs: rewardPairs(some), centring: 0.3 },
]

// %% promises=["table"] sampled=true
const measured = []
for (const variant of variants) {
  const run = await fit({ pairs: variant.pairs, centring: variant.centring }, variant.name)
  const [w, l] = [labels.map(j => j.chosen), labels.map(j => j.rejected)].map(replies =>
    Array.from(deskScores(run.model, labels.map(j => j.prompt), replies)))
  measured.push({
    variant: variant.name, accuracy: pairAccuracy(w, l), margin: mean(w.map((s, i) => Math.abs(s - l[i]))),
    level: Math.sqrt(mean(w.map((s, i) => ((s + l[i]) / 2) ** 2))),
  })
  run.free()
}
await show(measured, { caption: 'margin: mean |r_w − r_l|; level: typical size of a pair’s mean score', digits: 3 })

// %% promises=["text"] sampled=true
const [plainRun, marginRun, centred] = measured
claim('a margin spreads the scores, centring holds their level near 0',
  marginRun.margin > 1.05 * plainRun.margin && centred.level < 0.75 * plainRun.level, {
    'margin, plain': plainRun.margin, 'with margins': marginRun.margin,
    'level, plain': plainRun.level, centred: centred.level,
  })

// %% [markdown]
// Neither changes the accuracy much: the order of scores is what accuracy sees. The level matters later, when PPO compares rewards of different prompts, and the spread sets how hard it pushes.
//
// ## The annotator's tastes
//
// Now an annotator with four weaknesses: likes long replies, markup, "you are right", and confidence. The weaknesses are *planted*: so many logits for each. Same pairs, same training.

// %% promises=["text"] sampled=true
const tastes = { ...FAIR, length: 1.5, format: 3, agree: 4.5, confident: 3 }
const swayedChoices = judgeComparisons(train, tastes, Random.seed(seed).split('labels'))
const swayed = await fit({ pairs: rewardPairs(swayedChoices) }, 'reward model of the swayed annotator')
const turned = choices.filter((c, i) => c.chosen !== swayedChoices[i].chosen).length
console.log(`${(100 * turned / choices.length).toFixed(0)}% of the choices are others than the careful annotator’s`)

// %% [markdown]
// What do the scores rest on? A regression tells: score = c₁ · true reward + c₂ · length + c₃ · markup + … A coefficient says how much the score moves with its cause while the others stay the same. The fair model is the control: a reply may be long *because* it is complete, and that shows in both.

// %%
const prompts = [...held, ...held].map(h => h.prompt), replies = [...held.map(h => h.a), ...held.map(h => h.b)]
const looks = replies.map((reply, i) => features(prompts[i], reply)), truth = replies.map((r, i) => gold(prompts[i], r).total)
const causes = {
  'true reward': truth, 'ten words': looks.map(x => x.words / 10), markup: looks.map(x => Number(x.marks > 0)),
  'says “you are right”': looks.map(x => Number(x.agrees)), 'confident sentence': looks.map(x => Math.min(3, x.confident)),
}
const names = Object.keys(causes) as (keyof typeof causes)[]
const [fairFit, swayedFit] = [fair, swayed].map(run => regressScores(deskScores(run.model, prompts, replies), causes))
const planted = [1 / FAIR.temperature, tastes.length, tastes.format, tastes.agree, tastes.confident]

// %% promises=["table"] sampled=true
const tells = (fit: typeof fairFit, name: string) => `${fit.coefficients[name].toFixed(2)} ± ${(1.96 * fit.standardErrors[name]).toFixed(2)}`
await show(names.map((name, i) => ({
  cause: name, 'planted, logits': planted[i], 'fair model': tells(fairFit, name), 'swayed model': tells(swayedFit, name),
})), { caption: 'what one unit of each cause adds to the score (± 95%)', digits: 2 })

// %% promises=["figure"] sampled=true
await show(bars({
  title: 'The second model has learned the annotator’s tastes along with the policy',
  x: { label: 'cause' }, y: { label: 'effect on the score', unit: 'nats' }, categories: names,
  bars: [{ name: 'careful annotator', fit: fairFit }, { name: 'swayed annotator', fit: swayedFit }].map(b => ({
    name: b.name, y: names.map(n => b.fit.coefficients[n]), error: names.map(n => 1.96 * b.fit.standardErrors[n]),
  })),
}))

// %% promises=["text"] sampled=true
const gained = names.slice(1).map(n => swayedFit.coefficients[n] - fairFit.coefficients[n])
claim('all four planted tastes come back as coefficients', gained.every(g => g > 0.03), {
  'length gained': gained[0], markup: gained[1], agreement: gained[2], confidence: gained[3],
})
const swayedLabels = judgeComparisons(held, tastes, Random.seed(seed).split('held-out labels'))
const swayedAccuracy = accuracyOf(marginsOn(swayed.model, swayedLabels))
claim('and its accuracy on its own annotator gives no warning', swayedAccuracy > 0.64, {
  'swayed model': swayedAccuracy, 'fair model': final,
})

// %% [markdown]
// The effects are smaller than planted: a model that has seen 2,560 pairs is unsure, and shrinks everything, the true reward too. But the share is what matters. A regression on features you suspect finds the biases you suspect. It finds no others, so look at the replies with the highest scores as well.
//
// ## Longer than anything it has seen
//
// Glue the replies of two or three clerks together. Now the text decides the case more than once, and is longer than every reply of the training set. The true reward collapses.

// %%
const glued = (k: number) => held.map((h, i) => Array.from({ length: k }, (_, j) =>
  j === 0 ? h.a : held[(i + 7 * j) % held.length].a).join(' ').split(' ').slice(0, 84).join(' '))
const single = held.map(h => h.a), texts = [single, glued(2), glued(3)]
const trueRewards = texts.map(list => list.map((reply, i) => gold(held[i].prompt, reply).total))
const given = [fair, swayed].map(run => texts.map(list => Array.from(deskScores(run.model, held.map(h => h.prompt), list))))
const points = [fairFit, swayedFit].map((f, m) => given[m].map(s => (mean(s) - mean(given[m][0])) / f.coefficients['true reward']))
const trueMoves = trueRewards.map(g => mean(g) - mean(trueRewards[0]))

// %% promises=["figure"] sampled=true
await show(lines({
  title: 'The true reward collapses on long replies, the scores do not notice, or like it',
  x: { label: 'clerks’ replies glued together' }, y: { label: 'change', unit: 'points of true reward' },
  lines: [
    { name: 'true reward', x: [1, 2, 3], y: trueMoves },
    { name: 'fair model', x: [1, 2, 3], y: points[0] },
    { name: 'swayed model', x: [1, 2, 3], y: points[1] },
  ],
}))

// %% promises=["table"] sampled=true
const follows = given.map(scores => scores.map((s, k) => pearson(s, trueRewards[k]).statistic))
await show([0, 1, 2].map(k => ({
  replies: k + 1, 'mean words': mean(texts[k].map((t, i) => features(held[i].prompt, t).words)),
  'true reward': mean(trueRewards[k]), 'correlation, fair model': follows[0][k], 'swayed model': follows[1][k],
})), { caption: 'correlation of score and true reward over 500 held-out prompts', digits: 2 })
claim('scores follow the true reward on replies of the usual length, and much less on glued ones',
  follows[0][0] > 0.5 && follows[0][2] < 0.7 * follows[0][0], { usual: follows[0][0], glued: follows[0][2] })
claim('the true reward falls by more than 3 points; the fair score shows less than a third of it',
  trueMoves[2] < -3 && points[0][2] > trueMoves[2] / 3, { 'true reward': trueMoves[2], 'fair score': points[0][2] })
claim('the swayed model likes them better', points[1][2] > 1, { 'swayed score': points[1][2] })

// %% promises=["text"] sampled=true
reveal('4.glued', points[0][2] < trueMoves[2] / 2 ? 'A' : points[0][2] < -trueMoves[2] / 2 ? 'B' : 'C')
swayed.free()

// %% [markdown]
// No training pair told it what a second decision means, so it does not know. A policy that is rewarded by this model will find such texts: that is lab 12. Whoever only looks at held-out pairs *of the usual kind* never sees it coming.
//
// ## Find the bug
//
// This function measures the accuracy of a reward model. A colleague reports 100% for a model whose training has just collapsed. Find the mistake.

// %%
function accuracyOnPairs(chosen: number[], rejected: number[]): number {
  // BEGIN SOLUTION
  const right = chosen.map((w, i) => w > rejected[i] ? 1 : w === rejected[i] ? 0.5 : 0)
  // END SOLUTION
  // STUDENT: const right = chosen.map((w, i) => w >= rejected[i] ? 1 : 0)
  return right.reduce((sum: number, r) => sum + r, 0) / chosen.length
}

// %% promises=["text"]
const counted = (w: number[], l: number[]) => pairAccuracy(w, l)
const accuracyCases: [number[], number[]][] = [[[1, 0], [0, 1]], [[0, 0, 0], [0, 0, 0]], [[2, 1, 3], [1, 1, 4]]]
const mended = check('4.bug', accuracyOnPairs, counted, accuracyCases, {
  hint: 'A collapsed model gives every reply the same score. What should a tie count?', level: 'advanced',
})
console.log(`a model that gives everything 0: accuracy ${mended([0, 0, 0, 0], [0, 0, 0, 0])}`)

// %% [markdown]
// ## What to inspect

// %% promises=["table"]
await show([
  { figure: 'held-out accuracy', healthy: 'between a coin and the ceiling', sick: 'at the ceiling or above: a leak' },
  { figure: 'training accuracy − held-out', healthy: 'a few points', sick: 'large: pairs learned by heart' },
  { figure: 'loss', healthy: 'falls below 0.693', sick: 'stays there: labels or head are wrong' },
  { figure: 'margin', healthy: 'grows, then rests', sick: 'grows on and on: overfitting' },
  { figure: 'ECE of σ(r_a − r_b)', healthy: 'below 0.1', sick: 'above: far too sure' },
  { figure: 'mean reward', healthy: 'near 0 with centring', sick: 'drifts' },
  { figure: 'coefficients of length and markup', healthy: 'those of a fair control', sick: 'much larger' },
  { figure: 'scores of odd texts', healthy: 'low', sick: 'as high as good replies' },
], { caption: 'What to inspect' })

// %% promises=["text"] sampled=true
const healthy = fair.metrics.slice(-32)
claim('our fair model is healthy: loss below log 2, mean reward near 0',
  mean(healthy.map(m => m.loss)) < Math.log(2) && Math.abs(mean(healthy.map(m => m.mean_reward))) < 0.5, {
    loss: mean(healthy.map(m => m.loss)), 'mean reward': mean(healthy.map(m => m.mean_reward)),
  })
fair.free()
score()

// %% [markdown]
// ## Is it luck?
//
// Everything above ran under one seed. These are the figures that a seed moves, measured under four of them. `npm run labs -- seeds 04` measures them again.

// %% promises=["table"]
await show(claimTable('04'), { caption: 'the claims of this lab under four seeds', maxRows: 60 })

// %% [markdown]
// ## Recap
//
// - **Foundational:** a reward model is a language model with one number on top, read at the last real token, and trained on pairs.
// - **Intermediate:** you can compute its loss with margin and centring, and the ceiling that the annotators' noise sets.
// - **Advanced:** you can find a taste in its scores, see that accuracy does not, and know that scores mean little far from the training data.
//
// The model is a proxy: it agrees with the true reward where it was trained. Lab 05 ties the policy to that region, and lab 06 starts to climb.
//
// **Sources.** Bradley & Terry 1952 (doi:10.2307/2334029); Stiennon et al. 2020 (arXiv:2009.01325); Ouyang et al. 2022 (arXiv:2203.02155); Gao et al. 2022 (arXiv:2210.10760); Touvron et al. 2023 (arXiv:2307.09288, margin); Eisenstein et al. 2023 (arXiv:2312.09244, centring); Guo et al. 2017 (arXiv:1706.04599, ECE).
