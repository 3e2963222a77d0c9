import type { Random } from './random'

/** Unnormalised log-probabilities of one position, changed in place; −Infinity removes a token. */
export type Scores = Float32Array | Float64Array
/** Token ids so far, prompt included. */
export type Ids = ArrayLike<number>

/** How generation turns logits into a token; each filter is off by default. */
export interface SamplingOptions {
  /** Divides the logits; 0 takes the most probable token. Default 1. */
  readonly temperature?: number
  /** Keeps the k most probable tokens. */
  readonly topK?: number
  /** Keeps the smallest set of tokens with at least this probability together (nucleus sampling).  Holtzman 2019, arXiv:1904.09751 */
  readonly topP?: number
  /** Keeps tokens with at least this share of the most probable one's probability.  Nguyen 2024, arXiv:2407.01082 */
  readonly minP?: number
  /** Makes tokens already used less likely.  Keskar 2019, arXiv:1909.05858 */
  readonly repetitionPenalty?: number
  /** No sequence of this many tokens occurs twice. */
  readonly noRepeatNgram?: number
}

/** Throws RangeError on an option outside its range. */
export function checkSampling({ temperature = 1, topK, topP, minP, repetitionPenalty, noRepeatNgram }: SamplingOptions): void {
  const need = (holds: boolean, name: string, expected: string, got: unknown) => { if (!holds) throw new RangeError(`${name}: expected ${expected}, got ${got}`) }
  need(temperature >= 0 && Number.isFinite(temperature), 'temperature', 'a number of at least 0', temperature)
  need(topK === undefined || (Number.isSafeInteger(topK) && topK > 0), 'topK', 'a positive integer', topK)
  need(topP === undefined || (topP > 0 && topP <= 1), 'topP', 'a probability above 0', topP)
  need(minP === undefined || (minP >= 0 && minP <= 1), 'minP', 'a probability', minP)
  need(repetitionPenalty === undefined || repetitionPenalty > 0, 'repetitionPenalty', 'a positive number', repetitionPenalty)
  need(noRepeatNgram === undefined || (Number.isSafeInteger(noRepeatNgram) && noRepeatNgram > 0), 'noRepeatNgram', 'a positive integer', noRepeatNgram)
}

/** Applies the chosen filters to one position's logits, in the order of transformers' generate(); at temperature 0 only the penalties. */
export function filterScores(scores: Scores, ids: Ids, options: SamplingOptions): void {
  const { temperature = 1, topK, topP, minP, repetitionPenalty, noRepeatNgram } = options
  if (repetitionPenalty !== undefined) penaliseRepetition(scores, ids, repetitionPenalty)
  if (noRepeatNgram !== undefined) forbidRepeats(scores, ids, noRepeatNgram)
  if (temperature === 0) return
  if (temperature !== 1) for (let i = 0; i < scores.length; i++) scores[i] /= temperature
  if (topK !== undefined) keepTopK(scores, topK)
  if (topP !== undefined && topP < 1) keepTopP(scores, topP)
  if (minP !== undefined) keepMinP(scores, minP)
}

/** The highest score's index (the first of equal ones). */
export function argMax(scores: ArrayLike<number>): number {
  let best = 0
  for (let i = 1; i < scores.length; i++) if (scores[i] > scores[best]) best = i
  return best
}

/** log Σ exp(scores), in float64. */
export function logSumExp(scores: ArrayLike<number>): number {
  const max = scores[argMax(scores)]
  let sum = 0
  for (let i = 0; i < scores.length; i++) sum += Math.exp(scores[i] - max)
  return max + Math.log(sum)
}

/** softmax(scores), in float64. */
export function softmax(scores: ArrayLike<number>): Float64Array {
  const total = logSumExp(scores)
  return Float64Array.from(scores, score => Math.exp(score - total))
}

/** What is thrown where nothing can be drawn. */
export const noDistribution = (largest: number): Error => new Error(`sampleToken: no distribution in these scores (largest ${largest}); a weight is not finite or everything was filtered out`)

/**
 * One token drawn from softmax(scores) by inverting its distribution function at one uniform number, in float64 on the host,
 * so that every backend draws the same. Throws where no score is finite or one is NaN.
 */
export function sampleToken(scores: ArrayLike<number>, random: Random): number {
  const max = scores[argMax(scores)]
  let total = 0
  for (let i = 0; i < scores.length; i++) total += Math.exp(scores[i] - max)
  if (!Number.isFinite(total)) throw noDistribution(max)
  let left = random.uniform() * total, last = 0
  for (let i = 0; i < scores.length; i++) {
    const weight = Math.exp(scores[i] - max)
    if (weight === 0) continue
    last = i
    left -= weight
    if (left < 0) break
  }
  return last
}

/** Divides the positive scores of tokens used before by the penalty and multiplies the negative ones, once each. */
export function penaliseRepetition(scores: Scores, ids: Ids, penalty: number): void {
  for (const id of new Set(Array.from(ids))) scores[id] = scores[id] < 0 ? scores[id] * penalty : scores[id] / penalty
}

/** Removes every token that would complete a sequence of n tokens seen before. */
export function forbidRepeats(scores: Scores, ids: Ids, n: number): void {
  for (let start = 0; start + n <= ids.length; start++) {
    let same = true
    for (let i = 0; same && i < n - 1; i++) same = ids[start + i] === ids[ids.length - n + 1 + i]
    if (same) scores[ids[start + n - 1]] = -Infinity
  }
}

/** Keeps the k best scores, and what ties with the last of them. */
export function keepTopK(scores: Scores, k: number): void {
  if (k >= scores.length) return
  const threshold = scores.slice().sort()[scores.length - k]
  for (let i = 0; i < scores.length; i++) if (scores[i] < threshold) scores[i] = -Infinity
}

/** Keeps the most probable tokens that reach the probability p together, at least `minTokens`. */
export function keepTopP(scores: Scores, p: number, minTokens = 1): void {
  const probabilities = softmax(scores), order = ranked(probabilities)
  let sum = 0
  for (let rank = order.length - 1; rank >= minTokens; rank--) {
    sum += probabilities[order[rank]]
    if (sum > 1 - p) break
    scores[order[rank]] = -Infinity
  }
}

/** Keeps tokens of at least p times the largest probability, at least `minTokens`. */
export function keepMinP(scores: Scores, p: number, minTokens = 1): void {
  const probabilities = softmax(scores), threshold = p * probabilities[argMax(probabilities)]
  keepAbove(scores, probabilities, threshold, minTokens)
}

/** Keeps tokens of at least probability ε.  Hewitt 2022, arXiv:2210.15191 */
export function keepEpsilon(scores: Scores, epsilon: number, minTokens = 1): void {
  keepAbove(scores, softmax(scores), epsilon, minTokens)
}

/** Keeps tokens of at least min(ε, √ε exp(−entropy)).  Hewitt 2022, arXiv:2210.15191 */
export function keepEta(scores: Scores, epsilon: number, minTokens = 1): void {
  const probabilities = softmax(scores)
  keepAbove(scores, probabilities, Math.min(epsilon, Math.sqrt(epsilon) * Math.exp(-entropyOf(probabilities))), minTokens)
}

/** Keeps the tokens whose surprise is nearest to the entropy until they reach the mass together.  Meister 2022, arXiv:2202.00666 */
export function keepTypical(scores: Scores, mass: number, minTokens = 1): void {
  const probabilities = softmax(scores), entropy = entropyOf(probabilities)
  const distance = Float64Array.from(probabilities, p => -Math.abs(-Math.log(p) - entropy)), order = ranked(distance)
  let sum = 0, last = 0
  while (last < order.length - 1 && (sum += probabilities[order[last]]) < mass) last++
  const worst = distance[order[last]]
  order.forEach((i, rank) => { if (rank >= minTokens && distance[i] < worst) scores[i] = -Infinity })
}

/** Adds a bias to the last token of each sequence whose other tokens have just been generated; −Infinity forbids the sequence. */
export function biasSequences(scores: Scores, ids: Ids, biases: readonly (readonly [sequence: readonly number[], bias: number])[]): void {
  for (const [sequence, bias] of biases) {
    const before = sequence.length - 1
    if (before <= ids.length && sequence.slice(0, -1).every((token, i) => ids[ids.length - before + i] === token)) scores[sequence[before]] += bias
  }
}

/** Removes the stop tokens until `least` tokens have been generated. */
export function forbidEarlyStop(scores: Scores, generated: number, least: number, stopTokens: readonly number[]): void {
  if (generated < least) for (const token of stopTokens) scores[token] = -Infinity
}

function keepAbove(scores: Scores, probabilities: Float64Array, threshold: number, minTokens: number): void {
  const kept = new Set(ranked(probabilities).slice(0, minTokens))
  probabilities.forEach((p, i) => { if (p < threshold && !kept.has(i)) scores[i] = -Infinity })
}

/** Indices from the largest value to the smallest; equal ones stay in order. */
function ranked(values: ArrayLike<number>): number[] {
  return Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[b] - values[a] || a - b)
}

function entropyOf(probabilities: Float64Array): number {
  return -probabilities.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0)
}
