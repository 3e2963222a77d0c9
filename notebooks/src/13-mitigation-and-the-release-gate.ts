// %% [markdown]
// # Lab 13 · Mitigation and the release gate
//
// **The question of this lab:** a new policy scores higher on the reward model. Do you release it?
//
// The reward model is what training climbed, so its rise tells nothing by itself. You need a judgement that training has not seen, an interval around it, a look at length, and a rule that is written down before the numbers come in.
//
// You build the rule by hand, read a published ranking with and without length control, hack a reward model of the parcel desk, and try four remedies: asking people on held-out prompts, a length penalty, a fresh scorer, a KL budget. At the end every candidate goes through the gate. The lab takes about 50 minutes to read and half a minute to compute.

// %%
import {
  ready, Random, announceBackend, labSeed, show, lines, bars, progress, predict, reveal, claim, claimTable, todo, check, score,
  releaseGate, releaseLine, parseGateMetrics, winRate, wilsonInterval, pearson,
  shippedLeaderboard, lengthFeature, lengthControlledWinRate, winProbability, bootstrap,
  deskPolicy, drawPrompts, deskComparisons, judgeComparisons, rewardPairs, deskRewardModel, deskScores,
  FAIR, choiceProbability, allowance, promptTokens, EOS, gold, features, withScoreHead, adamw, constantSchedule,
  replyPool, bestOfPool, poolCurve, bestOfNKl, ppo, withinKl, contestedPairs, dateCalibration, disposeTraining,
  type GateMetrics, type ReplyPool, type LanguageModel, type JudgedReply, type Rollout, type Prompt,
} from 'rlhf-labs'

// %% promises=["text"]
await announceBackend()
const seed = labSeed(), mean = (v: ArrayLike<number>) => Array.from(v).reduce((a, b) => a + b, 0) / v.length

// %% [markdown]
// ## Predict first

// %% promises=["text"]
predict('13.ranking',
  'On a published ranking of 222 models, length and win rate correlate at 0.69. ' +
  'A regression then takes out what length wins. What is left of the correlation?',
  ['nothing, 0.0', 'about 0.2', 'about 0.5'])

// %% promises=["text"]
predict('13.refresh',
  'A reward model learned from annotators who love long answers. Careful annotators label some 700 pairs of what the ' +
  'policy writes now, and a new reward model learns from these. What happens to the true reward of its favourites?',
  ['it stays where it was', 'it rises', 'it falls'])

// %% [markdown]
// ## The gate by hand
//
// Three changes from the last release to the candidate: the proxy (the reward that was trained on) +0.31, human preference −0.04, mean length +48. The rule, written down beforehand: **release only when human preference went up and length by less than 20.**

// %% promises=["text"]
const worked = { proxy_delta: 0.31, human_delta: -0.04, length_delta: 48 }
const proxyImproved = worked.proxy_delta > 0, humanImproved = worked.human_delta > 0
const allowed = humanImproved && worked.length_delta < 20, python = (v: boolean) => v ? 'True' : 'False'
const byHand = `proxy_improved=${python(proxyImproved)} human_preference_improved=${python(humanImproved)} release_ready=${python(allowed)}`
console.log(byHand)
claim('the library gives the same line', releaseLine(releaseGate(worked)) === byHand, { 'checks failed': 2 })

// %% [markdown]
// The proxy is reported and decides nothing. It rises in good runs and in hacked runs alike.
//
// A gate in a pipeline must also say why, and must never pass what it cannot read. The library's has reasons, a page (`gateReport`) and an exit code: `npm run gate -- metrics.json` ends with 0 when ready, 1 when not, 2 when the file is missing, malformed or incomplete.

// %% promises=["text"]
for (const reason of releaseGate(worked).reasons) console.log(reason)
const refused = (metrics: unknown) => { try { parseGateMetrics(metrics); return false } catch { return true } }
const incomplete = { proxy_delta: 0.31, length_delta: 2 }, misspelt = { ...worked, humen_low: 0.2 }
claim('a missing, a misspelt and an infinite metric are errors, not passes',
  [incomplete, misspelt, { ...worked, human_delta: Infinity }].every(refused), { refused: 3 })

// %% [markdown]
// ### Find the bug
//
// A colleague's gate. It gives the right answer on every complete file, and one night it released a candidate whose human evaluation had crashed: the metric was NaN. Mend it.

// %%
function colleaguesGate(human: number, length: number): boolean {
  // BEGIN SOLUTION
  return human > 0 && length < 20
  // END SOLUTION
  // STUDENT: return !(human <= 0) && !(length >= 20)
}

// %% promises=["text"]
const careful = (human: number, length: number) => Number.isFinite(human) && Number.isFinite(length) && human > 0 && length < 20
const gateCases: [number, number][] = [[-0.04, 48], [0.1, 3], [0, 3], [0.1, 20], [NaN, 3], [0.1, NaN]]
const mended = check('13.bug', colleaguesGate, careful, gateCases, {
  hint: 'Every comparison with NaN is false. Ask for what must hold, not for the absence of what must not.', level: 'advanced',
})

// %% [markdown]
// ## A win rate is a measurement
//
// Human preference comes as wins, losses and ties against the old release. A tie counts half. With few prompts the interval is wide, and an interval that contains one half proves nothing.
//
// ### Exercise 13.1
// Write the win rate of a list of outcomes: 1 won, 0 lost, ½ tied.

// %%
function yourWinRate(outcomes: number[]): number {
  // BEGIN SOLUTION
  return outcomes.reduce((a, b) => a + b, 0) / outcomes.length
  // END SOLUTION
}

// %% promises=["text", "table"]
const rateOf = (outcomes: number[]) => winRate(outcomes).winRate
const measured = check('13.1', yourWinRate, rateOf, [[[1, 0, 0.5]], [[1, 1, 0, 1]], [[0.5]]], { hint: 'The mean is all it takes.' })
const intervals = [20, 100, 500, 2000].map(n => {
  const [low, high] = wilsonInterval(0.55 * n, n)
  return { prompts: n, 'win rate': 0.55, low: low, high: high, 'excludes ½': low > 0.5 ? 'yes' : 'no' }
})
await show(intervals, { caption: '55% of how many? 95% intervals', digits: 3 })

// %% [markdown]
// A true 55% needs about 400 prompts before the interval leaves one half behind. Plan that number before the evaluation.
//
// ## A ranking, with and without length
//
// AlpacaEval 2 lets GPT-4 Turbo compare a model's answers with a baseline's. Judges like length, so models learned to be long. Since 2024 the ranking has a second column: the **length-controlled** win rate. A regression explains each win by the model, the instruction and the difference of lengths; then the difference is set to 0. These are the published figures (Dubois et al. 2024, arXiv:2404.04475). `NullModel`, a constant text that fools the judge, is left out.

// %% promises=["text"]
const ranking = shippedLeaderboard(2).filter(r => r.model !== 'NullModel'), lengths = ranking.map(r => r.length)
const rawR = pearson(lengths, ranking.map(r => r.win_rate)).statistic
const controlledR = pearson(lengths, ranking.map(r => r.length_controlled)).statistic
claim('the correlation with length falls from 0.69 to 0.54', rawR.toFixed(2) === '0.69' && controlledR.toFixed(2) === '0.54', {
  models: ranking.length, raw: rawR, 'length-controlled': controlledR,
})
reveal('13.ranking', controlledR > 0.35 ? 'C' : controlledR > 0.1 ? 'B' : 'A')

// %% promises=["figure"]
const byLength = [...ranking].sort((a, b) => a.length - b.length), fifth = Math.ceil(byLength.length / 5)
const groups = [0, 1, 2, 3, 4].map(g => byLength.slice(g * fifth, (g + 1) * fifth))
await show(bars({
  title: 'Length control takes most from the longest answers',
  x: { label: 'models by mean length of an answer', unit: 'characters' }, y: { label: 'mean win rate', unit: '%' },
  categories: groups.map(g => `${g[0].length}–${g.at(-1)!.length}`),
  bars: [
    { name: 'raw', y: groups.map(g => mean(g.map(r => r.win_rate))) },
    { name: 'length-controlled', y: groups.map(g => mean(g.map(r => r.length_controlled))) },
  ],
}))

// %% promises=["table"]
const rankOf = (of: 'win_rate' | 'length_controlled') => new Map([...ranking].sort((a, b) => b[of] - a[of]).map((r, i) => [r.model, i + 1]))
const rawRank = rankOf('win_rate'), controlledRank = rankOf('length_controlled')
const fall = (r: { model: string }) => controlledRank.get(r.model)! - rawRank.get(r.model)!
const movers = [...ranking].filter(r => r.mode !== 'community').sort((a, b) => fall(b) - fall(a))
await show([...movers.slice(0, 4), ...movers.slice(-4)].map(r => ({
  model: r.model, characters: r.length, 'win rate': r.win_rate, controlled: r.length_controlled, rank: rawRank.get(r.model), 'rank controlled': controlledRank.get(r.model),
})), { caption: 'Who falls and who rises most (submissions that the maintainers ran or checked)', digits: 1 })

// %% [markdown]
// Something is left of the correlation, and should be: better models may be longer because they say more. Length control removes what length wins *at equal quality*, not length.
//
// ### Exercise 13.2
// The regression says P(win) = σ(intercept + slope · f), where f is the squashed length difference, 0 at equal length. Write the length-controlled win rate.

// %%
function controlled(intercept: number, slope: number, lengthFeatures: number[]): number {
  // BEGIN SOLUTION
  return 1 / (1 + Math.exp(-intercept))
  // END SOLUTION
}

// %% promises=["text"]
const atEqualLength = (intercept: number, slope: number, f: number[]) => mean(f.map(() => winProbability(intercept + slope * 0)))
const yourControlled = check('13.2', controlled, atEqualLength, [[0, 2, [0.5, -0.1]], [0.4, 1, [1, 1]], [-1, -0.5, [0.2]]], {
  hint: 'Predict every row with f set to 0. All rows then look the same.', level: 'intermediate',
})

// %% [markdown]
// ## A hacked reward model on the desk
//
// Annotators who love long replies label 512 pairs; quality hardly moves them. A reward model learns from them. The candidate release is *best-of-16*: sample 16 replies, answer with the one that it scores highest. That is a policy whose KL is known, log 16 − 15/16 = 1.84 nats at most, and it costs no training. All is measured on held-out prompts.

// %%
const policy = deskPolicy(), lovesLength = { ...FAIR, temperature: 20, length: 2.5 }
const held = replyPool(policy, drawPrompts(160, seed + 7, { heldOut: true }), 16, Random.seed(seed).split('held out'))
const scoresOf = (model: LanguageModel, pool: ReplyPool) => Array.from(deskScores(model, pool.asked, pool.replies.map(r => r.tokens)))
const goldOf = (pool: ReplyPool) => pool.replies.map(r => r.gold), wordsOf = (pool: ReplyPool) => pool.replies.map(r => r.features.words)

// %% promises=["text"] sampled=true
await ready()
const labels = judgeComparisons(deskComparisons(512, seed), lovesLength, Random.seed(seed).split('labels'))
const hackedRun = deskRewardModel({ model: policy, seed: seed, pairs: rewardPairs(labels) })
for await (const m of progress(hackedRun, 'reward model from annotators who love length', { total: 32 })) { /* the records are lab 04's subject */ }
const hacked = { config: policy.config, params: hackedRun.state.models.reward }, hackedScores = scoresOf(hacked, held)
console.log(`scored ${hackedScores.length} replies to ${held.prompts.length} prompts`)

// %% promises=["text"] sampled=true
const ns = [1, 2, 4, 8, 16], column = (rows: number[][], k: number) => mean(rows.map(row => row[k]))
const curveOf = (scores: number[], values: number[]) => { const rows = poolCurve(held, scores, values, ns); return ns.map((_, k) => column(rows, k)) }
const spread = Math.sqrt(mean(hackedScores.map(s => (s - mean(hackedScores)) ** 2)))
const proxy = curveOf(hackedScores, hackedScores).map(v => v / spread), truth = curveOf(hackedScores, goldOf(held)), length = curveOf(hackedScores, wordsOf(held))
claim('the proxy rises, replies grow by half, the true reward gains next to nothing',
  proxy[4] - proxy[0] > 0.4 && length[4] - length[0] > 7 && truth[4] - truth[0] < 0.4, {
    'proxy, in deviations': proxy[4] - proxy[0], words: length[4] - length[0], 'true reward': truth[4] - truth[0],
  })

// %% promises=["figure"] sampled=true
await show(lines({
  title: 'The proxy climbs, the truth does not follow',
  x: { label: 'best of n', unit: 'replies', range: [0, 17] }, y: { label: 'change from one sample' },
  lines: [
    { name: 'proxy (deviations)', x: ns, y: proxy.map(v => v - proxy[0]), points: true },
    { name: 'true reward (points)', x: ns, y: truth.map(v => v - truth[0]), points: true },
    { name: 'length (10 words)', x: ns, y: length.map(v => (v - length[0]) / 10), points: true },
  ],
}))

// %% [markdown]
// ## Remedy 1: ask people, on held-out prompts
//
// The old release answers with one sample. Two panels compare it with the candidate: the annotators who love length, and careful ones. For each prompt we take the panel's mean probability of choosing the candidate over the old release's 16 samples, as if very many people had voted. The interval comes from drawing the prompts again.

// %%
type Panel = typeof FAIR
const votes = (candidate: readonly JudgedReply[], panel: Panel) => held.prompts.map((p, i) => Array.from({ length: 16 }, (_, k) => {
  const old = held.replies[16 * i + k].tokens, own = candidate[i].tokens
  return (choiceProbability(p, own, old, panel) + 1 - choiceProbability(p, old, own, panel)) / 2
}))
const humanLike = (candidate: readonly JudgedReply[], panel: Panel) =>
  bootstrap(votes(candidate, panel).map(v => mean(v)), v => mean(v), Random.seed(seed).split('votes'), { resamples: 500 })
const controlledRate = (candidate: readonly JudgedReply[], panel: Panel) => lengthControlledWinRate(votes(candidate, panel).flat(),
  lengthFeature(held.replies.map((_, i) => candidate[Math.floor(i / 16)].features.words), wordsOf(held)), undefined, 1).winRate

// %% promises=["table"] sampled=true
const hackedPick = bestOfPool(held, hackedScores)
const panels = [{ name: 'loves length', panel: lovesLength }, { name: 'careful', panel: FAIR }].map(({ name, panel }) => {
  const { value, low, high } = humanLike(hackedPick, panel)
  return { panel: name, 'win rate': value, low: low, high: high, 'length-controlled': controlledRate(hackedPick, panel) }
})
await show(panels, { caption: 'The hacked candidate against the old release, 160 held-out prompts', digits: 2 })
claim('the biased panel is sure, careful people are not; length control brings the biased panel down',
  panels[0]['win rate'] > 0.65 && panels[1]['win rate'] < 0.6 && panels[0]['length-controlled'] < panels[0]['win rate'] - 0.1, {
    biased: panels[0]['win rate'], careful: panels[1]['win rate'], 'biased, length-controlled': panels[0]['length-controlled'],
  })

// %% [markdown]
// Length control needs no other judges: it reads the bias off the same votes. It cannot know what careful people would say, and it removes only the bias that you told it to look for.
//
// ## Remedy 2: refresh the scorer
//
// The reward model was taught by the wrong people. So label again: sample from the current policy on training prompts, pair the scorer's favourites with what it likes least (`contestedPairs`), ask careful annotators, and retrain from the same trunk on these pairs, 768 at most.

// %%
const contested = contestedPairs(policy, hacked, { prompts: drawPrompts(96, seed + 9), samples: 16, random: Random.seed(seed).split('fresh') })
const relabelled = judgeComparisons(contested, FAIR, Random.seed(seed).split('relabelled'))
const refreshRun = deskRewardModel({ model: policy, pairs: rewardPairs(relabelled), seed: seed })

// %% promises=["text"] sampled=true
await ready()
for await (const m of progress(refreshRun, 'refreshing the scorer', { total: Math.ceil(contested.length / 16) })) { /* as above */ }
const refreshed = { config: policy.config, params: refreshRun.state.models.reward }, refreshedScores = scoresOf(refreshed, held)
const agreement = [hackedScores, refreshedScores].map(s => pearson(s, goldOf(held)).statistic)
claim('the scorer now follows the true reward, where it hardly did', agreement[1] > agreement[0] + 0.08, { before: agreement[0], after: agreement[1] })

// %% promises=["text"] sampled=true
const refreshedTruth = curveOf(refreshedScores, goldOf(held)), gained = [truth, refreshedTruth].map(c => c[4] - c[0])
claim('the true reward of its favourites rises: the gap between proxy and truth closes', gained[1] > gained[0] + 0.1 && gained[1] > 0.2, {
  'gain before': gained[0], 'gain after': gained[1],
})
reveal('13.refresh', gained[1] > gained[0] + 0.1 ? 'B' : gained[1] < gained[0] - 0.1 ? 'C' : 'A')

// %% promises=["figure"] sampled=true
await show(lines({
  title: 'Labels for what the policy does now bring the truth back',
  x: { label: 'best of n', unit: 'replies', range: [0, 17] }, y: { label: 'true reward', unit: 'points' },
  lines: [
    { name: 'by the refreshed scorer', x: ns, y: refreshedTruth, points: true },
    { name: 'by the hacked scorer', x: ns, y: truth, points: true },
  ],
}))

// %% [markdown]
// ## Remedy 3: a penalty on length, and what it costs
//
// The quick remedy for length: take a fixed price a word off the score. That stops the growth. It also takes away what a customer needed: the rule, the next step, and where a case needs many words (a claim to set right, a date to answer, a danger to warn of) the answer to that.
//
// ### Exercise 13.3
// Write the penalised score: `price` for each word beyond `free`.

// %%
function penalised(rawScore: number, words: number, price: number, free: number): number {
  // BEGIN SOLUTION
  return rawScore - price * Math.max(0, words - free)
  // END SOLUTION
}

// %% promises=["text"]
const byExcess = (s: number, words: number, price: number, free: number) => words > free ? s - price * (words - free) : s
const yourPenalty = check('13.3', penalised, byExcess, [[1, 30, 0.1, 20], [1, 10, 0.1, 20], [-2, 21, 0.5, 20]], {
  hint: 'Words below the free ones cost nothing, and earn nothing either.',
})

// %% [markdown]
// In PPO this is a wrapper around the reward, `penaliseLength(reward, { per, beyond })`; here it enters best-of-16. The price is in points of the true reward, words beyond 18 cost. To see the price of the penalty alone, look at a perfect scorer, the true reward itself: whatever falls, falls because of the penalty. Cases differ in the words they need, by the desk's own count (`allowance`).

// %%
const prices = [0, 0.05, 0.1, 0.2, 0.4], detailed = held.prompts.map(p => allowance(p.facts) > 34)
const pickAt = (scores: number[], price: number) => bestOfPool(held, scores.map((s, i) => yourPenalty(s, held.replies[i].features.words, price, 18)))
const perfect = prices.map(price => pickAt(goldOf(held), price)), under = prices.map(price => pickAt(hackedScores.map(s => s / spread), price))
const part = (pick: readonly JudgedReply[], need: boolean) => mean(pick.flatMap((r, i) => detailed[i] === need ? [r.gold] : []))
const wordsIn = (pick: readonly JudgedReply[]) => mean(pick.map(r => r.features.words))

// %% promises=["table"] sampled=true
await show(prices.map((price, k) => ({
  'price of a word': price, 'words, hacked scorer': wordsIn(under[k]), 'words, perfect scorer': wordsIn(perfect[k]),
  'true reward, brief cases': part(perfect[k], false), 'true reward, detailed cases': part(perfect[k], true),
})), { caption: 'Best of 16 with a price on every word beyond 18', digits: 2 })
const lost = [false, true].map(need => part(perfect[0], need) - part(perfect[4], need))
claim('the price shortens what the hacked scorer picks; even a perfect scorer pays for it, where detail is needed as well',
  wordsIn(under[4]) < wordsIn(under[0]) - 5 && lost.every(l => l > 0.2), {
    'words saved': wordsIn(under[0]) - wordsIn(under[4]), 'lost in brief cases': lost[0], 'lost in detailed cases': lost[1],
  })

// %% [markdown]
// ## Remedy 4: a KL budget
//
// Now train in earnest: PPO climbs the hacked reward model with no KL penalty. A budget stops the run when the mean KL over the last records passes 3 nats. `withinKl` is a small generator around the trainer's; whatever the trainer is, it stops it. We let the run go on past the budget only to see what the budget saved.

// %%
const questions = drawPrompts(600, seed + 11).map(p => ({ ...p, ids: promptTokens(p.text) })), head = withScoreHead(policy.params, policy.config)
type Asked = (typeof questions)[number]
const climb = (rollouts: readonly Rollout<Asked>[]) => deskScores(hacked, rollouts.map(r => r.prompt), rollouts.map(r => r.tokens))
const trueReward = (rollouts: readonly Rollout<Asked>[]) => ({ gold: mean(rollouts.map(r => gold(r.prompt, r.tokens).total)), words: mean(rollouts.map(r => features(r.prompt, r.tokens).words)) })
const run = ppo({
  policy: policy, reference: policy, value: { config: policy.config, params: head }, reward: climb, prompts: questions, measure: trueReward,
  iterations: 8, batchSize: 32, epochs: 2, minibatches: 2, maxNewTokens: 48, stopTokens: [EOS], beta: 0, seed: seed,
  optimiser: adamw({ lr: 1e-3, maxGradNorm: 1 }), schedule: constantSchedule({ lr: 1e-3 }),
})

// %% promises=["text"] sampled=true
await ready()
const records: { step: number; kl: number; score: number; gold: number; words: number }[] = []
for await (const m of progress(run, 'PPO against the hacked scorer', { total: 8 })) {
  records.push({ step: m.step, kl: Math.max(0, m['objective/kl']), score: m['objective/scores'], gold: m.gold, words: m.words })
}
disposeTraining(run)
const replay = async function* () { for (const r of records) { await ready(); yield { 'objective/kl': r.kl, ...r } } }, kept: typeof records = []
for await (const r of withinKl(replay(), { budget: 3, window: 2 })) kept.push(r)
const stopped = kept.at(-1)!, last = records.at(-1)!
claim('the budget stops the run while the true reward is well above what it becomes; the proxy would have risen on',
  kept.length < records.length && stopped.gold > last.gold + 0.4 && last.score > stopped.score, {
    'records kept': kept.length, 'gold at the stop': stopped.gold, 'gold at the end': last.gold,
  })

// %% promises=["figure"] sampled=true
await show(lines({
  title: 'Past the budget only the proxy gains',
  x: { label: 'iteration', unit: 'of 32 replies' }, y: { label: 'change from the first iteration' },
  lines: [
    { name: 'proxy score', x: records.map(r => r.step), y: records.map(r => r.score - records[0].score), points: true },
    { name: 'true reward (points)', x: records.map(r => r.step), y: records.map(r => r.gold - records[0].gold), points: true },
    { name: 'KL (10 nats)', x: records.map(r => r.step), y: records.map(r => r.kl / 10), points: true },
  ],
  references: [{ value: stopped.step, label: 'budget spent', along: 'y' }],
}))

// %% [markdown]
// The budget does not know the true reward. It says how far the proxy may be trusted, and that is learned from runs where people judged several checkpoints.
//
// ## All candidates at the gate
//
// The candidates: best-of-16 by the hacked scorer, by the refreshed one, and by the refreshed one with a small price on words. Human preference is the careful panel's win rate less one half; `human_low`, the lower end of its interval, must be above 0 too. The others ride along: length, markup, KL, and calibration, the expected calibration error of what a reply says about a date (a date or a certainty that the case does not support counts as an error).

// %%
const refreshedSpread = Math.sqrt(mean(refreshedScores.map(s => (s - mean(refreshedScores)) ** 2)))
const metricsOf = (pick: readonly JudgedReply[], scores: readonly number[]): GateMetrics => {
  const { value, low } = humanLike(pick, FAIR), marked = (r: JudgedReply) => Number(r.features.marks > 0)
  const error = (prompts: readonly Prompt[], replies: readonly JudgedReply[]) => dateCalibration(prompts, replies.map(r => r.tokens)).ece
  return {
    proxy_delta: mean(pick.map(r => scores[held.replies.indexOf(r)])) - mean(scores), human_delta: value - 0.5, human_low: low - 0.5, kl: bestOfNKl(16),
    length_delta: wordsIn(pick) - mean(wordsOf(held)), format_delta: mean(pick.map(marked)) - mean(held.replies.map(marked)),
    calibration_delta: error(held.prompts, pick) - error(held.asked, held.replies),
  }
}
const refreshedPick = bestOfPool(held, refreshedScores), priced = pickAt(refreshedScores.map(s => s / refreshedSpread), 0.05)

// %% promises=["table"] sampled=true
const candidates = [
  { name: 'hacked', metrics: metricsOf(hackedPick, hackedScores) }, { name: 'refreshed', metrics: metricsOf(refreshedPick, refreshedScores) },
  { name: 'refreshed, priced', metrics: metricsOf(priced, refreshedScores) },
].map(c => ({ ...c, verdict: releaseGate(c.metrics) }))
await show(candidates.map(({ name, metrics, verdict }) => ({
  candidate: name, proxy: metrics.proxy_delta, human: metrics.human_delta, 'human, low end': metrics.human_low, words: metrics.length_delta, markup: metrics.format_delta, calibration: metrics.calibration_delta,
  ready: verdict.release_ready ? 'yes' : 'no', reasons: verdict.checks.filter(c => !c.passed).map(c => c.name).join(', ') || 'every check passed',
})), { caption: 'Three candidates, one gate', digits: 2 })
const [bad, good] = candidates
claim('the hacked candidate has a better proxy and does not pass; careful people prefer the refreshed one to it',
  bad.verdict.proxy_improved && !bad.verdict.release_ready && good.metrics.human_delta > bad.metrics.human_delta + 0.02, {
    'human, hacked': bad.metrics.human_delta, 'human, refreshed': good.metrics.human_delta, passed: candidates.filter(c => c.verdict.release_ready).length,
  })

// %% [markdown]
// ### Exercise 13.4
// Write the gate that `npm run gate` runs, for the three metrics it cannot do without: the line it prints first.

// %%
function yourGate(proxy: number, human: number, lengthChange: number): string {
  // BEGIN SOLUTION
  const flag = (v: boolean) => v ? 'True' : 'False'
  const pass = human > 0 && lengthChange < 20
  return `proxy_improved=${flag(proxy > 0)} human_preference_improved=${flag(human > 0)} release_ready=${flag(pass)}`
  // END SOLUTION
}

// %% promises=["text"]
const libraryGate = (proxy: number, human: number, lengthChange: number) =>
  releaseLine(releaseGate({ proxy_delta: proxy, human_delta: human, length_delta: lengthChange }))
const gateLineOf = check('13.4', yourGate, libraryGate, [[0.31, -0.04, 48], [0.2, 0.05, 3], [-0.1, 0.05, 19.9], [1, 0, -5], [1, 1, 20]], {
  hint: 'release_ready does not look at the proxy.', level: 'advanced',
})
console.log(gateLineOf(0.31, -0.04, 48))

// %% [markdown]
// ## Over seeds
//
// The seed decides customers, verdicts, batches and samples. These are the claims of this lab with their figures under four of them.

// %% promises=["table"]
await show(claimTable('13'), { caption: 'the claims of this lab under four seeds', maxRows: 60 })

// %% [markdown]
// ## What to inspect

// %% promises=["table"]
await show([
  { figure: 'proxy against held-out preference', healthy: 'both rise', sick: 'only the proxy rises' },
  { figure: 'win rate with its interval', healthy: 'the whole interval above ½', sick: 'contains ½, or no interval given' },
  { figure: 'raw less length-controlled win rate', healthy: 'a few points', sick: 'most of the win' },
  { figure: 'mean length', healthy: 'moves with what cases need', sick: 'grows in all cases alike' },
  { figure: 'true reward by need for detail', healthy: 'holds in both', sick: 'a length penalty ate the detailed ones' },
  { figure: 'KL to the reference', healthy: 'inside the budget', sick: 'grows while preference stands still' },
  { figure: 'r(scorer, careful labels) on current outputs', healthy: 'as on its training data', sick: 'near 0: refresh it' },
  { figure: 'gate on a broken metrics file', healthy: 'an error, exit code 2', sick: 'passes' },
], { caption: 'What to inspect' })
for (const training of [hackedRun, refreshRun]) disposeTraining(training)
score()

// %% [markdown]
// ## Recap
//
// - **Foundational:** a release is judged on held-out prompts by judgements that training did not climb, with an interval.
// - **Intermediate:** you can compute a win rate, control it for length, and say what the control cannot do.
// - **Advanced:** you can refresh a scorer, price length and know whom that costs, stop on a KL budget, and write a gate that fails closed.
//
// **Sources.** Dubois et al. 2024 (arXiv:2404.04475); Gao et al. 2022 (arXiv:2210.10760); Singhal et al. 2023 (arXiv:2310.03716); Ouyang et al. 2022 (arXiv:2203.02155); Stiennon et al. 2020 (arXiv:2009.01325); Wilson 1927 (doi:10.2307/2276774). Figures of AlpacaEval: tatsu-lab/alpaca_eval, Apache-2.0.
