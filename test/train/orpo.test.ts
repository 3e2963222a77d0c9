import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { simpoLoss, slicLoss } from '../../lib/loss/referenceFree'
import { sgd } from '../../lib/model/optimiser'
import { constantSchedule } from '../../lib/model/schedules'
import { ready, tf } from '../../lib/tensor/backend'
import { cpo, orpo, simpo } from '../../lib/train/referenceFree'
import type { OrpoMetrics } from '../../lib/train/referenceFree'
import type { PairwiseOptions } from '../../lib/train/pairwise'
import type { TokenPair } from '../../lib/train/pairs'
import { run } from '../../lib/train/run'
import type { Training } from '../../lib/train/training'
import { goldens } from '../goldens'
import { all, closeGradients, closeWeights, cut, failure, liked, load, settings, tinyModel, weights } from './preferences'

/** TRL's batches of this form hold labels, −100 where nothing is learnt. */
const pairsOf = (batches: Record<string, number[][]>[]): TokenPair[] => batches.flatMap(batch => batch.chosen_input_ids.map((_, i) => {
  const side = (name: string) => cut(batch[`${name}_input_ids`][i], batch[`${name}_attention_mask`][i], batch[`${name}_labels`][i].map(label => Number(label !== -100)))
  return { prompt: side('chosen').prompt, chosen: side('chosen').tokens, rejected: side('rejected').tokens }
}))
const options = (more: Partial<PairwiseOptions> = {}): PairwiseOptions => ({ model: tinyModel(), pairs: liked, batchSize: 3, ...more })

describe('train/referenceFree', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  it('training_runs: orpo_adamw_8_steps, whose likelihood covers the prompt', async () => {
    const golden = goldens('training_runs').case('orpo_adamw_8_steps'), { policy, batches, config } = golden.inputs
    const training = orpo({ model: load(policy), pairs: pairsOf(batches), beta: config.beta, nllOnPrompt: true, ...settings(golden) }), steps = await all(training)
    golden.close(steps.map(m => m.loss), 'losses')
    expect(steps.length).to.equal(golden.expected.steps.length)
    // TRL's mean logits include padding
    const fields = Object.keys(golden.expected.steps[0]).filter(f => !f.startsWith('logits'))
    steps.forEach((metrics, t) => fields.forEach(field => golden.close(metrics[field as keyof OrpoMetrics], `steps.${t}.${field}`)))
    closeWeights(golden, training.state.models.policy)
  })

  const runs: Record<string, (o: PairwiseOptions, c: Record<string, number>) => Training<object>> = {
    model_cpo_float32: (o, c) => cpo({ ...o, beta: c.beta, nllWeight: c.cpo_alpha }),
    model_simpo_float32: (o, c) => simpo({ ...o, beta: c.beta, gamma: c.simpo_gamma }),
    model_cpo_simpo_float32: (o, c) => cpo({ ...o, loss: (w, l, { beta }) => simpoLoss(w, l, { beta, gamma: c.simpo_gamma }), averaged: true, beta: c.beta, nllWeight: c.cpo_alpha }),
    model_alphapo_float32: (o, c) => simpo({ ...o, beta: c.beta, gamma: c.simpo_gamma, alpha: c.alpha }),
    model_orpo_float32: (o, c) => orpo({ ...o, beta: c.beta, nllOnPrompt: true }),
  }
  const whole = goldens('reference_free_losses').cases.filter(c => c.name.startsWith('model_'))
  it('has every whole-model case', () => expect(whole.map(c => c.name)).to.have.members(Object.keys(runs)))
  for (const golden of whole) {
    // a step of plain gradient descent at rate 1 moves every weight by its gradient
    it(`reference_free_losses: ${golden.name}`, async () => {
      const { policy, batch, config } = golden.inputs, model = load(policy)
      const training = runs[golden.name]({ model, pairs: pairsOf([batch]), batchSize: 4, shuffle: false, optimiser: sgd({ lr: 1 }), schedule: constantSchedule({ lr: 1 }) }, config)
      const [metrics] = await all(training) as Record<string, number>[]
      golden.close(metrics.loss, 'loss')
      golden.close(metrics.grad_norm, 'grad_norm')
      // TRL's mean logits include padding; its rewards of AlphaPO are the transformed ones, and it counts no likelihood there that it does not use
      const skipped = (field: string) => field.startsWith('logits') || /simpo|alphapo/.test(golden.name) && field === 'nll_loss' || golden.name.includes('alphapo') && field.startsWith('rewards')
      const fields = Object.keys(golden.expected.metrics).filter(f => !skipped(f))
      expect(fields).to.include('logps/chosen')
      for (const field of fields) golden.close(metrics[field], `metrics.${field}`)
      closeGradients(golden, model.params, training.state.models.policy)
    })
  }

  it('learns which response is preferred: CPO, SLiC, SimPO, ORPO', async () => {
    const long = options({ steps: 60, schedule: constantSchedule({ lr: 3e-2 }) })
    for (const training of [cpo(long), cpo({ ...long, loss: slicLoss }), simpo(long), orpo(long)]) {
      const steps = await all<{ 'rewards/accuracies': number, 'rewards/margins': number, loss: number }>(training)
      expect(steps.at(-1)!['rewards/accuracies'], training.state.kind).to.equal(1)
      expect(steps.at(-1)!.loss).to.be.below(steps[0].loss)
    }
  })

  it('counts the likelihood of the response alone unless the prompt is asked for', async () => {
    const one = async (nllOnPrompt: boolean) => (await all(orpo({ ...options({ steps: 1, shuffle: false }), nllOnPrompt })))[0]
    const response = await one(false), prompt = await one(true)
    expect(response.nll_loss).to.be.closeTo(-response['logps/chosen'], 1e-5)
    expect(prompt.nll_loss).to.not.be.closeTo(response.nll_loss, 1e-3)
    expect(response.loss).to.be.closeTo(response.nll_loss - 0.1 * response.log_odds_ratio, 1e-5)
  })

  it('keeps no tensor but its state, and goes on after a stop bit for bit', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'orpo-')), make = () => orpo(options({ steps: 6 })), whole = make(), counts: number[] = [], expected: OrpoMetrics[] = []
    for await (const m of whole) { expected.push(m); counts.push(tf.memory().numTensors) }
    expect(new Set(counts).size).to.equal(1)
    for await (const m of run(make(), { checkpoint: folder, every: 2 })) if (m.step === 3) break
    const rest = make()
    expect(await all(run(rest, { checkpoint: folder }))).to.deep.equal(expected.slice(3))
    expect(weights(rest.state.models.policy)).to.deep.equal(weights(whole.state.models.policy))
    rmSync(folder, { recursive: true })
  })

  it('refuses what cannot be trained on, and stops at the first number that is none', async () => {
    expect(() => orpo(options({ pairs: [] }))).to.throw('orpo: no pairs')
    expect(() => simpo(options({ pairs: [{ prompt: { ids: [1] }, chosen: [2], rejected: [] }] }))).to.throw('rejected: the response is empty')
    expect(() => cpo({ ...options(), nllWeight: NaN })).to.throw(RangeError, 'nllWeight')
    const model = tinyModel(), broken = { ...model, params: { ...model.params, 'transformer.ln_f.bias': tf.fill([8], NaN) } }
    expect(await failure(() => simpo(options({ model: broken })))).to.match(/loss is not finite at step 1/)
  })
})
