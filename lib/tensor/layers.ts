import type * as tfjs from '@tensorflow/tfjs'
import { tf } from './backend'
import { addBiased, biasGelu, biasGeluGrad, biasGeluSlope, gelu as fusedGelu, geluSlope, hasKernels, layerNorm as fusedLayerNorm, layerNormGrad } from './kernels'
import { add, columnSums, gatherRows, lastMeans, matMul, mul, rsqrt, sigmoid, sigmoidGrad, square, sub, tallProduct } from './native'

type Save = tfjs.GradSaveFunc
type Gradient = (dy: tfjs.Tensor, saved: tfjs.Tensor[]) => tfjs.Tensor[]

/**
 * One differentiable operation out of several, with a gradient written by hand: fewer operations on the tape, fewer intermediate tensors kept.
 * `forward` returns the value and saves what `gradient` needs; `gradient` returns one tensor for each input. Intermediates are freed in both.
 */
export function composite<T extends tfjs.Tensor>(inputs: tfjs.Tensor[], forward: (save: Save) => tfjs.Tensor, gradient: Gradient): T {
  const run = tf.customGrad((...args) => ({
    value: forward(args[inputs.length] as unknown as Save),
    gradFunc: (dy: tfjs.Tensor, saved: tfjs.Tensor[]) => tf.tidy(() => gradient(dy, saved)),
  }))
  return run(...inputs) as T
}

/**
 * y = x W + b.  x [n, in], W [in, out] (GPT-2's order) or, transposed, [out, in] (Llama's, and every output head's), b [out] → [n, out].
 */
export function linear(x: tfjs.Tensor2D, w: tfjs.Tensor, b?: tfjs.Tensor, transposed = false): tfjs.Tensor2D {
  checkLinear(x, w, transposed)
  return composite(b ? [x, w, b] : [x, w], save => {
    save([x, w])
    const y = matMul(x, w, false, transposed)
    return b ? add(y, b) : y
  }, (dy, [x, w]) => {
    const grads: tfjs.Tensor[] = [matMul(dy, w, false, !transposed), transposed ? tallProduct(dy, x) : tallProduct(x, dy)]
    return b ? [...grads, columnSums(dy)] : grads
  })
}

function checkLinear(x: tfjs.Tensor2D, w: tfjs.Tensor, transposed = false): void {
  if (w.rank !== 2 || x.shape[1] !== w.shape[transposed ? 1 : 0]) throw new Error(`linear: x [${x.shape.join(', ')}] does not fit ${transposed ? 'transposed ' : ''}weights [${w.shape.join(', ')}]`)
}

/**
 * LayerNorm over the last axis: y = (x − mean) / √(var + ε) · g + b.  x [n, d], g and b [d].  Ba 2016, arXiv:1607.06450
 */
export function layerNorm(x: tfjs.Tensor2D, g: tfjs.Tensor, b: tfjs.Tensor, epsilon: number): tfjs.Tensor2D {
  if (hasKernels()) {
    return composite([x, g, b], save => {
      const [y, mean, scale] = fusedLayerNorm(x, g, b, epsilon)
      save([x, mean, scale, g])
      return y
    }, (dy, [x, mean, scale, g]) => layerNormGrad(dy, x, mean, scale, g))
  }
  return composite([x, g, b], save => {
    const centred = sub(x, lastMeans(x))
    const scale = rsqrt(add(lastMeans(square(centred)), epsilon))
    const normal = mul(centred, scale)
    save([normal, scale, g])
    return add(mul(normal, g), b)
  }, (dy, [normal, scale, g]) => {
    const dn = mul(dy, g), along = lastMeans(mul(dn, normal))
    const dx = mul(sub(sub(dn, mul(normal, along)), lastMeans(dn)), scale)
    return [dx, columnSums(mul(dy, normal)), columnSums(dy)]
  })
}

/** RMSNorm over the last axis: y = x / √(mean(x²) + ε) · g.  x [n, d], g [d].  Zhang 2019, arXiv:1910.07467 */
export function rmsNorm(x: tfjs.Tensor2D, g: tfjs.Tensor, epsilon: number): tfjs.Tensor2D {
  return composite([x, g], save => {
    const scale = rsqrt(add(lastMeans(square(x)), epsilon))
    const normal = mul(x, scale)
    save([normal, scale, g])
    return mul(normal, g)
  }, (dy, [normal, scale, g]) => {
    const dn = mul(dy, g), along = lastMeans(mul(dn, normal))
    return [mul(sub(dn, mul(normal, along)), scale), columnSums(mul(dy, normal))]
  })
}

const GELU_1 = 2 * Math.sqrt(2 / Math.PI), GELU_3 = GELU_1 * 0.044715

/**
 * GPT-2's GELU, `gelu_new`: y = x/2 · (1 + tanh(√(2/π)(x + 0.044715 x³))).  Hendrycks 2016, arXiv:1606.08415
 * Computed as x σ(u), u = 2√(2/π)(x + 0.044715 x³), which is the same.
 */
export function gelu<T extends tfjs.Tensor>(x: T): T {
  const wanted = tf.engine().state.gradientDepth > 0
  if (hasKernels()) {
    return composite([x], save => {
      if (!wanted) return fusedGelu(x)
      const [y, slope] = geluSlope(x)
      save([slope])
      return y
    }, (dy, [slope]) => [mul(dy, slope)])
  }
  return composite([x], save => {
    const squared = square(x), gate = sigmoid(mul(x, add(mul(squared, GELU_3), GELU_1)))
    // The derivative σ + σ(1 − σ) x u' now, while its parts are at hand: one tensor to keep instead of three.
    if (wanted) save([add(gate, sigmoidGrad(gate, mul(x, add(mul(squared, 3 * GELU_3), GELU_1))))])
    return mul(x, gate)
  }, (dy, [derivative]) => [mul(dy, derivative)])
}

/** gelu(x W + b): {@link linear}, then {@link gelu}. */
export function linearGelu(x: tfjs.Tensor2D, w: tfjs.Tensor, b: tfjs.Tensor): tfjs.Tensor2D {
  if (!hasKernels()) return gelu(linear(x, w, b))
  const wanted = tf.engine().state.gradientDepth > 0
  checkLinear(x, w)
  return composite([x, w, b], save => {
    const z = matMul(x, w)
    if (!wanted) return biasGelu(z, b)
    const [y, slope] = biasGeluSlope(z, b)
    save([x, w, slope])
    return y
  }, (dy, [x, w, slope]) => {
    const [dz, db] = biasGeluGrad(dy, slope)
    return [matMul(dz, w, false, true), tallProduct(x, dz), db]
  })
}

/** r + x W + b: {@link linear} onto the residual stream r [n, out]. */
export function linearOnto(r: tfjs.Tensor2D, x: tfjs.Tensor2D, w: tfjs.Tensor, b: tfjs.Tensor): tfjs.Tensor2D {
  if (!hasKernels()) return tf.add(r, linear(x, w, b))
  checkLinear(x, w)
  return composite([r, x, w, b], save => {
    save([x, w])
    return addBiased(r, matMul(x, w), b)
  }, (dy, [x, w]) => [dy.clone(), matMul(dy, w, false, true), tallProduct(x, dy), columnSums(dy)])
}

/** SwiGLU's gate: y = silu(gate) · up, silu(x) = x σ(x).  Shazeer 2020, arXiv:2002.05202 */
export function swiGlu<T extends tfjs.Tensor>(gate: T, up: T): T {
  return composite([gate, up], save => {
    const s = sigmoid(gate), silu = mul(gate, s)
    save([up, s, silu])
    return mul(silu, up)
  }, (dy, [up, s, silu]) => {
    // d silu = σ + silu (1 − σ)
    const slope = add(s, sub(silu, mul(silu, s)))
    return [mul(mul(dy, up), slope), mul(dy, silu)]
  })
}

/**
 * The rows of a table: table [rows, d], ids [n] → [n, d]. Throws RangeError naming the first id on the host that is outside the table;
 * ids in an int32 tensor are not looked at, and outside the table they give garbage: check them with {@link checkIndices} before.
 */
export function embed(table: tfjs.Tensor, ids: Int32Array | tfjs.Tensor1D, what = 'id'): tfjs.Tensor2D {
  const rows = table.shape[0]
  if (ids instanceof Int32Array) checkIndices(ids, rows, what)
  return composite([table], save => {
    const index = ids instanceof Int32Array ? tf.tensor1d(ids, 'int32') : ids
    save([index])
    return gatherRows(table, index)
  }, (dy, [index]) => [tf.unsortedSegmentSum(dy, index as tfjs.Tensor1D, rows)])
}

/** Throws RangeError naming the first index outside a table of `rows` rows, which the kernels would read as garbage. */
export function checkIndices(ids: Int32Array, rows: number, what: string): void {
  const bad = ids.findIndex(id => !(id >= 0 && id < rows))
  if (bad >= 0) throw new RangeError(`${what} ${ids[bad]} (number ${bad}): expected 0 to ${rows - 1}, the rows of the table`)
}
