import type * as tfjs from '@tensorflow/tfjs'
import { expect } from 'chai'
import { attention, HIDDEN, packedAttention } from '../../lib/tensor/attention'
import { ready, tf } from '../../lib/tensor/backend'
import { valueAndGrads } from '../../lib/tensor/gradients'
import { jit, jitWorks } from '../../lib/tensor/jit'
import { adam, cachedAttention, draw, gelu as fusedGelu, hasKernels, logps, layerNormGrad, maskedSoftmax, packedAttention as packedAttentionOnce, softmaxGrad, splitHeads, withoutKernels } from '../../lib/tensor/kernels'
import { gelu, layerNorm, linearGelu, linearOnto } from '../../lib/tensor/layers'
import { adamw } from '../../lib/model/optimiser'
import { gatherLogps } from '../../lib/tensor/logprobs'
import { Random } from '../../lib/tensor/random'
import { sampleToken } from '../../lib/tensor/sampling'

const random = Random.seed(3), normal = (shape: number[], scale = 1) => tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => scale * random.normal()), shape)
const near = (a: tfjs.Tensor, b: tfjs.Tensor, what: string, tolerance = 3e-6) => {
  expect(a.shape, what).to.deep.equal(b.shape)
  const x = a.dataSync(), y = b.dataSync()
  x.forEach((value, i) => expect(value, `${what}[${i}]`).to.be.closeTo(y[i], tolerance * (1 + Math.abs(y[i]))))
}
type Tensors = Record<string, tfjs.Tensor>
const causal = (b: number, t: number) => tf.tensor(Float32Array.from({ length: b * t * t }, (_, i) => i % t > Math.floor(i / t) % t || (t > 2 && i >= t * t && i % t === 0 && Math.floor(i / t) % t > 0) ? HIDDEN : 0), [b, 1, t, t])

/** Composites with our kernels and without: what they compute, at sizes below, at and between multiples of the kernels' sixteen lanes. */
const composites: Record<string, { inputs: () => Tensors, run: (a: Tensors) => tfjs.Tensor }> = {
  ...Object.fromEntries([[1, 1], [3, 5], [70, 16], [129, 33], [64, 48]].flatMap(([n, d]) => [
    [`gelu of ${n} × ${d}`, { inputs: () => ({ x: normal([n, d], 3) }), run: (a: Tensors) => gelu(a.x) }],
    [`layerNorm of ${n} × ${d}`, { inputs: () => ({ x: normal([n, d]), g: normal([d]), b: normal([d]) }), run: (a: Tensors) => layerNorm(a.x as tfjs.Tensor2D, a.g, a.b, 1e-5) }],
    [`linearGelu of ${n} × ${d}`, { inputs: () => ({ x: normal([n, 3]), w: normal([3, d]), b: normal([d]) }), run: (a: Tensors) => linearGelu(a.x as tfjs.Tensor2D, a.w, a.b) }],
    [`linearOnto of ${n} × ${d}`, { inputs: () => ({ r: normal([n, d]), x: normal([n, 3]), w: normal([3, d]), b: normal([d]) }), run: (a: Tensors) => linearOnto(a.r as tfjs.Tensor2D, a.x as tfjs.Tensor2D, a.w, a.b) }],
    [`gatherLogps of ${n} × ${d}`, { inputs: () => ({ logits: normal([n, d], 5) }), run: (a: Tensors) => gatherLogps(a.logits as tfjs.Tensor2D, Array.from({ length: n }, (_, i) => (7 * i) % d), n % 2 ? 1 : 0.7) }],
  ])),
  'what linearOnto adds to is still there': {
    inputs: () => ({ r: normal([4, 5]), x: normal([4, 3]), w: normal([3, 5]), b: normal([5]) }),
    run: a => { const r = tf.sin(a.r) as tfjs.Tensor2D, y = linearOnto(r, a.x as tfjs.Tensor2D, a.w, a.b); return tf.mul(tf.mul(y, r), linearGelu(y, tf.transpose(a.w), tf.zeros([3])).sum()) },
  },
  ...Object.fromEntries(([[1, 1, 1, 2], [2, 3, 2, 5], [3, 17, 4, 16], [2, 37, 2, 24], [2, 9, 1, 48], [1, 16, 1, 64], [1, 5, 1, 65]] as const).flatMap(([b, t, heads, e]) => [['one mask', 1], ['a mask a row', b]].map(([how, masks]) =>
    [`packedAttention of ${b} × ${t}, ${heads} heads of ${e}, ${how}`, {
      inputs: () => ({ qkv: normal([b * t, 3 * heads * e]) }), run: (a: Tensors) => packedAttention(a.qkv as tfjs.Tensor2D, [b, t], heads, causal(masks as number, t)),
    }]))),
  'packedAttention where a query sees nothing, and where it sees what comes': {
    inputs: () => ({ qkv: normal([2 * 6, 3 * 16]) }), run: a => packedAttention(a.qkv as tfjs.Tensor2D, [2, 6], 2, tf.tensor(Float32Array.from({ length: 72 }, (_, i) => i < 36 ? 0 : i < 42 || i % 6 > 2 ? HIDDEN : 0.5), [2, 1, 6, 6])),
  },
  'packedAttention with dropout': { inputs: () => ({ qkv: normal([6, 30]) }), run: a => packedAttention(a.qkv as tfjs.Tensor2D, [2, 3], 2, causal(1, 3), tf.tensor(Float32Array.from({ length: 36 }, (_, i) => i % 3 ? 1.5 : 0), [2, 2, 3, 3])) },
}

describe('tensor/kernels', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  it('are there where steps are compiled, which our addon does too, and can be left out', () => {
    expect(hasKernels()).to.equal(jitWorks())
    expect(withoutKernels(hasKernels)).to.equal(false)
    expect(hasKernels()).to.equal(jitWorks())
  })

  for (const [name, { inputs, run }] of Object.entries(composites)) {
    it(`${name}: value and gradient as without them, one by one, in a graph and by XLA`, () => {
      const given = inputs(), weighed = (a: Tensors) => { const y = run(a); return { loss: tf.sum<tfjs.Scalar>(tf.mul(tf.reshape(y, [-1]), tf.sin(tf.range(1, y.size + 1)))), aux: { y } } }
      const both = (a: Tensors) => { const { value, grads, aux } = valueAndGrads(weighed, a); return { value, ...grads, y: aux.y } }
      const want = withoutKernels(() => both(given)) as Tensors, compiled = jit(both), byXla = jit(both, { mode: 'xla' })
      for (const [how, got] of [['one by one', both(given)], ['in a graph', compiled(given)], ...name.includes('a mask a row') || name.includes('dropout') ? [['by XLA', byXla(given)] as const] : []] as const) {
        for (const [key, tensor] of Object.entries(got as Tensors)) near(tensor, want[key], `${how}, ${key}`, key === 'value' ? 2e-5 : 5e-6)
      }
      near(run(given), want.y, 'without gradient', 5e-6)
      compiled.dispose()
      byXla.dispose()
    })
  }

  it("AdamW's step as without it, weights that decay and weights that do not", () => {
    const params = { matrix: normal([7, 5]), bias: normal([19]) }, optimiser = adamw({ lr: 1e-2, weightDecay: 0.1, maxGradNorm: 1 })
    const walk = () => {
      let now = { params: params as Tensors, state: optimiser.init(params) }
      for (let i = 1; i <= 4; i++) now = optimiser.update(Object.fromEntries(Object.entries(now.params).map(([name, p]) => [name, tf.sin(tf.mul(p, i))])), now.state, now.params)
      return { ...now.params, ...now.state.slots }
    }
    const got = walk(), want = withoutKernels(walk)
    for (const name of Object.keys(want)) near(got[name], want[name], name, 1e-6)
  })

  for (const [b, heads, keyHeads, e, s] of [[1, 1, 1, 1, 1], [3, 4, 2, 5, 7], [2, 3, 3, 16, 16], [2, 4, 1, 24, 33], [2, 2, 2, 32, 15], [1, 4, 2, 48, 20], [2, 2, 1, 64, 40], [1, 2, 2, 65, 5], [1, 1, 1, 128, 9]]) {
    it(`one position over a cache: ${b} rows, ${heads} heads of ${e} for ${keyHeads}, ${s} old columns: as attention over all of it`, () => {
      if (!hasKernels()) { expect(jitWorks()).to.equal(false); return }
      const r = 16, part = (columns: number) => ({ k: normal([b, keyHeads, columns, e]), v: normal([b, keyHeads, columns, e]) }), old = part(s), recent = part(r), packed = normal([b, (heads + 2 * keyHeads) * e])
      const column = (place: number) => tf.tensor4d(Array.from({ length: r }, (_, i) => Number(i === place)), [1, 1, r, 1])
      for (const place of [0, 5, r - 1]) {
        // Padding at the left of the old columns, some of them not filled yet, and recent ones that are to come
        const from = (row: number) => row % Math.max(1, s - 1), to = place === 5 ? Math.ceil(s / 2) : s, here = column(place)
        const mask = tf.tensor(Float32Array.from({ length: b * (s + r) }, (_, i) => { const row = Math.floor(i / (s + r)), j = i % (s + r); return j < s ? j >= from(row) && j < to ? 0.25 * (j % 3) : HIDDEN : j - s <= place ? 0 : HIDDEN }), [b, 1, 1, s + r])
        const [q, k, v] = tf.split(packed, [heads * e, keyHeads * e, keyHeads * e], 1), columns = (x: tfjs.Tensor) => tf.reshape(x, [b, keyHeads, 1, e])
        const written = (into: tfjs.Tensor, x: tfjs.Tensor) => tf.where(tf.cast(here, 'bool'), tf.tile(columns(x), [1, 1, r, 1]), into), next = { k: written(recent.k, k), v: written(recent.v, v) }
        const want = attention(tf.reshape(q, [b, heads, 1, e]), tf.concat([old.k, next.k], 2) as tfjs.Tensor4D, tf.concat([old.v, next.v], 2) as tfjs.Tensor4D, mask)
        const before = recent.k.dataSync(), got = cachedAttention(packed, old, recent, mask, here, 1 / Math.sqrt(e))
        near(got[0], tf.reshape(want, [b, heads * e]), 'out', 5e-6)
        expect([...got[1].dataSync(), ...got[2].dataSync()]).to.deep.equal([...next.k.dataSync(), ...next.v.dataSync()])
        expect([...recent.k.dataSync()], 'what it was called with').to.deep.equal([...before])
      }
      const unseen = cachedAttention(packed, old, recent, tf.fill([b, 1, 1, s + r], HIDDEN), column(2), 1)
      expect(unseen[0].dataSync().every(Number.isFinite)).to.equal(true)
    })
  }

  it('positions of a loop, which writes them in place, as one by one; what the loop began with stays', () => {
    if (!hasKernels()) { expect(jitWorks()).to.equal(false); return }
    interface State { readonly i: tfjs.Tensor, readonly x: tfjs.Tensor, readonly recent: { readonly k: tfjs.Tensor, readonly v: tfjs.Tensor } }
    const b = 2, e = 3, old = { k: normal([b, 1, 4, e]), v: normal([b, 1, 4, e]) }, begun = { k: tf.zeros([b, 1, 16, e]), v: tf.neg(tf.zeros([b, 1, 16, e])) }, mask = tf.zeros([b, 1, 1, 20]), packed = normal([b, 3 * e])
    const given = { old, packed, mask }, one = ({ i, x, recent }: State, { old, packed, mask }: typeof given): State => {
      const here = tf.cast(tf.equal(tf.reshape(tf.range(0, 16, 1, 'int32'), [1, 1, 16, 1]), i), 'float32'), [out, k, v] = cachedAttention(tf.add(packed, tf.concat([x, x, x], 1)), old, recent, mask, here, 0.5)
      return { i: tf.add(i, tf.scalar(1, 'int32')), x: out, recent: { k, v } }
    }
    let want: State = { i: tf.scalar(0, 'int32'), x: normal([b, e]), recent: begun }
    const from = { ...want, x: want.x.clone() }
    for (let position = 0; position < 5; position++) want = one(want, given)
    const loop = jit.loop(({ i }: State) => tf.less(i, tf.scalar(5, 'int32')), one)
    for (let call = 0; call < 3; call++) {
      const got = loop(from, given)
      near(got.x, want.x, 'out')
      near(got.recent.v, want.recent.v, 'values')
      expect(begun.k.dataSync().every(x => x === 0) && begun.v.dataSync().every(x => x === 0)).to.equal(true)
    }
    loop.dispose()
  })

  it('draws the token that the host draws, with its log-probability, and the likeliest at temperature 0', () => {
    if (!hasKernels()) { expect(jitWorks()).to.equal(false); return }
    for (const [n, v] of [[300, 5], [200, 277], [3, 1]]) for (const temperature of [1, 0.7, 0]) {
      const logits = normal([n, v], 3), rows = logits.arraySync() as number[][], uniforms = rows.map(() => Math.fround(random.uniform()))
      const [tokens, logps] = draw(logits, tf.tensor1d(uniforms), tf.scalar(temperature)), scaled = rows.map(row => row.map(x => x / (temperature || 1)))
      const want = scaled.map((row, i) => temperature ? sampleToken(row, { uniform: () => uniforms[i] } as unknown as Random) : row.indexOf(Math.max(...row))), drawn = [...tokens.dataSync()]
      expect(tokens.dtype).to.equal('int32')
      // A number at the border of two tokens falls to either by rounding
      expect(drawn.filter((token, i) => token !== want[i]).length).to.be.at.most(temperature ? 1 : 0)
      const whole = scaled.map(row => Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)))
      logps.dataSync().forEach((logp, i) => expect(logp).to.be.closeTo(scaled[i][drawn[i]] - whole[i], 1e-5))
    }
    const [tokens, logps] = draw(tf.tensor2d([[NaN, 1], [1, NaN], [-Infinity, -Infinity], [-Infinity, 2]]), tf.tensor1d([0, 0.5, 0.5, 0]), tf.scalar(1))
    expect([...logps.dataSync()].map(Number.isFinite)).to.deep.equal([false, false, false, true])
    expect(tokens.dataSync()[3]).to.equal(1)
  })

  // wasm has kernels of ours for these
  for (const [n, d] of [[1, 5], [3, 1], [4, 4], [17, 70], [33, 130], [64, 65]]) {
    it(`sums over the first axes and transposes of ${n} × ${d}, and clones that outlive what they are of`, () => {
      const x = normal([n, d]), host = x.dataSync<'float32'>(), at = (i: number, j: number) => host[i * d + j]
      const sums = Array.from({ length: d }, (_, j) => Array.from({ length: n }, (_, i) => at(i, j)).reduce((a, b) => a + b, 0))
      expect([...tf.transpose(x).dataSync()]).to.deep.equal(Array.from({ length: n * d }, (_, k) => at(k % n, Math.floor(k / n))))
      near(tf.sum(x, 0), tf.tensor1d(sums), 'sum over rows')
      near(tf.sum(x, [0], true), tf.tensor2d(sums, [1, d]), 'sum that keeps its axis')
      near(tf.sum(tf.reshape(tf.concat([x, x]), [2, n, d]), [0, 1]), tf.tensor1d(sums.map(s => 2 * s)), 'sum over two axes')
      near(tf.sum(x), tf.scalar(sums.reduce((a, b) => a + b)), 'whole sum', 1e-5 + 1e-7 * n * d)
      expect([...tf.sum(tf.cast(tf.onesLike(x), 'int32'), 0).dataSync()]).to.deep.equal(Array<number>(d).fill(n))
      const copy = x.clone()
      x.dispose()
      expect([...copy.dataSync()]).to.deep.equal([...host])
    })
  }

  it('extremes: a hidden key weighs exactly nothing, large numbers stay finite, NaN is not lost', () => {
    if (!hasKernels()) { expect(jitWorks()).to.equal(false); return }
    const weights = maskedSoftmax(tf.tensor([[[[3, 50, -200, 1]]]]), tf.tensor([[[[0, HIDDEN, 0, 0]]]])).dataSync()
    expect([weights[1], weights[2]]).to.deep.equal([0, 0])
    expect(weights[0]).to.be.closeTo(1 / (1 + Math.exp(-2)), 1e-7)
    expect([...fusedGelu(tf.tensor1d([-1e4, -20, 20, 1e4, Infinity, NaN])).dataSync()].map(x => Math.abs(x) < 1e-20 ? 0 : x)).to.deep.equal([0, 0, 20, 1e4, Infinity, NaN])
    const spoilt = (x: tfjs.Tensor) => [...x.dataSync()].every(Number.isNaN)
    expect(spoilt(maskedSoftmax(tf.tensor([[[[NaN, 1]]]]), tf.zeros([1, 1, 1, 2])))).to.equal(true)
    const spoiltRows = packedAttention(tf.tensor2d([[1, 2, 3], [NaN, 2, 3], [1, 2, 3]]), [1, 3], 1, causal(1, 3)).dataSync()
    expect([spoiltRows[0], Number.isNaN(spoiltRows[1]), spoiltRows[2]]).to.deep.equal([3, true, 3])
    expect(spoilt(layerNorm(tf.tensor2d([[1, NaN]]), tf.ones([2]), tf.zeros([2]), 1e-5))).to.equal(true)
    expect(adam(tf.tensor1d([NaN]), tf.ones([1]), tf.zeros([1]), tf.zeros([1]), { keep: tf.scalar(1), move: tf.scalar(-1), eps: tf.scalar(1) }, [0.9, 0.99]).every(spoilt)).to.equal(true)
  })

  it('refuse what does not fit, without touching memory beyond it', () => {
    if (!hasKernels()) { expect(jitWorks()).to.equal(false); return }
    expect(() => maskedSoftmax(tf.zeros([2, 1, 3, 3]), tf.zeros([3, 1, 3, 3]))).to.throw('the mask does not fit')
    expect(() => softmaxGrad(tf.zeros([2, 3]), tf.zeros([2, 2]))).to.throw('another size')
    expect(() => layerNormGrad(tf.zeros([2, 3]), tf.zeros([2, 3]), tf.zeros([1]), tf.zeros([2]), tf.zeros([3]))).to.throw('another size')
    expect(() => packedAttentionOnce(tf.zeros([6, 12]), tf.zeros([1, 1, 2, 3]), 3, 2, 1)).to.throw('the mask does not fit')
    expect(() => packedAttentionOnce(tf.zeros([4, 195]), tf.zeros([1, 1, 2, 2]), 2, 1, 1)).to.throw('too wide')
    expect(() => logps(tf.zeros([2, 3]), tf.tensor1d([0, 3], 'int32'), 1)).to.throw('out of range')
    expect(() => logps(tf.zeros([2, 3]), tf.tensor1d([-1, 0], 'int32'), 1)).to.throw('out of range')
    const cache = (b: number, s: number, e = 3) => ({ k: tf.zeros([b, 1, s, e]), v: tf.zeros([b, 1, s, e]) }), here = tf.tensor4d([0, 1], [1, 1, 2, 1])
    expect(() => cachedAttention(tf.zeros([2, 9]), cache(3, 4), cache(2, 2), tf.zeros([2, 1, 1, 6]), here, 1)).to.throw('the cache does not fit')
    expect(() => cachedAttention(tf.zeros([2, 9]), cache(2, 4), { ...cache(2, 2), v: tf.zeros([2, 1, 3, 3]) }, tf.zeros([2, 1, 1, 6]), here, 1)).to.throw('the cache does not fit')
    expect(() => cachedAttention(tf.zeros([2, 9]), { ...cache(2, 4), v: tf.zeros([2, 1, 3, 3]) }, cache(2, 2), tf.zeros([2, 1, 1, 6]), here, 1)).to.throw('another size')
    expect(() => cachedAttention(tf.zeros([2, 8]), cache(2, 4), cache(2, 2), tf.zeros([2, 1, 1, 6]), here, 1)).to.throw('the heads or the mask')
    expect(() => cachedAttention(tf.zeros([2, 9]), cache(2, 4), cache(2, 2), tf.zeros([2, 1, 1, 5]), here, 1)).to.throw('the heads or the mask')
    expect(() => cachedAttention(tf.zeros([2, 387]), cache(2, 4, 129), cache(2, 2, 129), tf.zeros([2, 1, 1, 6]), here, 1)).to.throw('the heads or the mask')
    expect(() => cachedAttention(tf.zeros([2, 9]), cache(2, 4), cache(2, 2), tf.zeros([2, 1, 1, 6]), tf.zeros([1, 1, 2, 1]), 1)).to.throw('no column')
    expect(() => draw(tf.zeros([2, 3]), tf.zeros([3]), tf.scalar(1))).to.throw('another size')
    expect(() => draw(tf.zeros([2, 0]), tf.zeros([2]), tf.scalar(1))).to.throw('no token')
    expect(() => splitHeads(tf.zeros([5, 6]), 2, 1, 1)).to.throw('do not fit')
  })
})
