import { expect } from 'chai'
import type * as tfjs from '@tensorflow/tfjs'
import { attention, HIDDEN, packedAttention, rotary } from '../../lib/tensor/attention'
import { ready, tf } from '../../lib/tensor/backend'
import { valueAndGrads } from '../../lib/tensor/gradients'
import { embed, gelu, layerNorm, linear, linearGelu, linearOnto, rmsNorm, swiGlu } from '../../lib/tensor/layers'
import { entropies, exactKl, gatherLogps, scatter } from '../../lib/tensor/logprobs'
import { Random } from '../../lib/tensor/random'

type Tensor = tfjs.Tensor
type Inputs = Record<string, Tensor>
type Op = (inputs: Inputs) => Tensor

/** Composites beside the same function out of tf's own differentiable operations. Sizes are odd on purpose. */
interface Case { readonly shapes: Readonly<Record<string, number[]>>, readonly ours: Op, readonly naive: Op }

const ids = Int32Array.from([3, 0, 3, 6, 1]), targets = [2, 0, 10, 5, 5], causal = (t: number) => tf.tidy(() => tf.mul(tf.sub(1, tf.linalg.bandPart(tf.ones([t, t]), -1, 0)), HIDDEN))
const normalised = (x: Tensor) => { const { mean, variance } = tf.moments(x, -1, true); return tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-5))) }
const softAttention = (q: Tensor, k: Tensor, v: Tensor, mask?: Tensor) => {
  const scores = tf.div(tf.matMul(q, k, false, true), Math.sqrt(q.shape[3]!))
  return tf.matMul(tf.softmax(mask ? tf.add(scores, mask) : scores), v)
}
const turn = (x: Tensor): Tensor => { const [a, b] = tf.split(x, 2, 3); return tf.concat([tf.neg(b), a], 3) }
const angles = () => tf.linspace(0, 3, 12).reshape<tfjs.Tensor4D>([1, 1, 3, 4])
const repeat = (x: Tensor, n: number) => { const [b, h, t, e] = x.shape; return tf.reshape(tf.tile(tf.reshape(x, [b, h, 1, t * e]), [1, 1, n, 1]), [b, h * n, t, e]) }
const logSoftmax = (x: Tensor) => tf.sub(x, tf.logSumExp(x, -1, true))
const oneHot = () => tf.cast(tf.oneHot(tf.tensor1d(targets, 'int32'), 11), 'float32')
const heads = (x: Tensor) => tf.transpose(tf.reshape(x, [2, 3, 2, 5]), [0, 2, 1, 3])
const naiveGelu = (x: Tensor) => tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(tf.mul(tf.add(x, tf.mul(tf.mul(tf.mul(x, x), x), 0.044715)), Math.sqrt(2 / Math.PI))), 1))
const naivePacked = (qkv: Tensor) => {
  const [q, k, v] = tf.split(qkv, 3, 1).map(heads)
  return tf.reshape(tf.transpose(softAttention(q, k, v, causal(3)), [0, 2, 1, 3]), [6, 10])
}

const cases: Record<string, Case> = {
  'linear': { shapes: { x: [5, 7], w: [7, 3], b: [3] }, ours: a => linear(a.x as tfjs.Tensor2D, a.w, a.b), naive: a => tf.add(tf.matMul(a.x, a.w), a.b) },
  'linear, transposed, no bias': { shapes: { x: [5, 7], w: [3, 7] }, ours: a => linear(a.x as tfjs.Tensor2D, a.w, undefined, true), naive: a => tf.matMul(a.x, a.w, false, true) },
  'layerNorm': { shapes: { x: [5, 7], g: [7], b: [7] }, ours: a => layerNorm(a.x as tfjs.Tensor2D, a.g, a.b, 1e-5), naive: a => tf.add(tf.mul(normalised(a.x), a.g), a.b) },
  'rmsNorm': {
    shapes: { x: [5, 7], g: [7] }, ours: a => rmsNorm(a.x as tfjs.Tensor2D, a.g, 1e-5),
    naive: a => tf.mul(tf.div(a.x, tf.sqrt(tf.add(tf.mean(tf.square(a.x), -1, true), 1e-5))), a.g),
  },
  'gelu': { shapes: { x: [5, 7] }, ours: a => gelu(a.x), naive: a => naiveGelu(a.x) },
  'linearGelu': { shapes: { x: [5, 4], w: [4, 7], b: [7] }, ours: a => linearGelu(a.x as tfjs.Tensor2D, a.w, a.b), naive: a => naiveGelu(tf.add(tf.matMul(a.x, a.w), a.b)) },
  'linearOnto': { shapes: { r: [5, 3], x: [5, 7], w: [7, 3], b: [3] }, ours: a => linearOnto(a.r as tfjs.Tensor2D, a.x as tfjs.Tensor2D, a.w, a.b), naive: a => tf.add(a.r, tf.add(tf.matMul(a.x, a.w), a.b)) },
  'swiGlu': { shapes: { gate: [5, 7], up: [5, 7] }, ours: a => swiGlu(a.gate, a.up), naive: a => tf.mul(tf.mul(a.gate, tf.sigmoid(a.gate)), a.up) },
  'embed': { shapes: { table: [7, 3] }, ours: a => embed(a.table, ids), naive: a => tf.matMul(tf.cast(tf.oneHot(tf.tensor1d(ids, 'int32'), 7), 'float32'), a.table) },
  'attention': { shapes: { q: [2, 2, 3, 4], k: [2, 2, 5, 4], v: [2, 2, 5, 4] }, ours: a => attention(a.q as tfjs.Tensor4D, a.k as tfjs.Tensor4D, a.v as tfjs.Tensor4D), naive: a => softAttention(a.q, a.k, a.v) },
  'attention, grouped queries': {
    shapes: { q: [2, 4, 3, 4], k: [2, 2, 3, 4], v: [2, 2, 3, 4] },
    ours: a => attention(a.q as tfjs.Tensor4D, a.k as tfjs.Tensor4D, a.v as tfjs.Tensor4D, tf.reshape(causal(3), [1, 1, 3, 3])),
    naive: a => softAttention(a.q, repeat(a.k, 2), repeat(a.v, 2), causal(3)),
  },
  'packedAttention': { shapes: { qkv: [6, 30] }, ours: a => packedAttention(a.qkv as tfjs.Tensor2D, [2, 3], 2, tf.reshape(causal(3), [1, 1, 3, 3])), naive: a => naivePacked(a.qkv) },
  'rotary': {
    shapes: { x: [2, 2, 3, 4] }, ours: a => rotary(a.x as tfjs.Tensor4D, tf.cos(angles()), tf.sin(angles())),
    naive: a => tf.add(tf.mul(a.x, tf.cos(angles())), tf.mul(turn(a.x), tf.sin(angles()))),
  },
  'gatherLogps': { shapes: { logits: [5, 11] }, ours: a => gatherLogps(a.logits as tfjs.Tensor2D, targets), naive: a => tf.sum(tf.mul(logSoftmax(a.logits), oneHot()), 1) },
  'gatherLogps at a temperature': { shapes: { logits: [5, 11] }, ours: a => gatherLogps(a.logits as tfjs.Tensor2D, targets, 0.7), naive: a => tf.sum(tf.mul(logSoftmax(tf.div(a.logits, 0.7)), oneHot()), 1) },
  'entropies': { shapes: { logits: [5, 11] }, ours: a => entropies(a.logits as tfjs.Tensor2D), naive: a => tf.neg(tf.sum(tf.mul(tf.softmax(a.logits), logSoftmax(a.logits)), 1)) },
  'exactKl': {
    shapes: { p: [5, 11], q: [5, 11] }, ours: a => exactKl(a.p as tfjs.Tensor2D, a.q as tfjs.Tensor2D),
    naive: a => tf.sum(tf.mul(tf.softmax(a.p), tf.sub(logSoftmax(a.p), logSoftmax(a.q))), 1),
  },
  'scatter': { shapes: { values: [3] }, ours: a => scatter(a.values as tfjs.Tensor1D, Int32Array.from([4, 0, 2]), 6), naive: a => tf.sum(tf.mul(tf.reshape(a.values, [3, 1]), tf.cast(tf.oneHot(tf.tensor1d([4, 0, 2], 'int32'), 6), 'float32')), 0) },
}

const inputsOf = ({ shapes }: Case): Inputs => {
  const random = Random.seed(7)
  return Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()), shape)]))
}
/** A scalar that weighs every output differently, so that no gradient can hide. */
const weigh = (y: Tensor) => tf.sum<tfjs.Scalar>(tf.mul(tf.reshape(y, [-1]), tf.sin(tf.range(1, y.size + 1))))
const far = (a: Tensor, b: Tensor) => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]

describe('tensor/layers', () => {
  before(() => ready())
  for (const [name, one] of Object.entries(cases)) {
    it(`${name}: value and gradients of the plain operations, and of differences`, () => {
      const inputs = inputsOf(one), before = tf.memory().numTensors
      tf.tidy(() => {
        expect(far(one.ours(inputs), one.naive(inputs))).to.be.below(2e-6)
        const ours = valueAndGrads(a => ({ loss: weigh(one.ours(a)) }), inputs), naive = valueAndGrads(a => ({ loss: weigh(one.naive(a)) }), inputs)
        for (const input of Object.keys(inputs)) {
          expect(far(ours.grads[input], naive.grads[input]), `∂/∂${input}`).to.be.below(1e-5)
          differences(one, inputs, input, ours.grads[input])
        }
      })
      expect(tf.memory().numTensors, 'tensors left behind').to.equal(before)
      tf.dispose(inputs)
    })
  }

  it('refuses shapes and indices that do not fit', () => {
    tf.tidy(() => {
      expect(() => linear(tf.zeros([2, 3]), tf.zeros([4, 5]))).to.throw('linear: x [2, 3] does not fit weights [4, 5]')
      expect(() => embed(tf.zeros([4, 2]), Int32Array.from([0, 4]), 'token')).to.throw(RangeError, 'token 4 (number 1): expected 0 to 3')
      expect(() => embed(tf.zeros([4, 2]), Int32Array.from([-1]))).to.throw(RangeError)
      expect(() => attention(tf.zeros([1, 3, 2, 4]), tf.zeros([1, 2, 2, 4]), tf.zeros([1, 2, 2, 4]))).to.throw('do not fit')
      expect(() => packedAttention(tf.zeros([5, 6]), [2, 3], 1)).to.throw('packedAttention')
      expect(() => gatherLogps(tf.zeros([2, 4]), [0])).to.throw('2 rows of logits, but 1 tokens')
      expect(() => gatherLogps(tf.zeros([2, 4]), [0, 4])).to.throw(RangeError, 'token 4 (row 1)')
      expect(() => gatherLogps(tf.zeros([1, 4]), [0], 0)).to.throw(RangeError, 'temperature')
      expect(() => exactKl(tf.zeros([1, 4]), tf.zeros([2, 4]))).to.throw('differ in shape')
    })
  })

  it('keeps log-probabilities finite where the softmax underflows', () => {
    tf.tidy(() => {
      const logits = tf.tensor2d([[0, 200, -200]])
      expect(gatherLogps(logits, [2]).dataSync()[0]).to.equal(-400)
      expect(entropies(logits).dataSync()[0]).to.equal(0)
      expect(exactKl(logits, tf.tensor2d([[0, 0, 0]])).dataSync()[0]).to.be.closeTo(Math.log(3), 1e-6)
    })
  })
})

/** Central differences of the composite in a few directions against its gradient: (f(x + hd) − f(x − hd)) / 2h = ⟨∇f, d⟩. */
function differences(one: Case, inputs: Inputs, input: string, grad: Tensor): void {
  const random = Random.seed(11), h = 1e-2
  for (let i = 0; i < 3; i++) {
    const d = tf.tensor(Float32Array.from({ length: grad.size }, () => random.normal()), grad.shape)
    const at = (sign: number) => weigh(one.ours({ ...inputs, [input]: tf.add(inputs[input], tf.mul(d, sign * h)) })).dataSync()[0]
    const slope = (at(1) - at(-1)) / (2 * h), want = tf.sum(tf.mul(grad, d)).dataSync()[0]
    expect(slope, `difference along ${input}`).to.be.closeTo(want, 5e-3 * (1 + Math.abs(want)))
  }
}
