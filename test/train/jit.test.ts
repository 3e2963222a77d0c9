import { expect } from 'chai'
import { gptConfig, llamaConfig } from '../../lib/model/config'
import type { ModelConfig } from '../../lib/model/config'
import { generate } from '../../lib/model/generate'
import { withScoreHead } from '../../lib/model/heads'
import { adamw, sgd } from '../../lib/model/optimiser'
import { initParams } from '../../lib/model/params'
import { ready, tf } from '../../lib/tensor/backend'
import { hostRows } from '../../lib/tensor/host'
import type { HostTensor } from '../../lib/tensor/host'
import { withoutKernels } from '../../lib/tensor/kernels'
import { Random } from '../../lib/tensor/random'
import { rewardModel } from '../../lib/train/rewardModel'
import { sft } from '../../lib/train/sft'
import { startState } from '../../lib/train/training'
import { update, updateBoth } from '../../lib/train/update'
import type { StepObjective } from '../../lib/train/update'

const config = gptConfig({ vocab_size: 24, n_positions: 24, n_embd: 16, n_layer: 2, n_head: 2, resid_pdrop: 0.1, initializer_range: 0.1 }), plain = { ...config, resid_pdrop: 0 }
const draw = Random.seed(3), tokens = (n: number) => Array.from({ length: n }, () => draw.int(24))
const examples = Array.from({ length: 32 }, () => ({ ids: tokens(6 + draw.int(12)), promptLength: 3 })), pairs = examples.map(({ ids }, i) => ({ chosen: ids, rejected: tokens(5 + i % 9), margin: i % 2 }))

async function all<M>(training: AsyncIterable<M>): Promise<M[]> {
  const out: M[] = []
  for await (const metrics of training) out.push(metrics)
  return out
}

/** What `run` gives with JIT set so. */
async function as<T>(mode: '0' | 'xla', run: () => T | Promise<T>): Promise<T> {
  const before = process.env.JIT
  process.env.JIT = mode
  try { return await run() } finally { if (before === undefined) delete process.env.JIT; else process.env.JIT = before }
}

/** What `run` gives compiled, and operation by operation. */
const both = async <T>(run: () => T | Promise<T>): Promise<[compiled: T, eager: T]> => [await run(), await as('0', run)]

function near(got: unknown, want: unknown, tolerance: number, what = ''): void {
  if (typeof want === 'number') expect(got, what).to.be.closeTo(want, tolerance * (1 + Math.abs(want)))
  else if (typeof want === 'object' && want !== null) for (const [key, value] of Object.entries(want)) near((got as Record<string, unknown>)[key], value, tolerance, `${what}.${key}`)
  else expect(got, what).to.equal(want)
}

describe('train, compiled and not', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  const optimiser = adamw({ lr: 1e-3, maxGradNorm: 1, weightDecay: 0.01 }), steps = 20
  const trainers: Record<string, () => AsyncIterable<object>> = {
    'sft': () => sft({ model: { config: plain, params: initParams(config, Random.seed(1)) }, examples, batchSize: 8, steps, optimiser }),
    'sft in pieces': () => sft({ model: { config: plain, params: initParams(config, Random.seed(1)) }, examples, batchSize: 8, accumulate: 3, steps: 6, optimiser }),
    'sft with dropout': () => sft({ model: { config, params: initParams(config, Random.seed(1)) }, examples, batchSize: 8, steps, optimiser }),
    'rewardModel': () => rewardModel({ model: { config: plain, params: withScoreHead(initParams(config, Random.seed(1)), config, Random.seed(2)) }, pairs, batchSize: 8, steps, centring: 0.1, optimiser }),
  }
  for (const [name, trainer] of Object.entries(trainers)) {
    it(`${name}: every figure of every step to 1e-4, the loss to 1e-5`, async () => {
      const [compiled, eager] = await both(() => all(trainer()))
      near(compiled, eager, 1e-4, name)
      near(compiled.map(m => (m as { loss: number }).loss), eager.map(m => (m as { loss: number }).loss), 1e-5, 'loss')
    })
  }

  it('gives one step the same loss and weights to 1e-6 from the whole batch, from shards of it side by side, and from pieces one after the other', async () => {
    const model = { config: plain, params: initParams(config, Random.seed(1)) }, base = { model, examples, batchSize: 32, steps: 1, optimiser: sgd({ lr: 1 }) }
    const run = async (options: object) => {
      const training = sft({ ...base, ...options }), [{ loss, grad_norm }] = await all(training)
      return { loss, grad_norm, weights: Object.fromEntries(Object.entries(training.state.models.policy).map(([name, w]) => [name, Array.from(w.dataSync())])) }
    }
    const whole = await run({})
    for (const options of [{ shards: 2 }, { shards: 4 }, { accumulate: 2 }]) near(await run(options), whole, 1e-6, JSON.stringify(options))
  })

  const llama = llamaConfig({ vocab_size: 24, max_position_embeddings: 64, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2 })
  const models: Record<string, ModelConfig> = { 'GPT-2': { ...plain, n_positions: 64 }, 'Llama': llama }
  for (const [name, model] of Object.entries(models)) {
    it(`${name} says the same words, over prompts of different lengths, stops and the border of the cache's parts`, async () => {
      const params = withScoreHead(initParams(model, Random.seed(4)), model, Random.seed(5)), prompts = [...Array(20).keys()].map(i => tokens(1 + i % 6))
      for (const options of [{ stopTokens: [3] }, { topK: 5, temperature: 0.7, stopTokens: [3, 4] }, { temperature: 0 }]) {
        const before = tf.memory().numTensors
        const [compiled, eager] = await both(() => generate(params, model, prompts, { maxNewTokens: 40, values: true, ...options, random: Random.seed(6) }))
        expect(tf.memory().numTensors).to.equal(before)
        expect(compiled.map(r => r.tokens)).to.deep.equal(eager.map(r => r.tokens))
        near(compiled.map(r => [...r.logps, ...r.values!]), eager.map(r => [...r.logps, ...r.values!]), 2e-5)
      }
    })
  }

  for (const [name, model] of Object.entries(models)) {
    it(`${name} says the same words from XLA's loop, which draws them on the device`, async () => {
      const params = withScoreHead(initParams(model, Random.seed(4)), model, Random.seed(5)), prompts = [...Array(20).keys()].map(i => tokens(1 + i % 6))
      const before = tf.memory().numTensors, run = (options: object) => generate(params, model, prompts, { maxNewTokens: 40, values: true, stopTokens: [3], ...options, random: Random.seed(6) })
      for (const options of [{}, { temperature: 0 }]) {
        const xla = await as('xla', () => withoutKernels(() => run(options))), eager = await as('0', () => run(options))
        expect(xla.map(r => r.tokens)).to.deep.equal(eager.map(r => r.tokens))
        near(xla.map(r => [...r.logps, ...r.values!]), eager.map(r => [...r.logps, ...r.values!]), 2e-5)
      }
      expect(tf.memory().numTensors).to.equal(before)
    }).timeout(120_000)
  }

  it('a number that the objective catches stays an error no longer than until it runs step by step', () => {
    const params = { w: tf.tensor1d([1, 2]) }, state = startState('test', { policy: params }, { policy: optimiser.init(params) }, Random.seed(0)), lines: unknown[] = [], { warn } = console
    let target = 0.3
    const objective = (w: Readonly<Record<string, import('@tensorflow/tfjs').Tensor>>) => ({ loss: tf.sum<import('@tensorflow/tfjs').Scalar>(tf.square(tf.sub(w.w, target))) })
    console.warn = (line: unknown) => { lines.push(line) }
    try {
      for (; target < 3; target += 0.4) {
        const before = Array.from(state.models.policy.w.dataSync()), { loss } = update(state, { role: 'policy', optimiser, learningRate: 0.1, objective, inputs: {} })
        expect(loss).to.be.closeTo(before.reduce((sum, x) => sum + (x - target) ** 2, 0), 1e-5)
      }
    } finally { console.warn = warn }
    expect(lines.length).to.be.at.most(1)
    if (lines.length) expect(lines[0]).to.include('differs between two calls').and.include('operation by operation')
  })

  it('leaves the state as it was where a loss or a gradient is not finite', () => {
    const params = { w: tf.tensor1d([1, 4]) }, state = startState('test', { policy: params }, { policy: optimiser.init(params) }, Random.seed(0))
    const objective = (w: Readonly<Record<string, import('@tensorflow/tfjs').Tensor>>, { x }: { x: import('@tensorflow/tfjs').Tensor2D }) => ({ loss: tf.sum<import('@tensorflow/tfjs').Scalar>(tf.sqrt(tf.mul(w.w, x))), aux: { x } })
    const run = (...row: number[]) => update(state, { role: 'policy', optimiser, learningRate: 0.01, objective, inputs: { x: hostRows([row]) } })
    for (let i = 0; i < 3; i++) expect(run(1, 1).aux.x).to.deep.equal(Float32Array.of(1, 1))
    const before = [tf.memory().numTensors, ...state.models.policy.w.dataSync(), state.optimisers.policy.step]
    expect(() => run(-1, 1)).to.throw('loss is not finite at step 1')
    expect(() => run(0, 1)).to.throw('the gradient of w is not finite')
    expect([tf.memory().numTensors, ...state.models.policy.w.dataSync(), state.optimisers.policy.step]).to.deep.equal(before)
    expect(Number.isFinite(run(1, 1).loss)).to.equal(true)
  })

  it('takes two roles in one step as one after the other, and leaves both as they were where one is not finite', () => {
    const params = (seed: number) => ({ w: tf.tensor1d(Array.from({ length: 6 }, () => seed + Random.seed(seed).uniform())) }), roles = ['policy', 'value'] as const
    const start = () => { const models = { policy: params(1), value: params(2) }; return startState('test', models, { policy: optimiser.init(models.policy), value: optimiser.init(models.value) }, Random.seed(0)) }
    type Seen = StepObjective<{ readonly x: HostTensor<[number, number]> }>
    const square: Seen = (w, { x }) => ({ loss: tf.sum(tf.square(tf.sub(w.w, x))) }), root: Seen = (w, { x }) => ({ loss: tf.sum(tf.sqrt(tf.mul(w.w, x))) })
    const [one, two] = [start(), start()], both = updateBoth({ role: 'policy', optimiser, objective: square }, { role: 'value', optimiser, objective: root })
    const given = (x: number) => ({ learningRate: 0.01, inputs: { x: hostRows([Array.from({ length: 6 }, (_, i) => x * (i + 1))]) } }), weights = (state: typeof one) => roles.map(role => [...state.models[role].w.dataSync()])
    for (let t = 0; t < 4; t++) {
      const [a, b] = both(one, given(t), given(1)), parts = [square, root].map((objective, k) => update(two, { role: roles[k], optimiser, objective, ...given(k ? 1 : t) }))
      near([a.loss, b.loss, a.gradNorm, b.gradNorm], [parts[0].loss, parts[1].loss, parts[0].gradNorm, parts[1].gradNorm], 1e-6)
      near(weights(one), weights(two), 1e-6)
    }
    const before = [tf.memory().numTensors, ...weights(one), one.optimisers.policy.step]
    expect(() => both(one, given(1), given(-1))).to.throw('loss is not finite at step 1')
    expect(() => both(one, given(1), given(0))).to.throw('the gradient of w is not finite')
    expect([tf.memory().numTensors, ...weights(one), one.optimisers.policy.step]).to.deep.equal(before)
    expect(both(one, given(1), given(1)).every(({ loss }) => Number.isFinite(loss))).to.equal(true)
  })
})
