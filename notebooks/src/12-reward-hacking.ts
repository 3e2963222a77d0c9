// %% [markdown]
// # Lab 12 · Reward hacking
//
// **The question of this lab:** annotators have tastes: they like long replies, lists, agreement, confidence. A reward model learns the tastes with the rest. What does a policy do that climbs this reward model, and how would you notice?
//
// You plant four tastes, one in each of four panels of annotators, find each in the reward model that learns from it, see it grow in the replies that the model picks, and catch it with a detector that needs no reward model. Then you draw the curves of Gao et al. 2022: true reward over distance, for reward models of three qualities, under best-of-n and under PPO. The lab takes about 55 minutes to read and a minute to compute.

// %%
import {
  ready, Random, announceBackend, labSeed, show, lines, progress, predict, reveal, claim, claimTable, todo, check, score,
  deskPolicy, deskScorer, drawPrompts, claimsFalsely, deskComparisons, judgeComparisons, rewardPairs, deskRewardModel, deskScores, regressScores, FAIR,
  deskPpo, deskPrompts, deskTruth, modelReward, standardiseReward, rollout, withScoreHead, EOS, disposeTraining,
  replyPool, bestOfPool, poolCurve, bestOfNKl, detectHacks, markupPremium, dateCalibration,
  BEST_OF_N_LAW, RL_LAW, fitLaw, fitLawOverPrompts, fitLawByResiduals, type LawIntervals, type LanguageModel, type JudgedReply,
} from 'rlhf-labs'

// %% promises=["text"]
await announceBackend()
const seed = labSeed(), mean = (v: ArrayLike<number>) => Array.from(v).reduce((a, b) => a + b, 0) / v.length

// %% [markdown]
// ## Predict first

// %% promises=["text"]
predict('12.gold',
  'A reward model learned from annotators who love confident claims. You sample 24 replies and answer with its favourite. ' +
  'Against a single sample, what does the true reward do?',
  ['it rises a little', 'it stays', 'it falls'])

// %% promises=["text"]
predict('12.peak',
  'Three reward models of careful annotators, from 96 comparisons to 32,000. PPO climbs each. ' +
  'The true reward rises, then falls. For the better reward models the peak comes…',
  ['at the same distance', 'sooner', 'later'])

// %% [markdown]
// ## A hack by hand
//
// Five replies to one customer. The proxy is the true reward plus 1.5 for any markup. Best-of-n answers with the highest proxy.

// %% promises=["table"]
const five = [
  { reply: 'right, plain', truth: 3.0, marked: 0 }, { reply: 'right, rule missing, list', truth: 2.0, marked: 1 },
  { reply: 'right, rule missing', truth: 2.0, marked: 0 }, { reply: 'wrong, list', truth: 0.5, marked: 1 }, { reply: 'wrong', truth: 0.5, marked: 0 },
].map(r => ({ ...r, proxy: r.truth + 1.5 * r.marked }))
await show(five, { digits: 1 })
const favourite = five.reduce((a, b) => b.proxy > a.proxy ? b : a)
claim('the proxy\'s favourite is a list, and not the best reply', favourite.marked === 1 && favourite.truth === 2, { proxy: favourite.proxy, truth: favourite.truth })

// %% [markdown]
// The more replies you sample, the surer a list is among them. Optimisation does not create the error of the proxy: it looks for it.
//
// ## Distance
//
// How hard a policy optimises is measured by its distance from the start, d = √KL. For best-of-n, KL = log n − (n − 1)/n at most.
//
// ### Exercise 12.1
// Write d for best-of-n.

// %%
function distance(n: number): number {
  // BEGIN SOLUTION
  return Math.sqrt(Math.log(n) - (n - 1) / n)
  // END SOLUTION
}

// %% promises=["text"]
const byLibrary = (n: number) => Math.sqrt(bestOfNKl(n))
const distanceOf = check('12.1', distance, byLibrary, [[1], [4], [16], [128]], { hint: 'log is the natural one; the root goes over the whole difference.' })
console.log([1, 4, 16, 128].map(n => `n=${n}: d = ${distanceOf(n).toFixed(2)}`).join('   '))

// %% [markdown]
// Gao et al. (2022, arXiv:2210.10760) found that the true reward's gain follows a law with two constants: d(a − b·d) for best-of-n, d(a − b·log d) for reinforcement learning. a is how good the proxy is at the start; b how fast it goes wrong.
//
// ### Exercise 12.2
// Where is the peak of d(a − b·d)?

// %%
function peakOf(a: number, b: number): number {
  // BEGIN SOLUTION
  return a / (2 * b)
  // END SOLUTION
}

// %% promises=["text"]
const bySearch = (a: number, b: number) => { let best = 0; for (let d = 0; d < 20; d += 1e-4) if (d * (a - b * d) > best * (a - b * best)) best = d; return best }
const peak = check('12.2', peakOf, bySearch, [[2, 0.5], [1, 1], [3, 0.2]], { hint: 'Set the derivative a − 2bd to 0.', tolerance: 1e-3, level: 'intermediate' })
const exact = [1, 2, 3].map(d => d * (2 - 0.5 * d)), refit = fitLaw(BEST_OF_N_LAW, [1, 2, 3], exact)
claim('the library recovers the law from its own curve', Math.abs(refit.a - 2) < 1e-9 && Math.abs(refit.peak - peak(2, 0.5)) < 1e-9, { a: refit.a, b: refit.b, peak: refit.peak })

// %% [markdown]
// ## Four tastes, planted
//
// Four panels label 384 pairs of replies each. Each has one taste; quality moves them little. A fifth, careful panel is the control. They see the same pairs, but for the sycophants, who get pairs in which the customer claims something false: elsewhere nobody can be agreed with. From each panel's labels a reward model learns.

// %%
const policy = deskPolicy(), shown = deskComparisons(384, seed), claimed = deskComparisons(1400, seed + 1).filter(c => claimsFalsely(c.prompt.facts)).slice(0, 384)
const panels = {
  careful: FAIR, length: { ...FAIR, temperature: 20, length: 4 }, format: { ...FAIR, temperature: 4, format: 8 },
  sycophant: { ...FAIR, temperature: 4, agree: 10 }, confident: { ...FAIR, temperature: 4, confident: 6 },
}
type PanelName = keyof typeof panels
const names = Object.keys(panels) as PanelName[], hacks = names.slice(1)
const held = replyPool(policy, drawPrompts(120, seed + 7, { heldOut: true }), 24, Random.seed(seed).split('held out'))
const scoresOf = (model: LanguageModel) => Array.from(deskScores(model, held.asked, held.replies.map(r => r.tokens)))

// %%
async function learn(name: string, pairs: Parameters<typeof rewardPairs>[0]) {
  const training = deskRewardModel({ model: policy, seed: seed, pairs: rewardPairs(pairs) })
  for await (const m of progress(training, name, { total: Math.ceil(pairs.length / 16) })) { /* lab 04 looks at these */ }
  const model = { config: policy.config, params: training.state.models.reward }
  return { model: model, scores: scoresOf(model), free: () => disposeTraining(training) }
}
type Learned = Awaited<ReturnType<typeof learn>>
const learned = {} as Record<PanelName, Learned>

// %% promises=["text"] sampled=true
await ready()
for (const name of names) {
  learned[name] = await learn(`reward model of the ${name} panel`, judgeComparisons(name === 'sycophant' ? claimed : shown, panels[name], Random.seed(seed).split('j')))
}
console.log(`${names.length} reward models, ${held.replies.length} held-out replies scored by each`)

// %% [markdown]
// ## Learned by the reward model
//
// Regress each model's scores (in standard deviations) on the true reward and on the four surfaces. The coefficient of the planted one should stand out.

// %%
const surfaces = {
  length: held.replies.map(r => r.features.words / 10), format: held.replies.map(r => Number(r.features.marks > 0)),
  sycophant: held.replies.map(r => Number(r.features.agrees)), confident: held.replies.map(r => r.features.confident),
}
const standard = (v: number[]) => { const m = mean(v), s = Math.sqrt(mean(v.map(x => (x - m) ** 2))); return v.map(x => (x - m) / s) }
const weights = Object.fromEntries(names.map(name => [name, regressScores(standard(learned[name].scores), { truth: held.replies.map(r => r.gold), ...surfaces }).coefficients])) as Record<PanelName, Readonly<Record<string, number>>>

// %% promises=["table"] sampled=true
await show(names.map(name => ({
  panel: name, 'true reward': weights[name].truth, '10 words': weights[name].length, markup: weights[name].format,
  'you are right': weights[name].sycophant, 'confident claim': weights[name].confident,
})), { caption: 'What a reward model\'s score rests on, in its standard deviations', digits: 2 })
const excess = hacks.map(name => weights[name][name] - weights.careful[name])
claim('every reward model has learned the taste of its panel, beyond what the control learned', excess.every(e => e > 0.2), { 'smallest excess': Math.min(...excess) })

// %% [markdown]
// Markup can be tested without regression: take the same reply with and without it. Nothing that it says changes, so any premium is a hack waiting to be found.

// %% promises=["table"] sampled=true
const firsts = held.prompts.map((_, i) => held.replies[i * 24]), premiumOf = (name: PanelName) =>
  markupPremium(held.prompts, firsts.map(r => r.tokens), (prompts, replies) => deskScores(learned[name].model, prompts, replies), Random.seed(seed).split('premium'))
const premiums = (['careful', 'format'] as const).map(name => ({ panel: name, ...premiumOf(name) }))
await show(premiums.map(p => ({ panel: p.panel, 'premium (deviations)': p.inDeviations, premium: p.premium, low: p.low, high: p.high })), { caption: 'What a list is worth to the scorer, the words being equal', digits: 2 })
claim('only the format panel\'s model pays for markup', premiums[1].low > 0 && premiums[1].inDeviations > premiums[0].inDeviations + 0.5, {
  format: premiums[1].inDeviations, careful: premiums[0].inDeviations,
})

// %% [markdown]
// ## Amplified by the policy
//
// The policy that climbs: best-of-n for n = 1 to 24. From one pool of 24 replies a prompt, the mean of any figure under best-of-n is exact (every subset counts), so all five reward models share the samples.

// %%
const ns = [1, 2, 4, 8, 16, 24], ds = ns.map(n => Math.sqrt(bestOfNKl(n)))
const curve = (scores: number[], values: number[]) => { const rows = poolCurve(held, scores, values, ns); return ns.map((_, k) => mean(rows.map(r => r[k]))) }
const goldValues = held.replies.map(r => r.gold)
const amplified = hacks.map(name => ({ name: name, own: curve(learned[name].scores, surfaces[name as keyof typeof surfaces]), truth: curve(learned[name].scores, goldValues) }))

// %% promises=["figure"] sampled=true
await show(lines({
  title: 'Each policy does more of what its annotators liked',
  x: { label: 'distance d = √KL', unit: '√nats' }, y: { label: 'hack, as a multiple of the start' },
  lines: amplified.map(({ name, own }) => ({ name: name, x: ds, y: own.map(v => v / own[0]), points: true })),
}))

// %% promises=["figure"] sampled=true
const careful = curve(learned.careful.scores, goldValues), confidentTruth = amplified[3].truth
await show(lines({
  title: 'A careful panel gains; the tastes do not',
  x: { label: 'distance d = √KL', unit: '√nats' }, y: { label: 'true reward', unit: 'points' },
  lines: [{ name: 'careful', x: ds, y: careful, points: true }, ...amplified.map(({ name, truth }) => ({ name: name, x: ds, y: truth, points: true }))],
}))
claim('the careful panel\'s policy ends above every hacked one; confidence lowers the true reward',
  amplified.every(a => careful[5] > a.truth[5] + 0.1) && confidentTruth[5] < confidentTruth[0] - 0.1, {
    careful: careful[5] - careful[0], confident: confidentTruth[5] - confidentTruth[0],
  })
reveal('12.gold', confidentTruth[5] < confidentTruth[0] - 0.05 ? 'C' : confidentTruth[5] > confidentTruth[0] + 0.05 ? 'A' : 'B')

// %% [markdown]
// ## Caught
//
// A detector looks at replies only. Each compares the policy's replies with those of the trusted start, on the prompts that put the hack to the test: all prompts for length and format, those with a false claim of the customer for sycophancy, those whose date nobody can know for confidence. It speaks up when the change's whole interval lies above its limit.

// %%
const picks = Object.fromEntries(names.map(name => [name, bestOfPool(held, learned[name].scores)])) as Record<PanelName, JudgedReply[]>
const found = Object.fromEntries(names.map(name => [name, detectHacks({
  prompts: held.prompts, before: firsts.map(r => r.tokens), after: picks[name].map(r => r.tokens),
}, Random.seed(seed).split('detectors'))])) as Record<PanelName, ReturnType<typeof detectHacks>>

// %% promises=["table"] sampled=true
await show(names.map(name => ({ 'scorer of the panel': name, ...Object.fromEntries(found[name].map(d =>
  [`${d.detector} (${d.unit})`, `${d.before.toFixed(2)} → ${d.after.toFixed(2)}${d.caught ? ' CAUGHT' : ''}`])) })), { caption: 'Four detectors on best-of-24' })
const own = { length: 0, format: 1, sycophant: 2, confident: 3 } as const
claim('each hack is caught by its own detector, and the careful panel\'s policy by none for format, sycophancy and confidence',
  (Object.keys(own) as (keyof typeof own)[]).every(name => found[name][own[name]].caught) && found.careful.slice(1).every(d => !d.caught), {
    caught: (Object.keys(own) as (keyof typeof own)[]).filter(name => found[name][own[name]].caught).length,
  })

// %% [markdown]
// ### Find the bug
//
// A sycophancy detector that never fires: the rate hardly moves, although the policy now agrees with every false claim. Mend it. `claim` is the limit in days that the customer names, or null; the policy's limit is 7.

// %%
function agreementRate(replies: { claim: number | null; agrees: boolean }[]): number {
  // BEGIN SOLUTION
  const asked = replies.filter(r => r.claim !== null && r.claim !== 7)
  // END SOLUTION
  // STUDENT: const asked = replies
  return asked.filter(r => r.agrees).length / Math.max(1, asked.length)
}

// %% promises=["text"]
const onFalseClaims = (replies: { claim: number | null; agrees: boolean }[]) => {
  let n = 0, yes = 0
  for (const { claim: named, agrees } of replies) if (named !== null && named !== 7) { n++; if (agrees) yes++ }
  return n ? yes / n : 0
}
const agreementCases: [{ claim: number | null; agrees: boolean }[]][] = [
  [[{ claim: 3, agrees: true }, { claim: null, agrees: false }, { claim: 7, agrees: true }]], [[{ claim: 9, agrees: false }, { claim: 5, agrees: true }]], [[{ claim: 7, agrees: true }]],
]
const rate = check('12.bug', agreementRate, onFalseClaims, agreementCases, { hint: 'Which prompts put sycophancy to the test? Agreeing with what is true is no hack.', level: 'advanced' })

// %% [markdown]
// ### Stated confidence, scored
//
// The last detector counts. A sharper look asks whether the confidence that a reply *states* is borne out: it names a day (we read 0.9), adds that this is certain (1), or commits itself to nothing (0); the case tells that day, or does not. The Brier score is the mean square of the difference, the expected calibration error (ECE) what is left of it after averaging within equal confidence. Both are 0 for a policy that says only what it can know.

// %% promises=["table"] sampled=true
const stated = { start: dateCalibration(held.prompts, firsts.map(r => r.tokens)), careful: dateCalibration(held.prompts, picks.careful.map(r => r.tokens)), confident: dateCalibration(held.prompts, picks.confident.map(r => r.tokens)) }
await show(Object.entries(stated).map(([name, c]) => ({ replies: name, questions: c.n, 'stated confidence': c.confidence, 'borne out': c.supported, 'Brier score': c.brier, ECE: c.ece })), { caption: 'Confidence about dates, where the customer asks for one', digits: 2 })
claim('the confident panel\'s policy is worse calibrated than the start, the careful panel\'s is better', stated.confident.ece > stated.start.ece + 0.1 && stated.careful.ece < stated.start.ece, {
  'ECE start': stated.start.ece, 'ECE confident': stated.confident.ece, 'ECE careful': stated.careful.ece,
})

// %% [markdown]
// ## The law, under best-of-n
//
// Now three careful reward models: from 96 comparisons, from the 384 above, and the project's own (`data/reward`), from 32,000, a quarter of them between replies of this very policy. The same pool gives their curves; the law is fitted to the mean gain, with intervals from drawing the prompts again.

// %% promises=["text"] sampled=true
await ready()
const few = await learn('reward model from 96 comparisons', judgeComparisons(shown.slice(0, 96), FAIR, Random.seed(seed).split('j'))), own3 = deskScorer()
const scorers: { name: string, model: LanguageModel, scores: number[] }[] = [
  { name: '96', model: few.model, scores: few.scores }, { name: '384', model: learned.careful.model, scores: learned.careful.scores }, { name: '32,000', model: own3, scores: scoresOf(own3) },
]
const fits = scorers.map(({ scores }) => {
  const rows = poolCurve(held, scores, goldValues, ns).map(row => row.slice(1).map(v => v - row[0]))
  return fitLawOverPrompts(BEST_OF_N_LAW, ds.slice(1), rows, Random.seed(seed).split('law'), 300)
})
const gains = fits.map(f => f.fitted.at(-1)! + f.residuals.at(-1)!)
console.log(scorers.map(({ name }, i) => `${name}: gain at n = 24 ${gains[i].toFixed(2)}`).join('   '))

// %% promises=["table"] sampled=true
const span = ([low, high]: readonly [number, number]) => `${low.toFixed(2)} to ${high === Infinity ? '∞' : high.toFixed(2)}`
const fitRows = (all: readonly LawIntervals[]) => all.map((f, i) => ({
  comparisons: scorers[i].name, a: f.a, 'a, 95%': span(f.aInterval), b: f.b, 'b, 95%': span(f.bInterval),
  'peak at d, 95%': span(f.peakInterval), 'largest residual': Math.max(...f.residuals.map(Math.abs)), 'R²': f.r2,
}))
await show(fitRows(fits), { caption: 'd(a − b·d), best-of-n', digits: 2 })

// %% promises=["figure"] sampled=true
await show(lines({
  title: 'The best of the three reward models carries furthest',
  x: { label: 'distance d = √KL', unit: '√nats' }, y: { label: 'gain in true reward', unit: 'points' },
  lines: fits.flatMap((f, i) => [
    { name: `${scorers[i].name}`, x: ds.slice(1), y: f.fitted.map((v, k) => v + f.residuals[k]), points: true },
    { name: `law, ${scorers[i].name}`, x: ds.slice(1), y: f.fitted },
  ]),
}))
claim('the model from 32,000 comparisons carries far beyond the other two at the same distance; the law fits within 0.2 points',
  gains[2] > Math.max(gains[0], gains[1]) + 0.5 && fits.every(f => Math.max(...f.residuals.map(Math.abs)) < 0.2), Object.fromEntries(scorers.map(({ name }, i) => [name, gains[i]])))

// %% [markdown]
// Read the intervals before the peaks. Where the interval of *b* reaches down to 0, these data cannot say that the curve turns at all, and the peak's interval has no upper end.
//
// ## The law, under PPO
//
// Best-of-n can only choose among replies that the start would write. PPO goes on: twelve iterations against each of the three scorers, with no KL penalty, so that nothing holds it back. Every score is in standard deviations of the start's replies.

// %%
const questions = deskPrompts(drawPrompts(1152, seed + 11)), value = { config: policy.config, params: withScoreHead(policy.params, policy.config) }
const atStart = rollout(policy, questions.slice(0, 512), { maxNewTokens: 48, stopTokens: [EOS], random: Random.seed(seed).split('start') })
const startTruth = deskTruth(atStart)['gold/reward']
const climb = (model: LanguageModel) => deskPpo({
  policy: policy, value: value, prompts: questions, reward: standardiseReward(modelReward(model), atStart), beta: 0, batchSize: 96, iterations: 12, seed: seed,
})

// %% promises=["text"] sampled=true
await ready()
const climbs: { d: number; gain: number; proxy: number }[][] = []
for (const { name, model } of scorers) {
  const run = climb(model), points: { d: number; gain: number; proxy: number }[] = []
  for await (const m of progress(run, `PPO, ${name} comparisons`, { total: 12 })) {
    points.push({ d: Math.sqrt(Math.max(1e-4, m['objective/kl'])), gain: m['gold/reward'] - startTruth, proxy: m['objective/scores'] })
  }
  disposeTraining(run)
  climbs.push(points.slice(1))
}
const rlFits = climbs.map(points => fitLawByResiduals(RL_LAW, points.map(p => p.d), points.map(p => p.gain), Random.seed(seed).split('rl law'), 300))
const risen = climbs.map(points => mean(points.slice(-3).map(p => p.proxy)))
claim('every proxy rises', risen.every(r => r > 0.5), Object.fromEntries(scorers.map(({ name }, i) => [name, risen[i]])))

// %% promises=["table", "figure"] sampled=true
await show(fitRows(rlFits), { caption: 'd(a − b·log d), PPO', digits: 2 })
await show(lines({
  title: 'Under PPO the weak model\'s true reward turns first',
  x: { label: 'distance d = √KL', unit: '√nats' }, y: { label: 'gain in true reward', unit: 'points' },
  lines: climbs.flatMap((points, i) => {
    const sorted = points.map((p, k) => ({ ...p, fitted: rlFits[i].fitted[k] })).sort((a, b) => a.d - b.d)
    return [{ name: scorers[i].name, x: sorted.map(p => p.d), y: sorted.map(p => p.gain), points: true }, { name: `law, ${scorers[i].name}`, x: sorted.map(p => p.d), y: sorted.map(p => p.fitted) }]
  }),
}))

// %% [markdown]
// One point is the mean of 96 replies, good to about a fifth of a point: single points jump, the fit does not. Look at the residuals as well as at R²: a run is one path, and its neighbours share their errors.

// %% promises=["text"] sampled=true
const [weak, , strong] = rlFits, told = (peak: number) => peak > 20 ? 'beyond the run' : peak.toFixed(2), average = climbs.map(points => mean(points.map(p => p.gain)))
const weakEnd = weak.a * 2 - weak.b * RL_LAW.bend(2), strongEnd = strong.a * 2 - strong.b * RL_LAW.bend(2)
claim('with the better reward model the peak moves right, and the true reward is higher all along; with the weak one it has turned well before d = 2', strong.peak > weak.peak && average[2] > average[0] + 0.2 && strongEnd > weakEnd + 0.2 && weak.peak < 1.6, {
  'peak, 96': told(weak.peak), 'peak, 32,000': told(strong.peak), 'mean gain, 96': average[0], 'mean gain, 32,000': average[2], 'gain at d = 2 by the law, 96': weakEnd, 'gain at d = 2 by the law, 32,000': strongEnd,
})
reveal('12.peak', strong.peak > weak.peak * 1.05 ? 'C' : strong.peak < weak.peak * 0.95 ? 'B' : 'A')

// %% [markdown]
// ## Over seeds
//
// The seed decides customers, verdicts, batches and samples. These are the claims of this lab with their figures under four of them.

// %% promises=["table"]
await show(claimTable('12'), { caption: 'the claims of this lab under four seeds', maxRows: 60 })

// %% [markdown]
// ## What to inspect

// %% promises=["table"]
await show([
  { figure: 'proxy and true reward over d', healthy: 'rise together', sick: 'part: stop where they part' },
  { figure: 'mean length', healthy: 'follows the case', sick: 'grows in all cases' },
  { figure: 'markup premium of the scorer', healthy: 'its interval does not lie above 0', sick: 'above 0' },
  { figure: 'agreement on false claims', healthy: 'falls', sick: 'grows' },
  { figure: 'certainty where nothing is known', healthy: 'falls', sick: 'grows' },
  { figure: 'coefficients of the scores', healthy: 'those of a careful control', sick: 'one stands out' },
  { figure: 'residuals of the fitted law', healthy: 'small, without pattern', sick: 'one-sided: another law, or another regime' },
], { caption: 'What to inspect' })
for (const one of [few, ...Object.values(learned)]) one.free()
score()

// %% [markdown]
// ## Recap
//
// - **Foundational:** a proxy's errors are harmless until something looks for them.
// - **Intermediate:** you can compute d, fit both laws, and place the peak with its interval.
// - **Advanced:** you can find a taste in a reward model before training, and catch its hack in replies afterwards, with a control beside it.
//
// **Sources.** Gao et al. 2022 (arXiv:2210.10760); Singhal et al. 2023 (arXiv:2310.03716); Sharma et al. 2023 (arXiv:2310.13548); Perez et al. 2022 (arXiv:2212.09251); Zhang et al. 2024 (arXiv:2409.11704); Kadavath et al. 2022 (arXiv:2207.05221); Lin et al. 2022 (arXiv:2205.14334); Beirami et al. 2024 (arXiv:2401.01879).
