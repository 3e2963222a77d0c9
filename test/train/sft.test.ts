import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { dft, nll, smoothedNll } from '../../lib/loss/nll'
import { gptConfig } from '../../lib/model/config'
import { readParams } from '../../lib/model/huggingface'
import { adamw, sgd } from '../../lib/model/optimiser'
import { initParams } from '../../lib/model/params'
import type { Params } from '../../lib/model/params'
import { readSafetensors } from '../../lib/model/safetensors'
import { constantSchedule, linearSchedule } from '../../lib/model/schedules'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { sft } from '../../lib/train/sft'
import type { Example, SftMetrics, SftOptions } from '../../lib/train/sft'
import { disposeTraining } from '../../lib/train/training'
import { goldens, goldensPath } from '../goldens'
import type { Golden } from '../goldens'

const file = goldens('training_runs'), config = gptConfig({ vocab_size: 64, n_positions: 32, n_embd: 32, n_layer: 2, n_head: 2 })
const load = (path: string) => readParams([readSafetensors(readFileSync(goldensPath(path)))], config, path)

/** Rows of TRL's batches as examples: labels are −100 on the prompt and on padding. */
const examplesOf = (golden: Golden): Example[] => (golden.inputs.batches as Record<string, number[][]>[]).flatMap(({ input_ids, labels, attention_mask }) =>
  input_ids.map((row, i) => ({ ids: row.filter((_, j) => attention_mask[i][j]), promptLength: labels[i].findIndex(l => l !== -100) })))

/** The key third of c_attn.bias has no gradient but rounding, which AdamW scales up: both sides leave it out. */
const kept = (name: string, values: Float32Array): Float32Array => name.endsWith('c_attn.bias') ? Float32Array.from([...values.subarray(0, 32), ...values.subarray(64)]) : values

async function all(training: AsyncIterable<SftMetrics>): Promise<SftMetrics[]> {
  const out: SftMetrics[] = []
  for await (const metrics of training) out.push(metrics)
  return out
}

function optionsOf({ inputs }: Golden): SftOptions {
  const c = inputs.config, lr = c.learning_rate, common = { lr, weightDecay: c.weight_decay, maxGradNorm: c.max_grad_norm }
  return {
    model: { config, params: load(inputs.policy) }, examples: [], shuffle: false, steps: c.max_steps,
    accumulate: c.gradient_accumulation_steps, batchSize: c.per_device_train_batch_size * (c.gradient_accumulation_steps ?? 1),
    optimiser: c.optim === 'sgd' ? sgd(common) : adamw({ ...common, decays: name => inputs.weight_decay_on.includes(name) }),
    schedule: c.lr_scheduler_type === 'linear' ? linearSchedule({ lr, warmupSteps: c.warmup_steps, totalSteps: c.max_steps }) : constantSchedule({ lr }),
    loss: c.loss_type === 'dft' ? dft : c.label_smoothing_factor ? smoothedNll(c.label_smoothing_factor) : nll,
  }
}

describe('train/sft', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  for (const name of ['sft_adamw_20_steps', 'sft_sgd_20_steps', 'sft_accumulation_2', 'sft_dft', 'sft_label_smoothing']) {
    it(`training_runs: ${name}`, async () => {
      const golden = file.case(name), training = sft({ ...optionsOf(golden), examples: examplesOf(golden) }), steps = await all(training), micro = golden.inputs.config.gradient_accumulation_steps ?? 1
      const losses = (golden.expected.losses as number[]), { rtol, atol } = golden.tolerance('losses')
      expect(steps.length).to.equal(losses.length / micro)
      steps.forEach(({ loss }, t) => {
        const want = losses.slice(t * micro, (t + 1) * micro).reduce((a, b) => a + b, 0)
        expect(loss, `loss of step ${t + 1}`).to.be.closeTo(want, atol + rtol * want)
      })
      // TRL averages the means of micro-batches, this library over all tokens of the step
      const fields = micro === 1 ? ['grad_norm', 'learning_rate', 'entropy', 'mean_token_accuracy'] as const : ['grad_norm', 'learning_rate'] as const
      steps.forEach((metrics, t) => fields.forEach(field => golden.close(metrics[field], `steps.${t}.${field}`)))
      expect(Object.keys(golden.expected.steps[0])).to.have.members(['grad_norm', 'learning_rate', 'entropy', 'mean_token_accuracy'])
      const final: Params = training.state.models.policy, summaries = Object.fromEntries(Object.entries(final).map(([key, tensor]) => {
        const values = kept(key, tensor.dataSync<'float32'>())
        return [key, { sum: values.reduce((a, b) => a + b, 0), abs_sum: values.reduce((a, b) => a + Math.abs(b), 0), first: values.slice(0, 5) }]
      }))
      for (const key of Object.keys(golden.expected.final_weights)) for (const part of ['sum', 'abs_sum', 'first'] as const) golden.close(summaries[key][part], `final_weights.${key}.${part}`)
      expect(Object.keys(golden.expected.final_weights)).to.have.members(Object.keys(final))
      if (!golden.expected.final_weights_file) return
      const theirs = load(golden.expected.final_weights_file), tolerance = golden.tolerance('final_weights')
      for (const [key, tensor] of Object.entries(final)) {
        const got = kept(key, tensor.dataSync<'float32'>()), want = kept(key, theirs[key].dataSync<'float32'>())
        got.forEach((x, i) => expect(x, `${key}[${i}]`).to.be.closeTo(want[i], tolerance.atol + tolerance.rtol * Math.abs(want[i])))
      }
    })
  }

  const tiny = gptConfig({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 })
  const examples: Example[] = [{ ids: [1, 3, 4, 2], promptLength: 2 }, { ids: [1, 5, 2], promptLength: 1 }, { ids: [1, 6, 7, 3, 2], promptLength: 3 }, { ids: [1, 4, 2], promptLength: 0 }, { ids: [1, 7, 2], promptLength: 2 }]
  const options = (more: Partial<SftOptions> = {}): SftOptions => ({ model: { config: tiny, params: initParams(tiny, Random.seed(5)) }, examples, batchSize: 2, steps: 8, ...more })
  const weights = (params: Params) => Object.values(params).flatMap(t => [...t.dataSync()])

  it('learns the responses by heart', async () => {
    const metrics = await all(sft(options({ steps: 150, optimiser: adamw({ lr: 1e-2 }), schedule: constantSchedule({ lr: 1e-2 }), examples: [examples[0], examples[1], examples[4]], batchSize: 3 })))
    expect(metrics[0].loss).to.be.closeTo(Math.log(8), 0.1)
    expect(metrics.at(-1)!.loss).to.be.below(0.05)
    expect(metrics.at(-1)!.mean_token_accuracy).to.equal(1)
    expect(metrics.at(-1)!.entropy).to.be.below(0.2)
    expect([metrics[149].step, metrics[149].epoch, metrics[149].num_tokens]).to.deep.equal([150, 150, 1500])
  })

  it('takes the same step in pieces as at once', async () => {
    const run = async (accumulate: number) => { const training = sft(options({ accumulate, batchSize: 4, steps: 3 })); return { metrics: await all(training), weights: weights(training.state.models.policy) } }
    const once = await run(1)
    for (const pieces of [2, 3, 4]) {
      const other = await run(pieces)
      other.weights.forEach((w, i) => expect(w).to.be.closeTo(once.weights[i], 2e-5))
      other.metrics.forEach((m, t) => Object.entries(m).forEach(([key, value]) => expect(value, key).to.be.closeTo(once.metrics[t][key as 'loss'], 1e-4)))
    }
  })

  it('reads every example once an epoch, in an order that the seed decides', async () => {
    const seen: string[] = [], order = async (seed: number, shuffle?: boolean) => {
      const epochs: string[][] = [[], []]
      const spied = examples.map(e => ({ get ids() { seen.push(e.ids.join()); return e.ids }, promptLength: e.promptLength }))
      const training = sft(options({ examples: spied, steps: 6, seed, shuffle }))
      seen.length = 0
      for await (const { step } of training) epochs[Math.floor((step - 1) / 3)].push(...new Set(seen.splice(0)))
      return epochs
    }
    const all5 = examples.map(e => e.ids.join()), [first, second] = await order(0)
    expect(first).to.have.members(all5)
    expect(second).to.have.members(all5)
    expect(first).to.not.deep.equal(second)
    expect(await order(0)).to.deep.equal([first, second])
    expect(await order(1)).to.not.deep.equal([first, second])
    expect(await order(1, false)).to.deep.equal([all5, all5])
  })

  it('leaves the model that it was given, keeps no tensor but its state, and can be left at any step', async () => {
    const given = options({ steps: 6 }), before = weights(given.model.params), training = sft(given), counts: number[] = []
    for await (const { step } of training) {
      counts.push(tf.memory().numTensors)
      if (step === 4) break
    }
    expect(new Set(counts).size).to.equal(1)
    expect(training.state.step).to.equal(4)
    expect(weights(given.model.params)).to.deep.equal(before)
    expect(weights(training.state.models.policy)).to.not.deep.equal(before)
    const after = tf.memory().numTensors
    disposeTraining(training)
    expect(after - tf.memory().numTensors).to.equal(Object.keys(before).length ? Object.keys(given.model.params).length + 4 : 0)
  })

  it('gives the prompt no gradient', async () => {
    const one = { ids: [1, 3, 4, 2], promptLength: 3 }, training = sft(options({ examples: [one], batchSize: 1, steps: 1, optimiser: sgd({ lr: 1 }), schedule: constantSchedule({ lr: 1 }) })), [metrics] = await all(training)
    const model = options().model, logp = tf.tidy(() => tf.neg(nll(tf.zeros([1, 8]), [2])).dataSync()[0])
    expect(metrics.loss).to.be.closeTo(-logp, 0.1)
    expect(metrics.num_tokens).to.equal(4)
    expect(weights(training.state.models.policy).every(Number.isFinite)).to.equal(true)
    const rowOf = (params: Params) => params['transformer.wpe.weight'].arraySync() as number[][]
    expect(rowOf(training.state.models.policy)[3], 'the position of the last token, which predicts nothing').to.deep.equal(rowOf(model.params)[3])
    expect(rowOf(training.state.models.policy)[2]).to.not.deep.equal(rowOf(model.params)[2])
  })

  it('stops at the first number that is none, and refuses examples without a response', async () => {
    const { model } = options(), broken = { ...model.params, 'transformer.ln_f.bias': tf.fill([8], NaN) }
    let error: Error | undefined
    await all(sft(options({ model: { config: tiny, params: broken } }))).catch((e: Error) => { error = e })
    expect(error?.message).to.match(/loss is not finite at step 1/)
    expect(() => sft(options({ examples: [] }))).to.throw('no examples')
    expect(() => sft(options({ examples: [examples[0], { ids: [1, 2], promptLength: 2 }] }))).to.throw('example 1 has 2 tokens and a prompt of 2: nothing to learn')
    expect(() => sft(options({ batchSize: 0 }))).to.throw(RangeError, 'batchSize')
    expect(() => sft(options({ steps: 1.5 }))).to.throw(RangeError, 'steps')
    expect(() => sft(options({ accumulate: 2, shards: 2 }))).to.throw(RangeError, 'give one of them')
    expect(() => smoothedNll(1)).to.throw(RangeError, 'epsilon')
  })
})
