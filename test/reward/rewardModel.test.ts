import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { rewardModelLoss } from '../../lib/loss/rewardModel'
import { gptConfig } from '../../lib/model/config'
import { sequenceScores, withScoreHead } from '../../lib/model/heads'
import { readParams } from '../../lib/model/huggingface'
import { initParams } from '../../lib/model/params'
import { readSafetensors } from '../../lib/model/safetensors'
import { padSequences, pairAccuracy, scoreSequences } from '../../lib/reward/rewardModel'
import { ready, tf } from '../../lib/tensor/backend'
import { valueAndGrads } from '../../lib/tensor/gradients'
import { Random } from '../../lib/tensor/random'
import { goldens, goldensPath } from '../goldens'
import type { Golden } from '../goldens'

const file = goldens('reward_losses'), config = gptConfig({ vocab_size: 64, n_positions: 32, n_embd: 32, n_layer: 2, n_head: 2 })
const optionsOf = (coefficient: number | null, margin?: number[] | null) => ({ centring: coefficient ?? 0, margin: margin ?? undefined })

/** On given rewards; the cases in float64 hold the same numbers to more digits and are met to float32's. */
function onRewards(golden: Golden): void {
  const { chosen, rejected, margin, center_rewards_coefficient: coefficient } = golden.inputs
  const { value, grads } = valueAndGrads(r => ({
    loss: tf.mean(rewardModelLoss(r.chosen, r.rejected, optionsOf(coefficient, margin))).asScalar(),
  }), { chosen: tf.tensor1d(chosen), rejected: tf.tensor1d(rejected) })
  const twin = file.case(golden.name.replace('64', '32')) // float32's tolerance
  const near = (got: number, want: number, name: string) => { const { rtol, atol } = twin.tolerance(name); expect(got, name).to.be.closeTo(want, atol + rtol * Math.abs(want)) }
  near(value.dataSync()[0], golden.expected.loss, 'loss')
  for (const side of ['chosen', 'rejected'] as const) {
    expect(grads[side].size).to.equal(chosen.length)
    grads[side].dataSync().forEach((g, i) => near(g, golden.expected[`grad_${side}`][i], `grad_${side}`))
  }
}

/** From a whole model: rewards at the last token, the loss, every gradient. */
function onModel(golden: Golden): void {
  const { model, batch: { input_ids, attention_mask, margin }, center_rewards_coefficient: coefficient } = golden.inputs
  const params = readParams([readSafetensors(readFileSync(goldensPath(model)))], config, model), n = input_ids.length / 2
  const { value, grads, aux } = valueAndGrads(weights => {
    const scores = sequenceScores(weights, config, input_ids, { mask: attention_mask })
    return { loss: tf.mean(rewardModelLoss(tf.slice(scores, 0, n), tf.slice(scores, n, n), optionsOf(coefficient, margin))).asScalar(), aux: { scores } }
  }, params)
  golden.close(aux.scores.dataSync(), 'rewards')
  golden.close(value.dataSync()[0], 'loss')
  golden.close(tf.sqrt(tf.addN(Object.values(grads).map(g => tf.sum(tf.square(g))))).dataSync()[0], 'grad_norm')
  const kept = (name: string) => grads[name].dataSync<'float32'>()
  for (const [name, want] of Object.entries(golden.expected.grads as Record<string, Record<string, unknown>>)) {
    const values = kept(name), got = { shape: grads[name].shape, sum: values.reduce((a, b) => a + b, 0), abs_sum: values.reduce((a, b) => a + Math.abs(b), 0), first: [...values.slice(0, 5)] }
    for (const part of Object.keys(want)) golden.close(got[part as keyof typeof got], `grads.${name}.${part}`)
  }
  const sequences = (input_ids as number[][]).map((row, i) => row.filter((_, j) => attention_mask[i][j]))
  golden.close([...scoreSequences(params, config, sequences, 3)], 'rewards')
}

describe('reward/rewardModel', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  file.each({ 'model_*': onModel, 'plain_*': onRewards, 'margin_*': onRewards, 'centered_*': onRewards })

  it('without centring the loss ignores a common shift; with it, it is least where a pair stands around 0', () => {
    fc.assert(fc.property(fc.float({ min: -5, max: 5, noNaN: true }), fc.float({ min: -5, max: 5, noNaN: true }), fc.float({ min: -3, max: 3, noNaN: true }), (w, l, shift) => {
      const at = (by: number, centring: number) => tf.tidy(() => rewardModelLoss(tf.tensor1d([w + by]), tf.tensor1d([l + by]), { centring }).dataSync()[0])
      expect(at(shift, 0)).to.be.closeTo(at(0, 0), 1e-5)
      expect(at(shift, 0.1)).to.be.at.least(at(-(w + l) / 2, 0.1) - 1e-5)
    }), { numRuns: 50 })
  })

  it('refuses what does not fit together', () => {
    const one = tf.tensor1d([1]), two = tf.tensor1d([1, 2])
    expect(() => rewardModelLoss(one, two)).to.throw(RangeError, 'same shape')
    expect(() => rewardModelLoss(two, two, { margin: [1] })).to.throw(RangeError, '2 pairs, but 1 margins')
    expect(() => rewardModelLoss(two, two, { centring: -1 })).to.throw(RangeError, 'centring')
    expect(() => pairAccuracy([1], [])).to.throw(RangeError, 'pairAccuracy')
    expect(pairAccuracy([1, 0, 2, 2], [0, 1, 2, 1])).to.equal(0.625)
  })

  it('scores sequences in the order given, whatever the batch, and keeps no tensor', () => {
    const tiny = gptConfig({ vocab_size: 8, n_positions: 12, n_embd: 8, n_layer: 1, n_head: 2 }), random = Random.seed(1)
    const params = withScoreHead(initParams(tiny, random), tiny, random), sequences = [[1, 2, 3, 4, 5], [1], [1, 6, 2], [3, 3, 3, 3, 3, 3, 3]]
    const before = tf.memory().numTensors, whole = scoreSequences(params, tiny, sequences)
    expect(tf.memory().numTensors).to.equal(before)
    sequences.forEach((s, i) => expect(scoreSequences(params, tiny, [s])[0]).to.be.closeTo(whole[i], 1e-5))
    scoreSequences(params, tiny, sequences, 2).forEach((x, i) => expect(x).to.be.closeTo(whole[i], 1e-5))
    expect(() => scoreSequences(params, tiny, [[1], []])).to.throw(RangeError, 'sequence 1 is empty')
    expect(padSequences([[1, 2], [3]]).mask.map(m => [...m])).to.deep.equal([[1, 1], [1, 0]])
  })
})
