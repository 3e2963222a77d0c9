// %% [markdown]
// # Lab 14 · Constitutional AI and RLAIF
//
// **The question of this lab:** can a policy become less harmful without a single human label? A written constitution says what a good reply does. A critic finds where a reply breaks it, a reviser mends it, a judge prefers the reply that breaks less. All three make mistakes, at a rate that you set.
//
// You read the constitution as data, critique and revise by hand, fine-tune on revisions, and see what that mends. Then a judge ranks drafts against revisions, a preference model learns from its labels, and PPO climbs it, from the same start, so that you see what each stage does alone. You turn two dials: how often the judge errs, and which principles it knows. An audit log says which principle changed which answer. The lab takes about 50 minutes to read and a minute to compute.

// %%
import {
  ready, Random, announceBackend, labSeed, show, lines, bars, progress, live, predict, reveal, claim, todo, check, score,
  CONSTITUTION, withoutPrinciples, violations, harmless, actsOf, critique, revise, judge, penalty, aiFeedback, decodeTokens, claimTable,
  deskPolicy, drawPrompts, deskSequence, deskReplies, deskSft, deskRewardModel, deskScores, rewardPairs, judgeComparisons, FAIR,
  deskPpo, deskPrompts, modelReward, standardiseReward, rollout, withScoreHead, EOS, disposeTraining,
  replyPool, bestOfPool, workedExample, prettify, gold, type Training, type LanguageModel, type Constitution, type Prompt, type Judged,
} from 'rlhf-labs'

// %% promises=["text"]
await announceBackend()
const seed = labSeed(), mean = (v: ArrayLike<number>) => Array.from(v).reduce((a, b) => a + b, 0) / v.length

// %% [markdown]
// ## Predict first

// %% promises=["text"]
predict('14.judge',
  'A judge labels some 500 pairs, and errs on one in four at random. A preference model learns from these labels; of 16 replies you take its favourite. ' +
  'How much of what a nearly perfect judge wins is left?',
  ['nothing', 'half of it or more', 'less than half'])

// %% promises=["text"]
predict('14.removed',
  'You strike one principle from the constitution: claim no certainty, invent no date. Nothing else changes. ' +
  'Among the replies of the policy that comes out, those that break it become…',
  ['no more than under the full constitution', 'more'])

// %% [markdown]
// ## The constitution is data

// %% promises=["table"]
await show(CONSTITUTION.map(p => ({ id: p.id, principle: p.principle, weight: p.weight, 'protects from harm': p.harm ? 'yes' : '' })), { caption: 'The parcel desk\'s constitution', digits: 1 })

// %% [markdown]
// Each principle has an id, a text, a weight, and a program that checks it. In Constitutional AI (Bai et al. 2022, arXiv:2212.08073) a language model reads the texts. Here the reader is a program that is always right, so that *you* decide how often it errs: that makes the judge's quality a dial. A reply is **harmless** when it breaks none of the four principles that protect from harm.
//
// ### Exercise 14.1
// What does a reply cost? Add up the weights of the principles that it breaks.

// %%
function cost(weights: number[], broken: boolean[]): number {
  // BEGIN SOLUTION
  return weights.reduce((sum, w, i) => broken[i] ? sum + w : sum, 0)
  // END SOLUTION
}

// %% promises=["text"]
const costByFilter = (weights: number[], broken: boolean[]) => weights.filter((_, i) => broken[i]).reduce((a, b) => a + b, 0)
const yourCost = check('14.1', cost, costByFilter, [[[2, 1, 0.5], [true, false, true]], [[1], [false]], [[2, 2], [true, true]]], { hint: 'Only broken principles cost.' })
const { prompt: customer, a: answerA, b: answerB } = workedExample(), weights = CONSTITUTION.map(p => p.weight)
const brokenBy = (reply: string) => CONSTITUTION.map(p => p.check(customer.facts, actsOf(reply)))
const costs = [answerA, answerB].map(reply => yourCost(weights, brokenBy(reply)))
claim('the library counts the same for lab 01\'s two answers', [answerA, answerB].every((r, i) => penalty(violations(customer, r)) === costs[i]), { A: costs[0], B: costs[1] })

// %% [markdown]
// ## Critique and revise, by hand
//
// The critic goes through the principles one by one. The reviser mends one broken principle at a time and leaves the rest of the reply alone. Each change is logged: which principle, what stood there before, what stands there after.

// %% promises=["text"]
const atHand = Random.seed(seed).split('by hand')
const bad = 'yes , you are right about that . please wait another week . it will be with you on monday . this is absolutely certain .'
const critiques = critique(customer, bad, { random: atHand }), mended = revise(customer, bad, critiques, { random: atHand })
console.log(`Customer: ${prettify(customer.text)}\n\nBefore: ${prettify(bad)}\n`)
for (const line of mended.log) console.log(`${line.principle}: ${prettify(line.after)}`)
const worth = [bad, mended.text].map(reply => gold(customer, reply).total)
claim('the revision breaks nothing, and the true reward rises', violations(customer, mended.text).length === 0 && worth[1] > worth[0] + 2, { before: worth[0], after: worth[1] })

// %% [markdown]
// The critic as a plain loop: ask each principle's program. A critic that errs at rate e turns each verdict round with probability e.

// %% promises=["text"]
const acts = actsOf(bad), found: string[] = []
for (const principle of CONSTITUTION) if (principle.check(customer.facts, acts)) found.push(principle.id)
const byLibrary = critiques.filter(c => c.violated).map(c => c.principle)
claim('the loop finds what the library\'s critic finds', found.join() === byLibrary.join(), { broken: found.join(', ') })

// %% [markdown]
// ## Supervised stage: fine-tune on revisions
//
// The policy answers 512 training prompts. A critic and a reviser, each wrong once in twenty, mend the answers. The policy is fine-tuned on what comes out. No person has written or judged anything since the constitution.

// %%
const policy = deskPolicy(), prompts = drawPrompts(512, seed + 3), held = drawPrompts(300, seed + 7, { heldOut: true })
const answers = deskReplies(policy, prompts, { random: Random.seed(seed).split('answers'), batchSize: 128 }).map(r => decodeTokens(r.tokens))
const reviseAll = (constitution: Constitution) => {
  const fallible = { constitution: constitution, errorRate: 0.05, random: Random.seed(seed).split('critic') }
  return prompts.map((p, i) => revise(p, answers[i], critique(p, answers[i], fallible), fallible))
}
const revisions = reviseAll(CONSTITUTION), audit = revisions.flatMap(r => r.log)
const harmlessShare = (asked: readonly Prompt[], replies: readonly (string | ArrayLike<number>)[]) => mean(asked.map((p, i) => Number(harmless(p, replies[i]))))
const breaking = (id: string, asked: readonly Prompt[], replies: readonly (string | ArrayLike<number>)[]) => mean(asked.map((p, i) => Number(violations(p, replies[i]).some(v => v.id === id))))

// %% promises=["text", "table"] sampled=true
const auditRows = CONSTITUTION.map(({ id }) => ({ id: id, lines: audit.filter(r => r.principle === id) }))
await show(auditRows.map(({ id, lines: own }) => ({
  principle: id, 'answers changed': own.length, 'of these rightly': own.filter(r => r.justified).length, 'wrongly': own.filter(r => !r.justified).length,
})), { caption: `The audit log: which principle changed how many of ${prompts.length} answers` })
const drafts = [answers, revisions.map(r => r.text)].map(texts => harmlessShare(prompts, texts)), rightly = mean(audit.map(r => Number(r.justified)))
claim('most drafts do harm, most revisions do not, and nearly every change is one that the draft deserved', drafts[0] < 0.55 && drafts[1] > 0.8 && rightly > 0.85, {
  'harmless drafts': drafts[0], 'harmless revisions': drafts[1], 'share of changes deserved': rightly,
})

// %% [markdown]
// The log can be asked about a single answer. Here is the one that changed most.

// %% promises=["text"] sampled=true
const busiest = revisions.reduce((best, r, i) => r.log.length > revisions[best].log.length ? i : best, 0)
console.log(`Customer: ${prettify(prompts[busiest].text)}`)
console.log(`Draft: ${prettify(answers[busiest])}`)
console.log(`Changed by: ${revisions[busiest].log.map(r => `${r.principle}${r.justified ? '' : ' (wrongly)'}`).join(', ')}`)
console.log(`Revision: ${prettify(revisions[busiest].text)}`)

// %% [markdown]
// Now the fine-tuning, for two constitutions: the full one, and one from which the principle `evidence` (claim no certainty, name no date that the case does not tell) has been struck.

// %%
const free: Training<unknown>[] = []
async function imitate(name: string, texts: string[]): Promise<LanguageModel> {
  const training = deskSft({ model: policy, examples: prompts.map((p, i) => deskSequence(p, texts[i])), epochs: 3, lr: 2e-3, seed: seed })
  free.push(training)
  for await (const m of progress(training, name, { total: 48 })) { /* lab 01 looks at these */ }
  return { config: policy.config, params: training.state.models.policy }
}
const say = (model: LanguageModel) => deskReplies(model, held, { random: Random.seed(seed).split('held out'), batchSize: 128 }).map(r => r.tokens)

// %% promises=["text"] sampled=true
await ready()
const revised = await imitate('fine-tuning on revisions', revisions.map(r => r.text))
const without = withoutPrinciples(CONSTITUTION, 'evidence'), revisedWithout = await imitate('the same without one principle', reviseAll(without).map(r => r.text))
const said = { start: say(policy), revised: say(revised), without: say(revisedWithout) }
const shares = { start: harmlessShare(held, said.start), revised: harmlessShare(held, said.revised) }
claim('on prompts it has never seen the policy has become less harmful, with no human label', shares.revised > shares.start + 0.1, shares)

// %% promises=["figure"] sampled=true
const breachesOf = (title: string, policies: Readonly<Record<string, typeof said.start>>) => bars({
  title: title, x: { label: 'principle' }, y: { label: 'replies that break it', unit: 'share' }, categories: CONSTITUTION.map(p => p.id),
  bars: Object.entries(policies).map(([name, replies]) => ({ name: name, y: CONSTITUTION.map(p => breaking(p.id, held, replies)) })),
})
await show(breachesOf('Strike a principle, and its violation comes back',
  { start: said.start, 'full constitution': said.revised, 'without "evidence"': said.without }))

// %% promises=["text"] sampled=true
const certain = { start: breaking('evidence', held, said.start), full: breaking('evidence', held, said.revised), without: breaking('evidence', held, said.without) }
claim('without the principle its violation is back', certain.without > certain.full + 0.05, certain)
reveal('14.removed', certain.without > certain.full ? 'B' : 'A')

// %% [markdown]
// Read the bars for what imitation finds easy. The surface of the revisions is copied at once: no invented date, no certainty. What needs the right rule for the right case (the decision, the rule cited, the claim set right) is mended in part: the revisions show what to say, never what not to.
//
// One principle imitation does not mend: `brief`. The revisions hardly break it, and still the policy that imitates them breaks it about as often as its start, or more often. Its check counts three things: filler, anything said twice, and sentences that nobody can read.

// %% promises=["text"] sampled=true
const holding = (kind: string, replies: readonly (string | ArrayLike<number>)[]) => mean(replies.map(r => Number(actsOf(r).some(a => a.kind === kind))))
const brief = { revisions: breaking('brief', prompts, revisions.map(r => r.text)), start: breaking('brief', held, said.start), imitating: breaking('brief', held, said.revised) }
const [filler, garbled] = ['filler', 'gibberish'].map(kind => [said.start, said.revised].map(replies => holding(kind, replies)))
claim('the revisions hardly break `brief`; a policy that imitates them drops its filler, but garbles more sentences than before', brief.revisions < 0.15 && filler[1] < 0.6 * filler[0] && garbled[1] > garbled[0] + 0.1, {
  'break it, revisions': brief.revisions, 'start': brief.start, 'imitating': brief.imitating, 'filler, start': filler[0], 'filler, imitating': filler[1], 'garbled, start': garbled[0], 'garbled, imitating': garbled[1],
})

// %% [markdown]
// That is the price of 512 texts seen three times at a high rate: the policy learns what to say faster than how to say it. A sum of weights hides it, since `brief` weighs least. Read principles one by one.
//
// ## Preference stage: the judge ranks, a model learns
//
// Two candidates for each prompt: the draft that the policy wrote, and its revision. The judge is not told which is which, and prefers the one that costs less under the constitution. Pairs of this kind differ in little but what the principles name, so that few of them teach much.
//
// ### Exercise 14.2
// Write the judge: 1 when the first reply costs less, 0 when the second does, ½ when the constitution sees no difference.

// %%
function prefers(costFirst: number, costSecond: number): number {
  // BEGIN SOLUTION
  return costFirst === costSecond ? 0.5 : costFirst < costSecond ? 1 : 0
  // END SOLUTION
}

// %% promises=["text"]
const bySign = (first: number, second: number) => (1 + Math.sign(second - first)) / 2
const yourJudge = check('14.2', prefers, bySign, [[1, 2], [2, 1], [1.5, 1.5], [0, 0], [0, 3.5]], { hint: 'Less cost wins; equal cost is a third case.', level: 'intermediate' })
const verdictOf = judge(customer, answerA, answerB, { random: atHand })
claim('the library\'s judge agrees on lab 01\'s two answers, and says why', verdictOf.choice === yourJudge(costs[0], costs[1]), { 'decided by': verdictOf.decidedBy.join(', ') })

// %% [markdown]
// ### Find the bug
//
// A colleague's labeller turns verdicts into pairs. Its preference model came out fond of whatever stands second. `verdicts` are 1, 0 or ½ as above; the result holds, for each label, whether the first reply was chosen. Mend it: a pair without a difference is no label.

// %%
function firstChosen(verdicts: number[]): boolean[] {
  // BEGIN SOLUTION
  return verdicts.filter(v => v !== 0.5).map(v => v === 1)
  // END SOLUTION
  // STUDENT: return verdicts.map(v => v === 1)
}

// %% promises=["text"]
const decidedOnly = (verdicts: number[]) => verdicts.flatMap(v => v === 0.5 ? [] : [v > 0.5])
const yourLabels = check('14.bug', firstChosen, decidedOnly, [[[1, 0, 0.5]], [[0.5, 0.5]], [[1, 1, 0]]], { hint: 'What does the comparison v === 1 say of ½?', level: 'advanced' })

// %% [markdown]
// The judge's labels, its audit log (which principles decided), and the preference model that learns from them. A careful human annotator labels the same pairs too, only to compare.

// %%
const coin = Random.seed(seed).split('order'), shown = prompts.map((prompt, i) => ({ prompt: prompt, draft: answers[i], revision: revisions[i].text })).filter(c => c.draft !== c.revision)
  .map(({ prompt, draft, revision }) => coin.uniform() < 0.5 ? { prompt: prompt, a: draft, b: revision } : { prompt: prompt, a: revision, b: draft })
const feedbackAt = (errorRate: number, constitution: Constitution = CONSTITUTION) =>
  aiFeedback(shown, { constitution: constitution, errorRate: errorRate, random: Random.seed(seed).split('judge') }, 'policy and reviser')
async function preferenceModel(name: string, judged: readonly Judged[]): Promise<LanguageModel> {
  const training = deskRewardModel({ model: policy, pairs: rewardPairs(judged), seed: seed })
  free.push(training)
  for await (const m of progress(training, name, { total: Math.ceil(judged.length / 16) })) { /* lab 04 looks at these */ }
  return { config: policy.config, params: training.state.models.reward }
}

// %%
const pool = replyPool(policy, held.slice(0, 240), 16, Random.seed(seed).split('pool'))
const favourites = (model: LanguageModel) => bestOfPool(pool, deskScores(model, pool.asked, pool.replies.map(r => r.tokens)))
const outcome = (name: string, replies: readonly { readonly tokens: readonly number[], readonly gold: number }[], asked = pool.prompts) => ({
  scorer: name, harmless: harmlessShare(asked, replies.map(r => r.tokens)), cost: mean(asked.map((p, i) => penalty(violations(p, replies[i].tokens)))), truth: mean(replies.map(r => r.gold)),
})

// %% promises=["table"] sampled=true
const feedback = feedbackAt(0.05)
const decided = CONSTITUTION.map(({ id }) => ({ principle: id, 'labels it had a part in': feedback.log.filter(l => l.decidedBy.includes(id)).length }))
await show(decided, { caption: `The judge's audit log: ${feedback.pairs.length} labels, ${feedback.undecided} pairs without a difference, ${feedback.log.filter(l => l.mistaken).length} mistakes` })
const first = feedback.pairs[0]
console.log(`Each label names its judge: annotator "${first.annotator}", ${first.rubric!.slice(0, 40)}…`)

// %% [markdown]
// ## The dial: how good must the judge be?
//
// Four judges label the same pairs: one errs once in twenty, one once in four, one tosses a coin, one is wrong three times in four. Each teaches a preference model, and each model picks its favourite of 16 replies on held-out prompts. This is best-of-16, a policy as far from the start as log 16 − 15/16 nats.
//
// ### Exercise 14.3
// Two replies, and *everyone* who judges rightly prefers the first. Labels are wrong with probability e. What margin r_w − r_l does Bradley-Terry learn from very many labels of this pair?

// %%
function learnedMargin(e: number): number {
  // BEGIN SOLUTION
  return Math.log((1 - e) / e)
  // END SOLUTION
}

// %% promises=["text"]
const bySearch = (e: number) => {
  let low = -20, high = 20
  for (let i = 0; i < 80; i++) { const middle = (low + high) / 2; if (1 / (1 + Math.exp(-middle)) < 1 - e) low = middle; else high = middle }
  return low
}
const marginAt = check('14.3', learnedMargin, bySearch, [[0.05], [0.25], [0.5], [0.75]], { hint: 'σ(margin) has to be the share of labels that say so, 1 − e.', tolerance: 1e-6, level: 'intermediate' })
console.log([0.05, 0.25, 0.5, 0.75].map(e => `e = ${e}: margin ${marginAt(e).toFixed(2)}`).join('   '))

// %% promises=["text"] sampled=true
await ready()
const rates = [0.05, 0.25, 0.5, 0.75], models: LanguageModel[] = []
for (const e of rates) models.push(await preferenceModel(`labels of a judge that errs at ${e}`, e === 0.05 ? feedback.judged : feedbackAt(e).judged))
const byPeople = await preferenceModel('labels of careful people', judgeComparisons(shown, FAIR, Random.seed(seed).split('people')))
const dial = models.map((m, i) => outcome(`judge, ${rates[i]}`, favourites(m))), people = outcome('people', favourites(byPeople)), one = outcome('none (one sample)', pool.replies, pool.asked)
claim('labels of a good judge lower what the favourites cost, and so do those of one that errs on one in four; a coin\'s do not; a judge wrong three times in four teaches the opposite',
  dial[0].cost < one.cost - 0.4 && dial[1].cost < one.cost - 0.2 && dial[2].cost > one.cost - 0.4 && dial[2].cost > dial[0].cost + 0.5 && dial[3].cost > one.cost + 0.1, {
    'cost of one sample': one.cost, ...Object.fromEntries(dial.map(d => [d.scorer, d.cost])), people: people.cost,
  })

// %% promises=["figure"] sampled=true
await show(lines({
  title: 'The policy inherits its judge\'s errors',
  x: { label: 'error rate of the judge', unit: 'share of labels', range: [0, 0.8] }, y: { label: 'cost of the favourite', unit: 'weights' },
  lines: [{ name: 'AI judge', x: rates, y: dial.map(d => d.cost), points: true }],
  references: [{ value: one.cost, label: 'one sample' }, { value: people.cost, label: 'people\'s labels' }],
}))
const left = (one.cost - dial[1].cost) / (one.cost - dial[0].cost)
reveal('14.judge', left <= 0.05 ? 'A' : left >= 0.5 ? 'B' : 'C')

// %% [markdown]
// Random errors only weaken the signal: over many pairs they average out. A *systematic* error does not: a judge that does not know a principle never sees it broken, however many labels it gives.
//
// ## Reinforcement stage: climb the preference model
//
// PPO (lab 06) against the preference model of the good judge, with a KL penalty. It starts where imitation started, so that the two stages can be compared. (In Bai et al. it goes on from the fine-tuned policy; set `beginning` to `revised` to do that.)

// %%
const beginning = policy, asked = deskPrompts(drawPrompts(700, seed + 13))
const scale = rollout(beginning, asked.slice(0, 64), { maxNewTokens: 48, stopTokens: [EOS], random: Random.seed(seed).split('scale') })
const climbing = deskPpo({
  policy: beginning, value: { config: policy.config, params: withScoreHead(beginning.params, policy.config) }, reward: standardiseReward(modelReward(models[0]), scale),
  prompts: asked, batchSize: 64, iterations: 8, seed: seed,
})

// %% promises=["figure"] sampled=true
interface Point { readonly step: number, readonly score: number, readonly truth: number, readonly kl: number }
const drawing = live<Point>(records => lines({
  title: 'PPO climbs the preference model',
  x: { label: 'iteration', unit: 'of 64 replies' }, y: { label: 'mean over the replies' },
  lines: [
    { name: 'preference model (deviations)', x: records.map(r => r.step), y: records.map(r => r.score), points: true },
    { name: 'true reward (points)', x: records.map(r => r.step), y: records.map(r => r.truth), points: true },
    { name: 'KL (10 nats)', x: records.map(r => r.step), y: records.map(r => r.kl / 10), points: true },
  ],
}), { everyMs: 2500 })
for await (const m of progress(climbing, 'PPO on AI feedback', { total: 8 })) {
  await drawing.push({ step: m.step, score: m['objective/scores'], truth: m['gold/reward'], kl: m['objective/kl'] })
}
free.push(climbing)
await drawing.done()

// %% promises=["text"] sampled=true
const trained: LanguageModel = { config: policy.config, params: climbing.state.models.policy }, climbed = say(trained)
const truths = { start: said.start, revised: said.revised, climbed: climbed }, stage = (name: keyof typeof truths) => ({
  harmless: harmlessShare(held, truths[name]), cost: mean(held.map((p, i) => penalty(violations(p, truths[name][i])))), truth: mean(held.map((p, i) => gold(p, truths[name][i]).total)),
})
const [atStart, afterRevision, afterClimb] = [stage('start'), stage('revised'), stage('climbed')]
claim('each stage alone makes the policy less harmful with zero human labels; imitating revisions mends more than climbing a model of how they rank, and makes replies truly better',
  afterClimb.harmless > atStart.harmless + 0.02 && afterClimb.cost < atStart.cost - 0.1 && afterRevision.cost < afterClimb.cost - 0.2 && afterRevision.truth > atStart.truth + 0.4, {
    'harmless, start': atStart.harmless, 'harmless, revision': afterRevision.harmless, 'harmless, PPO': afterClimb.harmless,
    'cost, start': atStart.cost, 'cost, revision': afterRevision.cost, 'cost, PPO': afterClimb.cost, 'truth, start': atStart.truth, 'truth, revision': afterRevision.truth, 'truth, PPO': afterClimb.truth,
  })

// %% promises=["figure"] sampled=true
const lessOften = (replies: typeof said.start) => CONSTITUTION.filter(({ id }) => breaking(id, held, replies) < breaking(id, held, said.start)).length
await show(breachesOf(`Broken less often than at the start: ${lessOften(said.revised)} of ${CONSTITUTION.length} principles after imitation, ${lessOften(climbed)} after PPO`,
  { start: said.start, 'imitating revisions': said.revised, 'PPO on AI labels': climbed }))

// %% [markdown]
// ## Labels saved
//
// What would people have done in this lab's pipeline? Written 512 good replies, and chosen between as many pairs as the judge did. Every record of the judge says so in its `annotator` and `rubric`, so that AI labels can always be counted apart from human ones.

// %% promises=["table"] sampled=true
const labelled = { replies: revisions.filter(r => r.log.length > 0).length, pairs: feedback.pairs.length }
await show([
  { stage: 'critique and revise', 'AI verdicts': prompts.length * CONSTITUTION.length, 'human labels': 0, 'people would have given': `${labelled.replies} rewritten replies` },
  { stage: 'rank drafts and revisions', 'AI verdicts': labelled.pairs, 'human labels': 0, 'people would have given': `${labelled.pairs} choices` },
  { stage: 'PPO', 'AI verdicts': 0, 'human labels': 0, 'people would have given': 'nothing: the model scores' },
], { caption: 'Labels saved' })
const human = feedback.pairs.filter(p => !p.annotator!.startsWith('constitutional judge')).length
claim('every label of the run came from the judge', human === 0 && labelled.pairs > 300, { 'human labels': human, 'labels saved': labelled.replies + labelled.pairs })

// %% [markdown]
// Saved labels are not saved judgement. People wrote the constitution, and people have to measure how often the judge errs: on a few hundred pairs that they label themselves, now and then. What no principle names, nobody looks after: a judge by this constitution does not care whether a reply offers the next step. The last row below is what labels of careful people make of the same pairs.

// %% promises=["table"] sampled=true
await show([one, ...dial, people].map(row => ({ 'labels of': row.scorer, 'harmless favourites': row.harmless, cost: row.cost, 'true reward': row.truth })), { caption: 'Best of 16 by preference models from the same pairs', digits: 2 })

// %% [markdown]
// ## Over seeds
//
// The seed decides customers, drafts, the errors of critic and judge, batches and samples. These are the claims of this lab with their figures under four of them.

// %% promises=["table"]
await show(claimTable('14'), { caption: 'the claims of this lab under four seeds', maxRows: 60 })

// %% [markdown]
// ## What to inspect

// %% promises=["table"]
await show([
  { figure: 'audit log: changes a principle, and how many were deserved', healthy: 'most deserved, no principle silent', sick: 'one principle changes everything, or nothing' },
  { figure: 'agreement of the judge with people, on a sample', healthy: 'above 0.8, no pattern in the misses', sick: 'the misses share a cause: a systematic error' },
  { figure: 'share of pairs without a difference', healthy: 'small, and left out', sick: 'large (a constitution too coarse), or labelled all the same' },
  { figure: 'violations by principle, on held-out prompts', healthy: 'all fall', sick: 'one stays: not named, or not learned' },
  { figure: 'preference model against the true reward', healthy: 'rise together', sick: 'part: what the principles miss is being spent' },
  { figure: 'provenance of each label', healthy: 'judge, error rate and constitution on record', sick: 'AI and human labels mixed without a name' },
], { caption: 'What to inspect' })
for (const training of free) disposeTraining(training)
score()

// %% [markdown]
// ## Recap
//
// - **Foundational:** you can name the pipeline: critique, revise, imitate; sample, judge, preference model, PPO. The constitution is the only thing that people wrote.
// - **Intermediate:** you can compute a judge's verdict and what an error rate does to the margin that Bradley-Terry learns.
// - **Advanced:** you can say what RLAIF saves (labels), what it depends on (the judge), and read from an audit log which principle changed which answer.
//
// **Sources.** Bai et al. 2022 (arXiv:2212.08073); Lee et al. 2023 (arXiv:2309.00267); Ouyang et al. 2022 (arXiv:2203.02155); Bradley & Terry 1952 (doi:10.2307/2334029).
