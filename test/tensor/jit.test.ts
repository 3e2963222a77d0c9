import path from 'node:path'
import { Worker } from 'node:worker_threads'
import type * as tfjs from '@tensorflow/tfjs'
import { expect } from 'chai'
import fc from 'fast-check'
import { ready, tf } from '../../lib/tensor/backend'
import { attention } from '../../lib/tensor/attention'
import { valueAndGrads } from '../../lib/tensor/gradients'
import { createJit, JitTraceError } from '../../lib/tensor/jit/index'
import { jitStatus } from '../../lib/tensor/jit'
import { embed, gelu, layerNorm, linear } from '../../lib/tensor/layers'
import { entropies, gatherLogps, scatter } from '../../lib/tensor/logprobs'
import { Random } from '../../lib/tensor/random'

const notes: string[] = [], jit = createJit(tf, { note: line => notes.push(line) })
const random = Random.seed(7), normal = (...shape: number[]) => tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()), shape)
const near = (a: tfjs.Tensor, b: tfjs.Tensor, what: string, tolerance = 1e-5) => {
  expect(a.shape, what).to.deep.equal(b.shape)
  const x = a.dataSync(), y = b.dataSync()
  x.forEach((value, i) => expect(value, `${what}[${i}]`).to.be.closeTo(y[i], tolerance * (1 + Math.abs(y[i]))))
}
/** Whether this backend compiles; where it does not, the same calls must give the same numbers. */
const compiles = () => jitStatus().includes('graph')
const states = (f: { explain: () => { state: string }[] }) => f.explain().map(({ state }) => state)

describe('tensor/jit', () => {
  before(ready)
  beforeEach(() => { notes.length = 0; tf.engine().startScope() })
  afterEach(() => tf.engine().endScope())

  for (const mode of ['graph', 'xla'] as const) {
    it(`gives eager's numbers and gradients: lookup, norm, attention, indices, scatter, by ${mode}`, () => {
      const n = 6, width = 8, step = (p: Record<string, tfjs.Tensor>, ids: tfjs.Tensor1D, targets: tfjs.Tensor1D, places: tfjs.Tensor1D) => {
        const { value, grads, aux } = valueAndGrads(w => {
          const x = layerNorm(embed(w.table, ids), w.g, w.b, 1e-5), heads = tf.reshape<tfjs.Rank.R4>(x, [1, 2, n / 2, width])
          const y = gelu(linear(tf.reshape(attention(heads, heads, heads), [n, width]), w.matrix, w.bias))
          const logits = tf.matMul<tfjs.Tensor2D>(y, w.table, false, true), logps = gatherLogps(logits, targets)
          const moved = tf.reshape(tf.gather(scatter(logps, places, 2 * n), tf.reverse(places)), [n])
          return { loss: tf.neg(tf.mean<tfjs.Scalar>(tf.mul(moved, tf.exp(tf.neg(entropies(logits)))))), aux: { hits: tf.equal(tf.argMax(logits, 1), targets) } }
        }, p)
        return { value, grads, aux, count: tf.sum(tf.cast(ids, 'int32')), kept: p.b }
      }
      const fast = jit(step, { mode }), params = { table: normal(5, width), g: normal(width), b: normal(width), matrix: normal(width, width), bias: normal(width) }
      for (let call = 0; call < 5; call++) {
        const ids = tf.tensor1d(Array.from({ length: n }, () => random.int(5)), 'int32'), targets = tf.tensor1d(Array.from({ length: n }, () => random.int(5)), 'int32'), places = tf.tensor1d([3, 1, 10, 7, 2, 11], 'int32')
        const got = fast(params, ids, targets, places), want = step(params, ids, targets, places)
        near(got.value, want.value, 'loss')
        for (const [name, grad] of Object.entries(want.grads)) near(got.grads[name], grad, name)
        near(got.aux.hits, want.aux.hits, 'hits')
        expect([got.aux.hits.dtype, got.count.dtype, got.count.dataSync()[0]]).to.deep.equal(['bool', 'int32', want.count.dataSync()[0]])
        near(got.kept, params.b, 'an argument that is returned')
        expect(got.kept).to.not.equal(params.b)
      }
      expect(states(fast)).to.deep.equal(compiles() ? ['compiled'] : [])
      expect(notes.filter(line => !line.includes('compiled in'))).to.deep.equal([])
      fast.dispose()
    }).timeout(120_000)
  }

  for (const mode of ['graph', 'xla'] as const) {
    it(`runs a loop as one call, by ${mode}, with what does not change beside the state`, () => {
      const power = jit.loop(({ i }: { i: tfjs.Tensor, x: tfjs.Tensor }, { n }: { n: tfjs.Tensor, w: tfjs.Tensor }) => tf.less(i, n), ({ i, x }, { w }) => ({ i: tf.add(i, tf.scalar(1, 'int32')), x: tf.matMul(x, w) }), { mode })
      const w = normal(3, 3), eye = tf.eye(3)
      for (const n of [0, 1, 5, 2]) {
        const { i, x } = power({ i: tf.scalar(0, 'int32'), x: eye }, { n: tf.scalar(n, 'int32'), w })
        expect(i.dataSync()[0]).to.equal(n)
        near(x, Array.from({ length: n }).reduce<tfjs.Tensor>(y => tf.matMul(y, w), eye), `power ${n}`)
      }
      expect(states(power)).to.deep.equal(compiles() ? ['compiled'] : [])
      power.dispose()
      if (compiles()) expect(() => jit.loop((x: tfjs.Tensor) => tf.less(tf.sum(x), 1), x => tf.concat([x, x]), { mode })(eye, null)).to.throw(JitTraceError, 'types and shapes must stay')
    })
  }

  it('calls what XLA compiles from within a graph, twice for two pieces', () => {
    const piece = jit((w: tfjs.Tensor, x: tfjs.Tensor) => valueAndGrads(({ v }) => ({ loss: tf.mean<tfjs.Scalar>(tf.square(tf.mul(v, x))) }), { v: w }).grads.v, { mode: 'xla' })
    const whole = jit((w: tfjs.Tensor, xs: tfjs.Tensor[]) => tf.sub(w, tf.mul(tf.addN(xs.map(x => piece(w, x))), 0.1)), { mode: 'graph' })
    for (let call = 0; call < 4; call++) {
      const w = normal(4), xs = [normal(4), normal(4)]
      near(whole(w, xs), tf.sub(w, tf.mul(tf.addN(xs.map(x => tf.mul(tf.mul(w, tf.square(x)), 0.5))), 0.1)), 'weights')
      if (call === 2) piece.dispose() // the whole still has it
    }
    expect(states(whole)).to.deep.equal(compiles() ? ['compiled'] : [])
    if (compiles()) expect(whole.explain()[0].operations).to.be.below(8)
    whole.dispose()
  })

  it('calls loops from within a graph, each as often as it takes', () => {
    const power = jit.loop(({ i }: { i: tfjs.Tensor, x: tfjs.Tensor }, { n }: { n: tfjs.Tensor, w: tfjs.Tensor }) => tf.less(i, n), ({ i, x }, { w }) => ({ i: tf.add(i, tf.scalar(1, 'int32')), x: tf.matMul(x, w) }), { mode: 'graph' })
    const begin = () => ({ i: tf.tensor(0, [], 'int32'), x: tf.mul(tf.eye(3), 1) }), both = jit((w: tfjs.Tensor, ns: tfjs.Tensor[], starts: ReturnType<typeof begin>[]) => tf.addN(ns.map((n, k) => power(starts[k], { n, w }).x)), { mode: 'graph' })
    for (const [a, b] of [[2, 5], [0, 1], [4, 4], [7, 0]]) {
      const w = normal(3, 3), of = (n: number) => Array.from({ length: n }).reduce<tfjs.Tensor>(y => tf.matMul(y, w), tf.eye(3))
      near(both(w, [tf.scalar(a, 'int32'), tf.scalar(b, 'int32')], [begin(), begin()]), tf.add(of(a), of(b)), `powers ${a} and ${b}`)
    }
    expect(states(both)).to.deep.equal(compiles() ? ['compiled'] : [])
    both.dispose()
    power.dispose()
  })

  it('compiles each shape and type by itself, and warns of the ninth', () => {
    const double = jit((x: tfjs.Tensor, { by }: { by: number }) => tf.mul(x, by), { name: 'double' })
    for (let size = 1; size <= 9; size++) {
      for (let call = 0; call < 4; call++) near(double(tf.range(0, size), { by: 2 }), tf.range(0, 2 * size, 2), `${size}`)
      expect(notes.length).to.equal(size < 9 || !compiles() ? 0 : 1)
    }
    near(double(tf.range(0, 4, 1, 'int32'), { by: 3 }), tf.tensor1d([0, 3, 6, 9]), 'another type and number')
    if (compiles()) expect(notes[0]).to.include('double was called with 9 different shapes')
  })

  it('says which call and line cannot be compiled', function () {
    if (!compiles()) { expect(jit((x: tfjs.Tensor) => tf.scalar(x.dataSync()[0]))(tf.scalar(3)).dataSync()[0]).to.equal(3); return }
    const outside = tf.tensor1d([1, 2]), used = tf.tensor1d([3, 4]).add(1)
    const wrong: [string, (x: tfjs.Tensor) => unknown, RegExp][] = [
      ['a value read', x => tf.scalar(x.dataSync()[0]), /value is read at .*jit\.test\.ts/],
      ['a value read by tfjs', x => tf.booleanMaskAsync(x, x), /async|value is read/],
      ['Math.random', x => tf.mul(x, Math.random()), /random number is drawn on the host at .*jit\.test\.ts/],
      ['tf.dropout', x => tf.dropout(x, 0.5), /random/],
      ['a foreign tensor', x => tf.add(x, outside), /made outside the function is used at .*jit\.test\.ts.*pass it as an argument/],
      ['a foreign tensor that was used before', x => tf.add(x, used), /made outside/],
      ['a foreign tensor read', x => tf.add(x, outside.dataSync()[0]), /value is read/],
      ['strings', x => [x, tf.tensor1d(['a'])], /strings/],
    ]
    for (const [what, fn, message] of wrong) {
      const before = tf.memory().numTensors, { binding } = tf.backend() as unknown as { binding: object }
      expect(() => { jit(fn as never as (x: tfjs.Tensor) => tfjs.Tensor)(outside.add(0)) }, what).to.throw(JitTraceError, message)
      expect(tf.memory().numTensors - before, what).to.equal(1)
      expect((tf.backend() as unknown as { binding: object }).binding, 'the backend is as before').to.equal(binding)
      expect(Math.random()).to.be.within(0, 1)
    }
    near(jit((x: tfjs.Tensor) => tf.gather(x, tf.tensor1d([1, 0], 'int32')))(outside), tf.tensor1d([2, 1]), 'works afterwards')
  })

  it('refuses numbers that change from call to call where they would be frozen', function () {
    let rate = 1
    const frozen = jit((x: tfjs.Tensor) => tf.mul(x, rate++), { name: 'frozen' })
    frozen(tf.scalar(1))
    if (compiles()) {
      expect(() => frozen(tf.scalar(1))).to.throw(JitTraceError, /constant of shape \[\].* differs between two calls of frozen: pass it as an argument/)
      let longer = false
      const changing = jit((x: tfjs.Tensor) => { longer = !longer; return longer ? tf.neg(tf.abs(x)) : tf.neg(x) })
      changing(tf.scalar(1))
      expect(() => changing(tf.scalar(1))).to.throw(JitTraceError, 'different operations')
    } else expect(frozen(tf.scalar(1)).dataSync()[0]).to.equal(2)
  })

  it('explains what it compiled', function () {
    if (!compiles()) return
    const table = Float32Array.from({ length: 40 }, (_, i) => i), f = jit((x: tfjs.Tensor) => tf.add(tf.mul(x, tf.tensor1d(table)), 1))
    for (let i = 0; i < 3; i++) f(tf.ones([40]))
    const [shape, ...others] = f.explain()
    expect(others).to.deep.equal([])
    expect(shape).to.include({ key: '( float32[40] )', state: 'compiled', calls: 3, operations: 2 })
    expect(shape.constants.map(c => c.shape)).to.deep.equal([[40], []])
    expect(shape.constants[0].line).to.match(/jit\.test\.ts:\d+/)
    expect(shape.traceMs).to.be.above(0)
    expect(shape.compileMs).to.be.above(0)
    expect(shape.bytes).to.be.above(160)
  })

  it('stays usable after an error in the middle of a compiled step, and after dispose', () => {
    const sum = jit((rows: tfjs.Tensor2D, index: tfjs.Tensor1D) => tf.sum(embed(rows, index)), { name: 'sum' }), rows = tf.ones<tfjs.Rank.R2>([3, 2]), at = (...i: number[]) => tf.tensor1d(i, 'int32')
    for (let i = 0; i < 3; i++) expect(sum(rows, at(0, 2)).dataSync()[0]).to.equal(4)
    if (compiles()) expect(() => sum(rows, at(0, 7)), 'an index out of range').to.throw(/7|range|index/)
    expect(sum(rows, at(1, 1)).dataSync()[0]).to.equal(4)
    sum.dispose()
    sum.dispose()
    for (let i = 0; i < 3; i++) expect(sum(rows, at(0, 2)).dataSync()[0]).to.equal(4)
  })

  it('keeps no more compiled functions than it may, and shares those that are the same', function () {
    if (!compiles()) return
    const few = createJit(tf, { keep: 2 }), make = () => few((x: tfjs.Tensor) => tf.mul(x, 2)), [a, b] = [make(), make()]
    for (let i = 0; i < 3; i++) for (const f of [a, b]) expect(f(tf.scalar(i)).dataSync()[0]).to.equal(2 * i)
    expect([states(a), states(b)]).to.deep.equal([['compiled'], ['compiled']])
    for (const size of [2, 3, 4]) for (let i = 0; i < 3; i++) a(tf.ones([size]))
    expect(states(a).filter(state => state === 'compiled').length).to.equal(2)
    for (let i = 0; i < 4; i++) expect(b(tf.scalar(i)).dataSync()[0]).to.equal(2 * i)
  })

  it('runs 2,000 steps without keeping a tensor', () => {
    const step = jit((w: tfjs.Tensor, x: tfjs.Tensor, rate: tfjs.Scalar) => {
      const { value, grads } = valueAndGrads(({ v }) => ({ loss: tf.mean<tfjs.Scalar>(tf.square(tf.sub(tf.mul(v, x), 1))) }), { v: w })
      return { w: tf.sub(w, tf.mul(rate, grads.v)), value }
    }), handles = () => [tf.memory().numTensors, (tf.backend() as unknown as { binding?: { getNumOfTensors?: () => number } }).binding?.getNumOfTensors?.()]
    let w: tfjs.Tensor = tf.zeros([8]), last = Infinity
    let before: unknown[] = []
    for (let i = 0; i < 2000; i++) {
      const x = tf.fill([8], 0.5), rate = tf.scalar(0.05), out = step(w, x, rate)
      if (i % 500 === 499) { const loss = out.value.dataSync()[0]; expect(loss).to.be.below(last); last = loss }
      tf.dispose([w, x, rate, out.value])
      w = out.w
      if (i === 4) before = handles()
    }
    expect(handles()).to.deep.equal(before)
  })

  it('any chain of elementwise operations and reductions gives eager the same numbers', () => {
    const unary = [tf.neg, tf.abs, tf.sigmoid, tf.square, (x: tfjs.Tensor) => tf.transpose(x), (x: tfjs.Tensor) => tf.sub(x, tf.mean(x, 1, true)), (x: tfjs.Tensor) => tf.concat([x, x], 0), (x: tfjs.Tensor) => tf.softmax(x)]
    fc.assert(fc.property(fc.array(fc.nat(unary.length - 1), { minLength: 1, maxLength: 6 }), chain => tf.tidy(() => {
      const f = (x: tfjs.Tensor) => chain.reduce((y, k) => unary[k](y), x), fast = jit(f), x = normal(3, 4)
      for (let i = 0; i < 3; i++) near(fast(x), f(x), chain.join())
      fast.dispose()
    })), { numRuns: 25 })
  })

  it('works in a worker thread at the same time', async function () {
    const file = path.resolve('test/tensor/jitWorker.ts')
    const answer = new Promise((resolve, reject) => { new Worker(`require('tsx/cjs'); require(${JSON.stringify(file)})`, { eval: true }).once('message', resolve).once('error', reject) })
    const f = jit((x: tfjs.Tensor) => tf.sum(tf.square(x)))
    for (let i = 0; i < 200; i++) { expect(f(tf.fill([10], i)).dataSync()[0]).to.equal(10 * i * i); if (i % 50 === 0) await new Promise(resolve => setTimeout(resolve, 0)) }
    expect(await answer).to.deep.equal({ values: [0, 10, 40, 90, 160], states: compiles() ? ['compiled'] : [] })
  }).timeout(120_000)
})
