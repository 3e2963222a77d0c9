import { CholeskyDecomposition, Matrix } from 'ml-matrix'
import { logWinProbability, winProbability } from '../preference/bradleyTerry'

/** A logistic regression with an intercept for each group and slopes that all groups share. */
export interface GroupLogisticFit {
  readonly intercepts: Float64Array
  readonly slopes: Float64Array
  /** Of the slopes. */
  readonly standardErrors: Float64Array
  readonly logLikelihood: number
}

/** The difference of log lengths, log(max(1, length)/max(1, baseline)), [n]: how much longer, as a ratio. */
export function logLengthRatio(lengths: readonly number[], baselineLengths: readonly number[]): number[] {
  if (lengths.length !== baselineLengths.length) throw new RangeError(`logLengthRatio: expected two lists of the same answers, got ${lengths.length} and ${baselineLengths.length}`)
  return lengths.map((v, i) => {
    if (!(v >= 0 && baselineLengths[i] >= 0)) throw new RangeError(`logLengthRatio: answer ${i}: expected lengths of 0 or more, got ${v} and ${baselineLengths[i]}`)
    return Math.log(Math.max(1, v) / Math.max(1, baselineLengths[i]))
  })
}

/**
 * P(win) = σ(intercept of the row's group + x·slopes), fitted by Newton's method; the intercepts are eliminated from each step
 * (their block of the Hessian is diagonal), so that thousands of groups cost no more than one.
 * With models as groups and a length feature it asks what length is worth to the judge at equal quality, over a whole ranking;
 * σ(intercept) is then each model's win rate at equal length.  After Dubois 2024, arXiv:2404.04475
 * features: [rows][d]; groups: [rows], whole numbers from 0; targets: [rows] in [0, 1].
 * Throws RangeError on bad shapes or values, and where no finite maximum exists (a group that always wins).
 */
export function groupLogistic(features: readonly (readonly number[])[], groups: readonly number[], targets: readonly number[]): GroupLogisticFit {
  const n = features.length, d = features[0]?.length ?? 0, count = groups.reduce((a, b) => Math.max(a, b), -1) + 1
  check(features, groups, targets, d)
  let intercepts = new Float64Array(count), slopes = new Float64Array(d)
  const logit = (a: Float64Array, w: Float64Array, i: number) => features[i].reduce((sum, v, j) => sum + v * w[j], a[groups[i]])
  const likelihood = (a: Float64Array, w: Float64Array) => { let sum = 0; for (let i = 0; i < n; i++) { const z = logit(a, w, i); sum += targets[i] * logWinProbability(z) + (1 - targets[i]) * logWinProbability(-z) } return sum }
  for (let step = 0; step < 100; step++) {
    const gA = new Float64Array(count), hA = new Float64Array(count), gW = new Float64Array(d), hW = Matrix.zeros(d, d), cross = Matrix.zeros(count, d)
    for (let i = 0; i < n; i++) {
      const p = winProbability(logit(intercepts, slopes, i)), x = features[i], g = groups[i], h = p * (1 - p)
      gA[g] += targets[i] - p
      hA[g] += h
      for (let j = 0; j < d; j++) {
        gW[j] += (targets[i] - p) * x[j]
        cross.set(g, j, cross.get(g, j) + h * x[j])
        for (let k = 0; k < d; k++) hW.set(j, k, hW.get(j, k) + h * (x[j] * x[k]))
      }
    }
    // Schur's complement of the intercepts: what is left of the slopes' curvature and gradient when each group's intercept has moved.
    const schur = hW.clone(), right = Float64Array.from(gW)
    for (let g = 0; g < count; g++) {
      for (let j = 0; j < d; j++) {
        right[j] -= cross.get(g, j) * gA[g] / hA[g]
        for (let k = 0; k < d; k++) schur.set(j, k, schur.get(j, k) - (cross.get(g, j) * cross.get(g, k)) / hA[g])
      }
    }
    const factor = new CholeskyDecomposition(schur)
    const faded = schur.diagonal().some((v, j) => !(v > 1e-10 * hW.get(j, j)))
    if (faded || !factor.isPositiveDefinite()) throw new RangeError('groupLogistic: the features depend on each other or are constant within every group; drop one')
    if ([...gA, ...gW].every(v => Math.abs(v) <= 1e-9 * n)) {
      const covariance = factor.solve(Matrix.eye(d))
      return { intercepts, slopes, standardErrors: Float64Array.from({ length: d }, (_, j) => Math.sqrt(covariance.get(j, j))), logLikelihood: likelihood(intercepts, slopes) }
    }
    const dW = factor.solve(Matrix.columnVector(Array.from(right))).to1DArray()
    const dA = Float64Array.from(gA, (v, g) => (v - dW.reduce((sum, w, j) => sum + cross.get(g, j) * w, 0)) / hA[g]), before = likelihood(intercepts, slopes)
    const at = (scale: number) => ({ a: intercepts.map((v, g) => v + scale * dA[g]), w: slopes.map((v, j) => v + scale * dW[j]) })
    let scale = 1, next = at(1)
    for (; scale > 1e-8 && !(likelihood(next.a, next.w) >= before - 1e-12 * Math.abs(before)); scale /= 2) next = at(scale / 2)
    intercepts = next.a
    slopes = next.w
  }
  throw new RangeError('groupLogistic: no finite maximum: the features separate the targets')
}

function check(features: readonly (readonly number[])[], groups: readonly number[], targets: readonly number[], d: number): void {
  const n = features.length
  if (n === 0 || groups.length !== n || targets.length !== n) throw new RangeError(`groupLogistic: expected as many groups and targets as rows, and at least one, got ${n} rows, ${groups.length} groups, ${targets.length} targets`)
  if (d === 0) throw new RangeError('groupLogistic: expected at least one feature')
  const won = new Map<number, { sum: number; rows: number }>()
  for (let i = 0; i < n; i++) {
    if (features[i].length !== d || features[i].some(v => !Number.isFinite(v))) throw new RangeError(`groupLogistic: row ${i}: expected ${d} numbers, got [${features[i].join(', ')}]`)
    if (!Number.isSafeInteger(groups[i]) || groups[i] < 0) throw new RangeError(`groupLogistic: row ${i}: expected a group from 0 on, got ${groups[i]}`)
    if (!(targets[i] >= 0 && targets[i] <= 1)) throw new RangeError(`groupLogistic: row ${i}: expected a target from 0 to 1, got ${targets[i]}`)
    const { sum, rows } = won.get(groups[i]) ?? { sum: 0, rows: 0 }
    won.set(groups[i], { sum: sum + targets[i], rows: rows + 1 })
  }
  for (let g = 0; g <= Math.max(...won.keys()); g++) {
    const of = won.get(g)
    if (!of || of.sum === 0 || of.sum === of.rows) throw new RangeError(`groupLogistic: group ${g} has no finite intercept: ${of ? `its targets are all ${of.sum && 1}` : 'it has no rows'}`)
  }
}
