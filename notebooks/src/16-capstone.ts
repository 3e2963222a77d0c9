// %% [markdown]
// # Lab 16 · Capstone
//
// **The question of this lab:** a hotel wants a model at its reception. There are clerks' replies to imitate and a feedback log. Which method do you choose, and may the result answer guests?
//
// You go the whole way once, at a desk that you have not seen: clean the log, choose the method by what the log holds, train, evaluate on guests that no model has met, take the candidate to the release gate, mend it, write its model card, and export a run that TRL and accelerate take as it stands, for as many GPUs as you have. At the end the rubric of the whole course is scored.
//
// What the lab leaves out: a search over settings, and real guests. The lab takes about 45 minutes to read and less than a minute to compute.

// %%
import {
  Random, announceBackend, labSeed, show, showVolatile, lines, bars, progress, predict, reveal, claim, claimTable, todo, check, score, rubricScore,
  hotelPrompts, hotelGold, hotelIdeal, hotelUnsafe, hotelActs, hotelWords, hotelSft, hotelReplies, hotelPairs, hotelFeedback, hotelPreference, hotelSafetyPairs,
  hotelDpo, hotelPromptTokens, hotelTokenizer, HOTEL_CONFIG, HOTEL_DPO, HOTEL_TRL, describeFeedback, chooseMethod, explainChoice, normalised,
  dpo, sequenceLogps, winRate, releaseGate, releaseLine, gateReport, modelCard, exportDpoToTrl, loadModel, readTokenPairs, disposeParams, disposeTraining,
  type PreferencePair, type LanguageModel, type HotelPrompt, type GateMetrics, type DpoMetrics,
} from 'rlhf-labs'
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// %% promises=["text"]
await announceBackend()
const seed = labSeed(), random = Random.seed(seed).split('capstone'), mean = (v: ArrayLike<number>) => Array.from(v).reduce((a, b) => a + b, 0) / v.length

// %% [markdown]
// ## Predict first

// %% promises=["text"]
predict('16.method', 'The log holds 900 comparisons of two replies, a quarter of them judged twice. What do you start with?', ['KTO', 'DPO', 'GRPO', 'a reward model and PPO'])

// %% promises=["text"]
predict('16.gate', 'You train on the cleaned log. People prefer the candidate on guests it has never met. What does the release gate say?',
  ['release it', 'not yet: replies have become too long', 'not yet: replies cross the safety line'])

// %% [markdown]
// ## The desk
//
// The rules of the house:
//
// 1. Rooms are needed from 12 on. Members may stay until 14.
// 2. A new key needs a passport. **A key handed out without one is the line that no reply may cross.**
// 3. One loud night: another room. From two loud nights on, half the price back.
// 4. A bill that is less than 50 euros too high is corrected at the desk. From 50 euros on, the manager looks at it.
//
// The true reward is a program, as at the parcel desk: 2 for the right decision, 1 for the rule that decides, 0.3 for politeness, less for empty promises, for words beyond 24 and for sentences that mean nothing.

// %% promises=["table"]
const [guest] = hotelPrompts(1, random.split('one guest'), { only: facts => facts.passport === false })
const byHand = [
  hotelIdeal(guest.facts, random.split('ideal')), 'please show me your passport first .', 'thank you for asking . here is a new key . this will never happen again .',
].map(reply => ({ reply: reply, 'true reward': hotelGold(guest, reply), 'crosses the line': hotelUnsafe(guest, reply) }))
await show(byHand, { caption: guest.text })
claim('2 + 1 + 0.3 for the ideal reply, 2 for the bare decision', Math.abs(byHand[0]['true reward'] - 3.3) < 1e-9 && byHand[1]['true reward'] === 2 && byHand[2]['crosses the line'], { ideal: byHand[0]['true reward'], bare: byHand[1]['true reward'], 'polite and unsafe': byHand[2]['true reward'] })

// %% [markdown]
// ## What is in service
//
// The model in service imitates the clerks, who are of mixed quality: 1,536 guests, one reply each, from random weights. Its vocabulary of 145 words, its tokenizer and its 68,000 weights belong to this hotel alone.

// %% sampled=true promises=["figure"]
const start = hotelSft({ seed: seed }), losses: number[] = []
for await (const m of progress(start, 'SFT', { total: 288 })) losses.push(m.loss)
const base: LanguageModel = { config: HOTEL_CONFIG, params: start.state.models.policy }
const smooth = losses.map((_, i) => mean(losses.slice(Math.max(0, i - 9), i + 1)))
await show(lines({
  title: 'Imitation settles: what is left is how clerks differ', x: { label: 'step', unit: 'of 16 replies' }, y: { label: 'loss, mean of ten steps', unit: 'nats a token' },
  lines: [{ name: 'SFT', x: smooth.map((_, i) => i + 1), y: smooth, points: false }],
}))

// %% [markdown]
// Two sets of guests stay out of everything below: 256 of all kinds, whose combinations of room and request no training data has, and 96 who ask for a key without a passport. The model answers with its likeliest words, since that is how it is served.

// %% sampled=true promises=["table"]
const guests = hotelPrompts(256, random.split('guests'), { heldOut: true }), keyless = hotelPrompts(96, random.split('keyless'), { heldOut: true, only: facts => facts.passport === false })
const answers = (model: LanguageModel, to: readonly HotelPrompt[]) => hotelReplies(model, to, { temperature: 0 }).map(r => r.text)
const served = answers(base, guests), unsafeOf = (model: LanguageModel) => answers(model, keyless).filter((reply, i) => hotelUnsafe(keyless[i], reply)).length
const goldOf = (replies: readonly string[]) => mean(replies.map((reply, i) => hotelGold(guests[i], reply)))
const ideals = guests.map(g => hotelIdeal(g.facts, random.split('best'))), best = goldOf(ideals)
await show([{ policy: 'in service', 'true reward': goldOf(served), words: mean(served.map(hotelWords)) }, { policy: 'ideal', 'true reward': best, words: mean(ideals.map(hotelWords)) }], { digits: 2 })
claim('imitation stays more than a point below the ideal', goldOf(served) < best - 1, { 'in service': goldOf(served), ideal: best })

// %% [markdown]
// ## The log, as it comes
//
// Four annotators compared two clerks' replies, by the instructions of rubric v1.

// %% promises=["table", "text"]
const log = hotelFeedback(900, random.split('log'))
await show(log.slice(0, 4).map(({ prompt, chosen, rejected, annotator }) => ({ prompt: prompt, chosen: chosen, rejected: rejected, annotator: annotator! })), { caption: `4 of ${log.length} rows` })
console.log(explainChoice(chooseMethod(describeFeedback(log))))

// %% [markdown]
// The router reads the rows and answers with reasons, and it tells you what to repair first. Do that before you believe the answer.
//
// ### Exercise 16.1
// Keep the rows that are a judgement: leave out those whose two replies say the same, and those that repeat a judgement by the same annotator of the same two replies to the same prompt. Of copies, keep the first.

// %%
function judgements(rows: PreferencePair[]): PreferencePair[] {
  // BEGIN SOLUTION
  const seen = new Set<string>()
  return rows.filter(({ annotator, prompt, chosen, rejected }) => {
    const key = JSON.stringify([annotator, prompt, ...[chosen, rejected].sort()])
    if (normalised(chosen) === normalised(rejected) || seen.has(key)) return false
    return seen.add(key)
  })
  // END SOLUTION
}

// %% promises=["text"]
const row = (annotator: string, prompt: string, chosen: string, rejected: string): PreferencePair => ({ prompt_id: prompt, prompt: prompt, chosen: chosen, rejected: rejected, label: 1, annotator: annotator })
const distinct = (rows: PreferencePair[]) => rows.filter((r, i) => normalised(r.chosen) !== normalised(r.rejected)
  && rows.findIndex(o => o.annotator === r.annotator && o.prompt === r.prompt && [o.chosen, o.rejected].sort().join('\n') === [r.chosen, r.rejected].sort().join('\n')) === i)
const keptRows = check('16.1', judgements, distinct, [
  [[row('ana', 'p', 'yes .', 'no .'), row('ana', 'p', 'yes .', 'no .'), row('ben', 'p', 'yes .', 'no .')]],
  [[row('ana', 'p', 'Yes.', 'yes .'), row('ana', 'q', 'yes .', 'no .')]], [[row('ana', 'p', 'yes .', 'no .'), row('ana', 'p', 'no .', 'yes .')]],
], { hint: 'What makes two rows the same judgement? Who, on what, between which two; not which way it went.', level: 'intermediate' })
const cleaned = keptRows(log)
claim('about one row in fifteen was no judgement of its own', cleaned.length < 0.97 * log.length && cleaned.length > 0.85 * log.length, { rows: log.length, judgements: cleaned.length })

// %% [markdown]
// ### Exercise 16.2
// Some comparisons were judged by two annotators. How often do they agree, by annotator? You get a list of `[one, other, agreed]`. Return the share of agreement of those that `name` took part in.

// %%
function agreementWith(name: string, twice: [string, string, boolean][]): number {
  // BEGIN SOLUTION
  const own = twice.filter(([one, other]) => one === name || other === name)
  return own.filter(([, , agreed]) => agreed).length / own.length
  // END SOLUTION
}

// %% promises=["text"]
const byShare = (name: string, twice: [string, string, boolean][]) => mean(twice.filter(t => t.slice(0, 2).includes(name)).map(t => Number(t[2])))
const agreeing = check('16.2', agreementWith, byShare, [
  ['a', [['a', 'b', true], ['b', 'c', false], ['c', 'a', false]]], ['b', [['a', 'b', true], ['b', 'c', false], ['b', 'a', true]]], ['c', [['c', 'd', false]]],
], { hint: 'First the comparisons in which the name stands on either side.', level: 'advanced' })

// %% promises=["table"]
const sides = new Map<string, PreferencePair[]>()
for (const r of cleaned) { const key = [r.prompt, ...[r.chosen, r.rejected].sort()].join('\n'); sides.set(key, [...sides.get(key) ?? [], r]) }
const twice = [...sides.values()].filter(rs => rs.length > 1).map(([a, b]): [string, string, boolean] => [a.annotator!, b.annotator!, a.chosen === b.chosen])
const names = ['ana', 'ben', 'cleo', 'dan'], agreements = names.map(name => agreeing(name, twice))
await show(names.map((name, i) => ({ annotator: name, 'agrees with the others': agreements[i], comparisons: twice.filter(t => t.slice(0, 2).includes(name)).length })), { digits: 2 })
const careless = names[agreements.indexOf(Math.min(...agreements))], records = cleaned.filter(r => r.annotator !== careless)
claim('one of the four agrees with the others like a coin', careless === 'dan' && Math.min(...agreements) < 0.62, { dan: agreements[3], 'all others, at least': Math.min(...agreements.slice(0, 3)) })

// %% [markdown]
// Leaving out a person’s work is a decision: write it down, and ask that person first. A low agreement may also mean that one person read the instructions and three did not.
//
// ## The method, by evidence

// %% promises=["text"]
const evidence = describeFeedback(records), choice = chooseMethod(evidence)
console.log(explainChoice(choice))
const share = ({ count, of }: { count: number, of: number }) => count / of, before = share(describeFeedback(log).agreement!), after = share(evidence.agreement!)
claim('without them agreement rises, stays below certainty, and the answer is DPO', choice.answer === 'DPO baseline' && after > before + 0.06 && after < 0.95, { before: before, after: after })
reveal('16.method', 'B')

// %% promises=["table"]
const changed = {
  'as it is': evidence, 'thumbs in place of pairs': { thumbs: { up: 300, down: 900 } }, 'annotators who never disagree': { ...evidence, agreement: { count: 420, of: 424 } },
  'no fine-tuned start': { ...evidence, singleStage: true }, 'a program that knows the right answer': { ...evidence, checkable: 900 }, 'ten pairs': { pairs: 10 },
}
await show(Object.entries(changed).map(([what, feedback]) => { const c = chooseMethod(feedback); return { log: what, answer: c.answer, 'enough evidence': c.insufficient.length === 0 } }), { caption: 'what would change the answer' })

// %% [markdown]
// ## The first candidate
//
// DPO with β = 0.1 and the likelihood of the chosen replies beside it, which keeps the sentences whole. Two passes, a constant rate: a plain recipe, that another program can follow to the digit.

// %%
async function train(name: string, from: readonly PreferencePair[]) {
  const options = hotelDpo(hotelPairs(random.split(`order of ${name}`).shuffle(from))), training = dpo({ model: base, ...options }), metrics: DpoMetrics[] = []
  for await (const m of progress(training, name, { total: options.steps })) metrics.push(m)
  return { options: options, metrics: metrics, model: { config: HOTEL_CONFIG, params: training.state.models.policy }, free: () => disposeTraining(training) }
}

// %% sampled=true promises=["table"]
const first = await train('candidate 1', records), ends = [first.metrics.slice(0, 5), first.metrics.slice(-5)]
await show((['loss', 'nll_loss', 'rewards/margins', 'rewards/accuracies'] as const).map(f => ({ figure: f, 'first 5 steps': mean(ends[0].map(m => m[f]!)), 'last 5': mean(ends[1].map(m => m[f]!)) })), { digits: 3 })
claim('the margin grows and the likelihood is kept', mean(ends[1].map(m => m['rewards/margins'])) > 0.06 && mean(ends[1].map(m => m.nll_loss!)) < mean(ends[0].map(m => m.nll_loss!)) + 0.05, {
  margin: mean(ends[1].map(m => m['rewards/margins'])), 'likelihood, last': mean(ends[1].map(m => m.nll_loss!)) })

// %% [markdown]
// ## Held-out evaluation
//
// People who have not judged the log compare the candidate's answer with the answer in service, on the 256 guests. Two answers that are the same are a tie.
//
// ### Exercise 16.3
// Write the three figures of the gate that need only a subtraction: `human` is the win rate above one half, `low` the lower end of its interval above one half, `length` the change of the mean number of words.

// %%
function deltas(rate: number, low: number, wordsNow: number[], wordsBefore: number[]): { human: number, low: number, length: number } {
  // BEGIN SOLUTION
  const average = (words: number[]) => words.reduce((a, b) => a + b, 0) / words.length
  return { human: rate - 0.5, low: low - 0.5, length: average(wordsNow) - average(wordsBefore) }
  // END SOLUTION
}

// %% promises=["text"]
const byMean = (rate: number, low: number, now: number[], old: number[]) => ({ human: rate - 0.5, low: low - 0.5, length: mean(now) - mean(old) })
const changes = check('16.3', deltas, byMean, [[0.6, 0.55, [10, 20], [10, 10]], [0.4, 0.3, [5], [8, 8, 8]], [0.5, 0.44, [1], [1]]], { hint: 'A win rate of one half means: no better.', level: 'intermediate' })

// %%
const people = random.split('people'), tokensOf = (model: LanguageModel, name: string) => hotelReplies(model, guests, { random: random.split(name) }).map((r, i) => ({ prompt: { ids: hotelPromptTokens(guests[i].text) }, tokens: r.tokens }))
function measured(name: string, model: LanguageModel, margin: number) {
  const now = answers(model, guests), samples = tokensOf(model, name), [own, reference] = [model, base].map(m => sequenceLogps(m, samples))
  const rate = winRate(now.map((reply, i) => reply === served[i] ? 0.5 : Number(people.uniform() < hotelPreference(guests[i], reply, served[i]))))
  const { human, low, length } = changes(rate.winRate, rate.low, now.map(hotelWords), served.map(hotelWords))
  const metrics: GateMetrics = { proxy_delta: margin, human_delta: human, human_low: low, length_delta: length, kl: Math.max(0, mean(own.map((logp, i) => logp - reference[i]))), unsafe: unsafeOf(model) }
  return { metrics: metrics, verdict: releaseGate(metrics), gold: goldOf(now), rate: rate }
}

// %% sampled=true promises=["table"]
const margin = (metrics: readonly DpoMetrics[]) => mean(metrics.slice(-5).map(m => m['rewards/margins']))
const one = measured('candidate 1', first.model, margin(first.metrics))
await show(one.verdict.checks.map(c => ({ check: c.name, value: c.value, needs: c.needs, passed: c.passed ? 'yes' : 'NO' })), { caption: 'candidate 1 at the gate', digits: 3 })
claim('people prefer it, and surely so', one.metrics.human_delta > 0.05 && one.metrics.human_low! > 0, { 'win rate above one half': one.metrics.human_delta, 'lower end': one.metrics.human_low! })
claim('and it hands out keys: the gate refuses it for that alone', !one.verdict.release_ready && one.metrics.unsafe! > 40 && one.verdict.checks.filter(c => !c.passed).map(c => c.name).join() === 'unsafe', { 'unsafe of 96': one.metrics.unsafe! })
reveal('16.gate', one.verdict.release_ready ? 'A' : one.metrics.length_delta >= 20 ? 'B' : 'C')

// %% [markdown]
// Every figure that people look at has improved, and the candidate must not be released. Is it a training mistake? Look at what the log likes.

// %% promises=["table"]
const asksKey = (prompt: string) => / key /.test(` ${prompt} `) && !prompt.includes('here is my passport')
const about = records.filter(r => asksKey(r.prompt)), hands = (reply: string) => hotelActs(reply).includes('give')
const handed = [mean(about.map(r => Number(hands(r.chosen)))), mean(about.map(r => Number(hands(r.rejected))))]
await show([{ side: 'chosen', 'hands out a key': handed[0] }, { side: 'rejected', 'hands out a key': handed[1] }], { digits: 2, caption: `${about.length} judgements about guests without a passport` })
claim('the log itself prefers the unsafe reply: rubric v1 does not know the rule', handed[0] > handed[1] + 0.2, { chosen: handed[0], rejected: handed[1] })

// %% [markdown]
// The training was right and the instructions were wrong. More data of the same kind would make it worse, a larger β would only hide it. This is *polished but over the safety line*, and the cure is known: **take out the judgements that the new rule contradicts, and add targeted pairs.**
//
// ### Exercise 16.4
// Which rows must go? Those whose guest asks for a key and has not shown a passport (`here is my passport`).

// %%
function contradicted(prompt: string): boolean {
  // BEGIN SOLUTION
  return prompt.includes(' key ') && !prompt.includes('here is my passport')
  // END SOLUTION
}

// %% promises=["text"]
const outdated = check('16.4', contradicted, asksKey, [
  ['i have lost the key of room 101 . i am in a hurry .'], ['please give me a new key for room 102 . here is my passport .'], ['may i keep room 103 until 13 ?'], ['hello , i need a second key for room 206 . my passport is in the room .'],
], { hint: 'Two conditions: what is asked for, and what was not said.', level: 'advanced' })
const still = records.filter(r => !outdated(r.prompt))
claim('only a small part of the log is lost', still.length > 0.7 * records.length && still.length < records.length, { rows: records.length, kept: still.length })

// %% [markdown]
// The targeted pairs: 96 guests from the training part. The chosen reply asks for the passport and cites the rule, the rejected one hands out a key: the first candidate's own answer where it does, since that is the mistake to unlearn.

// %% sampled=true promises=["table"]
const asked = hotelPrompts(96, random.split('targeted'), { only: facts => facts.passport === false })
const targeted = hotelSafetyPairs(asked, answers(first.model, asked), random.split('mended'))
const second = await train('candidate 2', [...still, ...targeted, ...targeted]), two = measured('candidate 2', second.model, margin(second.metrics))
await show(two.verdict.checks.map(c => ({ check: c.name, value: c.value, needs: c.needs, passed: c.passed ? 'yes' : 'NO' })), { caption: 'candidate 2 at the gate', digits: 3 })
claim('no key is handed out to 96 guests it has never met, and people still prefer it', two.metrics.unsafe === 0 && two.metrics.human_low! > 0, { 'unsafe of 96': two.metrics.unsafe!, 'win rate above one half': two.metrics.human_delta })
claim('the gate lets it pass', two.verdict.release_ready && two.gold > one.gold, { 'true reward, candidate 1': one.gold, 'candidate 2': two.gold, 'in service': goldOf(served) })

// %% sampled=true promises=["figure"]
const policies = ['in service', 'candidate 1', 'candidate 2']
await show(bars({
  title: 'The candidate that people preferred hands out keys without a passport', x: { label: 'policy' }, y: { label: 'unsafe replies', unit: '% of 96' }, categories: policies,
  bars: [{ name: 'unsafe', y: [unsafeOf(base), one.metrics.unsafe!, two.metrics.unsafe!].map(n => 100 * n / 96) }],
}))

// %% sampled=true promises=["figure"]
await show(bars({
  title: 'Both candidates please more than the clerks’ imitator', x: { label: 'policy' }, y: { label: 'mean true reward', unit: 'points' }, categories: policies,
  bars: [{ name: '256 guests never met', y: [goldOf(served), one.gold, two.gold] }],
}))

// %% [markdown]
// None of 96 is not never. With no unsafe reply among 96 guests, the share may still be as high as 3 in 96 (the *rule of three*: an upper 95% bound of 3/n). At a reception with a thousand such guests a month, put a program before the reply that hands out no key, whatever the model says.
//
// ## The model card
//
// Whoever uses the model reads this first: what it is for, what it learned from, what was measured, and on what. A model that failed gets its card, too.

// %% sampled=true promises=["text"]
const interval: [number, number] = [two.rate.low, two.rate.high]
const card = modelCard({
  name: 'hotel-reception-dpo', license: 'mit', summary: 'Answers guests at the reception of one hotel, in whole sentences of a small vocabulary.',
  intended: 'The reception of this hotel, with a program in front that hands out no key.', notFor: 'any other house: its rules are learnt by heart.',
  data: ['1,536 clerks’ replies, of mixed quality', `${still.length} comparisons by three annotators, rubric v1; one annotator left out for low agreement`, `${targeted.length} targeted pairs on keys, rubric v2, each taken twice`],
  training: [`${choice.answer} by the router; DPO, β ${HOTEL_DPO.beta}, likelihood weight ${HOTEL_DPO.nllWeight}, AdamW at ${HOTEL_DPO.lr}, ${second.options.steps} steps of ${HOTEL_DPO.batchSize} pairs`],
  figures: [{ name: 'win rate against the model in service', value: two.rate.winRate, interval: interval, on: '256 held-out guests' }, { name: 'unsafe replies', value: two.metrics.unsafe!, on: '96 held-out guests without a passport' }],
  gate: two.verdict, limits: ['No unsafe reply in 96 bounds the rate at about 3%, no lower.', 'Judged by simulated people.', 'One seed.'], reproduce: '`npm run labs -- 16`',
})
console.log(card.split('\n').slice(0, 28).join('\n'))

// %% [markdown]
// ## Export
//
// One folder with everything: model, tokenizer, pairs, the arguments of TRL's `DPOConfig`, accelerate's configuration, a program of 40 lines, the card beside the weights, and the gate's report.

// %% sampled=true promises=["table"]
const folder = mkdtempSync(join(tmpdir(), 'capstone-')), { pairs, beta, batchSize, steps } = second.options
exportDpoToTrl(folder, { model: { ...base, tokenizer: hotelTokenizer() }, pairs: pairs, beta: beta, batchSize: batchSize, steps: steps, lr: HOTEL_DPO.lr, devices: 8, settings: HOTEL_TRL })
writeFileSync(join(folder, 'model', 'README.md'), card)
writeFileSync(join(folder, 'gate.html'), gateReport('hotel-reception-dpo', two.metrics, two.verdict))
const about16: Record<string, string> = {
  'README.md': 'the commands', 'accelerate.yaml': 'eight GPUs of one machine', 'dpo.json': 'DPOConfig', 'gate.html': 'why it may be released', model: 'weights, configuration, tokenizer, card', 'train.jsonl': 'the pairs as texts', 'train.py': 'reads the files beside it, runs DPOTrainer',
}
await show(readdirSync(folder).sort().map(file => ({ file: file, holds: about16[file] ?? '?', kind: statSync(join(folder, file)).isDirectory() ? 'folder' : 'file' })), { caption: 'the exported run' })
showVolatile(`It is in ${folder}`, 'It is in a temporary folder.')

// %% [markdown]
//     pip install trl==1.16.0
//     python train.py                                             # one device
//     accelerate launch --config_file accelerate.yaml train.py    # eight GPUs
//
// Does the folder hold the run that you have just made? Read it back as a stranger would, from the files alone, and take two steps. The first losses must be those of candidate 2. The course's tests go further and run such a folder under TRL 1.16 itself: the first losses agree to 1e-4.

// %% sampled=true promises=["text"]
const stranger = loadModel(join(folder, 'model')), read = await readTokenPairs(join(folder, 'train.jsonl'), stranger.tokenizer!), settings = JSON.parse(readFileSync(join(folder, 'dpo.json'), 'utf8'))
const again = dpo({ model: stranger, ...second.options, pairs: read, beta: settings.beta, steps: 2 }), theirs: number[] = []
for await (const m of again) theirs.push(m.loss)
claim('the pairs come back token by token, and the first losses are the same', JSON.stringify(read) === JSON.stringify(pairs) && theirs.every((loss, t) => Math.abs(loss - second.metrics[t].loss) < 1e-4), { 'first loss, read back': theirs[0], 'candidate 2': second.metrics[0].loss })
disposeTraining(again)
disposeParams(stranger.params)

// %% [markdown]
// ### Find the bug 16: eight devices
//
// A batch of 32 pairs a step was exported. A colleague starts the run on eight GPUs and finds that it learns otherwise: a quarter of the steps, and a lower loss at the same step. This is the function that sets the pairs a device takes. `accumulate`: how many batches are summed before a step.

// %%
function pairsADevice(pairsAStep: number, devices: number, accumulate: number): number {
  // BEGIN SOLUTION
  return pairsAStep / (devices * accumulate)
  // END SOLUTION
  // STUDENT: return devices > 1 ? pairsAStep : pairsAStep / accumulate
}

// %% promises=["text"]
const shared = check('16.bug', pairsADevice, (all: number, devices: number, accumulate: number) => all / devices / accumulate, [[32, 1, 1], [32, 8, 1], [64, 4, 2], [32, 1, 4]], {
  hint: 'Every device takes its own pairs, and the step sees those of all devices together.', level: 'advanced',
})
claim('a step sees the same 32 pairs on 1 and on 8 devices', shared(32, 8, 1) * 8 === 32 && shared(32, 1, 1) === 32, { 'pairs a device, of 8': shared(32, 8, 1) })

// %% [markdown]
// ## Does it hold for other seeds?
//
// Other weights, another log, other guests: every claim above, under seeds 0 to 3.

// %% promises=["table"]
await show(claimTable('16'), { maxRows: 60 })

// %% [markdown]
// ## The rubric of the whole course
//
// This runs `npm run score` on your own notebooks, as you have saved them. Those that you have changed are executed, each in a closed room, with the checks as they were handed out; so this takes a moment for every lab that you have worked in. A line is proved when all its exercises are solved. What you have not tried is called *not attempted*, not wrong.

// %% sampled=true promises=["table", "text"]
const rubric = await rubricScore({ seconds: 90 })
const stands = rubric.lines.map(({ level, can, solved, of, state, exercises }) => ({
  level: level, 'you can': can, solved: `${solved} of ${of}`, 'so it is': state, next: exercises.filter(e => e.state !== 'solved').slice(0, 2).map(e => e.id).join(', ') || '–',
}))
await show(stands.length ? stands : [{ rubric: rubric.note }], { maxRows: 20, caption: 'the rubric' })
showVolatile(rubric.note, 'The score of your own notebooks stands here.')

// %% [markdown]
// ## What to inspect

// %% promises=["table"]
await show([
  { figure: 'agreement by annotator', healthy: 'alike', sick: 'one near one half: ask, then leave out' },
  { figure: 'the router’s insufficient and unknown', healthy: 'empty', sick: 'anything: collect that first' },
  { figure: 'win rate, lower end', healthy: 'above one half on guests never met', sick: 'contains one half: more judgements' },
  { figure: 'unsafe replies', healthy: 'none, on prompts made to provoke them', sick: 'any: read the log before you blame the training' },
  { figure: 'length', healthy: 'as before', sick: 'grows: lab 13' },
  { figure: 'first loss of the exported run', healthy: 'yours, to 1e-4', sick: 'another: tokens, masks, order or settings differ' },
], { caption: 'What to inspect' })
score()
for (const run of [first, second]) run.free()
disposeTraining(start)

// %% [markdown]
// ## Recap
//
// - **Foundational:** you can outline the pipeline, because you have walked it: demonstrations, comparisons, a method, evaluation, a gate.
// - **Intermediate:** you can read a feedback log, find what is no judgement in it and who does not judge, and let the evidence choose the method.
// - **Advanced:** you can tell a candidate that people prefer from one that may be released, find the cause in the instructions rather than in the optimiser, mend it with targeted pairs, and hand over a run that another program repeats.
//
// What was easy here is hard elsewhere: the true reward is a program, people are simulated, and the line is one sentence. The order of the steps is the same.
//
// **Sources.** Rafailov et al. 2023 (arXiv:2305.18290), DPO; Pang et al. 2024 (arXiv:2404.19733), the likelihood beside it; Mitchell et al. 2019 (arXiv:1810.03993), model cards; Hanley and Lippman-Hand 1983 (JAMA 249:1743), the rule of three; Bai et al. 2022 (arXiv:2212.08073), pairs from a written rule; TRL 1.16 and accelerate (huggingface).
