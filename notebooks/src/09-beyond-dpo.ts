// %% [markdown]
// # Lab 09 · Beyond DPO
//
// **The question of this lab:** a dozen losses promise to be better than DPO. What do they change, what does each change cost, and which one fits the feedback you have?
//
// They are one family. Each looks at how much more the policy likes a reply than a reference does, and asks for something: as large a difference as possible (DPO), a difference of a certain size (IPO), a value above a common bar (KTO), odds (ORPO), or a mean per token, without any reference (SimPO). What a loss *asks for* shows in its slope.
//
// You draw all of them in one plot, then measure four differences: where margins stop when labels are certain; what happens with thumbs instead of pairs when one kind is rare; what the reference costs; and what length does. At the end a router reads a feedback log and says which method to begin with, and why. The lab takes about 50 minutes to read and a minute to compute.

// %%
import {
  tf, Random, announceBackend, labSeed, show, lines, bars, progress, predict, reveal, claim, claimTable, todo, check, score,
  dpoLoss, ipoLoss, hingeLoss, bcoPairLoss, apoZeroLoss, exoLoss, ktoLoss, balancedKtoWeights, simpoLoss, orpoLoss,
  dpo, kto, orpo, simpo, pairReference, sequenceLogps, deskPolicy, deskComparisons, judgeComparisons, preferencePairs, deskThumbs, deskPreferences,
  deskReplies, judgeReplies, drawPrompts, utility, FAIR, pearson, chooseMethod, explainChoice, FEEDBACK_CASES, disposeParams, disposeTraining,
  type PairLogps, type Training, type LanguageModel,
} from 'rlhf-labs'

// %% promises=["text"]
await announceBackend()
const seed = labSeed(), mean = (v: ArrayLike<number>) => Array.from(v).reduce((a, b) => a + b, 0) / v.length

// %% [markdown]
// ## Predict first

// %% promises=["text"]
predict('9.margin',
  'Annotators never disagree, and you train on few pairs for many epochs with β = 0.1. Where does the margin (in nats) go?',
  ['DPO and IPO: it stops near 5', 'DPO: it runs on; IPO: it stops near 5', 'both run on'])

// %% promises=["text"]
predict('9.thumbs',
  'You have single replies with a thumb up or down, five down for every one up. KTO gives every thumb the same weight. What happens?',
  ['it learns a little slower', 'it stays where it was', 'the policy runs away from every reply it has seen'])

// %% promises=["text"]
predict('9.length',
  'Two replies are equally likely token by token, one is three times as long. Which loss scores them the same, without a reference?',
  ['one on summed log-probs (CPO)', 'one on log-probs averaged per token (SimPO)', 'neither'])

// %% [markdown]
// ## At the start
//
// Policy and reference are the same, so every log-ratio is 0. With β = 0.1:
//
// - **DPO**: −log σ(0) = log 2.
// - **IPO**: (0 − 1/(2β))² = 5² = 25. It asks for a margin of exactly 1/(2β), and says how far away it is.
// - **KTO**: λ(1 − σ(0)) = 0.5, for a liked reply and for a disliked one.

// %% promises=["table"]
const pairAt = (w: number, l: number): PairLogps => ({ chosen: tf.tensor1d([w]), rejected: tf.tensor1d([l]), refChosen: [0], refRejected: [0] })
const thumbAt = (ratio: number, liked: boolean) => ({ logp: tf.tensor1d([ratio]), logpRef: [0], liked: [liked] })
const value = (f: () => { dataSync(): ArrayLike<number> }) => tf.tidy(() => f().dataSync()[0])
const start = {
  DPO: value(() => dpoLoss(pairAt(0, 0), { beta: 0.1 })), IPO: value(() => ipoLoss(pairAt(0, 0), { beta: 0.1 })),
  'KTO, liked': value(() => ktoLoss(thumbAt(0, true), 0, { beta: 0.1 })), 'KTO, disliked': value(() => ktoLoss(thumbAt(0, false), 0, { beta: 0.1 })),
}
await show(Object.entries(start).map(([loss, v]) => ({ loss: loss, 'at π = π_ref': v })), { digits: 4 })
claim('DPO .6931, IPO 25, KTO .5', start.DPO.toFixed(4) === '0.6931' && start.IPO.toFixed(0) === '25' && start['KTO, liked'] === 0.5 && start['KTO, disliked'] === 0.5, start)

// %% [markdown]
// ### Exercise 9.1
// Write IPO's loss for a margin, and KTO's for one reply. KTO compares the log-ratio with a reference point z₀; a liked reply should be above it, a disliked one below.

// %%
function squaredLoss(margin: number, beta: number): number {
  // BEGIN SOLUTION
  return (margin - 1 / (2 * beta)) ** 2
  // END SOLUTION
}
function thumbLoss(logRatio: number, zero: number, liked: boolean, beta: number): number {
  // BEGIN SOLUTION
  const above = beta * (logRatio - zero)
  return 1 / (1 + Math.exp(liked ? above : -above))
  // END SOLUTION
}

// %% promises=["text"]
const byIpo = (margin: number, beta: number) => value(() => ipoLoss(pairAt(margin, 0), { beta: beta }))
const byKto = (ratio: number, zero: number, liked: boolean, beta: number) => value(() => ktoLoss(thumbAt(ratio, liked), zero, { beta: beta }))
const squared = check('9.1a', squaredLoss, byIpo, [[0, 0.1], [5, 0.1], [9, 0.1], [-2, 0.5]], { hint: 'The margin should be 1/(2β); the loss is the squared distance from there.', tolerance: 1e-4 })
const thumb = check('9.1b', thumbLoss, byKto, [[0, 0, true, 0.1], [4, 1, true, 0.1], [4, 1, false, 0.1], [-6, 2, false, 0.5]], {
  hint: '1 − σ(β(h − z₀)) for a liked reply, 1 − σ(β(z₀ − h)) for a disliked one.', level: 'intermediate',
})

// %% [markdown]
// ## The family in one plot
//
// Move the margin Δ from −20 to 40 nats, half of it on the chosen reply, half on the rejected one. The first plot shows each loss, divided by its value at 0; the second its push on the margin, divided by the push at 0. The push is what a training step feels.

// %% promises=["text"]
const family: Record<string, (p: PairLogps) => ReturnType<typeof dpoLoss>> = {
  DPO: p => dpoLoss(p, { beta: 0.1 }), IPO: p => ipoLoss(p, { beta: 0.1 }), hinge: p => hingeLoss(p, { beta: 0.1 }), 'conservative DPO, ε .2': p => dpoLoss(p, { beta: 0.1, labelSmoothing: 0.2 }),
  EXO: p => exoLoss(p, { beta: 0.1, labelSmoothing: 0.1 }), 'APO-zero': p => apoZeroLoss(p, { beta: 0.1 }), BCO: p => bcoPairLoss(p, { beta: 0.1 }),
  'KTO, one of each': p => tf.addN([ktoLoss({ logp: p.chosen, logpRef: [0], liked: [true] }, 0, { beta: 0.1 }), ktoLoss({ logp: p.rejected, logpRef: [0], liked: [false] }, 0, { beta: 0.1 })]),
}
const margins = Array.from({ length: 61 }, (_, i) => i - 20)
const lossAt = (f: (typeof family)[string], d: number) => value(() => f(pairAt(d / 2, -d / 2)))
const pushAt = (f: (typeof family)[string], d: number) => value(() => tf.neg(tf.grad(x => f({
  chosen: tf.mul<PairLogps['chosen']>(x, 0.5), rejected: tf.mul<PairLogps['chosen']>(x, -0.5), refChosen: [0], refRejected: [0] }).sum())(tf.tensor1d([d]))))
const curves = Object.entries(family).map(([name, f]) => ({ name: name, loss: margins.map(d => lossAt(f, d) / lossAt(f, 0)), push: margins.map(d => pushAt(f, d) / pushAt(f, 0)) }))
const numeric = Object.values(family).map(f => Math.abs((lossAt(f, 2.9) - lossAt(f, 3.1)) / 0.2 - pushAt(f, 3)) / Math.abs(pushAt(f, 3)))
claim('every gradient agrees with a finite difference', Math.max(...numeric) < 0.02, { losses: numeric.length })

// %% promises=["figure"]
await show(lines({
  title: 'IPO’s loss turns up again at 1/(2β), conservative DPO’s later, DPO’s never', x: { label: 'margin Δ', unit: 'nats' }, y: { label: 'loss, 1 at margin 0', range: [-0.5, 4] },
  lines: curves.map(c => ({ name: c.name, x: margins, y: c.loss, points: false })), references: [{ value: 5, label: '1/(2β)', along: 'y' }],
}))

// %% promises=["figure"]
await show(lines({
  title: 'What each loss asks of a settled pair', x: { label: 'margin Δ', unit: 'nats' }, y: { label: 'push on the margin, 1 at margin 0', range: [-3, 3] },
  lines: curves.map(c => ({ name: c.name, x: margins, y: c.push, points: false })), references: [{ value: 0, label: 'no push' }, { value: 5, label: '1/(2β)', along: 'y' }],
}))

// %% promises=["text"]
const push = (name: string, d: number) => curves.find(c => c.name === name)!.push[d + 20]
claim('beyond 1/(2β) IPO pulls back and DPO still pushes; hinge stops at 1/β; conservative DPO pulls back late', push('IPO', 10) < 0 && push('DPO', 10) > 0.3
  && push('hinge', 9) === 1 && push('hinge', 11) === 0 && push('conservative DPO, ε .2', 30) < 0, { 'DPO at 10': push('DPO', 10), 'IPO at 10': push('IPO', 10), 'conservative DPO at 30': push('conservative DPO, ε .2', 30) })
claim('KTO lets go of hopeless pairs as well as of settled ones', push('KTO, one of each', -20) < 1 && push('DPO', -20) > 1.5, { 'KTO at −20': push('KTO, one of each', -20), 'DPO at −20': push('DPO', -20) })

// %% [markdown]
// Conservative DPO takes a share ε of the labels to be flipped, so a pair that looks too certain is pulled back, from log((1 − ε)/ε)/β = 14 nats on.
//
// A pair that the policy ranks very wrongly is often a wrong label. DPO pushes hardest there. KTO gives up on it.
//
// ## Certain labels: where does the margin stop?
//
// Forty-eight pairs, an annotator who never errs, sixteen epochs. DPO's loss has no minimum at a finite margin; IPO's has, at 1/(2β) = 5 nats.

// %%
const policy = deskPolicy()
async function train<M extends { readonly step: number }>(name: string, training: Training<M>, total: number) {
  const metrics: M[] = []
  for await (const m of progress(training, name, { total: total })) metrics.push(m)
  return { metrics: metrics, model: { config: policy.config, params: training.state.models.policy }, free: () => disposeTraining(training) }
}

// %% sampled=true promises=["text"]
const sure = preferencePairs(judgeComparisons(deskComparisons(48, seed), { ...FAIR, temperature: 0.01 }, Random.seed(seed).split('sure')))
const sureReference = await pairReference(policy, sure), settings = { model: policy, pairs: sure, reference: sureReference, beta: 0.1, seed: seed, ...deskPreferences(48, { epochs: 16, batchSize: 24, lr: 5e-4 }) }
const runaway = await train('DPO on certain labels', dpo(settings), 32), bounded = await train('IPO on certain labels', dpo({ ...settings, loss: ipoLoss }), 32)
const nats = (run: typeof runaway) => run.metrics.map(m => m['rewards/margins'] / 0.1), ends = [runaway, bounded].map(r => mean(nats(r).slice(-4)))

// %% sampled=true promises=["figure"]
await show(lines({
  title: 'Certain labels: DPO’s margin runs away, IPO’s stops near 1/(2β)', x: { label: 'step', unit: 'of 24 pairs' }, y: { label: 'margin Δ', unit: 'nats' },
  lines: [{ name: 'DPO', run: runaway }, { name: 'IPO', run: bounded }].map(c => ({ name: c.name, x: c.run.metrics.map(m => m.step), y: nats(c.run), points: false })),
  references: [{ value: 5, label: '1/(2β)' }],
}))

// %% sampled=true promises=["text"]
claim('DPO’s margin ends at more than twice IPO’s; IPO’s lies near 1/(2β) = 5', ends[0] > 2 * ends[1] && ends[1] > 3.5 && ends[1] < 6.5, { 'DPO, nats': ends[0], 'IPO, nats': ends[1] })
reveal('9.margin', ends[0] < 7 ? 'A' : ends[1] < 7 ? 'B' : 'C')
for (const run of [runaway, bounded]) run.free()

// %% [markdown]
// A margin is a log-ratio: 15 nats mean that the policy has moved the odds of the pair by a factor of three million, on the word of one annotator. That is overfitting, and the loss does not object.
//
// ## Thumbs, five down for one up
//
// KTO needs no pairs: a prompt, a reply, a thumb. Its bar z₀ is an estimate of the KL to the reference, from prompts with *mismatched* replies. Here are 80 liked and 400 disliked replies. Once every thumb has weight 1. Once the rare kind counts five times, so that both kinds weigh the same in all.

// %% sampled=true promises=["text"]
const single = deskComparisons(1200, seed), worth = single.map(s => utility(s.prompt, s.a, FAIR)), median = [...worth].sort((a, b) => a - b)[600]
const coin = Random.seed(seed).split('thumbs'), judged = single.map((s, i) => ({ prompt: s.prompt, reply: s.a, liked: coin.uniform() < 1 / (1 + Math.exp(median - worth[i])) }))
const rare = [...judged.filter(t => t.liked).slice(0, 80), ...judged.filter(t => !t.liked).slice(0, 400)], thumbs = deskThumbs(coin.shuffle(rare))
const weights = balancedKtoWeights(80, 400), common = { model: policy, thumbs: thumbs, seed: seed, ...deskPreferences(thumbs.length, { epochs: 3, lr: 5e-4 }) }
const equal = await train('KTO, equal weights', kto(common), 45), weighted = await train('KTO, balanced weights', kto({ ...common, ...weights }), 45)
console.log(`weight of a thumb up ${weights.desirableWeight}, of a thumb down ${weights.undesirableWeight}`)

// %% sampled=true promises=["figure"]
await show(lines({
  title: 'Unbalanced thumbs push every reply away; balanced weights hold', x: { label: 'step', unit: 'of 32 thumbs' }, y: { label: 'implicit reward of liked replies', unit: 'nats' },
  lines: [{ name: 'equal weights', run: equal }, { name: 'balanced weights', run: weighted }].map(c => {
    const seen = c.run.metrics.filter(m => m['rewards/chosen'] !== undefined)
    return { name: c.name, x: seen.map(m => m.step), y: seen.map(m => m['rewards/chosen']! / 0.1), points: false }
  }),
}))

// %% sampled=true promises=["table"]
const held = drawPrompts(256, seed + 7, { heldOut: true })
const evaluate = (model: LanguageModel) => {
  const replies = judgeReplies(held, deskReplies(model, held, { random: Random.seed(seed).split('evaluation') }))
  return { 'true reward': mean(replies.map(r => r.gold)), words: mean(replies.map(r => r.features.words)), 'share that ended': mean(replies.map(r => Number(r.stopped))) }
}
const ktoRows = [['before', policy], ['equal weights', equal.model], ['balanced weights', weighted.model]].map(([name, model]) => ({ policy: name as string, ...evaluate(model as LanguageModel) }))
await show(ktoRows, { digits: 2 })
const tail = (run: typeof equal) => mean(run.metrics.slice(-8).map(m => m['rewards/chosen'] ?? 0)) / 0.1
claim('with equal weights the liked replies lose more than 15 nats, and the true reward collapses', tail(equal) < -15 && ktoRows[1]['true reward'] < ktoRows[0]['true reward'] - 1, { 'liked, nats': tail(equal), 'true reward': ktoRows[1]['true reward'] })
claim('with balanced weights it stays near, and keeps far more of the true reward', tail(weighted) > tail(equal) / 3 && ktoRows[2]['true reward'] > ktoRows[1]['true reward'] + 1, { 'liked, nats': tail(weighted), 'true reward': ktoRows[2]['true reward'] })
reveal('9.thumbs', tail(equal) > -5 ? 'A' : tail(equal) > -10 ? 'B' : 'C')

// %% [markdown]
// Why so violent? To be below the bar, a disliked reply only has to become unlikely. There is always an easy way to make *everything* you have seen unlikely: say something else. Five disliked replies for one liked one make that way pay. Before you train on thumbs, count them.

// %%
for (const run of [equal, weighted]) run.free()

// %% [markdown]
// ## Without a reference
//
// What does the reference cost? Load one and ask the backend.

// %% promises=["table"]
const bytesBefore = tf.memory().numBytes, frozen = deskPolicy(), referenceBytes = tf.memory().numBytes - bytesBefore
disposeParams(frozen.params)
const kB = (bytes: number) => bytes / 1000, weightsBytes = referenceBytes, pairsHeld = 384
await show([
  { method: 'DPO, reference in memory', 'policy and AdamW, kB': 3 * kB(weightsBytes), 'reference, kB': kB(referenceBytes) },
  { method: 'DPO, log-probs computed once', 'policy and AdamW, kB': 3 * kB(weightsBytes), 'reference, kB': kB(pairsHeld * 2 * 4) },
  { method: 'ORPO, SimPO', 'policy and AdamW, kB': 3 * kB(weightsBytes), 'reference, kB': 0 },
], { caption: `memory of weights, ${pairsHeld} pairs; activations come on top and are the same for all`, digits: 1 })
claim('two numbers a pair replace the model', pairsHeld * 8 < referenceBytes / 100, { 'reference, kB': kB(referenceBytes), 'two numbers a pair, kB': kB(pairsHeld * 8) })

// %% [markdown]
// So memory is a reason against a reference only where its log-probs cannot be stored: when pairs are made while you train. The other reason is the *stage*: ORPO imitates the chosen replies and prefers them in one go, and has no earlier policy to refer to.
//
// The same 384 pairs for DPO, IPO, ORPO and SimPO:

// %% sampled=true promises=["table"]
const pairs = preferencePairs(judgeComparisons(deskComparisons(384, seed), FAIR, Random.seed(seed).split('labels'))), reference = await pairReference(policy, pairs)
const base = { model: policy, pairs: pairs, seed: seed, ...deskPreferences(384, { epochs: 2, lr: 4e-4 }) }
const four = {
  DPO: await train('DPO', dpo({ ...base, reference: reference }), 24), IPO: await train('IPO', dpo({ ...base, reference: reference, loss: ipoLoss }), 24),
  ORPO: await train('ORPO', orpo(base), 24), SimPO: await train('SimPO', simpo({ ...base, gamma: 0.5 }), 24),
}
const results = [{ method: 'before', ...evaluate(policy) }, ...Object.entries(four).map(([method, run]) => ({ method: method, ...evaluate(run.model) }))]
await show(results, { digits: 2, caption: '256 held-out prompts, one sampled reply each' })

// %% sampled=true promises=["figure"]
await show(bars({
  title: 'All four learn from the same pairs, with or without a reference', x: { label: 'method' }, y: { label: 'mean true reward', unit: 'points' },
  categories: results.map(r => r.method), bars: [{ name: 'true reward', y: results.map(r => r['true reward']) }],
}))

// %% sampled=true promises=["text"]
const least = Math.min(...results.slice(1).map(r => r['true reward']))
claim('each of the four raises the true reward', least > results[0]['true reward'] + 0.1, { before: results[0]['true reward'], 'lowest of the four': least })
const [firstOdds, lastOdds] = [four.ORPO.metrics.slice(0, 6), four.ORPO.metrics.slice(-6)].map(ms => ({ odds: mean(ms.map(m => m.log_odds_chosen)), nll: mean(ms.map(m => m.nll_loss)) }))
claim('ORPO does both at once: the odds of chosen replies rise, and their likelihood is kept', lastOdds.odds > firstOdds.odds && lastOdds.nll < firstOdds.nll + 0.05, { 'log odds, first': firstOdds.odds, last: lastOdds.odds, 'NLL, first': firstOdds.nll, 'NLL, last': lastOdds.nll })

// %% [markdown]
// Which of the four is best? Do not read an order from one seed, twenty-four steps and 256 prompts. What you can tell apart is *what they ask for*.
//
// ## Length
//
// CPO without a reference scores a reply by β Σ log π; SimPO by β times the *mean* log π; DPO by β Σ log π/π_ref. Two replies, each token with probability 0.7, one of 10 and one of 30 tokens:

// %% promises=["table"]
const perToken = Math.log(0.7), lengths = [10, 30]
const scores = { 'CPO, sum': lengths.map(n => 0.1 * n * perToken), 'SimPO, mean': lengths.map(() => 2 * perToken), 'DPO, sum of ratios, π = π_ref': lengths.map(() => 0), 'DPO, each token 1% likelier': lengths.map(n => 0.1 * n * Math.log(1.01)) }
await show(Object.entries(scores).map(([method, s]) => ({ 'score of': method, '10 tokens': s[0], '30 tokens': s[1], difference: s[1] - s[0] })), { digits: 3 })
const simpoTie = value(() => simpoLoss(tf.tensor1d([perToken]), tf.tensor1d([perToken]), { beta: 2, gamma: 0 }))
claim('SimPO sees a tie, whatever the lengths', Math.abs(simpoTie - Math.log(2)) < 1e-6, { loss: simpoTie })

// %% [markdown]
// Now on the desk: 300 fresh pairs, 600 replies. How strongly does each score depend on the number of tokens?

// %% sampled=true promises=["table"]
const replies = deskComparisons(300, seed + 1, { heldOut: true }).flatMap(s => deskThumbs([{ prompt: s.prompt, reply: s.a, liked: true }, { prompt: s.prompt, reply: s.b, liked: true }]))
const sizes = replies.map(r => r.tokens.length), sums = (model: LanguageModel) => Array.from(sequenceLogps(model, replies))
const original = sums(policy), dpoSums = sums(four.DPO.model), simpoSums = sums(four.SimPO.model)
const withLength = (score: number[]) => pearson(score, sizes).statistic
const correlations = { 'sum of log π (CPO)': withLength(original), 'sum of log π/π_ref (DPO)': withLength(dpoSums.map((x, i) => x - original[i])), 'mean of log π (SimPO)': withLength(simpoSums.map((x, i) => x / sizes[i])) }
await show(Object.entries(correlations).map(([score, r]) => ({ score: score, 'correlation with length': r })), { digits: 2 })
claim('a sum of log-probs is to a good part a count of tokens; the mean does not punish length like that', correlations['sum of log π (CPO)'] < -0.5 && Math.abs(correlations['mean of log π (SimPO)']) < Math.abs(correlations['sum of log π (CPO)']) - 0.1, correlations)
reveal('9.length', 'B')
for (const run of Object.values(four)) run.free()

// %% [markdown]
// Without a reference, a sum punishes long replies simply for being long. DPO’s reference takes most of that away, since it punishes them as well. A mean per token has no such term; what is left of a dependence comes from the words themselves, since set phrases make a long reply easy to predict. What SimPO gives up: one wrong word in a long reply is averaged with all the right ones.
//
// ### Find the bug: the mean
//
// This function averages log-probabilities for SimPO. Rows are padded to the longest reply of the batch, and padding holds 0. Short replies come out with suspiciously high scores.

// %%
function meanLogp(row: number[], length: number): number {
  const sum = row.reduce((a, b) => a + b, 0)
  // BEGIN SOLUTION
  return sum / length
  // END SOLUTION
  // STUDENT: return sum / row.length
}

// %% promises=["text"]
const byLength = (row: number[], length: number) => row.slice(0, length).reduce((a, b) => a + b, 0) / length
const averaged = check('9.bug', meanLogp, byLength, [[[-1, -2, 0, 0, 0], 2], [[-1, -1, -1], 3], [[-0.5, 0, 0, 0], 1]], { hint: 'How many numbers were added, and how many are divided by?', level: 'intermediate' })
claim('a reply’s score must not depend on its neighbours in the batch', averaged([-1, -2, 0, 0], 2) === averaged([-1, -2], 2), { score: averaged([-1, -2], 2) })

// %% [markdown]
// ## Which one? A router
//
// The choice follows from the feedback more than from taste. `chooseMethod` takes a description of a log (or what was measured on its rows) and answers with reasons.

// %% promises=["table"]
const answers = Object.entries(FEEDBACK_CASES).map(([log, description]) => ({ log: log, answer: chooseMethod(description).answer }))
await show(answers)
const expected = ['DPO baseline', 'KTO candidate', 'GRPO candidate', 'ORPO candidate', 'SimPO candidate', 'IPO candidate']
claim('the six typical logs', answers.map(a => a.answer).join() === expected.join(), { logs: answers.length })

// %% promises=["text"]
console.log(explainChoice(chooseMethod(FEEDBACK_CASES.binary_offline_feedback)))

// %% [markdown]
// It warns of the five to one that you have just seen. Ask it about your own log: how many pairs, how many thumbs, can a program check the answer, may you sample while training, can you hold a reference, how often do two annotators agree?
//
// **A reward model is not on the list.** Outcome and process reward models (ORM, PRM) *score* replies or steps. They do not change a policy. Something has to optimise against them: best-of-n, PPO, GRPO, or online DPO with the scorer as judge. "ORM or GRPO?" is not a choice, one is a part of the other.
//
// ### Exercise 9.2
// Write the first three turns of the router. `checkable`: answers a program can check while the policy is sampled; `pairs`, `thumbs`: how many there are.

// %%
function route(checkable: boolean, pairs: number, thumbs: number): string {
  // BEGIN SOLUTION
  if (checkable) return 'GRPO'
  if (pairs > 0) return 'DPO'
  return thumbs > 0 ? 'KTO' : 'none'
  // END SOLUTION
}

// %% promises=["text"]
const byRouter = (checkable: boolean, pairs: number, thumbs: number): string => chooseMethod({
  checkable: checkable ? 500 : 0, online: checkable, pairs: pairs, thumbs: { up: Math.floor(thumbs / 2), down: Math.ceil(thumbs / 2) } }).method ?? 'none'
const routed = check('9.2', route, byRouter, [[true, 0, 0], [false, 2000, 0], [false, 0, 3000], [true, 500, 0], [false, 800, 400], [false, 0, 0]], {
  hint: 'A program that checks beats any label; a pair says more than a thumb; without feedback there is nothing to train on.', level: 'advanced',
})
console.log(`your log of 900 thumbs: ${routed(false, 0, 900)}`)

// %% [markdown]
// ## Over seeds
//
// The seed decides customers, labels, batches and samples. These are the claims of this lab with their figures under four of them.

// %% promises=["table"]
await show(claimTable('09'), { caption: 'the claims of this lab under four seeds', maxRows: 60 })

// %% [markdown]
// ## What to inspect

// %% promises=["table"]
await show([
  { figure: 'first loss', healthy: 'DPO .693, IPO 1/(4β²), KTO .5', sick: 'anything else: reference and policy are read differently' },
  { figure: 'margin, DPO', healthy: 'slows down', sick: 'grows without end on certain labels: IPO, or stop' },
  { figure: 'margin, IPO', healthy: 'rests near 1/(2β)', sick: 'far from it: β and the units of log-probs (sum or mean) do not fit' },
  { figure: 'rewards/chosen, KTO', healthy: 'near or above 0', sick: 'falls with rewards/rejected: counts or weights' },
  { figure: 'kl, KTO', healthy: 'small, often 0', sick: 'large: the policy has left' },
  { figure: 'nll_loss, ORPO', healthy: 'stays or falls', sick: 'rises: β too large' },
  { figure: 'length of samples', healthy: 'as before', sick: 'grows with sums, or shrinks without a reference' },
], { caption: 'What to inspect' })
score()

// %% [markdown]
// ## Recap
//
// - **Foundational:** every method of this family raises some replies over others. They differ in what they ask for, and in whether a reference stands beside.
// - **Intermediate:** you can compute DPO, IPO and KTO at the start, and read from a slope what a loss wants of a settled pair.
// - **Advanced:** you can say when margins run away, why unbalanced thumbs ruin a policy, what a reference costs, and choose a method from a feedback log with reasons.
//
// `lib/loss/README.md` lists all losses of the library with their equations. Lab 10 lets the policy write its own pairs; lab 11 needs neither pairs nor thumbs.
//
// **Sources.** Azar et al. 2023 (arXiv:2310.12036), IPO; Ethayarajh et al. 2024 (arXiv:2402.01306), KTO; Hong et al. 2024 (arXiv:2403.07691), ORPO; Meng et al. 2024 (arXiv:2405.14734), SimPO; Xu et al. 2024 (arXiv:2401.08417), CPO; Zhao et al. 2023 (arXiv:2305.10425), hinge; Mitchell 2023 (ericmitchell.ai/cdpo.pdf), conservative DPO; Ji et al. 2024 (arXiv:2402.00856), EXO; Jung et al. 2024 (arXiv:2404.04656), BCO; D’Oosterlinck et al. 2024 (arXiv:2408.06266), APO; Lightman et al. 2023 (arXiv:2305.20050), ORM and PRM.
