import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { gptConfig } from '../../lib/model/config'
import { withScoreHead } from '../../lib/model/heads'
import { readParams } from '../../lib/model/huggingface'
import { adamw } from '../../lib/model/optimiser'
import { initParams } from '../../lib/model/params'
import type { Params } from '../../lib/model/params'
import { readSafetensors } from '../../lib/model/safetensors'
import { constantSchedule, linearSchedule } from '../../lib/model/schedules'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { rewardModel } from '../../lib/train/rewardModel'
import type { RewardModelMetrics, RewardModelOptions, RewardPair } from '../../lib/train/rewardModel'
import { disposeTraining } from '../../lib/train/training'
import { goldens, goldensPath } from '../goldens'
import type { Golden } from '../goldens'

const config = gptConfig({ vocab_size: 64, n_positions: 32, n_embd: 32, n_layer: 2, n_head: 2 })
const load = (path: string) => readParams([readSafetensors(readFileSync(goldensPath(path)))], config, path)

/** TRL's batches hold chosen rows, then rejected rows. */
const pairsOf = (golden: Golden): RewardPair[] => (golden.inputs.batches as Record<string, number[][]>[]).flatMap(({ input_ids, attention_mask }) => {
  const rows = input_ids.map((row, i) => row.filter((_, j) => attention_mask[i][j])), n = rows.length / 2
  return rows.slice(0, n).map((chosen, i) => ({ chosen, rejected: rows[n + i] }))
})

/** The key third of c_attn.bias has no gradient but rounding, which AdamW scales up: both sides leave it out. */
const kept = (name: string, values: Float32Array): Float32Array => name.endsWith('c_attn.bias') ? Float32Array.from([...values.subarray(0, 32), ...values.subarray(64)]) : values

async function all(training: AsyncIterable<RewardModelMetrics>): Promise<RewardModelMetrics[]> {
  const out: RewardModelMetrics[] = []
  for await (const metrics of training) out.push(metrics)
  return out
}

const tiny = gptConfig({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 })
/** Token 5 is liked, token 6 is not; what else stands there tells nothing. */
const liked: RewardPair[] = [[1, 2], [2, 3], [3, 1], [4, 2], [2, 4], [1, 4]].map(([a, b]) => ({ chosen: [1, a, 5, b], rejected: [1, b, 6, a, 2] }))
function options(more: Partial<RewardModelOptions> = {}): RewardModelOptions {
  return { model: { config: tiny, params: withScoreHead(initParams(tiny, Random.seed(2)), tiny) }, pairs: liked, batchSize: 3, ...more }
}
const weights = (params: Params) => Object.values(params).map(w => [...w.dataSync()])

describe('train/rewardModel', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  it('training_runs: reward_adamw_20_steps', async () => {
    const golden = goldens('training_runs').case('reward_adamw_20_steps'), c = golden.inputs.config, lr = c.learning_rate
    const training = rewardModel({
      model: { config, params: load(golden.inputs.model) }, pairs: pairsOf(golden), shuffle: false, steps: c.max_steps, batchSize: c.per_device_train_batch_size,
      centring: c.center_rewards_coefficient, schedule: linearSchedule({ lr, warmupSteps: c.warmup_steps, totalSteps: c.max_steps }),
      optimiser: adamw({ lr, weightDecay: c.weight_decay, maxGradNorm: c.max_grad_norm, decays: name => golden.inputs.weight_decay_on.includes(name) }),
    })
    const steps = await all(training)
    golden.close(steps.map(m => m.loss), 'losses')
    const fields = ['grad_norm', 'learning_rate', 'min_reward', 'mean_reward', 'max_reward', 'accuracy', 'margin'] as const
    expect(Object.keys(golden.expected.steps[0])).to.have.members(fields)
    expect(steps.length).to.equal(golden.expected.steps.length)
    steps.forEach((metrics, t) => fields.forEach(field => golden.close(metrics[field], `steps.${t}.${field}`)))
    const final = training.state.models.reward, theirs = load(golden.expected.final_weights_file), { rtol, atol } = golden.tolerance('final_weights')
    expect(Object.keys(final)).to.have.members(Object.keys(golden.expected.final_weights))
    for (const [key, tensor] of Object.entries(final)) {
      const got = kept(key, tensor.dataSync<'float32'>()), want = kept(key, theirs[key].dataSync<'float32'>())
      got.forEach((x, i) => expect(x, `${key}[${i}]`).to.be.closeTo(want[i], atol + rtol * Math.abs(want[i])))
    }
  })

  it('learns what is liked, and a wider margin where one is asked for', async () => {
    const last = async (margin?: number) => (await all(rewardModel(options({ steps: 60, pairs: liked.map(p => ({ ...p, margin })), schedule: constantSchedule({ lr: 1e-2 }) })))).at(-1)!
    const plain = await last(), wide = await last(3)
    expect([plain.accuracy, wide.accuracy]).to.deep.equal([1, 1])
    expect(plain.epoch).to.equal(30)
    expect(wide.margin).to.be.above(plain.margin)
  })

  it('leaves the model that it was given, keeps no tensor but its state, and repeats itself', async () => {
    const given = options({ steps: 6, seed: 4 }), before = weights(given.model.params), training = rewardModel(given), counts: number[] = []
    const first: RewardModelMetrics[] = []
    for await (const metrics of training) {
      counts.push(tf.memory().numTensors)
      first.push(metrics)
    }
    expect(new Set(counts).size).to.equal(1)
    expect(weights(given.model.params)).to.deep.equal(before)
    expect(await all(rewardModel(given))).to.deep.equal(first)
    expect(await all(rewardModel({ ...given, seed: 5 }))).to.not.deep.equal(first)
    const after = tf.memory().numTensors
    disposeTraining(training)
    expect(after - tf.memory().numTensors).to.equal(before.length + 4)
  })

  it('refuses what cannot be learnt, and stops at the first number that is none', async () => {
    const { model } = options()
    expect(() => rewardModel(options({ pairs: [] }))).to.throw('no pairs')
    expect(() => rewardModel(options({ pairs: [liked[0], { chosen: [1], rejected: [] }] }))).to.throw('pair 1 has an empty sequence')
    expect(() => rewardModel(options({ pairs: [{ ...liked[0], margin: -1 }] }))).to.throw(RangeError, 'margin of -1')
    expect(() => rewardModel(options({ batchSize: 0 }))).to.throw(RangeError, 'batchSize')
    const { 'score.weight': _, ...headless } = model.params
    expect(() => rewardModel(options({ model: { config: tiny, params: headless } }))).to.throw('withScoreHead')
    let error: Error | undefined
    await all(rewardModel(options({ model: { config: tiny, params: { ...model.params, 'transformer.ln_f.bias': tf.fill([8], NaN) } } }))).catch((e: Error) => { error = e })
    expect(error?.message).to.match(/loss is not finite at step 1/)
  })
})
