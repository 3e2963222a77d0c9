import type * as tfjs from '@tensorflow/tfjs'
import { HIDDEN } from '../tensor/attention'
import { tf } from '../tensor/backend'
import type { HostTensor } from '../tensor/host'

/** Integers in rows and columns: a tensor, or plain arrays of equal length. */
export type Matrix = tfjs.Tensor2D | readonly (ArrayLike<number>)[]

/** A matrix on the host, row-major. */
export interface HostMatrix { readonly data: Int32Array, readonly rows: number, readonly columns: number }

/** The matrix on the host. Throws where it has no row or no column or rows of different length; `what` names it. */
export function onHost(matrix: Matrix, what: string): HostMatrix {
  if (matrix instanceof tf.Tensor) {
    if (matrix.rank !== 2) throw new Error(`${what}: expected [rows, columns], got shape [${matrix.shape.join(', ')}]`)
    return { data: Int32Array.from(matrix.dataSync()), rows: matrix.shape[0], columns: matrix.shape[1] }
  }
  const rows = matrix.length, columns = matrix[0]?.length ?? 0
  if (!columns) throw new Error(`${what}: expected at least one row and one column, got ${rows} × ${columns}`)
  const data = new Int32Array(rows * columns)
  matrix.forEach((row, i) => {
    if (row.length !== columns) throw new Error(`${what}: row ${i} has ${row.length} columns, row 0 has ${columns}; pad them to one length`)
    data.set(row, i * columns)
  })
  return { data, rows, columns }
}

/** Throws unless `matrix` has the shape of `tokens`. */
export function sameShape(matrix: HostMatrix, tokens: HostMatrix, what: string): HostMatrix {
  if (matrix.rows !== tokens.rows || matrix.columns !== tokens.columns) {
    throw new Error(`${what}: expected [${tokens.rows}, ${tokens.columns}] as the tokens, got [${matrix.rows}, ${matrix.columns}]`)
  }
  return matrix
}

/** Position of every token, counted over real tokens only: cumulative sum of the mask − 1, at least 0. Without a mask 0, 1, 2 … */
export function positionsFrom(mask: HostMatrix | undefined, rows: number, columns: number): Int32Array {
  const out = new Int32Array(rows * columns)
  for (let i = 0; i < rows; i++) {
    for (let j = 0, count = 0; j < columns; j++) {
      count += mask ? Number(mask.data[i * columns + j] !== 0) : 1
      out[i * columns + j] = Math.max(0, count - 1)
    }
  }
  return out
}

/**
 * What attention adds to its scores: 0 where query j may see key s (s ≤ j and s no padding, or s = j), a large negative number elsewhere.
 * Returns [1, 1, t, t] where no token comes after padding (it sees none then), else [b, 1, t, t]. A padding row sees itself, so that nothing becomes NaN.
 */
export function causalMask(mask: HostMatrix | undefined, columns: number): HostTensor<[number, number, number, number]> {
  const padded = mask?.data.some((m, i) => m !== 0 && i % columns > 0 && mask.data[i - 1] === 0) ? mask : undefined, rows = padded ? padded.rows : 1
  const out = new Float32Array(rows * columns * columns)
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      for (let s = 0; s < columns; s++, at++) out[at] = s === j || (s < j && (!padded || padded.data[i * columns + s] !== 0)) ? 0 : HIDDEN
    }
  }
  return { data: out, shape: [rows, 1, columns, columns] }
}
