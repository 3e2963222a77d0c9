/** One row a response, each as long as its response: no padding, so no mask to get wrong. */
export type Rows = readonly ArrayLike<number>[]

/** Mean and variance over every entry of the rows; `unbiased` divides by n − 1. Throws RangeError where there are too few entries. */
export function momentsOfRows(rows: Rows, unbiased: boolean): { mean: number; variance: number; count: number } {
  let count = 0, sum = 0
  for (const row of rows) for (let t = 0; t < row.length; t++) { sum += row[t]; count++ }
  if (count < (unbiased ? 2 : 1)) throw new RangeError(`expected at least ${unbiased ? 2 : 1} entries, got ${count}`)
  const mean = sum / count
  let squares = 0
  for (const row of rows) for (let t = 0; t < row.length; t++) squares += (row[t] - mean) ** 2
  return { mean, variance: squares / (unbiased ? count - 1 : count), count }
}
