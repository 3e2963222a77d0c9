// %% [markdown]
// # Lab 00 · Start here
//
// **The question of this lab:** a language model has read an answer. How likely does it find it, and does it like long answers or short ones?
//
// Everything in this course is built from that one number, the log-probability of an answer: reward models compare it, PPO and DPO push it up or down, and most bugs hide in how it is computed. In this lab you compute it yourself, for a model that is small enough to see through.
//
// You also find out how a lab works. Click a cell, press **Shift+Enter** to run it, and go on to the next. Run them in order. The lab takes about 30 minutes to read and a few seconds to compute.

// %%
import {
  tf, Random, gatherLogps, maskedMean, maskedSum, pearson,
  announceBackend, showVolatile, labSeed, show, bars, lines,
  ready, progress, predict, reveal, claim, todo, check, score,
  jit, adam, gptConfig, initParams, scoredInputs, toTensors, valueAndGrads, tokenLogps as libraryLogps,
} from 'rlhf-labs'
import type { Params } from 'rlhf-labs'
import type { Scalar } from '@tensorflow/tfjs'

// %% [markdown]
// ## Where does this run?
//
// Tensors are computed by a *backend*. The next cell says which one you have, and on which device. It says that a GPU is used only when the backend reports that it really computes on one, and not when a GPU package merely is installed.

// %% promises=["text"]
await announceBackend()

// %% [markdown]
// Is it fast? Here is one measurement: the product of two 512 × 512 matrices, the best of five. A desktop CPU takes around 2 to 10 ms, a GPU well under 1 ms.
//
// If you have an NVIDIA GPU and the line above says that none is used, run `npm run doctor` in a terminal. It prints what is missing; `environment.md` says how to mend it. All labs also run on a CPU.

// %% promises=["text"]
const square = tf.randomUniform([512, 512], -1, 1, 'float32', labSeed())
const times: number[] = []
for (let i = 0; i < 5; i++) {
  const start = performance.now()
  const product = tf.matMul(square, square)
  await product.data()                // waits until it is really computed
  times.push(performance.now() - start)
  product.dispose()
}
square.dispose()
const best = Math.min(...times).toFixed(1)
showVolatile(`512 × 512 product: ${best} ms`, '512 × 512 product: <n> ms')

// %% [markdown]
// A step of training is hundreds of such calls, most of them small, and the way into the backend costs as much as the computing. `jit` watches a step once and makes one call of it: a *graph*, or a program that the compiler *XLA* writes, which takes seconds to compile. The trainers of this course make graphs of their steps by themselves.
//
// Here is one step of a small model, forward, backward and Adam, three ways. Each line is the best of eight; the first calls, which watch and compile, do not count. On the `wasm` backend all three run call by call.

// %%
const tiny = gptConfig({ vocab_size: 64, n_positions: 32, n_embd: 32, n_layer: 2, n_head: 2 }), optimiser = adam({ lr: 1e-3 })
const weights = initParams(tiny, Random.seed(labSeed())), { slots } = optimiser.init(weights), draw = Random.seed(1)
const batch = scoredInputs(tiny, Array.from({ length: 8 }, () => Array.from({ length: 24 }, () => draw.int(64))))
const inputs = { weights, slots, batch: toTensors(batch), rates: toTensors(optimiser.rates(1)) }

function oneStep({ weights, slots, batch, rates }: typeof inputs) {
  const objective = (w: Params) => ({ loss: tf.neg(tf.mean<Scalar>(libraryLogps(w, tiny, batch))) })
  const { value, grads } = valueAndGrads(objective, weights)
  return { loss: value, ...optimiser.apply(grads, slots, weights, rates) }
}

// %% promises=["text"]
const ways = { 'call by call': oneStep, 'as a graph': jit(oneStep, { mode: 'graph' }), 'by XLA': jit(oneStep, { mode: 'xla' }) }
for (const [way, step] of Object.entries(ways)) {
  const took = Array.from({ length: 10 }, () => {
    const start = performance.now(), next = tf.tidy(() => step(inputs) as never) as ReturnType<typeof oneStep>
    next.loss.dataSync()                // waits until it is really computed
    tf.dispose(next)
    return performance.now() - start
  })
  showVolatile(`${way.padEnd(12)} ${Math.min(...took.slice(2)).toFixed(1).padStart(5)} ms`, `${way}: <n> ms`)
}
tf.dispose(inputs)

// %% [markdown]
// ## Tensors in five cells
//
// **One.** A tensor is a block of numbers with a shape. This one has 2 rows and 3 columns.

// %% promises=["text"]
const x = tf.tensor2d([[1, 2, 3], [4, 5, 6]])
console.log('shape', x.shape, 'values', x.arraySync())

// %% [markdown]
// **Two.** Operations work on every element. A smaller tensor is repeated to fit: `[10, 20, 30]` is added to each row. This is called *broadcasting*.

// %% promises=["text"]
console.log(tf.add(x, [10, 20, 30]).arraySync())

// %% [markdown]
// **Three.** Reductions sum along an axis. Axis 0 runs down the rows, axis 1 (here also −1, the last) along the columns. Language models put the words of the vocabulary on the last axis, so −1 is the one you will see most.

// %% promises=["text"]
console.log('down the rows', tf.sum(x, 0).arraySync())
console.log('along each row', tf.sum(x, -1).arraySync())

// %% [markdown]
// **Four.** Tensors are not collected as ordinary objects are: what you make, you must dispose of. `tf.tidy` disposes of everything made inside it except what it returns. A count that grows with every step is a leak.

// %% promises=["text"]
const before = tf.memory().numTensors
const [norm] = tf.tidy(() => tf.sqrt(tf.sum(tf.square(x))).dataSync())
console.log('norm', norm.toFixed(4))
console.log('tensors left behind', tf.memory().numTensors - before)

// %% [markdown]
// **Five.** Gradients. `tf.grad` takes a function that ends in one number and gives back the function that computes its slope. The slope of x² at 3 is 6.

// %% promises=["text"]
const slope = tf.grad(v => tf.sum(tf.square(v)))
console.log('slope of x² at 3:', slope(tf.scalar(3)).arraySync())

// %% [markdown]
// ## Predict first
//
// Every lab asks for a prediction before its experiment. You remember what surprised you, so commit yourself: put `'A'`, `'B'` or `'C'` in the place of `undefined` and run the cell again. Nobody sees it but you.

// %% promises=["text"]
predict('0.length',
  'Answer 2 is answer 1 with words added. Which is the likelier of the two?', [
    'answer 1, the short one, always',
    'answer 2, the long one, always',
    'it depends on which words are added',
  ], undefined)

// %% [markdown]
// ## A toy by hand: from scores to log-probabilities
//
// For each next word, a model gives a score, called a *logit*. Logits can be any number. *Softmax* makes probabilities of them: raise e to each, divide by the sum. With three words and the logits 2, 1, 0:

// %% promises=["table"]
const logits = [2, 1, 0]
const total = logits.map(Math.exp).reduce((a, b) => a + b)
await show(logits.map((z, i) => ({
  word: ['refund', 'wait', 'sorry'][i],
  logit: z,
  'e^logit': Math.exp(z),
  probability: Math.exp(z) / total,
  'log-probability': Math.log(Math.exp(z) / total),
})), { digits: 3 })

// %% [markdown]
// The log-probability is what we keep. Logs of probabilities are never above 0, and where probabilities multiply, logs add.
//
// There is one trap: e¹⁰⁰⁰ is too large for a computer, and ∞ / ∞ is not a number.

// %% promises=["text"]
function naiveLogSoftmax(z: number[]): number[] {
  const powers = z.map(Math.exp), total = powers.reduce((a, b) => a + b)
  return powers.map(p => Math.log(p / total))
}
for (const z of [[2, 1, 0], [1002, 1001, 1000]]) {
  const logps = naiveLogSoftmax(z).map(v => v.toFixed(3))
  console.log(`logits ${z.join(', ')}: ${logps.join(', ')}`)
}

// %% [markdown]
// Both rows should be the same, for only differences between logits matter: add 1000 to each, and the factor e¹⁰⁰⁰ cancels. That is also the cure. Subtract the largest logit first; then the largest power is e⁰ = 1.
//
// ### Exercise 0.1
// Write log-softmax so that it works for any logits: log-softmax(z)ᵢ = zᵢ − m − log Σⱼ exp(zⱼ − m), where m is the largest z. Replace `return todo()` and run the cell. The line below the cell tells you how it went. If you leave it, the lab goes on with the library's version.

// %%
function logSoftmax(z: number[]): number[] {
  // BEGIN SOLUTION
  const m = Math.max(...z)
  const logSum = Math.log(z.reduce((sum, v) => sum + Math.exp(v - m), 0))
  return z.map(v => v - m - logSum)
  // END SOLUTION
}

// %% promises=["text"]
function byTensor(z: number[]): number[] {
  return tf.tidy(() => Array.from(tf.logSoftmax(tf.tensor1d(z)).dataSync()))
}
const safeLogSoftmax = check('0.1', logSoftmax, byTensor, [
  [[2, 1, 0]], [[1002, 1001, 1000]], [[-5]], [[0, -2000]],
], { hint: 'Compute m = Math.max(...z) first; raise e to v − m, never to v.' })

// %% [markdown]
// The reference that checks you is `tf.logSoftmax`, the library's own. By hand, by loop, by library: all three agree.

// %% promises=["text"]
const hand = naiveLogSoftmax([2, 1, 0]), loop = safeLogSoftmax([2, 1, 0])
const library = byTensor([2, 1, 0])
const near = (a: number, b: number) => Math.abs(a - b) < 1e-6
const agree = library.every((v, i) => near(v, hand[i]) && near(v, loop[i]))
claim('by hand, by loop and by library agree to 1e-6', agree, {
  'values compared': library.length, 'the first': library[0],
})

// %% [markdown]
// ## A language model that you can see through
//
// Our model has read ten replies of a parcel company's support desk. It counts which word follows which; the log of the count is its logit. (0.01 is added to each count, so that no word is impossible.) A special token, `<end>`, stands before the first word and after the last.

// %%
const replies = [
  'we are sorry your parcel is late', 'we will refund you today',
  'your parcel is late so we will refund you today',
  'please wait one more day', 'we will send your parcel today',
  'we will refund the full price', 'your parcel is on its way',
  'please send us the order number', 'we are sorry for the delay',
  'we will check the order and write to you today',
]
const words = ['<end>', ...new Set(replies.join(' ').split(' '))]
const idOf = (word: string) => words.indexOf(word)
const encode = (text: string) => [0, ...text.split(' ').map(idOf), 0]

// %% promises=["text"]
const counts = words.map(() => words.map(() => 0.01))
for (const ids of replies.map(encode)) {
  for (let t = 1; t < ids.length; t++) counts[ids[t - 1]][ids[t]]++
}
const logitsAfter = (id: number) => counts[id].map(Math.log)
const table = tf.tensor2d(words.map((_, id) => logitsAfter(id)))
console.log('logits', table.shape, ': a row for each word that was read')

// %% [markdown]
// What does it expect after "will"? Five of its words:

// %% promises=["table"]
const logitsOfWill = logitsAfter(idOf('will'))
const logpsOfWill = safeLogSoftmax(logitsOfWill)
await show(['refund', 'send', 'check', 'wait', 'parcel'].map(word => ({
  'after "will"': word,
  'logit': logitsOfWill[idOf(word)],
  'log-probability': logpsOfWill[idOf(word)],
  'probability': Math.exp(logpsOfWill[idOf(word)]),
})), { digits: 3 })

// %% [markdown]
// ## Gathering token log-probabilities
//
// To score a reply, walk through it. At each place the model gives a whole row of log-probabilities, one for every word. Pick the one of the word that really comes next. This picking is called *gathering*.
//
// Mind the shift by one: the row that belongs to position t speaks about the word at position t + 1.
//
// ### Exercise 0.2
// `rows[t]` are the log-probabilities that the model gives after reading `tokens[0]` … `tokens[t]`. Return the log-probability of each token but the first. There is one fewer than there are tokens.

// %%
function tokenLogps(rows: number[][], tokens: number[]): number[] {
  // BEGIN SOLUTION
  return tokens.slice(1).map((token, t) => rows[t][token])
  // END SOLUTION
}

// %% promises=["text"]
function byLibrary(rows: number[][], tokens: number[]): number[] {
  return tf.tidy(() => {
    const logits = tf.tensor2d(rows.slice(0, tokens.length - 1))
    return Array.from(gatherLogps(logits, tokens.slice(1)).dataSync())
  })
}
const even = [0.5, 0.5].map(Math.log), skewed = [0.9, 0.1].map(Math.log)
const gather = check('0.2', tokenLogps, byLibrary, [
  [[even, skewed, even], [0, 0, 1]], [[skewed, even, skewed], [1, 1, 0]],
], { hint: 'The first is rows[0][tokens[1]], the second rows[1][tokens[2]].' })

// %% [markdown]
// The library's function is `gatherLogps(logits, tokens)`. It takes logits as they come from a model, one row for each token to be scored. The loop and the library agree on a real reply:

// %% promises=["text"]
const reply = encode('we will refund you today')
const byLoop = gather(reply.map(id => safeLogSoftmax(logitsAfter(id))), reply)
const scoreTokens = (ids: number[]) => tf.tidy(() => {
  const logits = tf.gather(table, ids.slice(0, -1))   // [tokens − 1, vocabulary]
  return Array.from(gatherLogps(logits, ids.slice(1)).dataSync())
})
const logps = scoreTokens(reply), sum = logps.reduce((a, b) => a + b)
const same = logps.every((v, t) => Math.abs(v - byLoop[t]) < 1e-5)
claim('the loop and gatherLogps agree on every token', same, {
  tokens: logps.length, 'log-probability of the reply': sum,
})

// %% [markdown]
// ## A first plot
//
// Move the pointer over the bars: the chart is interactive. Drag to zoom in, double-click to zoom out. Where scripts do not run, on a code host for example, you see a picture instead.

// %% promises=["figure"]
const nextWords = reply.slice(1).map(id => words[id])
const worst = nextWords[logps.indexOf(Math.min(...logps))]
await show(bars({
  title: `"${worst}" surprises the model most`,
  x: { label: 'next word' },
  y: { label: 'log-probability', unit: 'nats' },
  categories: nextWords,
  bars: [{ name: 'we will refund you today', y: logps }],
  text: v => v.toFixed(2),
}))

// %% [markdown]
// The longer the bar, the less the model expected the word. A *nat* is the unit of natural logs: −0.69 nats is a probability of one half, −2.3 nats is one tenth. The log-probability of the whole reply is the sum of the bars.
//
// ## Masks
//
// Replies differ in length, and tensors are rectangular. So short replies are filled up with padding, and a *mask* remembers what is real: 1 for a token that counts, 0 for one that does not. Whatever you sum or average, you multiply by the mask first.
//
// ### Exercise 0.3
// Return the sum and the mean of `values` over the places where `mask` is 1.

// %%
interface Masked { sum: number; mean: number }
function sumAndMean(values: number[], mask: number[]): Masked {
  // BEGIN SOLUTION
  const sum = values.reduce((s, v, i) => s + v * mask[i], 0)
  return { sum, mean: sum / mask.reduce((s, m) => s + m, 0) }
  // END SOLUTION
}

// %% promises=["text"]
function maskedByLibrary(values: number[], mask: number[]): Masked {
  return { sum: maskedSum(values, mask), mean: maskedMean(values, mask) }
}
const masked = check('0.3', sumAndMean, maskedByLibrary, [
  [[-1, -2, -9], [1, 1, 0]], [[-3, -1, -1, -4], [0, 1, 1, 0]],
], { hint: 'Divide by the number of ones in the mask, not by the length.' })

// %% [markdown]
// ## Experiment: what does length do?
//
// The model can also write. Begin at `<end>`, draw the next word with the model's probabilities, and go on until `<end>` comes again. We draw 300 replies, with a seed, so that you see the same ones on every run.

// %%
await ready()
const random = Random.seed(labSeed()).split('replies')
function write(): number[] {
  const ids = [0]
  do ids.push(random.weighted(counts[ids.at(-1)!]))
  while (ids.at(-1) !== 0)
  return ids
}
const samples: number[][] = []
for await (const _ of progress(300, 'replies written')) samples.push(write())

// %% [markdown]
// Now score them. Each row is filled up to the longest reply; −9 stands where there is no token, and the mask keeps it out.

// %% promises=["table"]
const width = Math.max(...samples.map(ids => ids.length)) - 1
const pad = (row: number[], filler: number) =>
  Array.from({ length: width }, (_, t) => row[t] ?? filler)
const scored = samples.map(ids => {
  const logps = pad(scoreTokens(ids), -9), mask = pad(ids.slice(1).fill(1), 0)
  const text = ids.slice(1, -1).map(id => words[id]).join(' ')
  return { text, tokens: ids.length - 1, ...masked(logps, mask), logps, mask }
})
await show(scored.slice(0, 8).map(({ logps, mask, ...columns }) => columns), {
  caption: 'the first 8 of 300 replies', digits: 2,
})

// %% [markdown]
// Fluent here and there, and often nonsense: it knows only which word follows which. Now the prediction. Take each reply, and look at the sum of its log-probabilities after one word, after two, and so on. Does it ever rise?

// %% promises=["text"]
const steps = scored.flatMap(s => s.logps.filter((_, t) => s.mask[t] === 1))
const rises = steps.filter(logp => logp >= 0).length
claim('adding a word always lowers the sum', rises === 0, {
  'words added': steps.length, rises,
})
reveal('0.length', rises === 0 ? 'A' : rises === steps.length ? 'B' : 'C')

// %% [markdown]
// No word has probability 1, so no log-probability reaches 0, and each new word takes something away. A *sum* therefore favours short replies, whatever they say. A *mean* per token does not have this bias. Here are both, averaged over replies of the same length.

// %% promises=["figure"]
const ofLength = (n: number) => scored.filter(s => s.tokens === n)
const lengths = [...new Set(scored.map(s => s.tokens))]
  .filter(n => ofLength(n).length >= 5).sort((a, b) => a - b)
const average = (v: number[]) => v.reduce((a, b) => a + b) / v.length
const sums = lengths.map(n => average(ofLength(n).map(s => s.sum)))
const means = lengths.map(n => average(ofLength(n).map(s => s.mean)))
await show(lines({
  title: 'Longer replies, lower sums; the mean hardly changes',
  x: { label: 'length of the reply', unit: 'tokens' },
  y: { label: 'log-probability', unit: 'nats' },
  lines: [
    { name: 'sum', x: lengths, y: sums, points: true },
    { name: 'mean per token', x: lengths, y: means, points: true },
  ],
}))

// %% promises=["text"]
const tokens = scored.map(s => s.tokens)
const withSum = pearson(tokens, scored.map(s => s.sum)).statistic
const withMean = pearson(tokens, scored.map(s => s.mean)).statistic
const biased = withSum < -0.6 && Math.abs(withMean) < 0.25
claim('length goes with the sum, and hardly with the mean', biased, {
  'correlation of length with the sum': withSum, 'with the mean': withMean,
})

// %% [markdown]
// Neither is right or wrong. DPO sums, SimPO averages, and the difference decides how long a model's answers become. You will see it in labs 07 and 09.
//
// ## Find the bug
//
// Each lab has one. This function should give each reply's mean log-probability. It runs, it gives plausible numbers, and it is wrong: short replies look better than they are. Find the mistake, mend it, and run the check.

// %%
function meanLogps(logps: number[][], mask: number[][]): number[] {
  return logps.map((row, i) => {
    const sum = row.reduce((s, v, t) => s + v * mask[i][t], 0)
    // BEGIN SOLUTION
    return sum / mask[i].reduce((s, m) => s + m, 0)
    // END SOLUTION
    // STUDENT: return sum / row.length
  })
}

// %% promises=["text"]
function meansByLibrary(logps: number[][], mask: number[][]): number[] {
  return logps.map((row, i) => maskedMean(row, mask[i]))
}
check('0.bug', meanLogps, meansByLibrary, [
  [[[-1, -3, -9, -9], [-1, -1, -2, -4]], [[1, 1, 0, 0], [1, 1, 1, 1]]],
], { hint: 'How many tokens has the first reply? What is its sum divided by?' })

// %% [markdown]
// ## What to inspect
//
// Every lab ends with a table like this one. Keep it at hand: these are the first things to look at when a run goes wrong.

// %% promises=["table"]
const inspect = (figure: string, healthy: string, sick: string) =>
  ({ figure, healthy, sick })
await show([
  inspect('backend and device', 'as you expect', 'CPU, but there is a GPU'),
  inspect('token log-probabilities', 'below 0', 'above 0: not normalised'),
  inspect('any number', 'finite', 'NaN: overflow, or 0 / 0'),
  inspect('probabilities of a row', 'sum to 1', 'else: the wrong axis'),
  inspect('ones in a mask', "the reply's tokens", 'more: padding counted'),
  inspect('first token scored', 'the second', 'the first: shifted by one'),
  inspect('tf.memory().numTensors', 'constant', 'grows: a tensor leaks'),
])

// %% promises=["text"]
const rowSums = tf.tidy(() => tf.sum(tf.softmax(table), -1).dataSync())
const sound = rowSums.every(sum => Math.abs(sum - 1) < 1e-5)
claim('every row of the model sums to 1, within 1e-5', sound, {
  rows: rowSums.length,
})

// %% [markdown]
// ## How a lab is laid out, and how you are scored
//
// You have now met all parts: a question and your prediction, a toy by hand, a loop, the library's function, an experiment with its plots, what to inspect, exercises with a check, and a bug to find. The other labs follow the same order.
//
// The *rubric* says what you should be able to do in the end:
//
// | level | you can |
// |---|---|
// | foundational | outline the pipeline from demonstrations to an aligned policy, say why PPO needs a reference, a reward, a value and a KL term, compute with log-probabilities and masks |
// | intermediate | compute Bradley-Terry and DPO from numbers, compare methods that sample with methods that do not |
// | advanced | diagnose reward hacking, length bias, weak pairs and overtraining; place KTO, ORPO, GRPO, outcome and process rewards; say what AI feedback saves and what it depends on |
//
// Each exercise belongs to a level. `score()` shows how yours stand. Solve an exercise, run its cell and its check, then run the last cell again.

// %% promises=["text"]
score()

// %% [markdown]
// **You can now** say where your tensors run, turn logits into log-probabilities without overflow, gather those of an answer's tokens, and mask what does not count. The solved notebook is in `notebooks/solutions/`. Next: lab 01 asks why a model that has learnt to imitate good answers can still give wrong ones.

// %%
table.dispose()
x.dispose()
