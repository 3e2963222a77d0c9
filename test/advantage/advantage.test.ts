import { expect } from 'chai'
import fc from 'fast-check'
import { gae } from '../../lib/advantage/gae'
import { groupAdvantages, leaveOneOutAdvantages, zeroSpreadShare } from '../../lib/advantage/group'
import { whiten } from '../../lib/advantage/whiten'
import { k1, k3 } from '../../lib/reward/kl'
import { shapedTokenRewards } from '../../lib/reward/shaping'
import { goldens, type Golden } from '../goldens'

const ppo = goldens('ppo_update'), grpo = goldens('grpo_losses')
const rounded = (x: Float32Array) => Array.from(x, v => Math.round(v * 1000) / 1000)

/** TRL's rewards and advantages of a rollout, back on its padded grid. */
function replay({ inputs }: Golden) {
  const { config, logprobs, ref_logprobs, values, scores, sequence_lengths } = inputs
  const width = (logprobs as number[][])[0].length
  const estimator = config.kl_estimator === 'k3' ? k3 : k1
  const shaped = (sequence_lengths as number[]).map((last, i) => shapedTokenRewards(
    { logp: logprobs[i].slice(0, last + 1), logpRef: ref_logprobs[i].slice(0, last + 1), score: scores[i] },
    { beta: config.kl_coef, estimator, scoreAt: last + 1 < width ? 'after' : 'last' }))
  const rewards = config.whiten_rewards ? whiten(shaped, { shiftMean: false }) : shaped
  const estimates = rewards.map((row, i) => gae(row, values[i].slice(0, row.length), { gamma: config.gamma, lambda: config.lam }))
  const pad = (row: ArrayLike<number>) => Array.from({ length: width }, (_, t) => row[t] ?? 0)
  const tokens = estimates.map((e, i) => e.advantages.slice(0, (sequence_lengths as number[])[i] + 1))
  return { rewards: rewards.map(pad), returns: estimates.map(e => pad(e.returns)), advantages: whiten(tokens).map(pad) }
}

describe('advantage/gae and whitening', () => {
  for (const golden of ppo.cases.filter(c => c.name.endsWith('rewards_and_gae'))) {
    it(`ppo_update: ${golden.name}`, () => {
      const { rewards, returns, advantages } = replay(golden)
      golden.close(rewards, 'rewards')
      golden.close(returns, 'returns')
      golden.close(advantages, 'advantages')
    })
  }

  it('is the Monte Carlo return less the value at λ = 1 and the TD error at λ = 0', () => {
    const row = fc.array(fc.tuple(fc.integer({ min: -5, max: 5 }), fc.integer({ min: -5, max: 5 })), { minLength: 1, maxLength: 20 })
    fc.assert(fc.property(row, pairs => {
      const rewards = pairs.map(p => p[0]), values = pairs.map(p => p[1])
      const monteCarlo = rewards.map((_, t) => rewards.slice(t).reduce((a, b) => a + b, 0) - values[t])
      expect(Array.from(gae(rewards, values, { lambda: 1 }).advantages)).to.deep.equal(monteCarlo)
      const errors = rewards.map((r, t) => r + (values[t + 1] ?? 0) - values[t])
      expect(Array.from(gae(rewards, values, { lambda: 0 }).advantages)).to.deep.equal(errors)
    }))
    expect(() => gae([1], [1, 2])).to.throw(RangeError, '1 rewards but 2 values')
  })

  it('whitens to mean 0 and unit variance over tokens, not rows', () => {
    const flat = whiten([[1, 2, 3], [10]]).flatMap(row => Array.from(row)), mean = flat.reduce((a, b) => a + b) / 4
    expect(mean).to.be.closeTo(0, 1e-6)
    expect(flat.reduce((sum, x) => sum + x * x, 0) / 3).to.be.closeTo(1, 1e-5)
    expect(Array.from(whiten([[2, 2]])[0])).to.deep.equal([0, 0])
    expect(() => whiten([[1]])).to.throw(RangeError, 'at least 2')
  })
})

describe('advantage/group', () => {
  it('gives the worked examples', () => {
    expect(rounded(groupAdvantages([1, 0, 0.5, 1], 4, { unbiased: false, epsilon: 0 }))).to.deep.equal([0.905, -1.508, -0.302, 0.905])
    expect(Array.from(groupAdvantages([1, 1, 0, 0], 4), v => v.toFixed(4))).to.deep.equal(['0.8659', '0.8659', '-0.8659', '-0.8659'])
  })

  for (const scale of ['group', 'batch', 'none'] as const) {
    it(`equals TRL's, scaled by ${scale}`, () => {
      const golden = grpo.case(`advantages_${scale}_float32`), rewards = (golden.inputs.rewards_per_function as number[][][])[0].flat()
      golden.close(groupAdvantages(rewards, golden.inputs.group_size as number, { scale }), 'advantages')
    })
  }

  it("equals TRL's leave-one-out", () => {
    const golden = grpo.case('advantages_rloo_float32'), rewards = (golden.inputs.rewards_per_function as number[][][])[0].flat()
    golden.close(leaveOneOutAdvantages(rewards, golden.inputs.group_size as number), 'advantages')
  })

  it('sums to 0 in each group and gives a group without spread no signal', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 4, maxLength: 4 }), rewards => {
      expect(groupAdvantages(rewards, 4).reduce((a, b) => a + b, 0)).to.be.closeTo(0, 1e-4)
      expect(leaveOneOutAdvantages(rewards, 4).reduce((a, b) => a + b, 0)).to.be.closeTo(0, 1e-4)
    }))
    expect(Array.from(groupAdvantages([1, 1, 1, 1], 4))).to.deep.equal([0, 0, 0, 0])
    expect(zeroSpreadShare([1, 1, 0, 1], 2)).to.equal(0.5)
  })

  it('refuses groups that are not whole and rewards that are none', () => {
    expect(() => groupAdvantages([1, 2, 3], 2)).to.throw(RangeError, '3 do not fill groups of 2')
    expect(() => groupAdvantages([1], 1)).to.throw(RangeError, 'at least 2')
    expect(() => groupAdvantages([1, NaN], 2)).to.throw(RangeError, 'rewards[1]')
  })
})
