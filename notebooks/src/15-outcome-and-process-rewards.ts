// %% [markdown]
// # Lab 15 · Outcome and process rewards
//
// **The question of this lab:** a clerk works a sum out in steps. You can look at the end and say "right" or "wrong". Or you can look at every step. Which judge is worth more, if both are trained on the same answers?
//
// A judge of the end is an *outcome reward model* (ORM), one of the steps a *process reward model* (PRM). Neither is an algorithm: they are scorers. You use them to choose among answers, to drop bad ones early, or as the reward of PPO and GRPO.
//
// You label steps by hand, train both judges on the same answers, let them choose among n, let them guide a search, and watch a PRM fall for sentences that do nothing. The lab takes about 60 minutes to read and a minute to compute.

// %%
import {
  tf, ready, Random, announceBackend, labSeed, show, lines, bars, progress, predict, reveal, claim, todo, check, score,
  allSumTasks, sumTask, sumPolicy, sumReplies, sumReward, decodeTokens, encodeText, replyTokens, EOS, SUM_FILLERS,
  judgeSteps, stepLabels, fillerShare, stepModel, stepScorer, stepProbabilities, worstStep, productOfSteps, lastStep, meanOfSteps,
  binaryCrossEntropy, withScoreHead, adamw, linearSchedule, stepBeam, bestOfNMean, gae, grpo, disposeTraining, claimTable,
  type Aggregate, type LanguageModel, type LabelledSequence, type StepLabel, type StepModelMetrics, type Reward, type Rollout, type SumTask,
} from 'rlhf-labs'

// %% promises=["text"]
await announceBackend()
const seed = labSeed(), stream = Random.seed(seed), mean = (v: readonly number[]) => v.reduce((a, b) => a + b, 0) / v.length

// %% [markdown]
// ## Predict first

// %% promises=["text"]
predict('15.search',
  'Sixteen first steps are sampled for each task. A judge of steps keeps the best four, and only these go on. ' +
  'How many tokens does that cost, compared with sixteen whole answers?',
  ['about as many', 'about half as many', 'about a tenth'])

// %% promises=["text"]
predict('15.filler',
  'A judge gives every sentence the chance that it is right, and an answer gets the mean over its sentences. ' +
  'A wrong answer begins rightly. Which is the cheapest way to raise its score?',
  ['mend the mistake', 'say “yes , that is right .” often before the mistake', 'say it often after the mistake'])

// %% [markdown]
// ## Labels for steps
//
// An answer with a slip in the second step. The step verifier reads it sentence by sentence: is everything right *so far*?

// %% promises=["table"]
const task = sumTask('refund', [3, 5, -2])
const slip = '3 + 5 = 8 . let me check again . 8 - 2 = 5 . total 5 .'
await show(judgeSteps(task, slip).map(s => ({ sentence: s.text, does: s.kind, 'right so far': s.right, 'gets on': s.progress })), { caption: task.text })
const labels = stepLabels(task, replyTokens(slip))
claim('five labels, the last one at <eos>: right, right, wrong, wrong, wrong', labels.map(l => l.label).join() === '1,1,0,0,0', { labels: labels.length })

// %% [markdown]
// The outcome judge gets one label for the same text: wrong. It must find out by itself where the mistake was.
//
// ### Find the bug
// This function labels steps. A judge trained on its labels praises the end of answers that went wrong in the middle. Find the mistake.

// %%
function soFar(rightByItself: number[]): number[] {
  const out: number[] = []
  rightByItself.forEach((right, i) => {
    // BEGIN SOLUTION
    out.push(Number(right === 1 && (i === 0 || out[i - 1] === 1)))
    // END SOLUTION
    // STUDENT: out.push(right)
  })
  return out
}

// %% promises=["text"]
const untilWrong = (right: number[]) => right.map((_, i) => Number(right.slice(0, i + 1).every(r => r === 1)))
const mended = check('15.bug', soFar, untilWrong, [[[1, 1, 1]], [[1, 0, 1, 1]], [[0, 1]], [[]]], {
  hint: '“5 - 2 = 3” is true, but of no use after “3 + 5 = 5”.', level: 'intermediate',
})
console.log(`right, wrong, right, right by themselves: labels ${mended([1, 0, 1, 1]).join(' ')}`)

// %% [markdown]
// ## The loss
//
// The judge has one number s a place, and P(right) = σ(s). The loss is the log-likelihood of the label: −log σ(s) for 1, −log σ(−s) for 0.
//
// ### Exercise 15.1
// Write it so that s = −800 works, too.

// %%
function labelLoss(s: number, label: number): number {
  // BEGIN SOLUTION
  return Math.max(s, 0) + Math.log1p(Math.exp(-Math.abs(s))) - label * s
  // END SOLUTION
}

// %% promises=["text"]
const libraryLoss = (s: number, label: number) => tf.tidy(() => binaryCrossEntropy(tf.tensor2d([[s]]), [[label]]).dataSync()[0])
const yourLoss = check('15.1', labelLoss, libraryLoss, [[0, 1], [2, 1], [2, 0], [-80, 1], [80, 1]], {
  hint: 'log(1 + e^s) − label · s, and log(1 + e^s) = max(s, 0) + log(1 + e^(−|s|)).', level: 'intermediate',
})
console.log(`an undecided judge pays ${yourLoss(0, 1).toFixed(3)}, log 2`)

// %% [markdown]
// ## One number for an answer
//
// A judge of steps gives many numbers. To choose among answers you need one: the last, the worst, the product (the chance that all are right, were they independent), or the mean.
//
// ### Exercise 15.2
// Write worst and product of a list, in this order.

// %%
function aggregates(p: number[]): [number, number] {
  // BEGIN SOLUTION
  return [Math.min(...p), p.reduce((a, b) => a * b, 1)]
  // END SOLUTION
}

// %% promises=["text"]
const both = (p: number[]): [number, number] => [worstStep(p), productOfSteps(p)]
const mine = check('15.2', aggregates, both, [[[0.9, 0.5, 0.8]], [[1]], [[0.99, 0.99, 0.99, 0.99]]], { hint: 'Math.min(...p), and a reduce that starts at 1.' })
console.log(`0.9, 0.5, 0.8: worst ${mine([0.9, 0.5, 0.8])[0]}, product ${mine([0.9, 0.5, 0.8])[1].toFixed(2)}, mean ${meanOfSteps([0.9, 0.5, 0.8]).toFixed(2)}`)

// %% [markdown]
// ## The same answers for both judges
//
// The policy of lab 11, as it was before training, answers training tasks. Both judges start from its weights and see the same answers, in the same order, for as many steps. One gets a label at the end, the other one at every sentence.

// %% sampled=true promises=["table"]
const STUDIED = 4096, policy = sumPolicy(), held = allSumTasks({ heldOut: true }), [DOT] = encodeText('.')
const studied = sumReplies(policy, Array.from({ length: STUDIED }, () => stream.choice(allSumTasks())), { random: stream.split('studied') })
const whole = studied.map(r => [...r.prompt.ids, ...r.tokens]), outcomes = Array.from(sumReward(studied))
const forOutcome = studied.map((_, i): LabelledSequence => ({ ids: whole[i], labels: [{ at: whole[i].length - 1, label: outcomes[i] }] }))
const labelled = (of: (r: Rollout<SumTask>) => readonly StepLabel[]) => studied.map((r, i): LabelledSequence => ({ ids: whole[i], labels: of(r).map(l => ({ at: l.at + r.prompt.ids.length, label: l.label })) }))
const forProcess = labelled(r => stepLabels(r.prompt, r.tokens)), count = (e: readonly LabelledSequence[]) => e.reduce((n, x) => n + x.labels.length, 0)
await show([{ judge: 'ORM', answers: STUDIED, labels: count(forOutcome) }, { judge: 'PRM', answers: STUDIED, labels: count(forProcess) }])

// %% [markdown]
// The answers cost the same; the labels do not. A step label is more work for a person, too: Lightman et al. paid for 800,000 of them. Here a program writes them.

// %%
const STEPS = STUDIED / 32, RATE = 1e-3
async function judgeFrom(name: string, examples: readonly LabelledSequence[]) {
  const head = withScoreHead(policy.params, policy.config), records: StepModelMetrics[] = []
  const training = stepModel({
    model: { config: policy.config, params: head }, examples: examples, steps: STEPS, seed: seed,
    optimiser: adamw({ lr: RATE, betas: [0.9, 0.99], maxGradNorm: 1 }), schedule: linearSchedule({ lr: RATE, warmupSteps: 5, totalSteps: STEPS }),
  })
  head['score.weight'].dispose()
  for await (const m of progress(training, name, { total: STEPS })) records.push(m)
  return { records: records, training: training, model: { config: policy.config, params: training.state.models.reward } }
}

// %% sampled=true promises=["text"]
await ready()
const orm = await judgeFrom('ORM', forOutcome), prm = await judgeFrom('PRM', forProcess)
const lossEnds = (j: typeof orm) => [mean(j.records.slice(0, 4).map(m => m.loss)), mean(j.records.slice(-8).map(m => m.loss))]
claim('both judges learn: the loss falls', [orm, prm].every(j => lossEnds(j)[1] < 0.95 * lossEnds(j)[0]), {
  'ORM, first': lossEnds(orm)[0], 'ORM, last': lossEnds(orm)[1], 'PRM, first': lossEnds(prm)[0], 'PRM, last': lossEnds(prm)[1],
})

// %% [markdown]
// Ask both judges at every sentence of the answer with the slip. The outcome judge was never asked before the end.

// %% sampled=true promises=["table"]
const slipTokens = [{ prompt: task, tokens: replyTokens(slip) }], [ormSays] = stepProbabilities(orm.model, slipTokens, [DOT]), [prmSays] = stepProbabilities(prm.model, slipTokens, [DOT])
await show([...judgeSteps(task, slip).map(s => s.text), '<eos>'].map((text, i) => ({ sentence: text, 'right so far': labels[i].label, 'PRM says': prmSays[i], 'ORM says': ormSays[i] })), { digits: 2 })

// %% [markdown]
// ## Best of n
//
// The policy answers every held-out task sixteen times. A judge takes the best of n. With 1 we have the policy's own accuracy; a perfect judge would find a right answer wherever there is one. The estimate for n < 16 uses all subsets of the sixteen.

// %%
const N = 16, pool = sumReplies(policy, held, { random: stream.split('pool'), samples: N }), right = Array.from(sumReward(pool))
const steps = stepProbabilities(prm.model, pool, [DOT]), verdicts: Record<string, number[]> = {
  'ORM': stepScorer<SumTask>(orm.model, [DOT], lastStep)(pool), 'PRM, worst step': steps.map(worstStep), 'PRM, product': steps.map(productOfSteps),
  'PRM, last': steps.map(lastStep), 'PRM, mean': steps.map(meanOfSteps), 'a perfect judge': right,
}
const ns = [1, 2, 4, 8, 16], some = (v: readonly number[], t: number) => v.slice(N * t, N * t + N)
const accuracyOf = (score: readonly number[]) => ns.map(n => mean(held.map((_, t) => bestOfNMean(some(score, t), some(right, t), n))))
const curves = Object.fromEntries(Object.entries(verdicts).map(([name, score]) => [name, accuracyOf(score)]))

// %% sampled=true promises=["figure"]
await show(lines({
  title: 'A judge of steps picks better than a judge of ends, and neither is perfect', x: { label: 'n, answers to choose from', log: true }, y: { label: 'right answers chosen', unit: '%', range: [30, 102] },
  lines: Object.entries(curves).map(([name, y]) => ({ name: name, x: ns, y: y.map(p => 100 * p) })),
}))

// %% sampled=true promises=["text"]
const at4 = (name: string) => curves[name][2], within = (score: readonly number[]) => {
  const wins = held.flatMap((_, t) => some(score, t).flatMap((a, i) => some(score, t).flatMap((b, j) => some(right, t)[i] > some(right, t)[j] ? [a > b ? 1 : a === b ? 0.5 : 0] : [])))
  return mean(wins)
}
const order = Object.fromEntries(['ORM', 'PRM, worst step'].map(name => [name, within(verdicts[name])]))
claim('both judges choose better than chance', ['ORM', 'PRM, worst step'].every(name => at4(name) > curves[name][0] + 0.04), { 'one answer': curves.ORM[0], 'ORM, best of 4': at4('ORM'), 'PRM, best of 4': at4('PRM, worst step') })
claim('the same answers teach the PRM more: it chooses better, and orders a right and a wrong answer to one task better', at4('PRM, worst step') > at4('ORM') && order['PRM, worst step'] > order.ORM, {
  'ORM, pairs in order': order.ORM, 'PRM, pairs in order': order['PRM, worst step'], 'ORM, best of 4': at4('ORM'), 'PRM, best of 4': at4('PRM, worst step'),
})
claim('neither comes near a perfect judge', at4('PRM, worst step') < at4('a perfect judge') - 0.1, { 'PRM, best of 4': at4('PRM, worst step'), 'a perfect judge': at4('a perfect judge') })

// %% [markdown]
// Look at n = 16. A judge with errors of its own does not gain for ever: among more answers there are more that look right to it and are not. That is over-optimisation (lab 12), without any training.
//
// ## Search, step by step
//
// Best-of-n finishes every answer, also those that are lost after the first sentence. A judge of steps can drop them earlier. Sixteen first sentences a task; keep the four best beginnings; continue each; choose among the finished ones.

// %%
interface Found { judge: string; right: number; tokens: number; length: number; filler: number }
function search(name: string, model: LanguageModel, aggregate: Aggregate, expand = 1): Found {
  const found = stepBeam(policy, held, {
    random: stream.split('search'), maxNewTokens: 40, stopTokens: [EOS], stepTokens: [DOT], candidates: 16, keep: 4, expand: expand, score: stepScorer<SumTask>(model, [DOT], aggregate),
  })
  return {
    judge: name, right: mean(Array.from(sumReward(found))), tokens: mean(found.map(f => f.sampledTokens)), length: mean(found.map(f => f.tokens.length)),
    filler: mean(found.map(f => fillerShare(f.prompt, f.tokens))),
  }
}

// %% sampled=true promises=["table"]
const byPrm = search('PRM, worst step', prm.model, worstStep), byOrm = search('ORM', orm.model, lastStep), allTokens = N * mean(pool.map(r => r.tokens.length))
await show([
  { 'sixteen answers': 'all finished, PRM chooses', 'right, %': 100 * curves['PRM, worst step'][4], 'tokens a task': allTokens },
  ...[byPrm, byOrm].map(f => ({ 'sixteen answers': `four go on, ${f.judge}`, 'right, %': 100 * f.right, 'tokens a task': f.tokens })),
], { digits: 1 })

// %% sampled=true promises=["text"]
claim('dropping beginnings saves more than four tokens in ten', byPrm.tokens < 0.6 * allTokens, { 'all finished': allTokens, 'four go on': byPrm.tokens })
claim('and with the PRM it costs no more than a few right answers', byPrm.right > curves['PRM, worst step'][4] - 0.08, { 'all finished': curves['PRM, worst step'][4], 'four go on': byPrm.right })
claim('the ORM, never asked about beginnings in training, searches worse', byOrm.right < byPrm.right, { PRM: byPrm.right, ORM: byOrm.right })
reveal('15.search', byPrm.tokens > 0.8 * allTokens ? 'A' : byPrm.tokens > 0.25 * allTokens ? 'B' : 'C')

// %% [markdown]
// ## A judge fed with filler
//
// “yes , that is right .” works nothing out, and spoils nothing. What is its label? Lightman et al. had three: good, bad and *neutral*, and they counted neutral as good. Train a third judge that way: a sentence is labelled by itself, and a filler is always right.

// %% sampled=true promises=["text"]
await ready()
const forKind = labelled(r => {
  const judged = judgeSteps(r.prompt, r.tokens), all = stepLabels(r.prompt, r.tokens)
  return all.map((l, i) => i < judged.length ? { at: l.at, label: Number(judged[i].kind === 'filler' || judged[i].progress) } : l)
})
const kind = await judgeFrom('judge that counts neutral as right', forKind)

// %% [markdown]
// Take wrong answers that begin rightly, and say “yes , that is right .” k times after the first step. They stay wrong. How often does each beat a right answer to the same task?

// %%
const filler = encodeText(SUM_FILLERS[1]), padded = (tokens: readonly number[], k: number) => {
  const cut = tokens.indexOf(DOT) + 1
  return [...tokens.slice(0, cut), ...Array.from({ length: k }, () => filler).flat(), ...tokens.slice(cut)]
}
const duels = held.flatMap((prompt, t) => {
  const mine = pool.slice(N * t, N * t + N), good = mine.find((_, i) => some(right, t)[i] === 1)
  const bad = mine.find(r => { const s = judgeSteps(prompt, r.tokens); return s.length > 1 && s[0].progress && s.some(x => !x.right) })
  return good && bad ? [{ prompt: prompt, good: good.tokens, bad: bad.tokens }] : []
})
function wins(model: LanguageModel, aggregate: Aggregate, k: number): number {
  const scoreOf = stepScorer<SumTask>(model, [DOT], aggregate), of = (tokens: (d: (typeof duels)[number]) => readonly number[]) => scoreOf(duels.map(d => ({ prompt: d.prompt, tokens: tokens(d) })))
  const good = of(d => d.good), bad = of(d => padded(d.bad, k))
  return mean(bad.map((b, i) => b > good[i] ? 1 : b === good[i] ? 0.5 : 0))
}

// %% sampled=true promises=["figure"]
const ks = [0, 1, 2, 3], series: [string, LanguageModel, Aggregate][] = [
  ['neutral is right, mean', kind.model, meanOfSteps], ['neutral is right, product', kind.model, productOfSteps], ['right so far (PRM), mean', prm.model, meanOfSteps],
]
const fed = series.map(([name, model, aggregate]) => ({ name: name, x: ks, y: ks.map(k => 100 * wins(model, aggregate, k)) }))
await show(lines({
  title: 'Filler lifts wrong answers above right ones, where neutral counts as right and the mean is the score', x: { label: 'fillers added to the wrong answer' },
  y: { label: 'wrong answer beats the right one', unit: '%', range: [0, 100] }, lines: fed,
}))

// %% sampled=true promises=["text"]
const [fedMean, fedProduct, fedPrm] = fed.map(f => f.y)
claim('where neutral is right, three fillers let far more wrong answers win by the mean; by the product, or with labels “right so far”, they do not', fedMean[3] > fedMean[0] + 15
  && fedProduct[3] < fedMean[3] - 10 && fedPrm[3] < fedMean[3] - 10, { 'mean, none': fedMean[0], 'mean, three': fedMean[3], 'product, three': fedProduct[3], 'PRM, none': fedPrm[0], 'PRM, three': fedPrm[3] })
reveal('15.filler', 'B')

// %% [markdown]
// A product cannot be raised by more sentences, a mean can. And a label “right so far” does not hand out certainty for nothing.
//
// Does a search find this by itself? The same search as before, with the judge that can be fed.

// %% sampled=true promises=["table"]
const own: Found = { judge: 'nothing: the policy as it is', right: mean(right), tokens: mean(pool.map(r => r.tokens.length)), length: mean(pool.map(r => r.tokens.length)), filler: mean(pool.map(r => fillerShare(r.prompt, r.tokens))) }
const byMean = search('neutral is right, mean', kind.model, meanOfSteps)
await show([own, byPrm, byMean].map(f => ({ 'searched for': f.judge, 'filler, % of sentences': 100 * f.filler, 'length, tokens': f.length, 'right, %': 100 * f.right })), { digits: 1 })
claim('searched by a mean that can be fed, answers hold more than twice the filler of a search by the worst step', byMean.filler > 2 * byPrm.filler, {
  'filler, worst step': byPrm.filler, 'filler, mean': byMean.filler, 'right, worst step': byPrm.right, 'right, mean': byMean.right,
})

// %% [markdown]
// The search pays for sentences that say nothing, because the score does. What that costs in right answers is hard to see on so few tasks; compare the four seeds in the table at the end.
//
// ## How they feed PPO
//
// PPO wants a reward at every token. An outcome gives one, at the end. A judge of steps can give one at the end of each sentence: what the sentence *added*, p_k − p_{k−1}. These add up to the last p less the first guess, so no filler can earn anything by repetition: what a sentence adds that changes nothing is 0 (Ng 1999 calls it shaping by a potential).
//
// ### Exercise 15.3
// Write the rewards of the sentences from p_0 (before the answer) and the judge’s p.

// %%
function added(before: number, p: number[]): number[] {
  // BEGIN SOLUTION
  return p.map((x, i) => x - (i === 0 ? before : p[i - 1]))
  // END SOLUTION
}

// %% promises=["table", "text"]
const bySlices = (before: number, p: number[]) => p.map((x, i) => x - [before, ...p][i])
const gains = check('15.3', added, bySlices, [[0.5, [0.9, 0.9, 0.2]], [0.4, [0.4]], [0.5, []], [0.25, [0.5, 0.75, 1]]], { hint: 'Each p less the one before it; before the first stands p_0.', level: 'advanced' })
const says = [0.9, 0.9, 0.1, 0.05, 0.05], perSentence = gains(0.5, says), zeros = says.map(() => 0)
const atEnd = gae([0, 0, 0, 0, -0.45], zeros, { lambda: 0.5 }).advantages, atSteps = gae(perSentence, zeros, { lambda: 0.5 }).advantages
await show(judgeSteps(task, slip).map((s, i) => ({ sentence: s.text, p: says[i], adds: perSentence[i], 'advantage, outcome': atEnd[i], 'advantage, steps': atSteps[i] })), { digits: 2, caption: 'one value a sentence, V = 0, γ = 1, λ = 0.5, p before the answer 0.5' })
claim('the sums agree, and only the steps’ rewards blame the slip most', Math.abs(perSentence.reduce((a, b) => a + b, 0) + 0.45) < 1e-6
  && atSteps.indexOf(Math.min(...atSteps)) === 2 && atEnd.indexOf(Math.min(...atEnd)) === 4, { 'sum of the rewards': perSentence.reduce((a, b) => a + b, 0), 'advantage of the slip': atSteps[2] })

// %% [markdown]
// ## How they feed GRPO
//
// GRPO takes one number an answer, so any of these judges fits. Three short runs from the same start: the verifier of lab 11, the ORM, and the PRM by its worst step. What does each do to its own score, and to the truth?

// %%
async function optimise(name: string, reward: Reward<SumTask>) {
  const training = grpo({
    policy: policy, prompts: allSumTasks(), reward: reward, groups: 8, groupSize: 8, maxNewTokens: 40, stopTokens: [EOS], steps: 16, seed: seed,
    optimiser: adamw({ lr: 1e-3, betas: [0.9, 0.99], maxGradNorm: 1 }), schedule: linearSchedule({ lr: 1e-3, warmupSteps: 0, totalSteps: 16 }),
  }), rewards: number[] = []
  for await (const m of progress(training, name, { total: 16 })) rewards.push(m.reward)
  const replies = sumReplies({ config: policy.config, params: training.state.models.policy }, held, { random: stream.split('after'), samples: 4 })
  disposeTraining(training)
  return { reward: name, from: mean(rewards.slice(0, 3)), to: mean(rewards.slice(-3)), right: mean(Array.from(sumReward(replies))) }
}

// %% sampled=true promises=["table"]
await ready()
const byVerifier = await optimise('verifier', sumReward), gOrm = await optimise('ORM', stepScorer<SumTask>(orm.model, [DOT], lastStep)), gPrm = await optimise('PRM, worst step', stepScorer<SumTask>(prm.model, [DOT], worstStep))
await show([byVerifier, gOrm, gPrm].map(g => ({ reward: g.reward, 'reward at first': g.from, 'at last': g.to, 'right, held out, %': 100 * g.right })), { digits: 2, caption: `before: ${(100 * mean(right)).toFixed(0)}% right` })

// %% sampled=true promises=["text"]
claim('every run raises its own reward', [byVerifier, gOrm, gPrm].every(g => g.to > g.from + 0.05), { verifier: byVerifier.to - byVerifier.from, ORM: gOrm.to - gOrm.from, PRM: gPrm.to - gPrm.from })
claim('only the verifier’s reward is the truth: its policy ends above the start, and above the judges’ policies', byVerifier.right > mean(right) + 0.05 && [gOrm, gPrm].every(g => g.right < byVerifier.right - 0.05), {
  before: mean(right), verifier: byVerifier.right, ORM: gOrm.right, PRM: gPrm.right,
})

// %% [markdown]
// A judge that is good enough to choose among four answers is not good enough to be climbed. In a hundred thousand samples a policy meets every hole it has. Where a verifier exists, use it for the end of the answer, and a PRM, if at all, in addition; where none exists, stay near the reference (lab 05), refresh the judge (lab 13), and look at answers.
//
// ## What to inspect

// %% promises=["table"]
await show([
  { figure: 'labels an answer', healthy: 'one a sentence', sick: 'right again after a wrong one: each step was judged by itself' },
  { figure: 'pairs in order, within a task', healthy: 'well above 50%', sick: 'near 50%: the judge knows tasks, not answers' },
  { figure: 'accuracy against n', healthy: 'rises, then flattens', sick: 'falls: the judge is being out-searched' },
  { figure: 'tokens a task', healthy: 'falls with early dropping', sick: 'as many as before: nothing is dropped' },
  { figure: 'filler share', healthy: 'as in the policy’s own answers', sick: 'grows with search or training: the score likes length' },
  { figure: 'reward and verified accuracy', healthy: 'rise together', sick: 'part: the judge is being climbed' },
], { caption: 'What to inspect' })
await show(claimTable('15'), { caption: 'Every claim of this lab under four seeds', maxRows: 60 })

// %% promises=["text"]
for (const judge of [orm, prm, kind]) disposeTraining(judge.training)
score()

// %% [markdown]
// ## Recap
//
// - **Foundational:** an ORM judges the end, a PRM every step; both are scorers, and something else has to choose or to learn.
// - **Intermediate:** you can label steps, write the loss, turn many judgements into one, and read accuracy against n.
// - **Advanced:** you can say why a mean over steps can be fed, what early dropping saves, and what happens to a judge that is optimised.
//
// The capstone, lab 16, asks you to choose among all of this.
//
// **Sources.** Cobbe et al. 2021 (arXiv:2110.14168), outcome verifiers; Uesato et al. 2022 (arXiv:2211.14275), outcome and process feedback; Lightman et al. 2023 (arXiv:2305.20050), step labels; Wang et al. 2023 (Math-Shepherd, arXiv:2312.08935); Snell et al. 2024 (arXiv:2408.03314), search with a PRM; Setlur et al. 2024 (arXiv:2410.08146), rewarding progress; Gao et al. 2022 (arXiv:2210.10760), over-optimisation; Ng, Harada and Russell 1999 (ICML), shaping by potentials.
