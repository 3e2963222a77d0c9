import { Matrix, QrDecomposition } from 'ml-matrix'

/** What a score rests on: a coefficient a name, in units of the score, with its standard error; `r2`: the share of the score's variance that they explain. */
export interface ScoreRegression {
  readonly coefficients: Readonly<Record<string, number>>
  readonly standardErrors: Readonly<Record<string, number>>
  readonly intercept: number
  readonly r2: number
}

/**
 * Least squares of a reward model's scores on what might explain them (true reward, length, markup …): score = Σ c_j x_j + c_0 + ε.
 * A coefficient says how much the score moves with its cause while the others stay: a bias where the true reward is among them.
 * causes: name → one number a reply. Standard errors assume independent errors of equal variance.
 * Throws RangeError where lengths differ, there are too few replies, or a cause is constant or a combination of others.
 */
export function regressScores(scores: ArrayLike<number>, causes: Readonly<Record<string, ArrayLike<number>>>): ScoreRegression {
  const names = Object.keys(causes), n = scores.length, degrees = n - names.length - 1
  for (const name of names) if (causes[name].length !== n) throw new RangeError(`regressScores: ${n} scores, but ${causes[name].length} values of ${name}`)
  if (degrees < 1) throw new RangeError(`regressScores: ${names.length} causes need at least ${names.length + 2} scores, got ${n}`)
  const x = new Matrix(Array.from({ length: n }, (_, i) => [1, ...names.map(name => causes[name][i])])), y = Matrix.columnVector(Array.from(scores))
  // columns of one size, so that the test of their independence does not depend on units
  const sizes = Array.from({ length: x.columns }, (_, j) => x.getColumnVector(j).norm() || 1), qr = new QrDecomposition(Matrix.div(x, Matrix.ones(n, 1).mmul(Matrix.rowVector(sizes))))
  const diagonal = qr.upperTriangularMatrix.diagonal().map(Math.abs), weak = diagonal.findIndex(d => !(d > 1e-8))
  if (weak >= 0) throw new RangeError(`regressScores: ${names[weak - 1]} is constant or a combination of the others: leave it out`)
  const scaled = qr.solve(y).to1DArray(), all = scaled.map((c, j) => c / sizes[j])
  const residual = Matrix.sub(y, x.mmul(Matrix.columnVector(all))), squares = residual.dot(residual), mean = y.mean()
  const r = new QrDecomposition(qr.upperTriangularMatrix).solve(Matrix.eye(x.columns)), variance = squares / degrees
  const errors = sizes.map((size, j) => Math.sqrt(variance * r.getRowVector(j).dot(r.getRowVector(j))) / size)
  const record = (values: readonly number[]) => Object.fromEntries(names.map((name, j) => [name, values[j + 1]]))
  return { coefficients: record(all), standardErrors: record(errors), intercept: all[0], r2: 1 - squares / y.to1DArray().reduce((sum, v) => sum + (v - mean) ** 2, 0) }
}
