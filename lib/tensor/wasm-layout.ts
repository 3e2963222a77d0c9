import type { Kernel, KernelCall } from './wasm-types'

/** The same numbers under another name: the stock kernel copies them, at every tf.clone. */
export const identity: Kernel = run => ({ inputs, attrs, backend }: KernelCall) => {
  const { x } = inputs
  if (x.dtype === 'string') return run('Identity', { inputs, attrs, backend })
  backend.incRef(x.dataId)
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype }
}

/** Sum over the first axes, four rows at a time (their sum in float64): the stock kernel transposes first. Other sums are the stock's. */
export const sum: Kernel = (run, tf) => ({ inputs, attrs, backend }: KernelCall) => {
  const { x } = inputs, { keepDims } = attrs, axes = tf.util.parseAxisParam(attrs.axis as number | number[], x.shape).sort((a, b) => a - b)
  const first = axes.every((axis, i) => axis === i) && axes.length > 0 && axes.length < x.shape.length
  if (!first || x.dtype !== 'float32') return run('Sum', { inputs, attrs, backend })
  const rest = x.shape.slice(axes.length), d = tf.util.sizeFromShape(rest), n = tf.util.sizeFromShape(x.shape.slice(0, axes.length))
  const out = backend.makeOutput(keepDims ? [...axes.map(() => 1), ...rest] : rest, 'float32')
  // Views last until memory grows: take them when nothing is allocated any more.
  const [from, to] = [x, out].map(tensor => backend.typedArrayFromHeap(tensor) as Float32Array)
  addRows(from, to.fill(0), n, d)
  return out
}

function addRows(x: Float32Array, out: Float32Array, n: number, d: number): void {
  let i = 0
  for (; i + 4 <= n; i += 4) {
    const a = i * d, b = a + d, c = b + d, e = c + d
    for (let j = 0; j < d; j++) out[j] += x[a + j] + x[b + j] + (x[c + j] + x[e + j])
  }
  for (; i < n; i++) for (let j = 0, at = i * d; j < d; j++) out[j] += x[at + j]
}

/** The transpose of a matrix, in pieces of 16 × 64 that stay in the cache; other orders are the stock kernel's. */
export const transpose: Kernel = run => ({ inputs, attrs, backend }: KernelCall) => {
  const { x } = inputs, perm = attrs.perm as number[], [n, d] = x.shape
  if (x.dtype !== 'float32' || perm.length !== 2 || perm[0] !== 1 || n === 1 || d === 1) return run('Transpose', { inputs, attrs, backend })
  const out = backend.makeOutput([d, n], 'float32'), [from, to] = [x, out].map(tensor => backend.typedArrayFromHeap(tensor) as Float32Array)
  turn(from, to, n, d)
  return out
}

function turn(x: Float32Array, out: Float32Array, n: number, d: number): void {
  for (let left = 0; left < d; left += 64) {
    for (let top = 0; top < n; top += 16) strip(x, out, n, d, top, left)
  }
}

function strip(x: Float32Array, out: Float32Array, n: number, d: number, top: number, left: number): void {
  const bottom = Math.min(n, top + 16), right = Math.min(d, left + 64), whole = bottom - (bottom - top) % 4
  for (let j = left; j < right; j++) {
    let to = j * n + top, from = top * d + j, i = top
    for (; i < whole; i += 4, to += 4, from += 4 * d) {
      out[to] = x[from]
      out[to + 1] = x[from + d]
      out[to + 2] = x[from + 2 * d]
      out[to + 3] = x[from + 3 * d]
    }
    for (; i < bottom; i++, to++, from += d) out[to] = x[from]
  }
}

/** See kernels.ts: packed [b·t, 3·heads·e] as q (times a factor), k, v [b, heads, t, e]. */
export const splitHeads = ({ inputs, attrs, backend }: KernelCall) => {
  const { packed } = inputs, { t, heads, factor } = attrs as { t: number, heads: number, factor: number }
  const [rows, width] = packed.shape, e = width / (3 * heads), parts = [0, 1, 2].map(() => backend.makeOutput([rows / t, heads, t, e], 'float32'))
  const [from, ...to] = [packed, ...parts].map(tensor => backend.typedArrayFromHeap(tensor) as Float32Array)
  to.forEach((part, i) => moveHeads(from, part, { rows, t, heads, e, offset: i * heads * e, split: true }, i === 0 ? factor : 1))
  return parts
}

/** See kernels.ts: the way back. */
export const mergeHeads = ({ inputs, attrs, backend }: KernelCall) => {
  const [b, heads, t, e] = inputs.q.shape, rows = b * t, out = backend.makeOutput([rows, 3 * heads * e], 'float32')
  const [to, ...from] = [out, inputs.q, inputs.k, inputs.v].map(tensor => backend.typedArrayFromHeap(tensor) as Float32Array)
  from.forEach((part, i) => moveHeads(part, to, { rows, t, heads, e, offset: i * heads * e, split: false }, i === 0 ? attrs.factor as number : 1))
  return out
}

interface Heads { readonly rows: number, readonly t: number, readonly heads: number, readonly e: number, readonly offset: number, readonly split: boolean }

/** One part of the packed rows to its heads, or back, times a factor. */
function moveHeads(from: Float32Array, to: Float32Array, { rows, t, heads, e, offset, split }: Heads, factor: number): void {
  for (let row = 0; row < rows; row++) {
    for (let head = 0; head < heads; head++) {
      const packed = row * 3 * heads * e + offset + head * e, apart = ((Math.floor(row / t) * heads + head) * t + row % t) * e
      const source = split ? packed : apart, target = split ? apart : packed
      for (let i = 0; i < e; i++) to[target + i] = from[source + i] * factor
    }
  }
}
