import { momentsOfRows, type Rows } from './rows'

/**
 * Rows with unit variance and, unless `shiftMean` is false, zero mean over all their tokens: (x − μ) / √(σ² + 1e-8).
 * As TRL's masked_whiten, which PPO applies to advantages; σ² is the unbiased variance. With `shiftMean: false` the mean stays where it was (rewards are whitened so, advantages are not).
 * Throws RangeError on fewer than two tokens. Equal tokens come out as 0 (or as their mean): there is no signal to scale.
 */
export function whiten(rows: Rows, { shiftMean = true }: { shiftMean?: boolean } = {}): Float32Array[] {
  const { mean, variance } = momentsOfRows(rows, true)
  const scale = 1 / Math.sqrt(variance + 1e-8), shift = shiftMean ? 0 : mean
  return rows.map(row => Float32Array.from({ length: row.length }, (_, t) => (row[t] - mean) * scale + shift))
}
