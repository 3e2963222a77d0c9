import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type * as tfjs from '@tensorflow/tfjs'
import { apoZeroLoss } from '../../lib/loss/absolute'
import { jensenShannon } from '../../lib/loss/divergences'
import { dpoLoss, lengthNormalisedDpoLoss } from '../../lib/loss/dpo'
import { hingeLoss } from '../../lib/loss/hinge'
import { ipoLoss } from '../../lib/loss/ipo'
import { sgd } from '../../lib/model/optimiser'
import { constantSchedule } from '../../lib/model/schedules'
import { ready, tf } from '../../lib/tensor/backend'
import { dpo } from '../../lib/train/dpo'
import type { DpoMetrics, DpoTrainerOptions, PairwiseLoss } from '../../lib/train/dpo'
import { pairReference } from '../../lib/train/pairs'
import { run } from '../../lib/train/run'
import { disposeTraining } from '../../lib/train/training'
import { goldens } from '../goldens'
import { all, closeGradients, closeWeights, failure, liked, load, pairsOf, settings, tiny, tinyModel, weights } from './preferences'

const options = (more: Partial<DpoTrainerOptions> = {}): DpoTrainerOptions => ({ model: tinyModel(), pairs: liked, batchSize: 3, ...more })

describe('train/dpo', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  for (const name of ['dpo_adamw_20_steps', 'dpo_sgd_20_steps']) {
    it(`training_runs: ${name}`, async () => {
      const golden = goldens('training_runs').case(name), { policy, reference, batches, config } = golden.inputs
      const training = dpo({ model: load(policy), reference: load(reference), pairs: pairsOf(batches), beta: config.beta, ...settings(golden) })
      const steps = await all(training)
      golden.close(steps.map(m => m.loss), 'losses')
      expect(steps.length).to.equal(golden.expected.steps.length)
      steps.forEach((metrics, t) => Object.keys(golden.expected.steps[t]).forEach(field => golden.close(metrics[field as keyof DpoMetrics]!, `steps.${t}.${field}`)))
      closeWeights(golden, training.state.models.policy)
    })
  }

  const losses: Record<string, [PairwiseLoss, Partial<DpoTrainerOptions>?]> = {
    model_sigmoid_float32: [dpoLoss], model_hinge_float32: [hingeLoss], model_apo_zero_float32: [apoZeroLoss],
    model_ipo_float32: [(pairs, { beta }) => ipoLoss(pairs, { beta, lengths: pairs.lengths })],
    model_sigmoid_norm_float32: [(pairs, { beta }) => lengthNormalisedDpoLoss(pairs, pairs.lengths, { beta })],
    'model_sigmoid_ld_alpha_0.5_float32': [dpoLoss, { ldAlpha: 0.5 }], model_sigmoid_wpo_float32: [dpoLoss, { onPolicyWeights: true }],
    model_sigmoid_js_divergence_float32: [(pairs, { beta }) => dpoLoss(pairs, { beta, divergence: jensenShannon })],
  }
  const whole = goldens('dpo_losses').cases.filter(c => c.name.startsWith('model_'))
  it('has every whole-model case', () => expect(whole.map(c => c.name)).to.have.members(Object.keys(losses)))
  for (const golden of whole) for (const shards of [1, 3]) {
    // a step of plain gradient descent at rate 1 moves every weight by its gradient
    it(`dpo_losses: ${golden.name}, ${shards > 1 ? 'in shards of 2, 1 and 1 pairs' : 'in one piece'}`, async () => {
      const { policy, reference, batch, config } = golden.inputs, [loss, more] = losses[golden.name], model = load(policy)
      const training = dpo({ model, reference: load(reference), pairs: pairsOf([batch]), batchSize: 4, shards, shuffle: false, loss, beta: config.beta, optimiser: sgd({ lr: 1 }), schedule: constantSchedule({ lr: 1 }), ...more })
      const [metrics] = await all(training)
      golden.close(metrics.loss, 'loss')
      golden.close(metrics.grad_norm, 'grad_norm')
      for (const field of Object.keys(golden.expected.metrics)) golden.close(metrics[field as keyof DpoMetrics]!, `metrics.${field}`)
      closeGradients(golden, model.params, training.state.models.policy)
    })
  }

  it('learns which response is preferred, and starts from log 2', async () => {
    const steps = await all(dpo(options({ steps: 60, schedule: constantSchedule({ lr: 3e-2 }) }))), last = steps.at(-1)!
    expect(steps[0].loss).to.be.closeTo(Math.log(2), 1e-6)
    expect(steps[0]['rewards/margins']).to.be.closeTo(0, 1e-5)
    expect(last['rewards/accuracies']).to.equal(1)
    expect(last.loss).to.be.below(0.2)
    expect(last.epoch).to.equal(20)
    expect(last['rewards/margins']).to.be.closeTo(last['rewards/chosen'] - last['rewards/rejected'], 1e-6)
  })

  it('adds the chosen likelihood where asked for', async () => {
    const plain = (await all(dpo(options({ steps: 1, shuffle: false }))))[0], both = (await all(dpo(options({ steps: 1, shuffle: false, nllWeight: 0.5 }))))[0]
    expect(plain).to.not.have.property('nll_loss')
    // three responses of three tokens
    expect(both.nll_loss).to.be.closeTo(-both['logps/chosen'] / 3, 1e-5)
    expect(both.loss).to.be.closeTo(plain.loss + 0.5 * both.nll_loss!, 1e-5)
  })

  it('takes log-probs in place of the reference, computed once for several runs', async () => {
    const model = tinyModel(), other = { ...model, params: tinyModel().params }, reference = await pairReference(other, liked)
    const own = await all(dpo(options({ model, reference: other, steps: 5 })))
    expect(await all(dpo(options({ model, reference, steps: 5 })))).to.deep.equal(own)
    expect(await all(dpo(options({ model, steps: 5 })))).to.deep.equal(own)
    expect(() => dpo(options({ reference: { ...reference, chosen: reference.chosen.slice(1) } }))).to.throw(RangeError, 'each of 7 pairs, got 6 chosen and 7 rejected')
  })

  it('leaves the model that it was given, keeps no tensor but its state, and repeats itself', async () => {
    const given = options({ steps: 6, seed: 4 }), before = weights(given.model.params), training = dpo(given), counts: number[] = [], first: DpoMetrics[] = []
    for await (const metrics of training) {
      counts.push(tf.memory().numTensors)
      first.push(metrics)
    }
    expect(new Set(counts).size).to.equal(1)
    expect(weights(given.model.params)).to.deep.equal(before)
    expect(await all(dpo(given))).to.deep.equal(first)
    expect(await all(dpo({ ...given, seed: 5 }))).to.not.deep.equal(first)
    const after = tf.memory().numTensors
    disposeTraining(training)
    expect(after - tf.memory().numTensors).to.equal(before.length + 4)
  })

  it('goes on after a stop with the same numbers, bit for bit', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dpo-')), dropout = { attn_pdrop: 0.1, resid_pdrop: 0.1, embd_pdrop: 0.1 }
    const make = () => dpo(options({ model: tinyModel(dropout), steps: 8, seed: 1 })), whole = make(), expected = await all(whole)
    for await (const m of run(make(), { checkpoint: folder, every: 2 })) if (m.step === 5) break
    const rest = make()
    expect(await all(run(rest, { checkpoint: folder, every: 2 }))).to.deep.equal(expected.slice(5))
    expect(weights(rest.state.models.policy)).to.deep.equal(weights(whole.state.models.policy))
    rmSync(folder, { recursive: true })
  })

  it('refuses pairs and options that cannot be trained on, naming them', () => {
    const refused = (pairs: DpoTrainerOptions['pairs'], more: Partial<DpoTrainerOptions> = {}) => () => dpo(options({ pairs, ...more }))
    expect(refused([])).to.throw('dpo: no pairs')
    expect(refused([liked[0], { ...liked[1], chosen: [] }])).to.throw('pair 1, chosen: the response is empty')
    expect(refused([{ ...liked[1], rejected: [] }])).to.throw('pair 0, rejected: the response is empty')
    expect(refused([{ ...liked[1], prompt: { ids: [] } }])).to.throw('the prompt is empty')
    expect(refused([{ prompt: { ids: [1] }, chosen: [5, 2], rejected: [5, 2] }])).to.throw('chosen and rejected are the same')
    expect(refused([{ prompt: { ids: [1, 2, 3, 4] }, chosen: [5, 2], rejected: [5, 4, 3, 2, 1] }])).to.throw(RangeError, 'a prompt of 4 and a response of 5 tokens, but the model\'s context is 8')
    expect(refused([{ prompt: { ids: [1] }, chosen: [8], rejected: [2] }])).to.throw(RangeError, 'a token is 8, expected 0 to 7')
    expect(refused(liked, { beta: 0 })).to.throw(RangeError, 'beta')
    expect(refused(liked, { batchSize: 1.5 })).to.throw(RangeError, 'batchSize')
    expect(refused(liked, { ldAlpha: 2 })).to.throw(RangeError, 'ldAlpha')
    expect(refused(liked, { nllWeight: -1 })).to.throw(RangeError, 'nllWeight')
  })

  it('stops at a loss of another shape, and at the first number that is none', async () => {
    expect(await failure(() => dpo(options({ loss: p => tf.mean(dpoLoss(p)) as unknown as tfjs.Tensor1D })))).to.match(/one value a pair, \[3\], got \[\]/)
    const { params } = tinyModel(), broken = { config: tiny, params: { ...params, 'transformer.ln_f.bias': tf.fill([8], NaN) } }
    expect(await failure(() => dpo(options({ model: broken, reference: tinyModel() })))).to.match(/loss is not finite at step 1/)
    expect(await failure(() => dpo(options({ reference: broken })))).to.match(/reference log-probs is not finite/)
    expect(await failure(() => dpo(options({ steps: 3, loss: p => tf.mul<tfjs.Tensor1D>(dpoLoss(p), tf.scalar(Infinity)) })))).to.match(/not finite at step 1/)
  })
})
