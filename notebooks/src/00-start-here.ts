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
  tf, announceBackend, showVolatile, labSeed, Random, gatherLogps, pearson,
  show, bars, lines, progress, predict, reveal, claim, todo, check, score,
} from 'rlhf-labs'

// %% [markdown]
// ## Where does this run?
//
// Tensors are computed by a *backend*. The next cell says which one you have, and on which device. It says GPU only when the backend reports that it really uses one.

// %% promises=["text"]
await announceBackend()

// %% [markdown]
// Is it fast? Here is one measurement: the product of two 512 × 512 matrices, the best of five. A desktop CPU takes around 2 to 10 ms, a GPU well under 1 ms.
//
// If you have an NVIDIA GPU and the line above says CPU, run `npm run doctor` in a terminal. It prints what is missing; `environment.md` says how to mend it. All labs also run on a CPU.

// %% promises=["text"]
const square = tf.randomUniform([512, 512], -1, 1, 'float32', labSeed())
const times: number[] = []
for (let i = 0; i < 5; i++) {
  const start = performance.now()
  const product = tf.matMul(square, square)
  await product.data()                             // waits until it is really computed
  times.push(performance.now() - start)
  product.dispose()
}
square.dispose()
showVolatile(`512 × 512 product: ${Math.min(...times).toFixed(1)} ms`, '512 × 512 product: <n> ms')

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
console.log('down the rows', tf.sum(x, 0).arraySync(), '  along each row', tf.sum(x, -1).arraySync())

// %% [markdown]
// **Four.** Tensors are not collected as ordinary objects are: what you make, you must dispose of. `tf.tidy` disposes of everything made inside it except what it returns. A count that grows with every step is a leak.

// %% promises=["text"]
const before = tf.memory().numTensors
const [norm] = tf.tidy(() => tf.sqrt(tf.sum(tf.square(x))).dataSync())
console.log('norm', norm.toFixed(4), '  tensors left behind', tf.memory().numTensors - before)

// %% [markdown]
// **Five.** Gradients. `tf.grad` takes a function that ends in one number and gives back the function that computes its slope. The slope of x² at 3 is 6.

// %% promises=["text"]
const slope = tf.grad(v => tf.sum(tf.square(v)))
console.log('slope of x² at 3:', slope(tf.scalar(3)).arraySync())

// %% [markdown]
// ## Predict first
//
// Every lab asks for a prediction before its experiment. You remember what surprised you, so commit yourself: put `'A'`, `'B'` or `'C'` as the last argument and run the cell again. Nobody sees it but you.

// %% promises=["text"]
predict('0.length', 'Answer 2 is answer 1 with more words added at its end. Which has the higher summed log-probability?', [
  'answer 1, the short one, always',
  'answer 2, the long one, always',
  'it depends on which words are added',
])

// %% [markdown]
// ## A toy by hand: from scores to log-probabilities
//
// For each next word, a model gives a score, called a *logit*. Logits can be any number. *Softmax* makes probabilities of them: raise e to each, divide by the sum. With three words and the logits 2, 1, 0:

// %% promises=["table"]
const logits = [2, 1, 0]
const total = logits.map(Math.exp).reduce((a, b) => a + b)
await show(logits.map((z, i) => ({
  word: ['refund', 'wait', 'sorry'][i], logit: z, 'e^logit': Math.exp(z),
  probability: Math.exp(z) / total, 'log-probability': Math.log(Math.exp(z) / total),
})), { digits: 3 })

// %% [markdown]
// The log-probability is what we keep. Logs of probabilities are never above 0, and where probabilities multiply, logs add.
//
// There is one trap: e¹⁰⁰⁰ is too large for a computer, and ∞ / ∞ is not a number.

// %% promises=["text"]
const naiveLogSoftmax = (z: number[]) => z.map(v => Math.log(Math.exp(v) / z.map(Math.exp).reduce((a, b) => a + b)))
console.log('logits 2, 1, 0:        ', naiveLogSoftmax([2, 1, 0]).map(v => v.toFixed(3)).join(', '))
console.log('logits 1002, 1001, 1000:', naiveLogSoftmax([1002, 1001, 1000]).join(', '))

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
const byTensor = (z: number[]) => tf.tidy(() => Array.from(tf.logSoftmax(tf.tensor1d(z)).dataSync()))
const safeLogSoftmax = check('0.1', logSoftmax, byTensor, [[[2, 1, 0]], [[1002, 1001, 1000]], [[-5]], [[0, -2000]]], {
  hint: 'Compute m = Math.max(...z) first and use v − m wherever z stands in an exponent.',
})

// %% [markdown]
// The reference that checks you is `tf.logSoftmax`, the library's own. By hand, by loop, by library: all three agree.

// %% promises=["text"]
const [hand, loop, library] = [naiveLogSoftmax([2, 1, 0]), safeLogSoftmax([2, 1, 0]), byTensor([2, 1, 0])]
const apart = Math.max(...library.map((v, i) => Math.max(Math.abs(v - hand[i]), Math.abs(v - loop[i]))))
claim('hand, loop and library give the same log-probabilities', apart < 1e-6, { 'largest difference below 1e-6': apart < 1e-6, 'first value': library[0] })

// %% [markdown]
// ## A language model that you can see through
//
// Our model has read ten replies of a parcel company's support desk. It counts which word follows which; the log of the count is its logit. (0.1 is added to each count, so that no word is impossible.) `<end>` stands after the last word.

// %%
const replies = [
  'we are sorry your parcel is late', 'your parcel is late so we will refund you today',
  'we will refund you today', 'we will send your parcel today', 'please wait one more day',
  'we will refund the full price', 'your parcel is on its way', 'please send us the order number',
  'we are sorry for the delay', 'we will check the order and write to you today',
]
const words = ['<start>', '<end>', ...new Set(replies.flatMap(r => r.split(' ')))]
const encode = (text: string) => ['<start>', ...text.split(' '), '<end>'].map(w => words.indexOf(w))
const counts = words.map(() => words.map(() => 0.1))
for (const reply of replies) {
  const ids = encode(reply)
  for (let t = 1; t < ids.length; t++) counts[ids[t - 1]][ids[t]]++
}
const table = tf.tensor2d(counts.map(row => row.map(Math.log)))      // [vocabulary, vocabulary]

// %% promises=["table"]
await show(['refund', 'send', 'wait', 'check', 'parcel'].map(next => {
  const logit = Math.log(counts[words.indexOf('will')][words.indexOf(next)])
  const row = safeLogSoftmax(counts[words.indexOf('will')].map(Math.log))
  return { 'after "will"': next, logit, 'log-probability': row[words.indexOf(next)], probability: Math.exp(row[words.indexOf(next)]) }
}), { caption: `5 of ${words.length} words that may follow "will"`, digits: 3 })

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
const byLibrary = (rows: number[][], tokens: number[]) => tf.tidy(() => {
  const scores = tf.tensor2d(rows.slice(0, tokens.length - 1))
  return Array.from(gatherLogps(scores, tokens.slice(1)).dataSync())
})
const halves = [-0.6931472, -0.6931472], skewed = [-0.1053605, -2.3025851]
const gather = check('0.2', tokenLogps, byLibrary, [[[halves, skewed, halves], [0, 0, 1]], [[skewed, skewed, skewed], [1, 1, 0]]], {
  hint: 'The first answer is rows[0][tokens[1]], the second rows[1][tokens[2]].', tolerance: 1e-4,
})

// %% [markdown]
// The library's function is `gatherLogps(logits, tokens)`. It takes logits as they come from a model, one row for each token to be scored. Your loop and the library agree on a real reply:

// %% promises=["text"]
const reply = encode('we will refund you today'), wordsOfReply = reply.slice(1).map(i => words[i])
const byLoop = gather(reply.map(i => safeLogSoftmax(counts[i].map(Math.log))), reply)
const logps = tf.tidy(() => Array.from(gatherLogps(tf.gather(table, reply.slice(0, -1)), reply.slice(1)).dataSync()))
const gap = Math.max(...logps.map((v, t) => Math.abs(v - byLoop[t])))
claim('your loop and gatherLogps agree on every token', gap < 1e-5, { tokens: logps.length, 'sum of log-probabilities': logps.reduce((a, b) => a + b) })

// %% [markdown]
// ## A first plot
//
// Move the pointer over the bars: the chart is interactive. Drag to zoom in, double-click to zoom out. Where scripts do not run, on a code host for example, you see a picture instead.

// %% promises=["figure"]
const worst = wordsOfReply[logps.indexOf(Math.min(...logps))]
await show(bars({
  title: `"${worst}" is the word that surprises the model most`,
  x: { label: 'next word' }, y: { label: 'log-probability', unit: 'nats' },
  categories: wordsOfReply, bars: [{ name: 'we will refund you today', y: logps }], text: v => v.toFixed(2),
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
function maskedSumAndMean(values: number[], mask: number[]): { sum: number; mean: number } {
  // BEGIN SOLUTION
  const sum = values.reduce((s, v, i) => s + v * mask[i], 0)
  return { sum, mean: sum / mask.reduce((s, m) => s + m, 0) }
  // END SOLUTION
}

// %% promises=["text"]
const maskedByTensor = (values: number[], mask: number[]) => tf.tidy(() => {
  const m = tf.tensor1d(mask), sum = tf.sum(tf.mul(tf.tensor1d(values), m)), mean = tf.div(sum, tf.sum(m))
  return { sum: sum.dataSync()[0], mean: mean.dataSync()[0] }
})
const masked = check('0.3', maskedSumAndMean, maskedByTensor, [[[-1, -2, -9], [1, 1, 0]], [[-3, -1, -1, -4], [0, 1, 1, 0]]], {
  hint: 'Divide by the number of ones in the mask, not by the length of the list.',
})

// %% [markdown]
// ## Experiment: what does length do?
//
// The model can also write. Start at `<start>`, draw the next word with the model's probabilities, and repeat until `<end>`. We draw 300 replies, with a seed, so that you see the same ones on every run.

// %%
const random = Random.seed(labSeed()).split('replies')
function write(): number[] {
  const ids = [0]
  while (ids.at(-1) !== 1 && ids.length < 26) ids.push(random.weighted(counts[ids.at(-1)!]))
  return ids
}
const samples: number[][] = []
for await (const _ of progress(300, 'replies written')) samples.push(write())

// %% promises=["table"]
const width = Math.max(...samples.map(s => s.length)) - 1
const mask = samples.map(s => Array.from({ length: width }, (_, t) => t < s.length - 1 ? 1 : 0))
const scored = samples.map((s, i) => {
  const rows = tf.tidy(() => gatherLogps(tf.gather(table, s.slice(0, -1)), s.slice(1)).dataSync())
  const padded = Array.from({ length: width }, (_, t) => rows[t] ?? -9)         // −9 stands where there is no token
  return { text: s.slice(1).map(t => words[t]).join(' '), tokens: rows.length, padded, ...masked(padded, mask[i]) }
})
await show(scored.slice(0, 6).map(({ text, tokens, sum, mean }) => ({ text, tokens, sum, mean })), { caption: 'the first 6 of 300 replies', digits: 2 })

// %% [markdown]
// Fluent here and there, and often wrong: it knows only which word follows which. Now the prediction. Take each reply, and look at the sum of its log-probabilities after one word, after two, and so on. Does it ever rise?

// %% promises=["text"]
const steps = scored.flatMap(s => s.padded.slice(0, s.tokens))
const rises = steps.filter(logp => logp >= 0).length
claim('adding a word always lowers the sum', rises === 0, { 'words added': steps.length, rises })
reveal('0.length', rises === 0 ? 'A' : rises === steps.length ? 'B' : 'C')

// %% [markdown]
// No word has probability 1, so no log-probability reaches 0, and each new word takes something away. A *sum* therefore favours short replies, whatever they say. A *mean* per token does not have this bias. Here are both, averaged over replies of the same length.

// %% promises=["figure"]
const lengths = [...new Set(scored.map(s => s.tokens))].sort((a, b) => a - b).filter(n => scored.filter(s => s.tokens === n).length >= 5)
const average = (n: number, of: 'sum' | 'mean') => {
  const group = scored.filter(s => s.tokens === n)
  return group.reduce((total, s) => total + s[of], 0) / group.length
}
await show(lines({
  title: 'The sum falls with every token; the mean per token hardly changes',
  x: { label: 'length of the reply', unit: 'tokens' }, y: { label: 'log-probability', unit: 'nats' },
  lines: [
    { name: 'sum over the reply', x: lengths, y: lengths.map(n => average(n, 'sum')), points: true },
    { name: 'mean per token', x: lengths, y: lengths.map(n => average(n, 'mean')), points: true },
  ],
}))

// %% promises=["text"]
const tokens = scored.map(s => s.tokens)
const rSum = pearson(tokens, scored.map(s => s.sum)).statistic, rMean = pearson(tokens, scored.map(s => s.mean)).statistic
claim('length explains the sum, not the mean', rSum < -0.8 && Math.abs(rMean) < 0.4, { 'correlation of length with the sum': rSum, 'with the mean': rMean })

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
const meanByTensor = (logps: number[][], mask: number[][]) => tf.tidy(() => {
  const m = tf.tensor2d(mask), sums = tf.sum(tf.mul(tf.tensor2d(logps), m), -1)
  return Array.from(tf.div(sums, tf.sum(m, -1)).dataSync())
})
check('0.bug', meanLogps, meanByTensor, [[[[-1, -3, -9, -9], [-1, -1, -2, -4]], [[1, 1, 0, 0], [1, 1, 1, 1]]]], {
  hint: 'How many tokens does the first reply have? What is its sum divided by?',
})

// %% [markdown]
// ## What to inspect
//
// Every lab ends with a table like this one. Keep it at hand: these are the first things to look at when a run goes wrong.

// %% promises=["table"]
await show([
  { figure: 'backend and device', healthy: 'the ones you expect', sick: 'CPU on a machine with a GPU: npm run doctor' },
  { figure: 'token log-probabilities', healthy: 'below 0', sick: 'positive: not normalised; NaN: overflow' },
  { figure: 'e^log-probabilities of a row, summed', healthy: '1, within 1e-5', sick: 'anything else: softmax over the wrong axis' },
  { figure: 'ones in a mask', healthy: 'the tokens of the reply', sick: 'the padded length: padding is counted' },
  { figure: 'first scored token', healthy: 'the second token', sick: 'the first: shifted by one' },
  { figure: 'tf.memory().numTensors', healthy: 'the same after every step', sick: 'grows: a tensor is never disposed of' },
], { caption: 'What to inspect' })

// %% promises=["text"]
const sums = tf.tidy(() => tf.sum(tf.softmax(table), -1).dataSync())
claim('every row of the model sums to 1', sums.every(s => Math.abs(s - 1) < 1e-5), { rows: sums.length })

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
