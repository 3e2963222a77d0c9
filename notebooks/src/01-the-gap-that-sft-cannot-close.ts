// %% [markdown]
// # Lab 01 · The gap that SFT cannot close
//
// **The question of this lab:** a model answers a customer in flawless sentences. Is the answer right? And if it is not, will more training on examples make it so?
//
// Supervised fine-tuning (SFT) shows a model how people answered, and makes those answers likely. The people in this lab are clerks of a parcel company. Some know the policy and follow it, some are in a hurry, some like to please, some bluff. All of them write good English.
//
// You score two answers by hand, train a small GPT on the clerks' replies, and find out what its likelihood says about quality. Then you train it on twice as many replies, and on one bit for each pair of them: which one is better. The lab takes about 45 minutes to read and a minute to compute.

// %%
import {
  tf, Random, announceBackend, labSeed, show, lines, bars, live, progress, predict, reveal, claim, todo, check, score,
  workedExample, prettify, gold, goldLine, deskDemonstrations, demonstrate, deskSft, deskPolicy, deskReplies, deskSequence, judgeReplies,
  DESK_CONFIG, responseLogps, scoredLogits, nll, padExamples, pearson, deskComparisons, judgeComparisons, bayesAccuracy, FAIR, parseReply,
  dpo, adamw, cosineToMinimumSchedule, decodeTokens, EOS, disposeTraining, type LanguageModel, type Prompt, type SftMetrics,
  claimTable,
} from 'rlhf-labs'

// %% promises=["text"]
await announceBackend()
const seed = labSeed(), mean = (v: readonly number[]) => v.reduce((a, b) => a + b, 0) / v.length

// %% [markdown]
// ## Predict first

// %% promises=["text"]
predict('1.likelihood',
  'Two clerks answer the same customer. You bet on the answer whose words the fine-tuned model finds likelier. ' +
  'How often is it the better one?',
  ['about half the time', 'about seven times in ten', 'nine times in ten'])

// %% promises=["text"]
predict('1.more',
  'The model has learned from 5,120 replies of all kinds of clerks. You train it on 4,096 more. ' +
  'How good do its own answers become?',
  ['about as good as the best clerks’', 'at most as good as the average clerk’s', 'worse than before'])

// %% [markdown]
// ## Two answers
//
// The policy says: *refund after seven calendar days without delivery*. Here is a customer whose parcel is ten days late, and two answers.

// %% promises=["text"]
const worked = workedExample(), [answerA, answerB] = [worked.a, worked.b].map(reply => gold(worked.prompt, reply))
console.log(`Customer: ${prettify(worked.prompt.text)}\n\nA: ${prettify(worked.a)}\n\nB: ${prettify(worked.b)}`)

// %% [markdown]
// B thanks, cares and offers help. It is the smoother of the two, and it is wrong: the customer is owed a refund and is told to wait another week.
//
// The desk has a *true reward*: a program that reads a reply and adds up what it does. Nobody who trains a model has such a program. You have it here to see what is really going on.

// %% promises=["text"]
console.log(`A  ${goldLine(answerA)}\nB  ${goldLine(answerB)}`)
claim('A is right and worth far more than the fluent B', answerA.parts.decision > 0 && answerB.parts.decision < 0 && answerA.total - answerB.total > 3,
  { A: answerA.total, B: answerB.total })

// %% [markdown]
// ## What imitation aims at
//
// SFT minimises the mean of −log π over the tokens of the reply. The customer's words are given; nobody wants the model to learn to complain, so they do not count.
//
// ### Exercise 1.1
// Write the loss of one example. `logps` has one log-probability a token, prompt included; the first `promptLength` tokens are the prompt.

// %%
function sftLoss(logps: number[], promptLength: number): number {
  // BEGIN SOLUTION
  const reply = logps.slice(promptLength)
  return -reply.reduce((sum, l) => sum + l, 0) / reply.length
  // END SOLUTION
}

// %% promises=["text"]
const lossByLoop = (logps: number[], promptLength: number) => {
  let sum = 0
  for (let t = promptLength; t < logps.length; t++) sum -= logps[t]
  return sum / (logps.length - promptLength)
}
const yourLoss = check('1.1', sftLoss, lossByLoop, [[[-3, -2, -0.5, -1.5], 2], [[-1, -0.25], 0], [[-9, -9, -0.1], 2]], {
  hint: 'Leave the first promptLength entries out, then take the mean of −logp over what remains.',
})

// %% [markdown]
// Now suppose that five clerks answered this very customer: two wrote A, three wrote B. A model that only chooses between A and B with probability p for A has the loss −(2 log p + 3 log (1 − p)) / 5.

// %% promises=["figure"]
const grid = Array.from({ length: 99 }, (_, i) => (i + 1) / 100), lossAt = (p: number) => -(2 * Math.log(p) + 3 * Math.log(1 - p)) / 5
const best = grid.reduce((a, b) => lossAt(b) < lossAt(a) ? b : a)
await show(lines({
  title: 'The loss is lowest where the model says A as often as the clerks did',
  x: { label: 'probability of A' }, y: { label: 'loss', unit: 'nats' }, lines: [{ name: 'loss', x: grid, y: grid.map(lossAt) }],
  references: [{ value: best, label: 'lowest at 0.40', along: 'y' }],
}))
claim('the lowest loss is at two in five', best === 0.4, { p: best })

// %% [markdown]
// This is all that imitation knows: what the clerks did, and how often. It cannot see that the three were wrong.
//
// ### Exercise 1.2
// `counts[i]` clerks wrote answer i, whose true reward is `rewards[i]`. A model has learned from them perfectly. What is the mean true reward of the answers it samples?

// %%
function rewardOfPerfectImitator(counts: number[], rewards: number[]): number {
  // BEGIN SOLUTION
  const total = counts.reduce((a, b) => a + b, 0)
  return counts.reduce((sum, n, i) => sum + n / total * rewards[i], 0)
  // END SOLUTION
}

// %% promises=["text"]
const meanOfAll = (counts: number[], rewards: number[]) => mean(counts.flatMap((n, i) => Array.from({ length: n }, () => rewards[i])))
const yourReward = check('1.2', rewardOfPerfectImitator, meanOfAll, [[[2, 3], [3.6, -1.2]], [[1, 0, 4], [2, 9, -1]]], {
  hint: 'It says answer i with probability counts[i] / total.', level: 'intermediate',
})
console.log(`two A, three B: ${yourReward([2, 3], [answerA.total, answerB.total]).toFixed(2)}`)

// %% [markdown]
// A perfect imitator is as good as the average of its teachers. Keep that in mind as a ceiling.
//
// ## The clerks
//
// For each of 400 customers one clerk has written a reply. These customers are kept for testing: their combinations of facts occur nowhere in training.

// %% promises=["table"]
const held = deskDemonstrations(400, seed + 1000, { heldOut: true }), clerks = held.prompts.map((p, i) => gold(p, held.replies[i]).total)
const expertRandom = Random.seed(seed).split('experts')
const expertGolds = held.prompts.map(p => gold(p, demonstrate(p, expertRandom, { style: 'expert' }).text)), experts = expertGolds.map(g => g.total)
await show([0, 1, 2, 3].map(i => ({ customer: prettify(held.prompts[i].text), reply: prettify(held.replies[i]), 'true reward': clerks[i] })),
  { caption: 'Four of 400 replies', digits: 1 })

// %% promises=["text"]
claim('one clerk in five knows the policy, and is far better than the average', mean(experts) - mean(clerks) > 2, {
  'best clerks': mean(experts), 'all clerks': mean(clerks),
})

// %% [markdown]
// ## Training in front of you
//
// A GPT with two layers of width 64, 126,016 weights, all random at first. It reads 2,560 customers and replies, twice, 32 at a time. Every 40 steps it answers the first customer of the table.

// %%
const examples = deskDemonstrations(2560, seed).examples, first = held.prompts[0]
const fresh = deskSft({ examples: examples, epochs: 2, seed: seed })
const current = (): LanguageModel => ({ config: DESK_CONFIG, params: fresh.state.models.policy })
const says = (model: LanguageModel, label: string) => prettify(decodeTokens(deskReplies(model, [first], { random: Random.seed(seed).split(label) })[0].tokens))
const diary = [{ step: 0, reply: says(current(), 'diary') }], losses: SftMetrics[] = []

// %% promises=["figure"] sampled=true
const chart = live<SftMetrics>(records => lines({
  title: 'The loss falls from knowing nothing to knowing the clerks’ language',
  x: { label: 'step', unit: 'of 32 replies' }, y: { label: 'loss', unit: 'nats a token', range: [0, 6.5] },
  lines: [{ name: 'loss', x: records.map(m => m.step), y: records.map(m => m.loss) }],
  references: [{ value: Math.log(DESK_CONFIG.vocab_size), label: 'log 277: every word alike' }],
}))
for await (const m of progress(fresh, 'SFT', { total: 160 })) {
  losses.push(m)
  await chart.push(m)
  if (m.step % 40 === 0) diary.push({ step: m.step, reply: says(current(), 'diary') })
}
await chart.done()

// %% promises=["table"] sampled=true
await show(diary, { caption: `Customer: ${prettify(first.text)}` })
claim('it has learned the language', losses.at(-1)!.loss < 0.9 && losses[0].loss > 5, { 'first loss': losses[0].loss, 'last loss': losses.at(-1)!.loss })
disposeTraining(fresh)

// %% [markdown]
// From word salad to sentences, in 160 steps. From here on we take a model that the same function has trained for longer: 5,120 replies, four times each, 640 steps (`npm run data:sft` makes it). All labs start from it.
//
// ## Fluent, and how good?
//
// It answers all 400 test customers, one sampled reply each.

// %% sampled=true
const policy = deskPolicy()
const measure = (model: LanguageModel) => {
  const judged = judgeReplies(held.prompts, deskReplies(model, held.prompts, { random: Random.seed(seed).split('replies') }))
  return {
    gold: mean(judged.map(r => r.gold)), unknown: mean(judged.map(r => r.features.gibberish / Math.max(1, r.features.sentences))),
    right: mean(judged.map((r, i) => Number(gold(held.prompts[i], r.tokens).parts.decision === 2))),
  }
}
const sft = measure(policy), clerksRight = mean(held.prompts.map((p, i) => Number(gold(p, held.replies[i]).parts.decision === 2)))

// %% promises=["table"] sampled=true
await show([
  { who: 'SFT model', 'true reward': sft.gold, 'right decisions, %': 100 * sft.right, 'sentences the desk does not know, %': 100 * sft.unknown },
  { who: 'all clerks', 'true reward': mean(clerks), 'right decisions, %': 100 * clerksRight, 'sentences the desk does not know, %': 0 },
  { who: 'best clerks', 'true reward': mean(experts), 'right decisions, %': 100 * mean(expertGolds.map(g => Number(g.parts.decision === 2))), 'sentences the desk does not know, %': 0 },
], { digits: 1 })
claim('nearly every sentence is one that a clerk might write', sft.unknown < 0.1, { 'unknown in %': 100 * sft.unknown })
claim('the answers are far below those of the best clerks', mean(experts) - sft.gold > 2.5, { 'best clerks': mean(experts), 'SFT model': sft.gold })

// %% [markdown]
// It writes like the clerks, and knows the policy less well than most of them. Ask it two hundred times about the late parcel of the beginning, and compare with what two hundred clerks decide.

// %%
const verdicts = { refund: 'refund (right)', wait: 'wait some days', stall: 'wait another week', escalate: 'pass it on' } as const
const decided = (reply: string) => parseReply(reply).acts.find(a => a.kind === 'decide')?.slot ?? ''
const shares = (replies: readonly string[]) => Object.keys(verdicts).map(v => 100 * mean(replies.map(r => Number(decided(r) === v))))
const askClerks = Random.seed(seed).split('ask clerks'), crowd = Array.from({ length: 200 }, () => worked.prompt)
const clerksSay = shares(crowd.map(p => demonstrate(p, askClerks).text))
const modelSays = shares(deskReplies(policy, crowd, { random: Random.seed(seed).split('ask model') }).map(r => decodeTokens(r.tokens)))

// %% promises=["figure"] sampled=true
await show(bars({
  title: 'The clerks’ mistakes come back in the model',
  x: { label: 'decision' }, y: { label: 'share of 200 replies', unit: '%' }, categories: Object.values(verdicts),
  bars: [{ name: 'clerks', y: clerksSay }, { name: 'SFT model', y: modelSays }],
}))
claim('it decides rightly no more often than they do, and wrongly in a quarter of the cases or more', modelSays[0] < clerksSay[0] + 5 && modelSays[0] < 75, {
  'right, clerks, %': clerksSay[0], 'right, model, %': modelSays[0],
})

// %% [markdown]
// ## Does likelihood know better?
//
// Perhaps the model *knows* the good answer and only samples badly. Then the good answer should have the higher likelihood. Likelihoods of replies of different length are compared by their mean over tokens.
//
// First the naive way for reply A: run the model, and at each place take the log-softmax of the next token.

// %% promises=["table"]
const one = deskSequence(worked.prompt, worked.a), padded = padExamples([one])
const rows = tf.tidy(() => scoredLogits(policy.params, policy.config, padded.tokens, { responseMask: padded.responseMask }).logits.arraySync())
const naive = rows.map((logits, t) => {
  const top = Math.max(...logits), logSum = top + Math.log(logits.reduce((sum, l) => sum + Math.exp(l - top), 0))
  return logits[one.ids[one.promptLength + t]] - logSum
})
const asResponse = (prompt: Prompt, reply: string | ArrayLike<number>) => {
  const { ids, promptLength } = deskSequence(prompt, reply)
  return { prompt: { ids: ids.slice(0, promptLength) }, tokens: ids.slice(promptLength) }
}
const [library] = responseLogps(policy, [asResponse(worked.prompt, worked.a)])
await show(worked.a.split(' ').slice(0, 8).map((token, t) => ({ token: token, 'naive loop': naive[t], library: library[t] })), { digits: 4 })
claim('loop and library agree on every token', naive.every((l, t) => Math.abs(l - library[t]) < 1e-4), { tokens: naive.length })

// %% [markdown]
// The first word is a choice among many decisions. Once the sentence has begun, the rest of it is nearly sure. Most tokens of a reply say nothing about whether it is right.
//
// ### Exercise 1.3
// Write the mean log-probability per token.

// %%
function meanLogp(logps: number[]): number {
  // BEGIN SOLUTION
  return logps.reduce((sum, l) => sum + l, 0) / logps.length
  // END SOLUTION
}

// %% promises=["text"]
const perToken = check('1.3', meanLogp, (logps: number[]) => -lossByLoop(logps, 0), [[[-1, -2, -6]], [[-0.5]], [[-3, -1, -1, -1]]], {
  hint: 'Add them up and divide by how many there are.',
})

// %%
const comparisons = deskComparisons(500, seed + 1, { heldOut: true })
const texts = comparisons.flatMap(({ prompt, a, b }) => [a, b].map(reply => ({ prompt: prompt, reply: reply })))
const likelihoods = responseLogps(policy, texts.map(t => asResponse(t.prompt, t.reply))).map(l => perToken([...l]))
const golds = texts.map(t => gold(t.prompt, t.reply)), rewards = golds.map(g => g.total)
const apart = comparisons.map((_, i) => 2 * i).filter(i => rewards[i] !== rewards[i + 1])
const agrees = mean(apart.map(i => Number(likelihoods[i] > likelihoods[i + 1] === rewards[i] > rewards[i + 1])))
const correlation = pearson(likelihoods, rewards)

// %% promises=["figure"]
const edges = Array.from({ length: 17 }, (_, i) => -1.2 + 0.07 * i)
const spread = (right: boolean) => {
  const some = likelihoods.filter((_, i) => golds[i].parts.decision === 2 === right)
  return edges.map(e => 100 * mean(some.map(l => Number(l >= e - 0.035 && l < e + 0.035))))
}
await show(lines({
  title: 'The likelihoods of right and wrong replies overlap widely',
  x: { label: 'log-probability per token', unit: 'nats' }, y: { label: 'share of such replies', unit: '%' },
  lines: [{ name: 'right decision', x: edges, y: spread(true), points: true }, { name: 'wrong decision', x: edges, y: spread(false), points: true }],
}))

// %% promises=["text"]
const careful = bayesAccuracy(comparisons, FAIR)
claim('likelihood goes with the true reward, but most of the reward is not in it', correlation.statistic > 0.2 && correlation.statistic < 0.65, {
  r: correlation.statistic, 'share of the variance, %': 100 * correlation.statistic ** 2, replies: texts.length,
})
claim('the likelier of two replies is the better one more often than by chance, and far less often than a careful annotator finds it',
  agrees > 0.55 && agrees < careful - 0.1, { likelihood: agrees, 'careful annotator': careful, pairs: apart.length })
reveal('1.likelihood', agrees < 0.57 ? 'A' : agrees < 0.82 ? 'B' : 'C')

// %% [markdown]
// It is not nothing: careful clerks write alike, careless ones err in many ways, so good replies are somewhat more usual. But likelihood answers the question "would a clerk write this?", not "is this right?". Picking the likelier answer is no way out.
//
// ## More of the same
//
// Now two replies for each of 2,048 new customers: 4,096 further demonstrations. The model learns to imitate them all, and is measured on the way.

// %%
const fresh2048 = deskComparisons(2048, seed + 500), size = 32
const rate = (lr: number, totalSteps: number) => ({
  optimiser: adamw({ lr: lr, betas: [0.9, 0.99], maxGradNorm: 1 }),
  schedule: cosineToMinimumSchedule({ lr: lr, warmupSteps: 5, totalSteps: totalSteps, minRatio: 0.1 }),
})
const imitate = deskSft({ model: policy, examples: fresh2048.flatMap(({ prompt, a, b }) => [deskSequence(prompt, a), deskSequence(prompt, b)]), epochs: 1, lr: 1e-3, seed: seed })
const imitation = [{ step: 0, ...sft }]

// %% promises=["figure"] sampled=true
for await (const m of progress(imitate, 'more SFT', { total: 2 * 2048 / size })) {
  if (m.step % 64 === 0) imitation.push({ step: m.step, ...measure({ config: policy.config, params: imitate.state.models.policy }) })
}
disposeTraining(imitate)
await show(lines({
  title: 'More imitation moves the answers little, and the average clerk is its ceiling',
  x: { label: 'further steps', unit: 'of 32 replies' }, y: { label: 'true reward of its answers', unit: 'points', range: [-1, 5] },
  lines: [{ name: 'SFT', x: imitation.map(m => m.step), y: imitation.map(m => m.gold) }],
  references: [{ value: mean(clerks), label: 'all clerks' }, { value: mean(experts), label: 'best clerks' }],
}))

// %% promises=["text"] sampled=true
const more = imitation.at(-1)!
claim('more imitation does not close the gap: it stays below the average clerk, far below the best', more.gold < mean(clerks) && mean(experts) - more.gold > 2.5, {
  before: sft.gold, after: more.gold, 'all clerks': mean(clerks), 'best clerks': mean(experts),
})
reveal('1.more', more.gold > mean(experts) - 1 ? 'A' : more.gold > sft.gold - 0.5 ? 'B' : 'C')

// %% [markdown]
// A share of its answers is better than those of the average clerk. But imitation gives it no reason to prefer them.
//
// ## One bit for each pair
//
// Take *the same* 4,096 replies. For each pair an annotator says which of the two is better: 2,048 bits. Like the careful annotators of lab 04, this one errs when two replies are close.
//
// The training makes the chosen reply likelier *than the rejected one*, compared with the model we began with, and keeps imitating the chosen ones. It is called DPO; lab 07 takes it apart. Half as many steps as before, each with two replies a pair: the same work.

// %%
const judged = judgeComparisons(fresh2048, FAIR, Random.seed(seed).split('labels')), batches = 2048 / size
const pairs = judged.map(({ prompt, chosen, rejected }) => {
  const [w, l] = [chosen, rejected].map(reply => asResponse(prompt, reply))
  return { prompt: w.prompt, chosen: w.tokens, rejected: l.tokens }
})
const prefer = dpo({ model: policy, pairs: pairs, batchSize: size, beta: 0.3, nllWeight: 1, seed: seed, ...rate(1e-3, batches) }), margins: { step: number; margin: number }[] = []

// %% promises=["figure"] sampled=true
for await (const m of progress(prefer, 'preferences', { total: batches })) margins.push({ step: m.step, margin: m['rewards/margins'] })
const preferred = measure({ config: policy.config, params: prefer.state.models.policy })
await show(bars({
  title: 'The same replies with one bit a pair do what imitation cannot',
  x: { label: 'who answers' }, y: { label: 'true reward of 400 answers', unit: 'points' },
  categories: ['SFT', '+ 4,096 replies', '+ 2,048 labels', 'all clerks', 'best clerks'],
  bars: [{ name: 'mean', y: [sft.gold, more.gold, preferred.gold, mean(clerks), mean(experts)] }],
}))

// %% promises=["table"] sampled=true
await show([{ training: 'SFT', ...sft }, { training: 'more imitation', ...more }, { training: 'preferences', ...preferred }].map(m => ({
  training: m.training, 'true reward': m.gold, 'right decisions, %': 100 * m.right, 'unknown sentences, %': 100 * m.unknown,
})), { digits: 1 })
claim('the labels add what the replies alone do not', preferred.gold - more.gold > 0.4 && preferred.right > more.right, {
  'imitating the replies': more.gold, 'with labels': preferred.gold, 'right before, %': 100 * more.right, 'right now, %': 100 * preferred.right,
})
claim('the gap to the best clerks is smaller, not closed', mean(experts) - preferred.gold > 1, { 'still missing': mean(experts) - preferred.gold })
claim('it also says more that no clerk would say', preferred.unknown > more.unknown, { 'before, %': 100 * more.unknown, 'now, %': 100 * preferred.unknown })

// %% [markdown]
// A comparison says something that no demonstration can: *not this one*. And it is cheap. Writing the best reply takes an expert; telling which of two is better takes a careful reader.
//
// Look at the last column, too. The preferred model writes more sentences that no clerk would write: a first sign that pushing away from something is not the same as staying with what is known. Lab 05 is about that.
//
// ## The three phases
//
// With that you have seen the whole of RLHF in small. In its classic form the comparisons first train a reward model, which then judges what the policy writes.

// %% promises=["figure"] sampled=true
const phases = [
  ['1 · demonstrations', 'clerks write replies', 'SFT: −log π(y|x)', `true reward ${sft.gold.toFixed(1)}`, 'labs 00–01'],
  ['2 · comparisons', 'annotators choose', '−log σ(r_w − r_l)', `${judged.length.toLocaleString('en')} bits`, 'labs 02–04'],
  ['3 · optimisation', 'PPO, or DPO at once', 'reward up, KL small', `true reward ${preferred.gold.toFixed(1)}`, 'labs 05–11'],
]
const box = (i: number) => ({ type: 'rect', x0: 3 * i, x1: 3 * i + 2.5, y0: 0, y1: 2, line: { color: ['#0072B2', '#D55E00', '#009E73'][i], width: 2 } })
const arrow = (i: number) => ({ x: 3 * i + 2.97, y: 1, ax: 3 * i + 2.53, ay: 1, axref: 'x', ayref: 'y', text: '', showarrow: true, arrowhead: 2, arrowwidth: 2 })
const hidden = { visible: false, fixedrange: true }
await show({
  data: [{ type: 'scatter', mode: 'markers', x: [0, 8.5], y: [0, 2], marker: { opacity: 0 }, hoverinfo: 'skip', showlegend: false }],
  layout: { title: { text: 'Three phases: imitate, compare, optimise' }, height: 260, xaxis: hidden, yaxis: hidden, shapes: [0, 1, 2].map(box),
    annotations: [...phases.map((text, i) => ({ x: 3 * i + 1.25, y: 1, text: text.join('<br>'), showarrow: false, font: { size: 11 } })), arrow(0), arrow(1)] },
})

// %% [markdown]
// ## Find the bug
//
// A colleague’s loss falls faster than yours, and the model is worse. This is the mask that says which tokens count: 1 for those that are learned, 0 for the rest. `ids` ends with padding of id 0.

// %%
function lossMask(ids: number[], promptLength: number): number[] {
  // BEGIN SOLUTION
  return ids.map((id, t) => t >= promptLength && id !== 0 ? 1 : 0)
  // END SOLUTION
  // STUDENT: return ids.map((id, t) => t >= promptLength ? 1 : 0)
}

// %% promises=["text"]
const libraryMask = (ids: number[], promptLength: number) => {
  const real = ids.filter(id => id !== 0), longest = { ids: ids.map(() => 9), promptLength: 1 }
  return [...padExamples([{ ids: real, promptLength: promptLength }, longest]).responseMask[0]]
}
const yourMask = check('1.bug', lossMask, libraryMask, [[[1, 8, 2, 7, 9, 3, 0, 0], 3], [[1, 2, 7, 3], 2], [[1, 2, 3, 0], 2]], {
  hint: 'Which tokens are trivially easy to predict, so that the mean loss looks better? What does a model learn from them?', level: 'advanced',
})

// %% [markdown]
// A batch of short replies is mostly padding. A model that learns to predict padding has a wonderful loss, and spends its capacity on nothing. Counting the prompt is the same mistake at the other end.
//
// ## What to inspect

// %% promises=["table"]
await show([
  { figure: 'training loss', healthy: 'falls from log |V|, then slowly', sick: 'near 0: padding counted, or learned by heart' },
  { figure: 'held-out loss', healthy: 'close to the training loss', sick: 'rises while the other falls' },
  { figure: 'samples, read by a person', healthy: 'fluent and varied', sick: 'all alike, or cut off' },
  { figure: 'decisions against the teachers’', healthy: 'the same shares', sick: 'others: the prompt is not read' },
  { figure: 'quality against the teachers’ mean', healthy: 'at or below it', sick: 'you expected more: imitation gives no more' },
  { figure: 'likelihood as a judge', healthy: 'not used', sick: 'used to pick answers' },
], { caption: 'What to inspect' })

// %% promises=["text"]
score()

// %% [markdown]
// ## Is it luck?
//
// Everything above ran under one seed. These are the figures that a seed moves, measured under four of them. `npm run labs -- seeds 01` measures them again.

// %% promises=["table"]
await show(claimTable('01'), { caption: 'the claims of this lab under four seeds', maxRows: 60 })

// %% [markdown]
// ## Recap
//
// - **Foundational:** the pipeline is demonstrations → SFT, comparisons → reward model, optimisation under a KL budget. SFT makes what the teachers wrote likely, good or bad.
// - **Intermediate:** you can compute its loss with the right mask, and the reward that a perfect imitator reaches: the teachers’ mean.
// - **Advanced:** you can show that likelihood is a poor judge, and measure what a preference label adds to the very same texts.
//
// Next: lab 02 turns comparisons into scores, lab 03 asks what comparisons are worth, lab 04 learns a reward from them.
//
// **Sources.** Ouyang et al. 2022 (InstructGPT, arXiv:2203.02155); Stiennon et al. 2020 (arXiv:2009.01325); Christiano et al. 2017 (arXiv:1706.03741); Rafailov et al. 2023 (DPO, arXiv:2305.18290); Pang et al. 2024 (DPO with likelihood of the chosen, arXiv:2404.19733).
