import { CholeskyDecomposition, Matrix } from 'ml-matrix'
import { logWinProbability, winProbability } from '../preference/bradleyTerry'

/** A logistic regression: coefficients with the intercept first, their covariance, and how well they fit. */
export interface LogisticFit {
  readonly coefficients: Float64Array
  readonly standardErrors: Float64Array
  readonly covariance: readonly (readonly number[])[]
  readonly logLikelihood: number
  readonly deviance: number
}

/**
 * Logistic regression by Newton's method: minimises −Σ [y·log p + (1−y)·log(1−p)] + l2/2·|w|², p = σ(w_0 + x·w), the intercept
 * w_0 unpenalised (scikit-learn's C is 1/l2). features: [rows][d]; targets: [rows] in [0, 1], soft labels allowed.
 * Throws RangeError on bad shapes or values, and where no finite maximum exists (separable rows or collinear features, l2 = 0).
 */
export function logisticRegression(features: readonly (readonly number[])[], targets: ArrayLike<number>, l2 = 0): LogisticFit {
  const d = features[0]?.length ?? 0, x = features.map(row => [1, ...row])
  if (features.length !== targets.length || features.length === 0) throw new RangeError(`logisticRegression: expected as many targets as rows, and at least one, got ${features.length} and ${targets.length}`)
  if (!(l2 >= 0)) throw new RangeError(`logisticRegression: expected l2 of 0 or more, got ${l2}`)
  x.forEach((row, i) => {
    if (row.length !== d + 1 || row.some(v => !Number.isFinite(v))) throw new RangeError(`logisticRegression: row ${i}: expected ${d} numbers, got [${features[i].join(', ')}]`)
    if (!(targets[i] >= 0 && targets[i] <= 1)) throw new RangeError(`logisticRegression: target ${i}: expected a number from 0 to 1, got ${targets[i]}`)
  })
  const logit = (w: readonly number[], row: readonly number[]) => row.reduce((sum, v, j) => sum + v * w[j], 0)
  const likelihood = (w: readonly number[]) => x.reduce((sum, row, i) => sum + targets[i] * logWinProbability(logit(w, row)) + (1 - targets[i]) * logWinProbability(-logit(w, row)), 0)
  const objective = (w: readonly number[]) => likelihood(w) - l2 / 2 * w.slice(1).reduce((sum, v) => sum + v * v, 0)
  let w = new Array<number>(d + 1).fill(0)
  for (let steps = 0; steps < 100; steps++) {
    const gradient = w.map((v, j) => j === 0 ? 0 : -l2 * v), hessian = Matrix.diag(w.map((_, j) => j === 0 ? 0 : l2)).to2DArray()
    x.forEach((row, i) => {
      const p = winProbability(logit(w, row))
      row.forEach((a, j) => {
        gradient[j] += (targets[i] - p) * a
        row.forEach((b, k) => { hessian[j][k] += p * (1 - p) * (a * b) })
      })
    })
    const factor = new CholeskyDecomposition(new Matrix(hessian))
    if (!factor.isPositiveDefinite()) break
    if (gradient.every(g => Math.abs(g) <= 1e-10 * features.length)) {
      const covariance = factor.solve(Matrix.eye(d + 1)).to2DArray()
      // Next to no curvature is left in some direction: the maximum is at infinity, only the gradient has faded.
      if (covariance.some((row, j) => row[j] * x.reduce((sum, r) => sum + r[j] ** 2, 0) > 1e7)) break
      const entropy = Array.from(targets).reduce((sum, y) => sum + (y > 0 ? y * Math.log(y) : 0) + (y < 1 ? (1 - y) * Math.log(1 - y) : 0), 0)
      return { coefficients: Float64Array.from(w), standardErrors: Float64Array.from(covariance, (row, j) => Math.sqrt(row[j])), covariance, logLikelihood: likelihood(w), deviance: 2 * (entropy - likelihood(w)) }
    }
    const step = factor.solve(Matrix.columnVector(gradient)).to1DArray(), before = objective(w)
    let scale = 1, next = w.map((v, j) => v + step[j])
    for (; scale > 1e-8 && !(objective(next) >= before - 1e-12 * Math.abs(before)); scale /= 2) next = w.map((v, j) => v + scale / 2 * step[j])
    w = next
  }
  throw new RangeError('logisticRegression: no finite maximum: the features separate the targets or depend on each other; set l2 above 0 or drop a feature')
}
