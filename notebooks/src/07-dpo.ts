// %% [markdown]
// # Lab 07 · DPO
//
// **The question of this lab:** PPO needs a reward model, a value model, and a policy that writes replies all through training. You have pairs: *this reply is better than that one*. Can you train the policy on them directly, like a classifier?
//
// Yes. Direct preference optimisation (DPO) is one formula away from lab 05. You derive it in three steps and check each with numbers, compute its loss by hand, reproduce a training run of another library step by step, and then train the parcel desk on pairs. On the way you meet what DPO is known for: probabilities that fall on *both* sides, a loss that stays at 0.693 for two very different reasons, and replies that grow longer.
//
// The lab takes about 60 minutes to read and a minute to compute.

// %%
import {
  tf, Random, announceBackend, labSeed, show, lines, bars, progress, live, predict, reveal, claim, claimTable, todo, check, score,
  klOptimalPolicy, dpoLoss, dpo, gatherLogps, valueAndGrads, pairReference, trlDpoRuns,
  deskPolicy, deskComparisons, judgeComparisons, preferencePairs, deskPreferences, deskReplies, judgeReplies, drawPrompts,
  FAIR, disposeTraining, type DpoMetrics, type TokenPair, type Judged, type Params,
} from 'rlhf-labs'

// %% promises=["text"]
await announceBackend()
const seed = labSeed(), mean = (v: ArrayLike<number>) => Array.from(v).reduce((a, b) => a + b, 0) / v.length

// %% [markdown]
// ## Predict first

// %% promises=["text"]
predict('7.chosen',
  'You train on pairs until the policy ranks nearly all of them correctly. ' +
  'What happens to the log-probability of the *chosen* replies on the way?',
  ['it rises', 'it stays', 'it falls'])

// %% promises=["text"]
predict('7.zero',
  'At the first step policy and reference are the same, so the margin of every pair is 0. How large is the push on the margin?',
  ['0: no margin, no gradient', 'half of the largest possible', 'the largest possible'])

// %% promises=["text"]
predict('7.stuck',
  'After an hour the loss is still 0.693. What is wrong?',
  ['the labels contradict each other', 'the optimiser does not move the weights', 'the loss alone cannot tell'])

// %% [markdown]
// ## The derivation, with numbers
//
// Lab 05 maximised reward minus β times KL. Take one prompt with four possible replies, their rewards, and a reference.
//
// **Step 1.** The best policy has a closed form: π*(y) = π_ref(y) · e^(r(y)/β) / Z. If that is so, no other policy does better. Try 2,000.

// %% promises=["text"]
const rewards = [1.0, 0.2, -0.5, 0.7], piRef = [0.1, 0.4, 0.3, 0.2], beta = 0.5
const objective = (p: ArrayLike<number>) => Array.from(p).reduce((s, x, i) => s + (x === 0 ? 0 : x * (rewards[i] - beta * Math.log(x / piRef[i]))), 0)
const tilted = piRef.map((p, i) => p * Math.exp(rewards[i] / beta)), Z = tilted.reduce((a, b) => a + b, 0)
const piStar = tilted.map(x => x / Z), random = Random.seed(seed).split('policies')
const others = Array.from({ length: 2000 }, () => {
  const raw = piRef.map(() => -Math.log(1 - random.uniform())), sum = raw.reduce((a, b) => a + b, 0)
  return objective(raw.map(x => x / sum))
})
const closed = klOptimalPolicy(piRef, rewards, beta)
claim('no policy beats the closed form, and the library has the same', Math.max(...others) < objective(piStar)
  && piStar.every((p, i) => Math.abs(p - closed.distribution[i]) < 1e-9), { 'closed form': objective(piStar), 'best of 2,000 others': Math.max(...others) })

// %% [markdown]
// **Step 2.** Read the formula backwards. Take the logarithm and solve for the reward: r(y) = β log π*(y)/π_ref(y) + β log Z. A policy *is* a reward function, up to a constant.
//
// **Step 3.** Bradley and Terry only ask for a difference of two rewards. In a difference, the constant cancels. So Z, the sum over all replies that nobody can compute, is gone.

// %% promises=["table"]
const logRatio = piStar.map((p, i) => Math.log(p / piRef[i])), implied = logRatio.map(l => beta * l)
await show(rewards.map((r, i) => ({
  reply: 'ABCD'[i], reward: r, 'π_ref': piRef[i], 'π*': piStar[i], 'β log π*/π_ref': implied[i], '+ β log Z': implied[i] + beta * Math.log(Z),
})), { digits: 4, caption: 'the reward comes back out of the policy' })
claim('differences of β log π*/π_ref are differences of rewards: Z has cancelled',
  [1, 2, 3].every(i => Math.abs(implied[0] - implied[i] - (rewards[0] - rewards[i])) < 1e-12), { 'β log Z': beta * Math.log(Z), 'A − C': implied[0] - implied[2] })

// %% [markdown]
// Put that into Bradley and Terry's loss, with the policy you train in place of π*:
//
// loss = −log σ(β · [(log π(y_w) − log π_ref(y_w)) − (log π(y_l) − log π_ref(y_l))])
//
// ## One pair by hand
//
// The chosen reply has log-probability −8.2 under the policy and −8.5 under the reference; the rejected one −9.5 and −9.1; β = 0.1.

// %% promises=["text"]
const pair = { chosen: -8.2, refChosen: -8.5, rejected: -9.5, refRejected: -9.1 }
const margin = (pair.chosen - pair.refChosen) - (pair.rejected - pair.refRejected), logit = 0.1 * margin
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
console.log(`margin ${margin.toFixed(1)}, logit ${logit.toFixed(2)}, σ ${sigmoid(logit).toFixed(3)}, loss ${(-Math.log(sigmoid(logit))).toFixed(3)}`)
const libraryDpo = (w: number, refW: number, l: number, refL: number, b: number) => tf.tidy(() =>
  dpoLoss({ chosen: tf.tensor1d([w]), rejected: tf.tensor1d([l]), refChosen: [refW], refRejected: [refL] }, { beta: b }).dataSync()[0])
const byLibrary = libraryDpo(-8.2, -8.5, -9.5, -9.1, 0.1)
claim('the library gives the same loss', byLibrary.toFixed(3) === '0.659' && margin.toFixed(1) === '0.7' && logit.toFixed(2) === '0.07'
  && sigmoid(logit).toFixed(3) === '0.517', { loss: byLibrary })

// %% [markdown]
// The policy prefers the right reply by 0.7 nats *more than the reference does*. That is all DPO looks at: a policy that ranks the pair wrongly may have a small loss, if the reference ranked it worse.
//
// ### Exercise 7.1
// Write the loss of a pair. Then compute by hand: policy −6.2 and −7.8, reference −6.5 and −7.1. Is the margin positive?

// %%
function pairLoss(chosen: number, refChosen: number, rejected: number, refRejected: number, beta: number): number {
  // BEGIN SOLUTION
  const logit = beta * ((chosen - refChosen) - (rejected - refRejected))
  return Math.max(-logit, 0) + Math.log1p(Math.exp(-Math.abs(logit)))
  // END SOLUTION
}

// %% promises=["text"]
const lossOf = check('7.1', pairLoss, libraryDpo, [[-8.2, -8.5, -9.5, -9.1, 0.1], [-6.2, -6.5, -7.8, -7.1, 0.1], [-3, -3, -4, -4, 0.5], [-500, 0, 0, -500, 1]], {
  hint: 'Four log-probs, two differences, one difference of those; then −log σ(β · that). It must survive a logit of −1,000.', level: 'intermediate',
})
const exercise = lossOf(-6.2, -6.5, -7.8, -7.1, 0.1)
claim('the exercise: margin 1.0, positive, loss 0.644', exercise.toFixed(3) === '0.644', { margin: (-6.2 + 6.5) - (-7.8 + 7.1), loss: exercise })

// %% [markdown]
// ## Zero margin is not zero gradient
//
// At the start every margin is 0, and the loss is log 2 = 0.693. The loss does not rest there: what moves the weights is the *slope*.
//
// ### Exercise 7.2
// Write the derivative of −log σ(z) with respect to z.

// %%
function slope(z: number): number {
  // BEGIN SOLUTION
  return -1 / (1 + Math.exp(z))
  // END SOLUTION
}

// %% promises=["text"]
const byGradient = (z: number) => tf.tidy(() => tf.grad(x => dpoLoss({
  chosen: x as never, rejected: tf.tensor1d([0]), refChosen: [0], refRejected: [0] }, { beta: 1 }).sum())(tf.tensor1d([z])).dataSync()[0])
const slopeOf = check('7.2', slope, byGradient, [[0], [2], [-3], [6]], { hint: 'The derivative of log σ(z) is 1 − σ(z).', level: 'intermediate', tolerance: 1e-4 })
for (const z of [0, 2]) console.log(`logit ${z}: loss ${(-Math.log(sigmoid(z))).toFixed(3)}, gradient ${slopeOf(z).toFixed(3)}`)
claim('logit 0: .693 and −.500; logit 2: .127 and −.119', slopeOf(0).toFixed(3) === '-0.500' && slopeOf(2).toFixed(3) === '-0.119'
  && (-Math.log(sigmoid(2))).toFixed(3) === '0.127', { 'gradient at 0': slopeOf(0), 'gradient at 2': slopeOf(2) })
reveal('7.zero', 'B')

// %% promises=["figure"]
const zs = Array.from({ length: 81 }, (_, i) => -4 + i / 10)
await show(lines({
  title: 'A settled pair pushes little, a wrong one pushes with full force', x: { label: 'logit β · margin' }, y: { label: 'loss and push', unit: 'nats' },
  lines: [{ name: 'loss', x: zs, y: zs.map(z => -Math.log(sigmoid(z))) }, { name: 'push on the logit, −gradient', x: zs, y: zs.map(z => -slopeOf(z)) }],
  references: [{ value: 0, label: 'start', along: 'y' }, { value: 0.5, label: '0.5' }],
}))

// %% [markdown]
// ## A whole language model, small enough to see
//
// An embedding and a linear layer: vocabulary 16, width 8, a token depends on the one before it. TRL, the library most people use, has computed the loss of two pairs for these weights: 0.648, and the absolute gradients sum to 1.784. First the naive loop over tokens.

// %% promises=["text"]
const { toy, options: trl, losses: theirs } = trlDpoRuns()
const naive = (w: typeof toy.policy, ids: number[], responseMask: number[]) => ids.slice(1).reduce((sum, next, j) => {
  if (!responseMask[j + 1]) return sum
  const hidden = w['embedding.weight'][ids[j]]
  const logits = w['projection.weight'].map((row, v) => row.reduce((s, x, k) => s + x * hidden[k], w['projection.bias'][v]))
  return sum + logits[next] - Math.log(logits.reduce((s, x) => s + Math.exp(x), 0))
}, 0)
const logps = [toy.policy, toy.reference].map(w => toy.input_ids.map((ids, i) => naive(w, ids, toy.completion_mask[i])))
const half = toy.input_ids.length / 2
const loops = Array.from({ length: half }, (_, i) => lossOf(logps[0][i], logps[1][i], logps[0][half + i], logps[1][half + i], toy.beta))
claim('the loop gives TRL’s loss', mean(loops).toFixed(3) === '0.648', { loss: mean(loops), TRL: toy.loss })

// %% [markdown]
// The same with tensors, which also give the gradient. It must be a scalar, finite, and not zero.

// %%
const responseLogps = (w: Params, ids: number[][], masks: number[][]) => {
  const hidden = tf.gather(w['embedding.weight'], tf.tensor1d(ids.flatMap(r => r.slice(0, -1)), 'int32'))
  const logits = tf.matMul(hidden, w['projection.weight'], false, true).add(w['projection.bias'])
  const each = gatherLogps(logits as never, ids.flatMap(r => r.slice(1))).reshape([ids.length, -1])
  return tf.sum(each.mul(tf.tensor2d(masks.map(m => m.slice(1)))), 1)
}

// %% promises=["text"]
const tensors = (w: typeof toy.policy) => Object.fromEntries(Object.entries(w).map(([name, values]) => [name, tf.tensor(values)]))
const tiny = tf.tidy(() => {
  const { value, grads } = valueAndGrads(w => {
    const both = responseLogps(w, toy.input_ids, toy.completion_mask), half = both.shape[0] / 2
    const pairs = { chosen: both.slice(0, half), rejected: both.slice(half, half), refChosen: logps[1].slice(0, half), refRejected: logps[1].slice(half) }
    return { loss: dpoLoss(pairs as never, { beta: toy.beta }).mean().asScalar() }
  }, tensors(toy.policy))
  return { rank: value.rank, loss: value.dataSync()[0], gradient: Object.values(grads).reduce((s, g) => s + g.abs().sum().dataSync()[0], 0) }
})
claim('scalar, finite, loss 0.648, Σ|gradient| 1.784', tiny.rank === 0 && tiny.loss.toFixed(3) === '0.648' && tiny.gradient.toFixed(3) === '1.784',
  { loss: tiny.loss, 'Σ|gradient|': tiny.gradient })

// %% [markdown]
// ### Find the bug: what is counted
//
// A batch is a rectangle, so short replies are filled up with padding, and prompts stand before them. This function sums the log-probabilities of a *reply*. It is wrong. The loss it leads to still falls, which is why such bugs live long.

// %%
function replyLogp(tokenLogps: number[], isResponse: number[], isPadding: number[]): number {
  // BEGIN SOLUTION
  return tokenLogps.reduce((sum, logp, t) => isResponse[t] && !isPadding[t] ? sum + logp : sum, 0)
  // END SOLUTION
  // STUDENT: return tokenLogps.reduce((sum, logp) => sum + logp, 0) / tokenLogps.length
}

// %% promises=["text"]
const masked = (l: number[], r: number[], p: number[]) => l.reduce((s, x, t) => s + x * r[t] * (1 - p[t]), 0)
const replySum = check('7.bug', replyLogp, masked, [
  [[-1, -2, -3, -4], [0, 0, 1, 1], [0, 0, 0, 0]], [[-1, -2, -3, -9, -9], [0, 1, 1, 1, 1], [0, 0, 0, 1, 1]], [[-2, -1], [1, 1], [0, 0]],
], { hint: 'Three questions: is the prompt counted? Is padding counted? Is it a sum, or a mean?', level: 'intermediate' })

// %% promises=["table"]
const reply = [-0.5, -0.2, -0.4], paddingLogp = -6.3
const padded = (n: number) => [...reply, ...Array.from({ length: n }, () => paddingLogp)]
const right = (n: number) => replySum(padded(n), padded(n).map(() => 1), padded(n).map((_, t) => Number(t >= reply.length)))
const wrongSum = (n: number) => padded(n).reduce((a, b) => a + b, 0)
await show([0, 2, 8].map(n => ({ 'padding after the reply': n, 'with the mask': right(n), 'without it': wrongSum(n) })), { digits: 2 })
claim('with the mask, padding changes nothing; without it, the neighbours in the batch decide', [2, 8].every(n => Math.abs(right(n) - right(0)) < 1e-9)
  && wrongSum(8) < wrongSum(0) - 40, { 'with': right(8), 'without': wrongSum(8) })

// %% [markdown]
// ## The same run as TRL's
//
// Now the library's trainer. TRL has trained a two-layer GPT for 20 steps on 16 pairs; the weights it started from and its losses are in `data/trl`. Same weights, same order, same optimiser: the losses should be the same, too.

// %% promises=["figure"]
const twenty = dpo(trl), ours: number[] = []
for await (const m of twenty) ours.push(m.loss)
disposeTraining(twenty)
await show(lines({
  title: 'Twenty steps of DPO: ours on top of TRL’s', x: { label: 'step' }, y: { label: 'loss', unit: 'nats' },
  lines: [{ name: 'TRL 1.16', x: ours.map((_, i) => i + 1), y: theirs, points: false }, { name: 'this library', x: ours.map((_, i) => i + 1), y: ours, points: true }],
  references: [{ value: Math.log(2), label: 'log 2' }],
}))

// %% promises=["text"]
const apart = Math.max(...ours.map((l, i) => Math.abs(l - theirs[i])))
claim('all twenty losses agree to 1e-4', apart < 1e-4 && ours.length === 20, { steps: ours.length, 'largest difference below 1e-4': apart < 1e-4 })

// %% [markdown]
// The first loss is not log 2 here: this run starts from a policy that already differs from its reference.
//
// ## The desk, from pairs
//
// 1,024 prompts with two clerks' replies each, and a careful annotator's choice. What DPO needs from the reference are two numbers a pair. They never change, so they are computed once, and the reference model can go.

// %% sampled=true promises=["text"]
const policy = deskPolicy(), shown = deskComparisons(1024, seed)
const fairPairs = judgeComparisons(shown, FAIR, Random.seed(seed).split('labels'))
const pairs = preferencePairs(fairPairs), reference = await pairReference(policy, pairs)
console.log(`${pairs.length} pairs; a pair’s reference: ${[reference.chosen[0], reference.rejected[0]].map(x => x.toFixed(1)).join(' and ')} nats`)

// %%
const chart = (title: string) => live<DpoMetrics>(records => lines({
  title: title, x: { label: 'step', unit: 'of 32 pairs' }, y: { label: 'implicit reward', unit: 'β nats' },
  lines: (['chosen', 'rejected', 'margins'] as const).map(k => ({ name: k, x: records.map(r => r.step), y: records.map(r => r[`rewards/${k}`]), points: false })),
}))
async function train(name: string, data: readonly TokenPair[], more: { lr?: number; epochs?: number; plot?: string; reference?: typeof reference } = {}) {
  const training = dpo({ model: policy, pairs: data, seed: seed, ...more.reference && { reference: more.reference }, ...deskPreferences(data.length, { lr: more.lr ?? 3e-4, epochs: more.epochs ?? 1 }) })
  const metrics: DpoMetrics[] = [], drawn = more.plot === undefined ? undefined : chart(more.plot), total = (more.epochs ?? 1) * Math.ceil(data.length / 32)
  for await (const m of progress(training, name, { total: total })) {
    metrics.push(m)
    await drawn?.push(m)
  }
  await drawn?.done()
  return { metrics: metrics, model: { config: policy.config, params: training.state.models.policy }, free: () => disposeTraining(training) }
}

// %% sampled=true promises=["figure"]
const main = await train('DPO', pairs, { epochs: 2, reference: reference, plot: 'The margin grows because the rejected replies fall faster' })

// %% [markdown]
// The implicit reward of a reply is β log π/π_ref: 0 at the start, positive where the policy likes the reply more than the reference does. Look at the two lower curves.

// %% sampled=true promises=["table"]
const ends = [main.metrics.slice(0, 8), main.metrics.slice(-8)], figures = ['loss', 'rewards/accuracies', 'rewards/margins', 'rewards/chosen', 'rewards/rejected', 'grad_norm'] as const
await show(figures.map(f => ({ figure: f, 'first 8 steps': mean(ends[0].map(m => m[f])), 'last 8 steps': mean(ends[1].map(m => m[f])) })), { digits: 3 })
const lastOf = (f: (typeof figures)[number], metrics = main.metrics) => mean(metrics.slice(-8).map(m => m[f]))
claim('the margin grows and the loss falls below log 2', lastOf('rewards/margins') > 0.2 && lastOf('loss') < 0.65 && lastOf('rewards/accuracies') > 0.65, {
  margin: lastOf('rewards/margins'), loss: lastOf('loss'), accuracy: lastOf('rewards/accuracies'),
})
claim('both log-probs fall while the margin grows', lastOf('rewards/chosen') < -0.03 && lastOf('rewards/rejected') < lastOf('rewards/chosen') - 0.2, {
  'chosen, nats': lastOf('rewards/chosen') / 0.1, 'rejected, nats': lastOf('rewards/rejected') / 0.1,
})
reveal('7.chosen', lastOf('rewards/chosen') > 0.02 ? 'A' : lastOf('rewards/chosen') > -0.02 ? 'B' : 'C')

// %% [markdown]
// The chosen replies have become *less* likely. DPO only asks for a difference. Chosen and rejected replies share many words, so pushing one down takes the other along, and the probability goes to replies that are in neither column. Nobody has judged those.
//
// Are the replies better? Ask the true reward, which the training never saw, on prompts it never saw.

// %% sampled=true promises=["table"]
const held = drawPrompts(256, seed + 7, { heldOut: true })
const judge = (model: typeof policy | typeof main.model) => judgeReplies(held, deskReplies(model, held, { random: Random.seed(seed).split('evaluation') }))
const before = judge(policy), after = judge(main.model), goldOf = (judged: typeof before) => mean(judged.map(j => j.gold)), wordsOf = (judged: typeof before) => mean(judged.map(j => j.features.words))
await show([['before', before], ['after DPO', after]].map(([name, j]) => ({ policy: name as string, 'true reward': goldOf(j as typeof before), words: wordsOf(j as typeof before) })), { digits: 2 })
claim('the true reward has risen', goldOf(after) > goldOf(before) + 0.1, { before: goldOf(before), after: goldOf(after) })

// %% [markdown]
// ## The 0.693 trap
//
// Two runs whose loss stays at log 2. In the first, the labels contradict each other: every pair is there twice, once each way round. In the second, the optimiser does not move: its learning rate is 0 (a frozen layer or a lost gradient looks the same).

// %% sampled=true promises=["text"]
const some = fairPairs.slice(0, 384), turned = some.map(({ prompt, chosen, rejected }): Judged => ({ prompt: prompt, chosen: rejected, rejected: chosen }))
const contradictory = await train('contradictory labels', preferencePairs([...some, ...turned]))
const frozen = await train('frozen optimiser', pairs.slice(0, 512), { lr: 0 })
const lossesOf = { contradictory: lastOf('loss', contradictory.metrics), frozen: lastOf('loss', frozen.metrics) }
claim('the same symptom: both losses are within 0.03 of log 2', Object.values(lossesOf).every(l => Math.abs(l - Math.log(2)) < 0.03), lossesOf)

// %% [markdown]
// What differs? A policy that has not moved at all has an implicit reward of exactly 0 on every pair. One that is pulled both ways has moved, without a direction.

// %% sampled=true promises=["table"]
const moved = (params: Params) => tf.tidy(() => Math.sqrt(Object.keys(params).reduce((s, name) => s + params[name].sub(policy.params[name]).square().sum().dataSync()[0], 0)))
const runs = { 'healthy run': main, 'contradictory labels': contradictory, 'frozen optimiser': frozen }
const spreadOf = (metrics: readonly DpoMetrics[]) => mean(metrics.slice(-8).map(m => Math.abs(m['rewards/chosen']) + Math.abs(m['rewards/rejected'])))
const vitals = Object.entries(runs).map(([name, r]) => ({
  run: name, loss: lastOf('loss', r.metrics), accuracy: lastOf('rewards/accuracies', r.metrics), '|rewards|': spreadOf(r.metrics), 'gradient norm': lastOf('grad_norm', r.metrics), 'weights moved': moved(r.model.params),
}))
await show(vitals, { digits: 4 })
claim('told apart: contradictory labels move the weights, a frozen optimiser does not', vitals[1]['weights moved'] > 0.01 && vitals[2]['weights moved'] === 0 && vitals[2]['gradient norm'] > 0.1,
  { contradictory: vitals[1]['weights moved'], frozen: vitals[2]['weights moved'] })
reveal('7.stuck', 'C')

// %% [markdown]
// ### Exercise 7.3
// Write the diagnosis. A run is described by its loss, the size of its rewards, and its gradient norm. Return `'healthy'`, `'frozen'` or `'labels'`.

// %%
function diagnose(loss: number, rewardSize: number, gradNorm: number): string {
  // BEGIN SOLUTION
  if (gradNorm > 0 && rewardSize < 1e-6) return 'frozen'
  return loss < 0.67 ? 'healthy' : 'labels'
  // END SOLUTION
}

// %% sampled=true promises=["text"]
const doctor = (loss: number, size: number, norm: number) => norm > 0 && size < 1e-6 ? 'frozen' : loss < 0.67 ? 'healthy' : 'labels'
const diagnosis = check('7.3', diagnose, doctor, [[0.52, 0.9, 0.9], [0.6931, 0, 0.6], [0.699, 0.02, 0.5], [0.61, 0.3, 0.8]], {
  hint: 'Gradients without any reward: the weights did not follow. Rewards without a lower loss: they went nowhere.', level: 'advanced',
})
const said = vitals.map(v => diagnosis(v.loss, v['|rewards|'], v['gradient norm']))
claim('it tells the three runs apart', said.join() === 'healthy,labels,frozen', { said: said.join(', ') })
contradictory.free()
frozen.free()

// %% [markdown]
// ## Length
//
// A reply's log-probability is a sum over its tokens. Take two pairs whose chosen reply has become 5% likelier *at every token*, one of 10 tokens, one of 30. The rejected replies have not moved.

// %% promises=["table"]
const perToken = Math.log(1.05), bySize = [10, 30].map(n => ({ tokens: n, margin: n * perToken, loss: lossOf(n * perToken, 0, 0, 0, 0.1) }))
await show(bySize, { digits: 3, caption: 'the same change a token, β = 0.1' })
claim('three times the tokens, three times the margin: a long reply needs a third of the change',
  Math.abs(bySize[1].margin / bySize[0].margin - 3) < 1e-9 && bySize[1].loss < bySize[0].loss, {
    'nats a token for a margin of 1, 10 tokens': 1 / bySize[0].tokens, '30 tokens': 1 / bySize[1].tokens,
  })

// %% [markdown]
// So with summed log-probs, length is a cheap way to a margin, and a taste for length in the labels is taken up gladly. The same prompts and replies, judged by an annotator who likes long replies:

// %% sampled=true promises=["text"]
const longPairs = judgeComparisons(shown, { ...FAIR, length: 3 }, Random.seed(seed).split('labels'))
const longChosen = (judged: readonly Judged[]) => mean(preferencePairs(judged).map(p => Number(p.chosen.length > p.rejected.length)))
console.log(`the longer reply wins ${(100 * longChosen(fairPairs)).toFixed(0)}% of the fair labels and ${(100 * longChosen(longPairs)).toFixed(0)}% of these`)

// %% sampled=true promises=["figure"]
const long = await train('annotator who likes length', preferencePairs(longPairs), { epochs: 2 })
const grown = judge(long.model), edges = [0, 10, 15, 20, 25, 30, 35, 40, 60], bins = edges.slice(0, -1).map((e, i) => i === edges.length - 2 ? `${e}+` : `${e}–${edges[i + 1] - 1}`)
const histogram = (judged: typeof before) => edges.slice(0, -1).map((e, i) => 100 * mean(judged.map(j => Number(j.features.words >= e && (i === edges.length - 2 || j.features.words < edges[i + 1])))))
await show(bars({
  title: 'DPO lengthens replies, most of all where the labels like length', x: { label: 'words in a reply' }, y: { label: 'share of replies', unit: '%' }, categories: bins,
  bars: [{ name: 'before', y: histogram(before) }, { name: 'fair labels', y: histogram(after) }, { name: 'labels that like length', y: histogram(grown) }],
}))

// %% sampled=true promises=["text"]
claim('labels that like length make replies longer than fair labels do, and both longer than before', wordsOf(grown) > wordsOf(after) + 1 && wordsOf(grown) > wordsOf(before) + 4, {
  before: wordsOf(before), 'fair labels': wordsOf(after), 'labels that like length': wordsOf(grown),
})
long.free()
main.free()

// %% [markdown]
// The loss curves of the two runs look alike. Only a histogram shows the difference. Lab 09 has losses that count differently, and lab 13 measures with length held fixed.
//
// ## Over seeds
//
// The seed decides customers, labels, batches and samples. These are the claims of this lab with their figures under four of them.

// %% promises=["table"]
await show(claimTable('07'), { caption: 'the claims of this lab under four seeds', maxRows: 60 })

// %% [markdown]
// ## What to inspect

// %% promises=["table"]
await show([
  { figure: 'first loss', healthy: '0.693 exactly: policy = reference', sick: 'anything else: log-probs differ in mask, dropout or weights' },
  { figure: 'rewards/margins', healthy: 'rises, then slows', sick: 'rises without end: pairs learned by heart' },
  { figure: 'rewards/accuracies', healthy: 'well above 50% on fresh pairs', sick: '50%: labels; 100%: overfitting or a leak' },
  { figure: 'rewards/chosen', healthy: 'near 0, or falling slowly', sick: 'falls as fast as rejected: text decays' },
  { figure: 'loss at 0.693', healthy: 'only at the first step', sick: 'later: frozen (rewards 0) or labels (rewards not 0)' },
  { figure: 'length of samples', healthy: 'as before', sick: 'grows: labels or sums like length' },
  { figure: 'true or human preference', healthy: 'rises with the margin', sick: 'falls while the margin rises: stop earlier, raise β' },
], { caption: 'What to inspect' })
score()

// %% [markdown]
// ## Recap
//
// - **Foundational:** DPO trains on pairs alone. It needs a policy and, once, the reference's log-probabilities: no reward model, no value model, no sampling.
// - **Intermediate:** you can compute its loss from four log-probabilities, say why Z cancels, and why a margin of 0 still pushes with one half.
// - **Advanced:** you can tell contradictory labels from a frozen optimiser, explain why chosen replies lose probability, and see length enter through sums.
//
// What DPO never does is try a reply of its own. Lab 08 puts it beside PPO, lab 09 changes the loss, lab 10 lets the policy write the pairs.
//
// **Sources.** Rafailov et al. 2023 (arXiv:2305.18290), DPO; Ouyang et al. 2022 (arXiv:2203.02155); Pal et al. 2024 (arXiv:2402.13228) and Razin et al. 2024 (arXiv:2410.08847), falling probabilities of chosen replies; Park et al. 2024 (arXiv:2403.19159), length in DPO; TRL 1.16 (huggingface/trl), the figures in `data/trl`.
