import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { balancedKtoWeights } from '../../lib/loss/kto'
import { sgd } from '../../lib/model/optimiser'
import { constantSchedule } from '../../lib/model/schedules'
import { ready, tf } from '../../lib/tensor/backend'
import { kto, mismatchedResponses, thumbReference } from '../../lib/train/kto'
import type { KtoMetrics, KtoTrainerOptions, Thumb } from '../../lib/train/kto'
import { run } from '../../lib/train/run'
import { disposeTraining } from '../../lib/train/training'
import { goldens } from '../goldens'
import { all, closeGradients, closeWeights, cut, failure, liked, load, settings, tinyModel, weights } from './preferences'

interface Batch { input_ids: number[][], attention_mask: number[][], completion_mask: number[][], KL_input_ids?: number[][], KL_attention_mask: number[][], KL_completion_mask: number[][], label: boolean[] }
const thumbsOf = (batches: Batch[]): Thumb[] => batches.flatMap(b => b.input_ids.map((ids, i) => ({ ...cut(ids, b.attention_mask[i], b.completion_mask[i]), liked: b.label[i] })))
const thumbs: Thumb[] = liked.flatMap(({ prompt, chosen, rejected }, i) => [{ prompt, tokens: chosen, liked: true }, { prompt: { ids: [...prompt.ids, i % 3] }, tokens: rejected, liked: false }])
const options = (more: Partial<KtoTrainerOptions> = {}): KtoTrainerOptions => ({ model: tinyModel(), thumbs, batchSize: 4, ...more })

describe('train/kto', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  it('training_runs: kto_adamw_8_steps', async () => {
    const golden = goldens('training_runs').case('kto_adamw_8_steps'), { policy, reference, batches, config } = golden.inputs, data = thumbsOf(batches)
    const others = (batches as Batch[]).flatMap(b => b.KL_input_ids!.map((ids, i) => cut(ids, b.KL_attention_mask[i], b.KL_completion_mask[i])))
    expect(mismatchedResponses(data, 4)).to.deep.equal(others)
    const training = kto({ model: load(policy), reference: load(reference), thumbs: data, beta: config.beta, ...settings(golden) }), steps = await all(training)
    golden.close(steps.map(m => m.loss), 'losses')
    expect(steps.length).to.equal(golden.expected.steps.length)
    steps.forEach((metrics, t) => Object.keys(golden.expected.steps[t]).forEach(field => golden.close(metrics[field as keyof KtoMetrics]!, `steps.${t}.${field}`)))
    closeWeights(golden, training.state.models.policy)
  })

  const whole = goldens('kto_losses').cases.filter(c => c.name.startsWith('model_'))
  it('has every whole-model case', () => expect(whole.length).to.equal(2))
  for (const golden of whole) {
    // a step of plain gradient descent at rate 1 moves every weight by its gradient
    it(`kto_losses: ${golden.name}`, async () => {
      const { policy, reference, batch, config } = golden.inputs, model = load(policy), klTerm = config.loss_type === 'kto'
      const training = kto({ model, reference: load(reference), thumbs: thumbsOf([batch]), batchSize: 6, shuffle: false, beta: config.beta, klTerm, optimiser: sgd({ lr: 1 }), schedule: constantSchedule({ lr: 1 }) })
      const [metrics] = await all(training)
      golden.close(metrics.loss, 'loss')
      golden.close(metrics.grad_norm, 'grad_norm')
      for (const field of Object.keys(golden.expected.metrics)) golden.close(metrics[field as keyof KtoMetrics]!, `metrics.${field}`)
      closeGradients(golden, model.params, training.state.models.policy)
    })
  }

  it('learns from thumbs alone, also where one kind is rare', async () => {
    const rare = thumbs.filter((t, i) => !t.liked || i < 4)
    for (const [data, weighted] of [[thumbs, {}], [rare, balancedKtoWeights(2, 7)]] as const) {
      const steps = await all(kto(options({ thumbs: data, steps: 60, beta: 0.5, schedule: constantSchedule({ lr: 2e-2 }), ...weighted })))
      expect(steps[0].loss).to.be.within(0.4, 2)
      const margins = steps.slice(-8).flatMap(m => m['rewards/margins'] ?? [])
      expect(Math.min(...margins)).to.be.above(0.5)
    }
  })

  it('mismatches within a block, and never with the same prompt', () => {
    const data = [[1], [2], [2], [3], [4]].map((ids, i) => ({ prompt: { ids }, tokens: [10 + i] })), responses = (block: number) => mismatchedResponses(data, block).map(r => r.tokens[0])
    expect(responses(5)).to.deep.equal([14, 10, 10, 12, 13])
    // the block of the second 2 offers 3; the last block holds one and looks beyond
    expect(responses(2)).to.deep.equal([11, 10, 13, 12, 13])
    expect(() => mismatchedResponses(data.slice(1, 3), 2)).to.throw('same prompt')
  })

  it('weights make up for counts', () => {
    expect(balancedKtoWeights(500, 2500)).to.deep.equal({ desirableWeight: 5, undesirableWeight: 1 })
    expect(balancedKtoWeights(30, 10)).to.deep.equal({ desirableWeight: 1, undesirableWeight: 3 })
    expect(() => balancedKtoWeights(0, 3)).to.throw(RangeError, 'positive')
  })

  it('takes log-probs in place of the reference, and leaves out figures that a step has no responses for', async () => {
    const model = tinyModel(), own = await all(kto(options({ model, steps: 4 }))), reference = await thumbReference(model, thumbs, 4)
    expect(await all(kto(options({ model, reference, steps: 4 })))).to.deep.equal(own)
    expect(() => kto(options({ reference: { ...reference, mismatched: new Float32Array(2) } }))).to.throw(RangeError, 'got 14 matched and 2 mismatched')
    const [only] = await all(kto(options({ thumbs: thumbs.filter(t => t.liked), steps: 1 })))
    expect(only).to.include.keys('rewards/chosen', 'logps/chosen')
    expect(only).to.not.have.any.keys('rewards/rejected', 'logps/rejected', 'rewards/margins')
  })

  it('leaves the model that it was given, keeps no tensor but its state, and goes on after a stop bit for bit', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kto-')), dropout = { attn_pdrop: 0.1, resid_pdrop: 0.1, embd_pdrop: 0.1 }, make = () => kto(options({ model: tinyModel(dropout), steps: 6, seed: 1 }))
    const given = tinyModel(), before = weights(given.params), counts: number[] = [], training = kto(options({ model: given, steps: 4 }))
    for await (const _ of training) counts.push(tf.memory().numTensors)
    expect(new Set(counts).size).to.equal(1)
    expect(weights(given.params)).to.deep.equal(before)
    disposeTraining(training)
    const expected = await all(make())
    for await (const m of run(make(), { checkpoint: folder, every: 2 })) if (m.step === 3) break
    expect(await all(run(make(), { checkpoint: folder }))).to.deep.equal(expected.slice(3))
    rmSync(folder, { recursive: true })
  })

  it('refuses what cannot be trained on, and stops at the first number that is none', async () => {
    expect(() => kto(options({ thumbs: [] }))).to.throw('kto: no thumbs')
    expect(() => kto(options({ thumbs: [{ ...thumbs[0], tokens: [] }] }))).to.throw('thumb 0: the response is empty')
    expect(() => kto(options({ thumbs: [{ ...thumbs[0], prompt: { ids: [1, 1, 1, 1, 1, 1, 1] } }] }))).to.throw(RangeError, 'context is 8')
    expect(() => kto(options({ thumbs: thumbs.slice(0, 1) }))).to.throw('klTerm')
    expect(() => kto(options({ desirableWeight: 0 }))).to.throw(RangeError, 'desirableWeight')
    const model = tinyModel(), broken = { ...model, params: { ...model.params, 'transformer.ln_f.bias': tf.fill([8], NaN) } }
    expect(await failure(() => kto(options({ model: broken, reference: model })))).to.match(/not finite at step 1/)
  })
})
