import { expect } from 'chai'
import fc from 'fast-check'
import type * as tfjs from '@tensorflow/tfjs'
import { ready, tf } from '../../lib/tensor/backend'
import { assertFinite } from '../../lib/tensor/finite'
import { valueAndGrads } from '../../lib/tensor/gradients'
import { maskedMean, maskedSum, maskedVar, meanPerSequence, meanPerToken, sumOverFixedLength } from '../../lib/tensor/masked'

describe('tensor/masked', () => {
  before(() => ready())

  it('agrees with the plain statistics of what is not masked, and never reads the rest', () => {
    const entry = fc.record({ x: fc.double({ min: -100, max: 100, noNaN: true }), m: fc.integer({ min: 0, max: 1 }) })
    fc.assert(fc.property(fc.array(entry, { minLength: 2, maxLength: 30 }).filter(a => a.filter(e => e.m).length > 1), entries => {
      const kept = entries.filter(e => e.m).map(e => e.x), x = entries.map(e => e.m ? e.x : NaN), m = entries.map(e => e.m)
      const mean = kept.reduce((a, b) => a + b) / kept.length, variance = kept.reduce((a, b) => a + (b - mean) ** 2, 0) / (kept.length - 1)
      expect(maskedSum(x, m)).to.be.closeTo(mean * kept.length, 1e-9)
      expect(maskedMean(x, m)).to.be.closeTo(mean, 1e-9)
      expect(maskedVar(x, m)).to.be.closeTo(variance, 1e-6)
      expect(maskedVar(x, m, false)).to.be.closeTo(variance * (kept.length - 1) / kept.length, 1e-6)
    }))
  })

  it('refuses masks of another length and masks that leave too little', () => {
    expect(() => maskedMean([1, 2], [1])).to.throw('2 values, but a mask of 1')
    expect(() => maskedMean([1], [0])).to.throw('at least 1 unmasked value')
    expect(() => maskedVar([1, 2], [1, 0])).to.throw('at least 2 unmasked values')
    tf.tidy(() => {
      expect(() => meanPerToken(tf.zeros([1, 2]), tf.zeros([2, 1]))).to.throw('differ in shape')
      expect(() => sumOverFixedLength(tf.zeros([1, 2]), tf.ones([1, 2]), 0)).to.throw(RangeError, 'length')
    })
  })

  it('reduces losses in the three ways, by hand on two sequences of 1 and 3 tokens', () => {
    tf.tidy(() => {
      const x = tf.tensor2d([[6, NaN, Infinity], [1, 2, 3]]), m = tf.tensor2d([[1, 0, 0], [1, 1, 1]])
      const read = (y: tfjs.Scalar) => y.dataSync()[0]
      expect(read(meanPerToken(x, m))).to.equal(3)
      expect(read(meanPerToken(x, m, 12))).to.equal(1)
      expect(read(meanPerSequence(x, m))).to.equal(4)
      expect(read(sumOverFixedLength(x, m, 3))).to.equal(2)
      const grads = (f: (a: tfjs.Tensor2D) => tfjs.Scalar) => Array.from(valueAndGrads(p => ({ loss: f(p.x) }), { x }).grads.x.dataSync())
      expect(grads(a => meanPerToken(a, m))).to.deep.equal([0.25, 0, 0, 0.25, 0.25, 0.25])
      expect(grads(a => sumOverFixedLength(a, m, 4))).to.deep.equal([0.125, 0, 0, 0.125, 0.125, 0.125])
      const each = grads(a => meanPerSequence(a, m))
      each.forEach((g, i) => expect(g).to.be.closeTo([1 / 2, 0, 0, 1 / 6, 1 / 6, 1 / 6][i], 1e-7))
    })
  })
})

describe('tensor/gradients and tensor/finite', () => {
  before(() => ready())

  it('gives value, gradients and what else the loss reports, and leaves nothing behind', () => {
    const params = { a: tf.tensor1d([1, 2]), b: tf.scalar(3) }, before = tf.memory().numTensors
    const { value, grads, aux } = valueAndGrads(({ a, b }) => ({ loss: tf.sum(tf.mul(tf.square(a), b)), aux: { doubled: tf.mul(a, 2) } }), params)
    expect(value.dataSync()[0]).to.equal(15)
    expect(Array.from(grads.a.dataSync())).to.deep.equal([6, 12])
    expect(grads.b.dataSync()[0]).to.equal(5)
    expect(Array.from(aux.doubled.dataSync())).to.deep.equal([2, 4])
    tf.dispose([value, grads, aux])
    expect(tf.memory().numTensors).to.equal(before)
    tf.tidy(() => { valueAndGrads(({ a }) => ({ loss: tf.sum(a), aux: { a } }), { a: params.a }) })
    expect(tf.memory().numTensors).to.equal(before)
    tf.dispose(params)
  })

  it('refuses a loss that is no scalar or does not depend on a weight', () => {
    tf.tidy(() => {
      const params = { a: tf.tensor1d([1, 2]), b: tf.scalar(3) }
      expect(() => valueAndGrads(p => ({ loss: tf.sum(p.a) }), params)).to.throw('does not depend on b; pass only what it trains')
      expect(() => valueAndGrads(() => ({ loss: tf.scalar(1) }), params)).to.throw('does not depend on a, b')
      expect(() => valueAndGrads(p => ({ loss: p.a as unknown as tfjs.Scalar }), { a: params.a })).to.throw('expected a scalar loss, got shape [2]')
      expect(() => valueAndGrads(() => ({ loss: tf.scalar(1) }), {})).to.throw('params is empty')
    })
  })

  it('names the tensor, the step and the place of the first number that is none', () => {
    assertFinite('loss', 1, 0)
    assertFinite('advantages', 1, [0, -1e38])
    expect(() => assertFinite('loss', 7, NaN)).to.throw('loss is not finite at step 7: NaN at [0]')
    tf.tidy(() => {
      assertFinite('w', 1, tf.ones([2, 2]))
      expect(() => assertFinite('logps', 3, tf.tensor2d([[0, 1, 2], [3, Infinity, NaN]]))).to.throw('logps is not finite at step 3: Infinity at [1, 1], 2 of 6 numbers')
    })
  })
})
