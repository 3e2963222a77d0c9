import { jStat } from 'jstat'
import { CholeskyDecomposition, Matrix } from 'ml-matrix'
import { checkComparisons, connectivity, type Comparison } from './comparisons'

/** P(A ≻ B) = σ(r_A − r_B) for a difference of strengths (or rewards) in nats.  Bradley & Terry 1952, doi:10.2307/2334029 */
export const winProbability = (difference: number): number => difference >= 0 ? 1 / (1 + Math.exp(-difference)) : Math.exp(difference) / (1 + Math.exp(difference))

/** log P(A ≻ B) = log σ(r_A − r_B); finite for every finite difference, where log(σ(…)) would underflow to −∞ below −745. */
export const logWinProbability = (difference: number): number => Math.min(difference, 0) - Math.log1p(Math.exp(-Math.abs(difference)))

/** Strengths minus their mean: only differences are identified, so this picks one of the equivalent answers. */
export function centre(strengths: ArrayLike<number>): Float64Array {
  const out = Float64Array.from(strengths), mean = out.reduce((a, b) => a + b, 0) / out.length
  return out.map(v => v - mean)
}

/** Comparisons have no finite maximum-likelihood strengths: some players are apart from the others, or never lose to them. */
export class NoMaximumError extends Error {
  override readonly name = 'NoMaximumError'
  constructor(message: string, /** The groups of players between which nothing, or only one direction, is known. */ readonly groups: readonly (readonly number[])[]) { super(message) }
}

/** Settings of a fit: `l2` is α of the penalty α·Σθ² (0: plain maximum likelihood), `names` serve error messages. */
export interface FitOptions { readonly l2?: number; readonly names?: readonly string[]; readonly tolerance?: number; readonly maxSteps?: number }

/** Strengths [players] in nats, their mean 0; `advantage`: what an advantage of 1 is worth; how many steps the fit took. */
export interface Strengths { readonly strengths: Float64Array; readonly advantage: number; readonly logLikelihood: number; readonly steps: number }

/** A fit with the covariance of its strengths, [players + 1][players + 1], the advantage last. */
export interface BradleyTerryFit extends Strengths { readonly covariance: readonly (readonly number[])[] }

const gap = (c: Comparison, strengths: ArrayLike<number>, advantage: number): number =>
  strengths[c.first] - strengths[c.second] + advantage * (c.advantage ?? 0)

/** Σ weight·(s·log σ(d) + (1−s)·log σ(−d)), d = θ_first − θ_second + h·advantage: a tie (s = ½) counts half for each side. */
export function bradleyTerryLogLikelihood(comparisons: readonly Comparison[], strengths: ArrayLike<number>, advantage = 0): number {
  return comparisons.reduce((sum, c) => {
    const d = gap(c, strengths, advantage)
    return sum + (c.weight ?? 1) * (c.score * logWinProbability(d) + (1 - c.score) * logWinProbability(-d))
  }, 0)
}

/** The log-likelihood's gradient, [players + 1] with the advantage last: each comparison adds weight·(s − σ(d)) to its first player and takes it from its second. */
export function bradleyTerryGradient(comparisons: readonly Comparison[], strengths: ArrayLike<number>, advantage = 0): Float64Array {
  const gradient = new Float64Array(strengths.length + 1)
  for (const c of comparisons) {
    const surprise = (c.weight ?? 1) * (c.score - winProbability(gap(c, strengths, advantage)))
    gradient[c.first] += surprise
    gradient[c.second] -= surprise
    gradient[strengths.length] += surprise * (c.advantage ?? 0)
  }
  return gradient
}

function checkIdentified(comparisons: readonly Comparison[], players: number, { l2 = 0, names }: FitOptions): void {
  if (!(l2 >= 0 && l2 < Infinity)) throw new RangeError(`l2: expected a number of 0 or more, got ${l2}`)
  if (names && names.length !== players) throw new RangeError(`names: expected ${players}, got ${names.length}`)
  checkComparisons(comparisons, players)
  if (l2 > 0) return
  const { groups, winChains } = connectivity(comparisons, players)
  const who = (group: readonly number[]) => `{${group.slice(0, 5).map(i => names?.[i] ?? i).join(', ')}${group.length > 5 ? `, … ${group.length - 5} more` : ''}}`
  if (groups.length > 1) {
    throw new NoMaximumError(`Bradley-Terry: no comparison links ${groups.slice(0, 3).map(who).join(' and ')}, so their strengths have no common scale; fit each group, or set l2 > 0`, groups)
  }
  if (winChains.length > 1) {
    throw new NoMaximumError(`Bradley-Terry: the data are separable: ${who(winChains[0])} never lost to ${who(winChains.slice(1).flat())}, so the difference grows without bound; collect more comparisons, or set l2 > 0`, winChains)
  }
}

/** The Fisher information, [players + 1]²: Σ weight·σ(d)σ(−d)·x·xᵀ, x = +1 at first, −1 at second, advantage last. */
function information(comparisons: readonly Comparison[], strengths: ArrayLike<number>, advantage: number): Matrix {
  const n = strengths.length, out = Matrix.zeros(n + 1, n + 1), data = out.to2DArray()
  for (const c of comparisons) {
    const p = winProbability(gap(c, strengths, advantage)), v = (c.weight ?? 1) * p * (1 - p), a = c.advantage ?? 0
    data[c.first][c.first] += v
    data[c.second][c.second] += v
    data[c.first][c.second] -= v
    data[c.second][c.first] -= v
    if (a === 0) continue
    for (const [i, sign] of [[c.first, 1], [c.second, -1]] as const) { data[i][n] += sign * v * a; data[n][i] += sign * v * a }
    data[n][n] += v * a * a
  }
  return new Matrix(data)
}

/**
 * Maximum-likelihood (or, with l2, penalised) strengths by Newton's method, with their covariance from the Fisher information.
 * An advantage (home ground, first position) is fitted when any comparison has one; it is not penalised.
 * With l2 the covariance is that of the penalised fit: too narrow as a frequentist's interval, and biased to the mean.
 * Throws NoMaximumError when the data leave players apart or separable (and l2 is 0), RangeError on bad comparisons.
 */
export function fitBradleyTerry(comparisons: readonly Comparison[], players: number, options: FitOptions = {}): BradleyTerryFit {
  checkIdentified(comparisons, players, options)
  const { l2 = 0, tolerance = 1e-10, maxSteps = 100 } = options
  const hasAdvantage = comparisons.some(c => (c.advantage ?? 0) !== 0), total = comparisons.reduce((sum, c) => sum + (c.weight ?? 1), 0)
  let strengths: Float64Array = new Float64Array(players), advantage = 0
  const value = (s: Float64Array, a: number) => bradleyTerryLogLikelihood(comparisons, s, a) - l2 * s.reduce((sum, v) => sum + v * v, 0)
  for (let steps = 0; steps < maxSteps; steps++) {
    const { gradient, factor, pinned } = system(comparisons, strengths, advantage, l2, hasAdvantage)
    if (gradient.every(g => Math.abs(g) <= tolerance * total)) {
      const inverse = factor.solve(Matrix.eye(players + 1)).to2DArray()
      // The pinned mean has a variance of its own, which is no part of the answer.
      const covariance = inverse.map((row, i) => row.map((v, j) => i < players && j < players ? v - 1 / (players * pinned) : hasAdvantage ? v : 0))
      return { strengths, advantage, logLikelihood: bradleyTerryLogLikelihood(comparisons, strengths, advantage), steps, covariance }
    }
    const step = factor.solve(Matrix.columnVector([...gradient])).to1DArray(), before = value(strengths, advantage)
    for (let scale = 1; ; scale /= 2) {
      const next = centre(strengths.map((v, i) => v + scale * step[i])), nextAdvantage = hasAdvantage ? advantage + scale * step[players] : 0
      if (scale > 1e-10 && !(value(next, nextAdvantage) >= before - 1e-12 * Math.abs(before))) continue
      strengths = next
      advantage = nextAdvantage
      break
    }
    // Odds beyond e^15: with strengths held together by chains of wins, only a separating advantage grows so far.
    if (Math.abs(advantage) > 15) break
  }
  throw new NoMaximumError(`Bradley-Terry: no finite maximum was found; the advantage grew to ${advantage.toFixed(1)}: does the side that has it always win, or lose? Leave the advantage out, or collect more comparisons`, [])
}

/** Gradient and factorised curvature of the penalised log-likelihood; the flat direction (all strengths shifted alike) is pinned. */
function system(comparisons: readonly Comparison[], strengths: Float64Array, advantage: number, l2: number, hasAdvantage: boolean) {
  const n = strengths.length, gradient = bradleyTerryGradient(comparisons, strengths, advantage), curvature = information(comparisons, strengths, advantage)
  const pin = Math.max(1e-12, curvature.trace() / n)
  for (let i = 0; i < n; i++) {
    gradient[i] -= 2 * l2 * strengths[i]
    for (let j = 0; j < n; j++) curvature.set(i, j, curvature.get(i, j) + pin / n + (i === j ? 2 * l2 : 0))
  }
  if (!hasAdvantage) curvature.set(n, n, 1)
  return { gradient, factor: new CholeskyDecomposition(curvature), pinned: pin + 2 * l2 }
}

/**
 * The same maximum by plain gradient ascent, θ ← θ + η·∇ℓ, with the largest step that cannot overshoot (η = 2 / the largest
 * weight of comparisons of one player, from the bound σσ' ≤ ¼). Slower than Newton's method, and nothing but the gradient.
 */
export function bradleyTerryByGradient(comparisons: readonly Comparison[], players: number, options: FitOptions = {}): Strengths {
  checkIdentified(comparisons, players, options)
  refuseAdvantage(comparisons)
  const { l2 = 0, tolerance = 1e-8, maxSteps = 100_000 } = options
  const weight = new Float64Array(players)
  for (const c of comparisons) { weight[c.first] += c.weight ?? 1; weight[c.second] += c.weight ?? 1 }
  const most = Math.max(...weight), rate = 1 / (most / 2 + 2 * l2)
  let strengths: Float64Array = new Float64Array(players)
  for (let steps = 0; steps < maxSteps; steps++) {
    const gradient = bradleyTerryGradient(comparisons, strengths).subarray(0, players).map((g, i) => g - 2 * l2 * strengths[i])
    if (gradient.every(g => Math.abs(g) <= tolerance * most)) return { strengths: centre(strengths), advantage: 0, logLikelihood: bradleyTerryLogLikelihood(comparisons, strengths), steps }
    strengths = strengths.map((v, i) => v + rate * gradient[i])
  }
  throw new NoMaximumError(`Bradley-Terry: gradient ascent did not converge in ${maxSteps} steps; raise maxSteps or l2`, [])
}

/**
 * The same maximum by minorise-maximise: γ_i ← W_i / Σ_j n_ij/(γ_i + γ_j), γ = e^θ, W_i the wins of i, n_ij the comparisons
 * of i and j. Each step raises the likelihood; there is no step size.  Hunter 2004, doi:10.1214/aos/1079120141
 */
export function bradleyTerryByMM(comparisons: readonly Comparison[], players: number, options: Omit<FitOptions, 'l2'> = {}): Strengths {
  checkIdentified(comparisons, players, options)
  refuseAdvantage(comparisons)
  const { tolerance = 1e-10, maxSteps = 100_000 } = options
  const wins = new Float64Array(players)
  for (const { first, second, score, weight = 1 } of comparisons) { wins[first] += weight * score; wins[second] += weight * (1 - score) }
  let gamma = new Float64Array(players).fill(1)
  for (let steps = 1; steps <= maxSteps; steps++) {
    const shares = new Float64Array(players)
    for (const { first, second, weight = 1 } of comparisons) {
      const share = weight / (gamma[first] + gamma[second])
      shares[first] += share
      shares[second] += share
    }
    const next = gamma.map((_, i) => wins[i] / shares[i]), scale = Math.exp(next.reduce((sum, g) => sum + Math.log(g), 0) / players)
    const moved = Math.max(...next.map((g, i) => Math.abs(Math.log(g / scale / gamma[i]))))
    gamma = next.map(g => g / scale)
    if (moved <= tolerance) {
      const strengths = gamma.map(Math.log)
      return { strengths, advantage: 0, logLikelihood: bradleyTerryLogLikelihood(comparisons, strengths), steps }
    }
  }
  throw new NoMaximumError(`Bradley-Terry: minorise-maximise did not converge in ${maxSteps} steps; raise maxSteps`, [])
}

function refuseAdvantage(comparisons: readonly Comparison[]): void {
  const row = comparisons.findIndex(c => (c.advantage ?? 0) !== 0)
  if (row >= 0) throw new RangeError(`comparison ${row}: advantage: this fit has none; use fitBradleyTerry, or set it to 0`)
}

/** An estimate with its standard error and normal interval. */
export interface Estimate { readonly value: number; readonly standardError: number; readonly low: number; readonly high: number }

const estimate = (value: number, variance: number, level: number): Estimate => {
  if (!(level > 0 && level < 1)) throw new RangeError(`level: expected a number between 0 and 1, got ${level}`)
  const standardError = Math.sqrt(Math.max(0, variance)), reach = jStat.normal.inv((1 + level) / 2, 0, 1) * standardError
  return { value, standardError, low: value - reach, high: value + reach }
}

/** Strength of player i against the mean of all players, with its interval. */
export const strengthOf = (fit: BradleyTerryFit, i: number, level = 0.95): Estimate => estimate(fit.strengths[i], fit.covariance[i][i], level)

/** The fitted advantage (in nats) with its interval. */
export const advantageOf = (fit: BradleyTerryFit, level = 0.95): Estimate => estimate(fit.advantage, fit.covariance[fit.strengths.length][fit.strengths.length], level)

/** θ_i − θ_j with its interval: the one to read when two players are compared, since their errors are correlated. */
export function strengthDifference(fit: BradleyTerryFit, i: number, j: number, level = 0.95): Estimate {
  const c = fit.covariance
  return estimate(fit.strengths[i] - fit.strengths[j], c[i][i] + c[j][j] - 2 * c[i][j], level)
}
