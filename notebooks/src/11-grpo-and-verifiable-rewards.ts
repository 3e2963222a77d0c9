// %% [markdown]
// # Lab 11 · GRPO and verifiable rewards
//
// **The question of this lab:** some answers can be checked by a program. A sum is right or it is not. What does that buy you, and what does it not?
//
// It buys a reward that no policy can flatter, *if* the program is right. And it removes a model: PPO needs a value network to know what a prompt usually earns. GRPO samples a group of answers to each prompt and takes their mean instead.
//
// You compute a group by hand, write a verifier and fool one, train the desk's clerk on sums from about 40% to above 90%, count the groups that teach nothing, and find out which loss makes wrong answers long. The lab takes about 60 minutes to read and a minute to compute.

// %%
import {
  tf, ready, Random, announceBackend, labSeed, show, lines, live, progress, predict, reveal, claim, todo, check, score,
  allSumTasks, sumTask, sumPolicy, sumReplies, sumReward, rightSteps, judgeSteps, decodeTokens, encodeText, EOS,
  verifySum, fooledVerifier, verifierReward, numbersIn, groupAdvantages, passAtK, responseLogps,
  grpo, grpoLoss, GRPO, BNPO, DR_GRPO, GSPO, clippedTokens, adamw, linearSchedule, disposeTraining, claimTable,
  type GrpoMetrics, type GrpoVariant, type LanguageModel, type Rollout, type SumTask,
} from 'rlhf-labs'

// %% promises=["text"]
await announceBackend()
const seed = labSeed(), stream = Random.seed(seed), mean = (v: readonly number[]) => v.reduce((a, b) => a + b, 0) / v.length

// %% [markdown]
// ## Predict first

// %% promises=["text"]
predict('11.zero',
  'All eight answers of a group are right. How hard does GRPO push the policy on this prompt?',
  ['hardest of all: eight successes', 'as hard as on any group', 'not at all'])

// %% promises=["text"]
predict('11.length',
  'Two wrong answers, one of 5 tokens and one of 20. GRPO averages over each answer’s tokens first. ' +
  'How hard is a token of the long one pushed down, compared with one of the short one?',
  ['four times as hard', 'just as hard', 'a quarter as hard'])

// %% promises=["text"]
predict('11.sharpen',
  'Before training, 4 samples in 10 are right, and 8 samples nearly always contain a right one. ' +
  'After training, 9 samples in 10 are right. What happens to the share of tasks that 8 samples solve?',
  ['it rises just as much', 'it hardly moves'])

// %% [markdown]
// ## A group by hand
//
// Four answers to one prompt earn 1, 0, ½ and 1. The *advantage* of an answer is how far it lies above its group, in standard deviations. Then the same for 1, 1, 0, 0, as TRL computes it: the deviation with n − 1, plus 0.0001 so that nothing is divided by 0.

// %% promises=["text"]
const rewards = [1, 0, 0.5, 1], average = mean(rewards)
const deviation = Math.sqrt(mean(rewards.map(r => (r - average) ** 2)))
const byHand = rewards.map(r => (r - average) / deviation)
console.log(`mean ${average.toFixed(3).slice(1)}, advantages ${byHand.map(a => a.toFixed(3)).join(', ')}, mean of these ${Math.abs(mean(byHand)).toFixed(0)}`)
const population = Array.from(groupAdvantages(rewards, 4, { unbiased: false, epsilon: 0 }))
const sample = Array.from(groupAdvantages([1, 1, 0, 0], 4))
claim('the library gives .905, −1.508, −.302, .905, and ±.8659 for 1, 1, 0, 0',
  population.map(a => a.toFixed(3)).join() === '0.905,-1.508,-0.302,0.905' && sample.map(a => a.toFixed(4)).join() === '0.8659,0.8659,-0.8659,-0.8659',
  { first: population[0], second: population[1], third: population[2], 'of 1, 1, 0, 0': sample[0] })

// %% [markdown]
// Every token of an answer gets its answer's advantage. There is no value model and no discount: the group is the baseline.
//
// ### Exercise 11.1
// Write the advantages of one group as in TRL: subtract the mean, divide by the deviation with n − 1, plus 0.0001.

// %%
function advantagesOf(rewards: number[]): number[] {
  // BEGIN SOLUTION
  const m = rewards.reduce((a, b) => a + b, 0) / rewards.length
  const variance = rewards.reduce((sum, r) => sum + (r - m) ** 2, 0) / (rewards.length - 1)
  return rewards.map(r => (r - m) / (Math.sqrt(variance) + 1e-4))
  // END SOLUTION
}

// %% promises=["text"]
const libraryAdvantages = (r: number[]) => Array.from(groupAdvantages(r, r.length))
const advantages = check('11.1', advantagesOf, libraryAdvantages, [[[1, 1, 0, 0]], [[1, 0, 0.5, 1]], [[2, 2, 2]], [[0, 0, 0, 8]]], {
  hint: 'In the last but one case all rewards are equal: every advantage is 0 / 0.0001 = 0.',
})
console.log(`eight right answers: ${advantages([1, 1, 1, 1, 1, 1, 1, 1]).map(a => Math.abs(a)).join(' ')}`)
reveal('11.zero', 'C')

// %% [markdown]
// ## Sums, and who says what is right
//
// The desk adds up amounts, step by step. Its clerks taught it: some are careful, some slip, some leave an amount out.

// %% promises=["table"]
const policy = sumPolicy(), training = allSumTasks(), held = allSumTasks({ heldOut: true })
const worked = sumTask('refund', [3, 5, -2])
const shown = stream.split('shown').shuffle(held).slice(0, 3)
await show([worked, ...shown].map(task => ({ task: task.text, 'worked out': rightSteps(task).join(' '), answer: task.answer })),
  { caption: `${training.length} tasks for training, ${held.length} held out` })

// %% [markdown]
// The reward is a program that reads the answer: 1 or 0. A careless one looks for the digits of the answer anywhere in the text.

// %% promises=["table"]
const texts = ['total 6 .', 'total 06 .', 'the total is 6.00 euros .', 'total 16 .', '8 - 2 = 6 . total 5 .', 'total 5 . total 6 . total 7 .', 'total six .']
await show(texts.map(text => ({ text: text, 'by digits': fooledVerifier(worked, text), 'by value': verifySum(worked, text) })),
  { caption: `The answer to “${worked.text}” is 6` })
claim('the verifier by digits passes three wrong texts of these, the one by value none',
  texts.filter(t => fooledVerifier(worked, t) > verifySum(worked, t)).length === 3, { texts: texts.length })

// %% [markdown]
// ### Exercise 11.2
// Write a verifier by value: 1 where the text holds exactly one number and that number *is* the answer ("7", "07", "7.00" and "€7" are all 7), else 0. `numbersIn(text)` reads the numbers of a text.

// %%
function byValue(answer: number, text: string): number {
  // BEGIN SOLUTION
  const numbers = numbersIn(text)
  return Number(numbers.length === 1 && numbers[0] === answer)
  // END SOLUTION
}

// %% promises=["text"]
const oneNumber = (answer: number, text: string) => numbersIn(text).join('|') === String(answer) ? 1 : 0
const yours = check('11.2', byValue, oneNumber, [
  [7, 'total 7 .'], [7, '07'], [7, '7.00 euro'], [7, '€7'], [7, 'total 17 .'], [7, '6 or 7'], [7, 'seven'], [0, 'total 0 .'],
], { hint: 'Compare numbers, not strings: 7.00 === 7 is true. Two numbers are no answer.', level: 'intermediate' })

// %% [markdown]
// How much does it matter? Let the policy answer every held-out task eight times. pass@1 is the share of right answers.

// %% promises=["text"] sampled=true
const samplesOf = (model: LanguageModel, label: string) => sumReplies(model, held, { random: stream.split(label), samples: 8 })
const before = samplesOf(policy, 'before'), rightBefore = Array.from(sumReward(before))
const loose = Array.from(verifierReward<SumTask>(fooledVerifier)(before))
const wronglyPassed = loose.filter((x, i) => x === 1 && rightBefore[i] === 0).length / loose.filter(x => x === 1).length
claim('before training, 30 to 50% of the answers are right', mean(rightBefore) > 0.3 && mean(rightBefore) < 0.5, { 'pass@1': mean(rightBefore) })
claim('of the answers that the verifier by digits passes, more than a tenth are wrong', wronglyPassed > 0.1, { 'wrongly passed': wronglyPassed })
for (const i of [0, 17, 40]) console.log(`${rightBefore[8 * i] ? '✓' : '✗'} ${before[8 * i].prompt.text}  →  ${decodeTokens(before[8 * i].tokens)}`)

// %% [markdown]
// A policy trained on the loose verifier is paid for those, too. A verifier is the only teacher in this lab: its holes are what gets learned.
//
// ## pass@k
//
// How many tasks are solved by at least one of k samples? Counting with exactly k samples is noisy. From n ≥ k samples, of which c are right, this has the right mean: 1 − C(n − c, k) / C(n, k).
//
// ### Exercise 11.3
// Write it. With n − c < k every choice of k holds a right one.

// %%
function atLeastOne(n: number, c: number, k: number): number {
  // BEGIN SOLUTION
  let none = 1
  for (let i = 0; i < k; i++) none *= Math.max(0, n - c - i) / (n - i)
  return 1 - none
  // END SOLUTION
}

// %% promises=["text"]
const passK = check('11.3', atLeastOne, passAtK, [[16, 4, 1], [16, 4, 4], [16, 0, 8], [16, 14, 4], [2, 1, 2]], {
  hint: 'The chance that none is right: (n−c)/n · (n−c−1)/(n−1) · …, k factors.', level: 'intermediate',
})
const ks = [1, 2, 4, 8]
const curveOf = (right: readonly number[]) => ks.map(k => mean(held.map((_, t) => passK(8, right.slice(8 * t, 8 * t + 8).reduce((a, b) => a + b, 0), k))))
console.log(`4 of 16 right: pass@1 ${passK(16, 4, 1).toFixed(2)}, pass@4 ${passK(16, 4, 4).toFixed(2)}; the naive 1 − (1 − 4/16)⁴ is ${(1 - 0.75 ** 4).toFixed(2)}`)

// %% [markdown]
// ## The loss, in a loop
//
// For each token: ρ = π / π_old, the new probability over the one at sampling time. The loss of a token is −min(ρA, clip(ρ, 0.8, 1.2) A). GRPO takes the mean over each answer's tokens, then over the answers. Here are three answers of 2, 4 and 3 tokens.

// %%
const mask = [[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 0]], gains = advantages([1, 0, 0.5])
const old = [[-1, -2, 0, 0], [-0.5, -1, -1.5, -2], [-1, -1, -1, 0]], now = [[-0.7, -1.9, 0, 0], [-0.9, -1, -1.2, -2], [-1.3, -1, -0.8, 0]]
let total = 0
for (let i = 0; i < mask.length; i++) {
  let sum = 0, tokens = 0
  for (let t = 0; t < 4; t++) {
    if (mask[i][t] === 0) continue
    const ratio = Math.exp(now[i][t] - old[i][t]), clipped = Math.min(1.2, Math.max(0.8, ratio))
    sum += -Math.min(ratio * gains[i], clipped * gains[i])
    tokens++
  }
  total += sum / tokens / mask.length
}

// %% promises=["text"]
const lossOf = (variant: GrpoVariant) => tf.tidy(() => grpoLoss(tf.tensor2d(now), { logpOld: old, advantages: gains, mask: mask }, variant, { beta: 0, longest: 4 }).dataSync()[0])
claim('loop and library agree', Math.abs(total - lossOf(GRPO)) < 1e-6, { loss: total })

// %% [markdown]
// ### Find the bug
//
// This function reduces the losses of a batch as GRPO does. Training with it works, only ever more slowly as batches get more uneven. Find the mistake.

// %%
function meanOverAnswers(losses: number[][], mask: number[][]): number {
  const perAnswer = losses.map((row, i) => {
    const sum = row.reduce((s, x, t) => s + x * mask[i][t], 0)
    // BEGIN SOLUTION
    return sum / mask[i].reduce((a, b) => a + b, 0)
    // END SOLUTION
    // STUDENT: return sum / row.length
  })
  return perAnswer.reduce((a, b) => a + b, 0) / perAnswer.length
}

// %% promises=["text"]
const reduced = (l: number[][], m: number[][]) => tf.tidy(() => GRPO.reduce(tf.tensor2d(l), tf.tensor2d(m), 4).dataSync()[0])
const mended = check('11.bug', meanOverAnswers, reduced, [[[[1, 1, 9, 9]], [[1, 1, 0, 0]]], [[[1, 2, 3], [4, 4, 4]], [[1, 1, 1], [1, 0, 0]]]], {
  hint: 'Padding is masked out of the sum. Is it out of the count?', level: 'intermediate',
})
console.log(`an answer of 2 tokens with loss 1 each, padded to 4: ${mended([[1, 1, 0, 0]], [[1, 1, 0, 0]])}`)

// %% [markdown]
// ## Training
//
// Twenty-eight tasks, eight answers to each, an optimiser step, and again. `sample` draws all 224 answers at once; their gradient comes in two pieces (`accumulate`), which takes less memory. The rate falls to 0 along a line. The reward is the verifier. Nothing else is learned: no reward model, no value model. The reference only looks on, so that we can see how far the policy moves.

// %%
const settings = {
  policy: policy, prompts: training, reward: sumReward, groups: 28, groupSize: 8, accumulate: 2, maxNewTokens: 40, stopTokens: [EOS],
  sample: (model: LanguageModel, tasks: readonly SumTask[], random: Random) => sumReplies(model, tasks, { random: random }),
  optimiser: adamw({ lr: 1.5e-3, betas: [0.9, 0.99], maxGradNorm: 1 }), schedule: linearSchedule({ lr: 1.5e-3, warmupSteps: 0, totalSteps: 76 }), seed: seed,
}
const chart = (records: readonly GrpoMetrics[]) => lines({
  title: 'The reward rises, and more and more groups are of one mind',
  x: { label: 'optimiser step' }, y: { label: 'share', range: [0, 1] },
  lines: [
    { name: 'right answers', x: records.map(m => m.step), y: records.map(m => m.reward), points: false },
    { name: 'groups without spread', x: records.map(m => m.step), y: records.map(m => m.frac_reward_zero_std), points: false },
  ],
})

// %% promises=["figure"] sampled=true
await ready()
const STEPS = 76, run = grpo({ ...settings, reference: policy, steps: STEPS }), drawing = live(chart, { everyMs: 4000 }), records: GrpoMetrics[] = []
for await (const m of progress(run, 'GRPO', { total: STEPS })) {
  records.push(m)
  await drawing.push(m)
}
await drawing.done()
const trained = { config: policy.config, params: run.state.models.policy }

// %% promises=["text"] sampled=true
const after = samplesOf(trained, 'after'), rightAfter = Array.from(sumReward(after))
const onTraining = mean(records.slice(-8).map(m => m.reward))
claim('after training, at least 90% of the answers are right, to training tasks and to tasks that training never saw',
  onTraining >= 0.9 && mean(rightAfter) >= 0.9, { 'training tasks, last 8 steps': onTraining, 'held out, before': mean(rightBefore), 'held out, after': mean(rightAfter) })
const drift = mean(records.slice(-10).map(m => m.kl)), entropyFrom = mean(records.slice(0, 5).map(m => m.entropy)), entropyTo = mean(records.slice(-5).map(m => m.entropy))
claim('the policy moved, and became surer of itself', drift > 0.02 && entropyTo < 0.85 * entropyFrom, { 'KL a token, nats': drift, 'entropy at first': entropyFrom, 'at last': entropyTo })

// %% promises=["figure"] sampled=true
await show(lines({
  title: 'One sample after training is worth several before; with many samples little changes',
  x: { label: 'k, samples a task', log: true }, y: { label: 'pass@k on held-out tasks', unit: '%', range: [0, 102] },
  lines: [
    { name: 'before', x: ks, y: curveOf(rightBefore).map(p => 100 * p) },
    { name: 'after', x: ks, y: curveOf(rightAfter).map(p => 100 * p) },
  ],
}))

// %% promises=["text"] sampled=true
const [kBefore, kAfter] = [curveOf(rightBefore), curveOf(rightAfter)]
claim('pass@1 gains at least 35 points, pass@8 moves by less than 10', kAfter[0] - kBefore[0] > 0.35 && Math.abs(kAfter[3] - kBefore[3]) < 0.1, {
  'pass@1 gained': kAfter[0] - kBefore[0], 'pass@8 before': kBefore[3], 'pass@8 after': kAfter[3],
})
reveal('11.sharpen', 'B')

// %% [markdown]
// So training *sharpened* the policy: right answers it could already give became the usual ones. It did not learn to add. Whether longer training on harder tasks extends what a model can do at all is disputed (Yue et al. 2025 measure pass@k up to 1,024 and find no extension; others do with longer training). Draw this figure before you claim it.
//
// What did it unlearn? The step verifier tells where answers go wrong.

// %% promises=["table"] sampled=true
const mistakes = (replies: readonly Rollout<SumTask>[]) => {
  const kinds = replies.map(({ prompt, tokens }) => {
    const steps = judgeSteps(prompt, tokens), first = steps.find(s => !s.right)
    return steps.length > 0 && !first ? 'right' : steps.filter(s => s.kind === 'step').length < 2 ? 'left an amount out' : first?.kind === 'total' ? 'wrong total' : 'wrong step'
  })
  return (kind: string) => 100 * mean(kinds.map(k => Number(k === kind)))
}
const [shareBefore, shareAfter] = [mistakes(before), mistakes(after)]
await show(['right', 'left an amount out', 'wrong step', 'wrong total'].map(kind => ({ answer: kind, 'before, %': shareBefore(kind), 'after, %': shareAfter(kind) })), { digits: 1 })
claim('leaving an amount out was the most frequent mistake, and has nearly gone', shareBefore('left an amount out') > 25 && shareAfter('left an amount out') < 8, {
  'before, %': shareBefore('left an amount out'), 'after, %': shareAfter('left an amount out'),
})

// %% [markdown]
// ## Groups that teach nothing
//
// The chart above has a second line. As the policy gets better, whole groups are right, and whole groups have no advantage. They cost as many tokens as the others.

// %% promises=["text"] sampled=true
const zeroEarly = mean(records.slice(0, 8).map(m => m.frac_reward_zero_std)), zeroLate = mean(records.slice(-8).map(m => m.frac_reward_zero_std))
claim('the share of groups without spread at least doubles and ends above 40%', zeroLate > 2 * zeroEarly && zeroLate > 0.4, { 'at first': zeroEarly, 'at last': zeroLate })

// %% [markdown]
// Two ways out. *Filtering* leaves them out of the mean, so that the rest is not diluted (`filterZeroSpread`). *Dynamic sampling* goes on sampling until enough groups have spread (`maxRounds`), which is DAPO's way: a full batch for more tokens. Better still: harder tasks.
//
// For a task with pass rate p, all of G answers agree with probability p^G + (1 − p)^G. Here is that for our eight.

// %% promises=["figure"]
const rates = Array.from({ length: 51 }, (_, i) => i / 50), agreeing = (p: number, G: number) => p ** G + (1 - p) ** G
await show(lines({
  title: 'Tasks that are nearly always or nearly never solved teach nothing',
  x: { label: 'pass rate of the task' }, y: { label: 'chance that a group has no spread', range: [0, 1] },
  lines: [4, 8, 16].map(G => ({ name: `groups of ${G}`, x: rates, y: rates.map(p => agreeing(p, G)), points: false })),
}))
claim('at a pass rate of 90% four groups of eight in ten are wasted', Math.abs(agreeing(0.9, 8) - 0.43) < 0.005, { 'chance of no spread': agreeing(0.9, 8) })

// %% [markdown]
// ## What each loss divides by
//
// Four members of the family, one batch: two wrong answers, of 5 and of 20 tokens. How hard is each *token* pushed down? That is the gradient of the loss by its log-probability, at ρ = 1.

// %% promises=["table"]
const family: [string, GrpoVariant, string][] = [
  ['GRPO', GRPO, 'each answer’s length'], ['BNPO, DAPO', BNPO, 'all tokens of the batch'], ['Dr. GRPO', DR_GRPO, 'a constant, here 40'], ['GSPO', GSPO, 'each answer’s length'],
]
const twoWrong = [5, 20].map(n => Array.from({ length: 20 }, (_, t) => Number(t < n))), flat = twoWrong.map(row => row.map(() => -1))
const pushOf = (variant: GrpoVariant) => tf.tidy(() => {
  const loss = (logp: Parameters<typeof grpoLoss>[0]) => grpoLoss(logp, { logpOld: flat, advantages: [-1, -1], mask: twoWrong }, variant, { beta: 0, longest: 40 })
  return (tf.grad(x => loss(x as never))(tf.tensor2d(flat)).arraySync() as number[][]).map(row => row[0])
})
const pushes = family.map(([, variant]) => pushOf(variant))
await show(family.map(([name, , by], i) => ({ loss: name, 'divides by': by, 'token of 5': pushes[i][0], 'token of 20': pushes[i][1], ratio: pushes[i][1] / pushes[i][0] })), { digits: 4 })

// %% promises=["text"]
claim('GRPO pushes a token of the long wrong answer a quarter as hard, BNPO and Dr. GRPO just as hard',
  Math.abs(pushes[0][1] / pushes[0][0] - 0.25) < 1e-4 && [1, 2].every(i => Math.abs(pushes[i][1] / pushes[i][0] - 1) < 1e-4), { GRPO: pushes[0][1] / pushes[0][0], BNPO: pushes[1][1] / pushes[1][0] })
reveal('11.length', 'C')

// %% [markdown]
// So under GRPO a wrong answer gets off lightly by being long. Does a policy learn that? Take the smallest policy that can: it answers a task that it gets right 4 times in 10, whatever it does, and then decides again and again whether to add another sentence of 5 tokens. It has two numbers: the log-odds of going on after a right answer, and after a wrong one. We train it on sampled groups with the library's losses, 200 steps each.

// %%
const BASE = 15, SENTENCE = 5, MOST = 8
interface Talk { right: boolean; sentences: number; tokens: number; go: number }
function answer(odds: readonly number[], random: Random): Talk {
  const right = random.uniform() < 0.4, go = 1 / (1 + Math.exp(-odds[right ? 0 : 1]))
  let sentences = 0
  while (sentences < MOST && random.uniform() < go) sentences++
  return { right: right, sentences: sentences, tokens: BASE + SENTENCE * sentences, go: go }
}
// d log π / d log-odds of one answer: every decision to go on counts 1 − go, the one to stop −go
const score1 = ({ sentences, go }: Talk) => sentences * (1 - go) - (sentences < MOST ? go : 0)
const divisors: { name: string; by: (tokens: number[]) => number[] }[] = [
  { name: 'GRPO: own length', by: tokens => tokens },
  { name: 'BNPO, DAPO: mean length', by: tokens => tokens.map(() => mean(tokens)) },
  { name: 'Dr. GRPO: constant 55', by: tokens => tokens.map(() => BASE + SENTENCE * MOST) },
]

// %%
function trainTalk(by: (tokens: number[]) => number[], random: Random) {
  const odds = [0, 0], lengths: number[][] = []
  for (let t = 0; t < 120; t++) {
    const answers = Array.from({ length: 512 }, () => answer(odds, random)), tokens = by(answers.map(a => a.tokens))
    const gains = groupAdvantages(answers.map(a => Number(a.right)), 8)
    lengths.push([true, false].map(right => mean(answers.filter(a => a.right === right).map(a => a.tokens))))
    answers.forEach((a, i) => { odds[a.right ? 0 : 1] += 4 * gains[i] * score1(a) / tokens[i] / answers.length })
  }
  return lengths
}
const talks = divisors.map(d => trainTalk(d.by, stream.split('talk')))

// %% promises=["figure"]
const smooth = (v: number[]) => v.map((_, i) => mean(v.slice(Math.max(0, i - 4), i + 5))), talkSteps = talks[0].map((_, t) => t + 1)
await show(lines({
  title: 'Divided by their own length, wrong answers grow longer and right ones shorter',
  x: { label: 'step', unit: 'of 64 groups of 8' }, y: { label: 'mean length', unit: 'tokens' },
  lines: divisors.flatMap((d, i) => [1, 0].map(k => ({
    name: `${d.name}, ${k ? 'wrong' : 'right'}`, x: talkSteps, y: smooth(talks[i].map(l => l[k])), points: false,
  }))),
}))

// %% promises=["text"]
const grown = talks.map(l => [0, 1].map(k => mean(l.slice(-10).map(x => x[k])) - mean(l.slice(0, 10).map(x => x[k]))))
claim('wrong answers grow by more than 5 tokens under GRPO, right ones shrink; under the others neither moves by 2.5',
  grown[0][1] > 5 && grown[0][0] < -1 && grown.slice(1).every(g => Math.abs(g[0]) < 2.5 && Math.abs(g[1]) < 2.5),
  { 'GRPO, wrong': grown[0][1], 'GRPO, right': grown[0][0], 'BNPO, wrong': grown[1][1], 'Dr. GRPO, wrong': grown[2][1] })

// %% [markdown]
// The same push exists in the desk's own answers. After its total a clerk may say "let me check again .", right or wrong. Take the answers from before training and add up what each loss would do to the decision to go on after a *wrong* total: advantage × (went on − chance of going on), divided as the loss divides.

// %% sampled=true
const [TOTAL, DOT] = encodeText('total .')
const upToTotal = (tokens: readonly number[]) => { const at = tokens.indexOf(TOTAL); return at < 0 ? -1 : tokens.indexOf(DOT, at) + 1 }
const beforeGains = groupAdvantages(rightBefore, 8)
const ended = before.map((one, i) => ({ ...one, cut: upToTotal(one.tokens), gain: beforeGains[i], right: rightBefore[i] === 1 }))
  .filter(e => e.cut > 0 && e.cut < e.tokens.length && e.gain !== 0)
const stops = responseLogps(policy, ended.map(e => ({ prompt: e.prompt, tokens: [...e.tokens.slice(0, e.cut), EOS] }))).map(l => Math.exp(l[l.length - 1]))
const lengthsOf = ended.map(e => e.tokens.length)
function push(weights: number[], right: boolean) {
  const each = ended.flatMap((e, i) => e.right === right ? [e.gain / weights[i] * (Number(e.tokens[e.cut] !== EOS) - (1 - stops[i]))] : [])
  return { each: mean(each), z: mean(each) / Math.sqrt(mean(each.map(x => x * x)) / each.length) }
}

// %% promises=["text"] sampled=true
const ownLength = push(lengthsOf, false), oneLength = push(lengthsOf.map(() => mean(lengthsOf)), false)
claim('dividing by its own length pushes the policy to talk on after a wrong total, by more than two standard errors', ownLength.z > 2, {
  'push in standard errors, GRPO': ownLength.z, 'by one length for all': oneLength.z,
})
claim('dividing all by one length pushes clearly less', oneLength.each < 0.6 * ownLength.each, { 'push, GRPO': ownLength.each, 'by one length': oneLength.each })

// %% [markdown]
// Why does it not show in our training? Because there wrong answers can be avoided, and they vanish long before they could grow. The bias matters on tasks that stay hard, which are most tasks in practice.
//
// ## Staying near: k3
//
// A verifier cannot be flattered, so many drop the reference. With a reward model you want it. The penalty is k3 of lab 05, β times e^−d − 1 + d a token with d = log π − log π_ref. Eight steps with a strong β:

// %% promises=["text"] sampled=true
await ready()
const tied = grpo({ ...settings, reference: policy, beta: 0.3, steps: 8 }), tiedRecords: GrpoMetrics[] = []
for await (const m of progress(tied, 'GRPO with k3', { total: 8 })) tiedRecords.push(m)
disposeTraining(tied)
const lastOf = (list: readonly GrpoMetrics[], field: 'kl' | 'reward') => mean(list.slice(4, 8).map(m => m[field]))
claim('the penalty holds the policy at less than three quarters of the KL', lastOf(tiedRecords, 'kl') < 0.75 * lastOf(records, 'kl'), {
  'KL a token, β 0.3': lastOf(tiedRecords, 'kl'), 'β 0': lastOf(records, 'kl'), 'reward, β 0.3': lastOf(tiedRecords, 'reward'), 'reward, β 0': lastOf(records, 'reward'),
})

// %% [markdown]
// ## Clip-higher
//
// The clip stops a token at 1.2 times its old probability. A token of 0.9 has no room anyway; one of 0.01 may reach 0.012. So the clip holds *rare* tokens back: the ideas that the policy hardly ever has. DAPO raises only the upper bound, to 1.28.

// %% promises=["table"]
const probabilities = [0.9, 0.5, 0.1, 0.01]
await show(probabilities.map(p => ({ 'old probability': p, 'at most, ε 0.2': Math.min(1, 1.2 * p), 'ε_high 0.28': Math.min(1, 1.28 * p), 'room gained': Math.min(1, 1.28 * p) - Math.min(1, 1.2 * p) })), { digits: 4 })

// %% [markdown]
// One rollout, used for four updates. At the first no token has moved yet. How many are clipped at the upper bound in the three after it?

// %% promises=["text"] sampled=true
const clippedShare = async (clipHigh: number) => {
  const short = grpo({ ...settings, ...clippedTokens({ clip: 0.2, clipHigh: clipHigh }), groups: 8, iterations: 4, steps: 4 })
  let share = 0
  for await (const m of short) share += m['clip_ratio/high_mean'] / 3
  disposeTraining(short)
  return share
}
const [usual, higher] = [await clippedShare(0.2), await clippedShare(0.28)]
claim('with clip-higher fewer tokens are held back', higher < usual, { 'clipped above, ε 0.2': usual, 'ε_high 0.28': higher })

// %% [markdown]
// ## What to inspect

// %% promises=["table"]
await show([
  { figure: 'reward', healthy: 'rises, then flattens', sick: 'rises while held-out pass@1 does not: the verifier is fooled' },
  { figure: 'frac_reward_zero_std', healthy: 'low at first, rises as tasks are solved', sick: 'near 1 at the start: tasks too easy or too hard; near 1 for long: nothing is left to learn' },
  { figure: 'reward_std', healthy: 'well above 0', sick: '0: as above' },
  { figure: 'completions/mean_length', healthy: 'steady, or grows with the reward', sick: 'grows while the reward rests: look at wrong answers' },
  { figure: 'completions/clipped_ratio', healthy: 'near 0', sick: 'high: answers are cut off and earn 0' },
  { figure: 'entropy', healthy: 'falls slowly', sick: 'collapses at once: groups agree, learning stops' },
  { figure: 'clip_ratio/high_mean', healthy: 'a few percent', sick: 'large: rate or number of updates too high' },
  { figure: 'pass@k for large k', healthy: 'moves little', sick: 'falls clearly: the policy forgets rare right ways' },
], { caption: 'What to inspect' })

// %% promises=["text"] sampled=true
const end = records.slice(-10)
claim('our run is healthy: nothing cut off, some spread left', mean(end.map(m => m['completions/clipped_ratio'])) < 0.05 && mean(end.map(m => m.reward_std)) > 0.02, {
  'cut off': mean(end.map(m => m['completions/clipped_ratio'])), 'spread of rewards': mean(end.map(m => m.reward_std)),
})
disposeTraining(run)
score()

// %% [markdown]
// ## Over seeds
//
// Everything above ran under one seed: one order of tasks, one set of samples. These are the figures that a seed moves, measured under four of them. `npm run labs -- seeds 11` measures them again.

// %% promises=["table"]
await show(claimTable('11'), { caption: 'the claims of this lab under four seeds', maxRows: 60 })

// %% [markdown]
// ## Recap
//
// - **Foundational:** GRPO's advantage is a reward relative to its group; the group replaces PPO's value model, and a verifier the reward model.
// - **Intermediate:** you can compute advantages, loss and pass@k by hand, and write a verifier that compares values.
// - **Advanced:** you can say what each loss divides by and what that does to long wrong answers, and tell sharpening from extending.
//
// GRPO fits where answers can be checked (lab 09's router asks exactly that). What if only the *steps* can be judged, by a model? That is lab 15.
//
// **Sources.** Shao et al. 2024 (DeepSeekMath, arXiv:2402.03300); DeepSeek-R1 2025 (arXiv:2501.12948); Liu et al. 2025 (Dr. GRPO, arXiv:2503.20783); Yu et al. 2025 (DAPO, arXiv:2503.14476); Zheng et al. 2025 (GSPO, arXiv:2507.18071); Chen et al. 2021 (pass@k, arXiv:2107.03374); Yue et al. 2025 (arXiv:2504.13837).
