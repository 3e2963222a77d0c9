import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { stopGradient } from '../tensor/gradients'
import type { Numbers } from './pairs'

/** Numbers of a batch of responses, row by row: [B][T], padded to one length, or a tensor [B, T] of a batch. They carry no gradient. */
export type Numbers2D = readonly ArrayLike<number>[] | tfjs.Tensor2D

/** Numbers as a float32 tensor of `shape`: [B, T], or [B] spread over [B, 1]. Throws RangeError, naming `what`, where they do not fit. */
export function like(logp: tfjs.Tensor2D, numbers: Numbers2D | Numbers, what: string): tfjs.Tensor2D {
  const [B, T] = logp.shape
  if (numbers instanceof tf.Tensor) {
    const fits = numbers.shape[0] === B && (numbers.rank === 1 || (numbers.rank === 2 && (numbers.shape[1] === T || numbers.shape[1] === 1)))
    if (!fits) throw new RangeError(`${what}: expected [${B}, ${T}], [${B}, 1] or [${B}] as logp [${B}, ${T}], got [${numbers.shape.join(', ')}]`)
    return stopGradient(tf.cast(numbers.rank === 1 ? tf.reshape<tfjs.Rank.R2>(numbers, [B, 1]) : numbers as tfjs.Tensor2D, 'float32'))
  }
  const rows = Array.from(numbers as ArrayLike<ArrayLike<number> | number>)
  if (rows.length !== B) throw new RangeError(`${what}: expected ${B} rows as logp [${B}, ${T}], got ${rows.length}`)
  if (rows.every(row => typeof row === 'number')) return tf.tensor2d(rows, [B, 1])
  const flat = new Float32Array(B * T)
  rows.forEach((row, i) => {
    const length = typeof row === 'number' ? undefined : row.length
    if (length !== T) throw new RangeError(`${what}: expected ${T} columns as logp [${B}, ${T}], row ${i} has ${length ?? 'none'}`)
    flat.set(row as ArrayLike<number>, i * T)
  })
  return tf.tensor2d(flat, [B, T])
}
