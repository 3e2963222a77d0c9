import { expect } from 'chai'
import type * as tfjs from '@tensorflow/tfjs'
import { cispoLoss } from '../../lib/loss/cispo'
import { clippedPolicyLoss, gspoLoss, rlooLoss, sequenceRatio, tokenRatio, type PolicyBatch } from '../../lib/loss/clipped'
import { gmpoLoss } from '../../lib/loss/gmpo'
import { k3Penalty } from '../../lib/loss/klPenalty'
import { clippedValueLoss } from '../../lib/loss/value'
import { ready, tf } from '../../lib/tensor/backend'
import { meanPerSequence, meanPerToken, sumOverFixedLength } from '../../lib/tensor/masked'
import { goldens, type Golden } from '../goldens'

interface Config { epsilon: number; epsilon_high: number; beta: number; use_bias_correction_kl?: boolean; importance_sampling_level?: string; loss_type?: string; delta?: number; max_completion_length?: number }

/** The losses we do not have: SAPO, VESPO, LUSPO, and TRL's options of masking tokens by entropy or staleness and of accumulation. */
const elsewhere = /^(sapo|vespo|luspo|advantages_|kl_estimators|grpo_(entropy_bonus|top_entropy|off_policy_mask|accumulation))/

describe('loss: GRPO and its family', () => {
  before(ready)
  const file = goldens('grpo_losses'), { per_token_logps, old_per_token_logps, ref_per_token_logps, completion_mask, advantages } = file.shared as Record<string, number[][]> & { advantages: number[] }

  function loss(golden: Golden): (logp: tfjs.Tensor2D) => tfjs.Scalar {
    const config = golden.inputs.config as Config, rows = (golden.inputs.completion_mask ?? completion_mask) as number[][]
    const batch: PolicyBatch = { logpOld: golden.inputs.on_policy ? per_token_logps : old_per_token_logps, advantages, mask: rows }
    const clip = { clip: config.epsilon, clipHigh: config.epsilon_high, ratioCap: config.delta }, family = golden.name.split('_')[0]
    const bySequence = config.importance_sampling_level === 'sequence'
    return logp => {
      const mask = tf.tensor2d(rows), ones = tf.onesLike(logp)
      const spread = (x: tfjs.Tensor2D) => tf.mul<tfjs.Tensor2D>(x, ones)
      if (family === 'rloo') return tf.mean(rlooLoss(logp, batch, clip))
      if (family === 'gmpo') {
        const kl = config.beta === 0 ? tf.scalar(0) : tf.mul<tfjs.Scalar>(meanPerSequence(k3Penalty(logp, ref_per_token_logps), mask), config.beta)
        return tf.add(tf.mean(gmpoLoss(logp, batch, clip)), kl)
      }
      const ratio = bySequence ? sequenceRatio(logp, batch) : tokenRatio(logp, batch)
      const perToken = family === 'cispo' ? cispoLoss(logp, { ratio: ratio.arraySync().map(r => bySequence ? tf.fill([rows[0].length], r[0]).arraySync() as number[] : r), advantages }, { cap: config.epsilon_high })
        : spread(bySequence ? gspoLoss(logp, batch, clip) : clippedPolicyLoss(logp, batch, clip))
      const penalised = config.beta === 0 ? perToken : tf.add<tfjs.Tensor2D>(perToken, tf.mul(k3Penalty(logp, ref_per_token_logps, config.use_bias_correction_kl ? ratio : undefined), config.beta))
      if (family === 'dr') return sumOverFixedLength(penalised, mask, config.max_completion_length!)
      return config.loss_type === 'grpo' ? meanPerSequence(penalised, mask) : meanPerToken(penalised, mask)
    }
  }

  for (const golden of file.cases.filter(c => c.dtype === 'float32' && !elsewhere.test(c.name))) {
    it(`grpo_losses: ${golden.name}`, () => tf.tidy(() => {
      const logp = tf.tensor2d(per_token_logps), { value, grad } = tf.valueAndGrad(x => loss(golden)(x as tfjs.Tensor2D))(logp)
      golden.close(value.dataSync()[0], 'loss')
      golden.close((grad as tfjs.Tensor2D).arraySync(), 'grad_per_token_logps')
    }))
  }

  it('has the k3 penalty and leaves no tensor behind', () => {
    const before = tf.memory().numTensors
    tf.tidy(() => { expect(k3Penalty(tf.tensor2d([[-1, -2]]), [[-1, -2]]).arraySync()).to.deep.equal([[0, 0]]) })
    expect(tf.memory().numTensors).to.equal(before)
  })

  it('refuses rows that do not fit', () => {
    tf.tidy(() => {
      const logp = tf.tensor2d([[-1, -2]]), batch = { logpOld: [[-1, -2]], advantages: [1], mask: [[1, 1]] }
      expect(() => clippedPolicyLoss(logp, { ...batch, advantages: [1, 2] })).to.throw(RangeError, 'advantages: expected 1 rows')
      expect(() => clippedPolicyLoss(logp, { ...batch, logpOld: [[-1]] })).to.throw(RangeError, 'row 0 has 1')
    })
  })
})

describe('loss: PPO', () => {
  before(ready)
  for (const golden of goldens('ppo_update').cases.filter(c => c.name.includes('_losses_step_'))) {
    it(`ppo_update: ${golden.name}`, () => tf.tidy(() => {
      const { config, mb_advantage, mb_logprobs, mb_return, mb_values, new_logprobs, vpred, padding_mask, padding_mask_p1 } = golden.inputs as Record<string, number[][]> & { config: { cliprange: number; cliprange_value: number; vf_coef: number } }
      const real = (grid: unknown) => tf.tensor2d((grid as boolean[][]).map(row => row.map(padded => padded ? 0 : 1)))
      const mask = real(padding_mask), maskValues = real(padding_mask_p1)
      const policy = (logp: tfjs.Tensor2D) => meanPerToken(clippedPolicyLoss(logp, { logpOld: mb_logprobs, advantages: mb_advantage, mask: [] }, { clip: config.cliprange }), mask)
      const value = (values: tfjs.Tensor2D) => meanPerToken(clippedValueLoss(values, { valuesOld: mb_values, returns: mb_return }, { clip: config.cliprange_value }), maskValues)
      const logp = tf.tensor2d(new_logprobs), values = tf.tensor2d(vpred)
      golden.close(policy(logp).dataSync()[0], 'pg_loss')
      golden.close(value(values).dataSync()[0], 'vf_loss')
      golden.close((tf.grad(x => policy(x as tfjs.Tensor2D))(logp) as tfjs.Tensor2D).arraySync(), 'grad_new_logprobs')
      golden.close(tf.mul<tfjs.Tensor2D>(tf.grad(x => value(x as tfjs.Tensor2D))(values), config.vf_coef).arraySync(), 'grad_vpred')
    }))
  }
})
