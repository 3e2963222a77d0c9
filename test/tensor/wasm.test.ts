import type * as tfjs from '@tensorflow/tfjs'
import { expect } from 'chai'
import fc from 'fast-check'
import { ready, tf } from '../../lib/tensor/backend'
import { addWasm } from '../../lib/tensor/backend/load'
import { Random } from '../../lib/tensor/random'

type Tensors = tfjs.Tensor[]
const values = (x: tfjs.Tensor) => ({ shape: x.shape, dtype: x.dtype, values: Array.from(x.dataSync()) })

/** Runs f on one backend: its value, and where asked for its gradients by every input, at a fixed direction. */
async function on(backend: string, shapes: readonly (readonly number[])[], f: (...x: Tensors) => tfjs.Tensor, withGradients: boolean) {
  await tf.setBackend(backend)
  return tf.tidy(() => {
    const random = Random.seed(1)
    const make = (shape: readonly number[]) => tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()), [...shape])
    const inputs = shapes.map(make)
    const out = f(...inputs)
    const gradients = withGradients ? tf.grads(f)(inputs, make(out.shape)) : []
    return [out, ...gradients].map(values)
  })
}

/** The same on native TensorFlow (where this machine has it), wasm and plain JavaScript, within 1e-5 of the largest value. */
async function agree(shapes: readonly (readonly number[])[], f: (...x: Tensors) => tfjs.Tensor, withGradients = true): Promise<void> {
  const expected = await on('cpu', shapes, f, withGradients)
  for (const backend of backends) {
    const got = await on(backend, shapes, f, withGradients)
    got.forEach((x, i) => {
      expect(x.shape, `${backend}: shape of output ${i}`).to.deep.equal(expected[i].shape)
      expect(x.dtype).to.equal(expected[i].dtype)
      const scale = Math.max(1, ...expected[i].values.map(Math.abs))
      x.values.forEach((value, j) => expect(value, `${backend}: output ${i}, element ${j}`).to.be.closeTo(expected[i].values[j], 1e-5 * scale))
    })
  }
}

let backends: string[]
let chosen: string

before(async () => {
  chosen = (await ready()).name
  if (chosen !== 'wasm') addWasm(tf, 2)
  backends = chosen === 'wasm' ? ['wasm'] : ['wasm', chosen]
})
after(() => tf.setBackend(chosen))

describe('matrix products on every backend', () => {
  const matMul = (transposeA: boolean, transposeB: boolean) => (a: tfjs.Tensor, b: tfjs.Tensor) => tf.matMul(a, b, transposeA, transposeB)

  for (const transposeA of [false, true]) {
    for (const transposeB of [false, true]) {
      it(`agree, with gradients, ${transposeA ? 'Aᵀ' : 'A'} ${transposeB ? 'Bᵀ' : 'B'}`, async () => {
        const a = transposeA ? [5, 3] : [3, 5]
        const b = transposeB ? [4, 5] : [5, 4]
        await agree([a, b], matMul(transposeA, transposeB))
        await agree([[2, ...a], [2, ...b]], matMul(transposeA, transposeB))
        await agree([[2, 3, ...a], [2, 3, ...b]], matMul(transposeA, transposeB))
      })
    }
  }
  it('agree where batches are broadcast (tfjs has no gradient for that)', async () => {
    await agree([[4, 3, 5], [1, 5, 2]], matMul(false, false), false)
    await agree([[1, 3, 5], [4, 5, 2]], matMul(false, false), false)
    await agree([[4, 5, 3], [1, 2, 5]], matMul(true, true), false)
    await agree([[3, 3, 5], [5, 2]], matMul(false, false), false)
  })
  it('are right where both sides repeat (plain JavaScript is not)', async () => {
    const outer = [0, 1].flatMap(i => [0, 1, 2].flatMap(j => [0, 1, 2].flatMap(row => [0, 1].map(column => (i * 3 + row) * (1 + j * 2 + column)))))
    for (const backend of backends) {
      await tf.setBackend(backend)
      const product = tf.tidy(() => values(tf.matMul(tf.reshape(tf.range(0, 6), [2, 1, 3, 1]), tf.reshape(tf.range(1, 7), [1, 3, 1, 2]))))
      expect(product).to.deep.equal({ shape: [2, 3, 3, 2], dtype: 'float32', values: outer })
    }
  })
  it('agree at the edges: one row, one column, nothing', async () => {
    await agree([[1, 1], [1, 1]], matMul(false, false))
    await agree([[1, 7], [7, 1]], matMul(false, false))
    await agree([[0, 3], [3, 2]], matMul(false, false), false)
    await agree([[2, 3], [3, 0]], matMul(false, false), false)
  })
  it('agree on any shape', () => fc.assert(fc.asyncProperty(
    fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }), fc.boolean(), fc.boolean(),
    async (batch, m, k, n, transposeA, transposeB) => {
      await agree([[...batch, ...(transposeA ? [k, m] : [m, k])], [...batch, ...(transposeB ? [n, k] : [k, n])]], matMul(transposeA, transposeB))
    }), { numRuns: 25 }))
  it('follow a weight that changes: nothing stale is kept', async () => {
    await tf.setBackend('wasm')
    const weight = tf.variable(tf.ones([2, 2]))
    const x = tf.tensor2d([[1, 2]])
    const product = () => tf.tidy(() => Array.from(tf.matMul(x, weight).dataSync()))
    expect(product()).to.deep.equal([3, 3])
    tf.tidy(() => weight.assign(tf.mul<tfjs.Tensor2D>(weight, 2)))
    expect(product()).to.deep.equal([6, 6])
    tf.dispose([weight, x])
  })
  it('name the shapes that do not fit and the type that is not there', async () => {
    await tf.setBackend('wasm')
    const attempt = (a: tfjs.Tensor, b: tfjs.Tensor) => () => tf.tidy(() => tf.matMul(a, b))
    expect(attempt(tf.ones([2, 3]), tf.ones([4, 2]))).to.throw(/3.*4/)
    expect(attempt(tf.ones([2, 2], 'int32'), tf.ones([2, 2], 'int32'))).to.throw('matMul on wasm takes float32, got int32 and int32: cast first')
  })
})

describe('fused.matMul on every backend', () => {
  for (const activation of ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu'] as const) {
    it(`adds the bias to every batch, then ${activation}`, async () => {
      const fused = (a: tfjs.Tensor, b: tfjs.Tensor, bias: tfjs.Tensor) => tf.fused.matMul({ a, b, bias, activation, leakyreluAlpha: 0.1 })
      await agree([[3, 4, 5], [3, 5, 2], [2]], fused, activation === 'linear')
      await agree([[4, 5], [5, 2], [2]], fused, activation === 'linear')
    })
  }
  it('has PReLU with its weights', () => agree([[4, 5], [5, 2], [2], [2]], (a, b, bias, weights) => tf.fused.matMul({ a, b, bias, activation: 'prelu', preluActivationWeights: weights }), false))
  it('works without a bias, transposed', () => agree([[2, 5, 4], [2, 3, 5]], (a, b) => tf.fused.matMul({ a, b, transposeA: true, transposeB: true })))
})

describe('lookups on every backend', () => {
  const ids = () => tf.tensor1d([2, 0, 2, 1], 'int32')

  it('agree on gather, whose gradient adds up the rows that were taken twice', async () => {
    await agree([[4, 3]], x => tf.gather(x, ids()))
    await agree([[4, 3]], x => tf.gather(x, tf.tensor2d([[0, 1], [1, 3]], [2, 2], 'int32')))
    await agree([[2, 4, 3]], x => tf.gather(x, ids(), 1))
    await agree([[5]], x => tf.gather(x, ids()))
  })
  it('agree on sums by segment', async () => {
    await agree([[4, 3]], x => tf.unsortedSegmentSum(x, ids(), 5), false)
    await agree([[4]], x => tf.unsortedSegmentSum(x, ids(), 3), false)
    await agree([[4, 2, 2]], x => tf.unsortedSegmentSum(x, tf.tensor1d([0, -1, 1, 0], 'int32'), 2), false)
  })
  it('sum int32 as int32 (plain JavaScript makes it float32)', async () => {
    for (const backend of backends) {
      await tf.setBackend(backend)
      expect(tf.tidy(() => values(tf.unsortedSegmentSum(tf.tensor1d([1, 2, 3, 4], 'int32'), ids(), 3)))).to.deep.equal({ shape: [3], dtype: 'int32', values: [2, 4, 4] })
    }
  })
  it('refuse a segment that does not exist', async () => {
    await tf.setBackend('wasm')
    expect(() => tf.tidy(() => tf.unsortedSegmentSum(tf.ones([4]), ids(), 2))).to.throw('segmentIds[0] = 2 is not below numSegments = 2')
  })
  for (const dtype of ['float32', 'int32', 'bool'] as const) {
    it(`agree on oneHot as ${dtype}`, () => agree([], () => tf.oneHot(ids(), 3, 1, 0, dtype), false))
  }
  it('agree on oneHot with other values than one and zero', () => agree([], () => tf.oneHot(ids(), 3, 0.5, -2.5, 'float32'), false))
})

describe('einsum on every backend', () => {
  for (const [equation, ...shapes] of [['ij,jk->ik', [2, 3], [3, 4]], ['bij,bkj->bik', [2, 3, 4], [2, 5, 4]], ['ij->ji', [2, 3]], ['ij->i', [2, 3]], ['i,j->ij', [3], [2]], ['ij,ij->', [2, 3], [2, 3]], ['ij->ij', [2, 3]]] as const) {
    it(`agrees on ${equation}`, () => agree(shapes, (...x) => tf.einsum(equation, ...x), false))
  }
})

describe('wasm memory', () => {
  it('does not grow: every intermediate result is given back', async () => {
    await tf.setBackend('wasm')
    const held = () => ({ tensors: tf.memory().numTensors, buffers: (tf.backend() as unknown as { numDataIds(): number }).numDataIds() })
    const step = () => tf.tidy(() => {
      const indices = tf.tensor2d([[0, 1], [1, 1]], [2, 2], 'int32')
      const loss = (x: tfjs.Tensor, w: tfjs.Tensor) => tf.sum(tf.fused.matMul({ a: tf.gather(x, indices), b: tf.stack([w, w]), bias: tf.ones([3]) }))
      tf.grads(loss)([tf.ones([2, 4]), tf.ones([4, 3])])
      tf.matMul(tf.ones([2, 4, 3]), tf.ones([1, 2, 4]), true, true)
      tf.oneHot(indices, 4, 1, 0, 'float32')
      tf.einsum('ij,kj->ik', tf.ones([2, 3]), tf.ones([4, 3]))
    })
    step()
    const before = held()
    for (let i = 0; i < 5; i++) step()
    expect(held()).to.deep.equal(before)
  })
})
