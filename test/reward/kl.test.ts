import { expect } from 'chai'
import fc from 'fast-check'
import { adaptKl } from '../../lib/reward/controller'
import { k1, k2, k3, klExact, klPerToken } from '../../lib/reward/kl'
import { shapedReward, shapedTokenRewards } from '../../lib/reward/shaping'
import { Random } from '../../lib/tensor/random'
import { goldens } from '../goldens'

const logp = fc.double({ min: -20, max: 0, noNaN: true })

describe('reward/kl', () => {
  it('equals the outside estimators', () => {
    const { shared, cases } = goldens('grpo_losses'), golden = cases.find(c => c.name === 'kl_estimators_float64')!
    const rows = (estimator: typeof k1) => (shared.per_token_logps as number[][]).map((row, i) => row.map((x, t) => estimator(x, (shared.ref_per_token_logps as number[][])[i][t])))
    golden.close(rows(k1), 'k1')
    golden.close(rows(k2), 'k2')
    golden.close(rows(k3), 'k3')
  })

  it('k2 and k3 are never negative, and k3 − k1 = e^−d − 1', () => {
    fc.assert(fc.property(logp, logp, (a, b) => {
      expect(k2(a, b)).to.be.at.least(0)
      expect(k3(a, b)).to.be.at.least(0)
      expect(k3(a, b) - k1(a, b)).to.be.closeTo(Math.expm1(b - a), 1e-9 * Math.exp(Math.abs(a - b)))
    }))
  })

  it('k1 and k3 average to the exact divergence over samples of the policy', () => {
    const p = [0.5, 0.3, 0.2].map(Math.log), q = [0.2, 0.5, 0.3].map(Math.log), random = Random.seed(0), n = 40_000
    let first = 0, third = 0
    for (let i = 0; i < n; i++) {
      const a = random.weighted(p.map(Math.exp))
      first += k1(p[a], q[a]) / n
      third += k3(p[a], q[a]) / n
    }
    expect(first).to.be.closeTo(klExact(p, q), 0.02)
    expect(third).to.be.closeTo(klExact(p, q), 0.01)
  })

  it('refuses rows of different responses', () => {
    expect(() => klPerToken([-1], [-1, -2])).to.throw(RangeError, 'logp has 1 tokens, logpRef 2')
    expect(() => klExact([0], [-1, -1])).to.throw(RangeError)
  })
})

describe('reward/shaping', () => {
  it('shapes the worked example: near the reference 1.18, high drift 1.03', () => {
    expect(shapedReward({ logp: [-2.1], logpRef: [-2.2], score: 1.20 }, { beta: 0.2 })).to.be.closeTo(1.18, 1e-6)
    expect(shapedReward({ logp: [-1.2], logpRef: [-2.8], score: 1.35 }, { beta: 0.2 })).to.be.closeTo(1.03, 1e-6)
  })

  it('pays the same in sum at the tokens as for the sequence', () => {
    const row = fc.array(fc.tuple(logp, logp), { minLength: 1, maxLength: 30 })
    fc.assert(fc.property(row, fc.double({ min: -5, max: 5, noNaN: true }), fc.constantFrom('last', 'after'), (pairs, score, scoreAt) => {
      const response = { logp: pairs.map(p => p[0]), logpRef: pairs.map(p => p[1]), score }
      const tokens = shapedTokenRewards(response, { beta: 0.1, scoreAt })
      expect(tokens.reduce((a, b) => a + b, 0)).to.be.closeTo(shapedReward(response, { beta: 0.1 }), 1e-4)
    }))
  })

  it('refuses a response without tokens and a score that is none', () => {
    expect(() => shapedTokenRewards({ logp: [], logpRef: [], score: 1 }, { beta: 0.1 })).to.throw(RangeError, 'no token')
    expect(() => shapedTokenRewards({ logp: [-1], logpRef: [-1], score: NaN }, { beta: 0.1 })).to.throw(RangeError, 'finite score')
  })
})

describe('reward/controller', () => {
  it('raises beta above the target, lowers it below, and never by more than the clip', () => {
    expect(adaptKl({ beta: 0.15 }, 6, 256).beta).to.equal(0.15)
    expect(adaptKl({ beta: 0.15 }, 60, 256).beta).to.be.closeTo(0.15 * (1 + 0.2 * 256 / 10_000), 1e-12)
    expect(adaptKl({ beta: 0.15 }, 0, 256).beta).to.be.closeTo(0.15 * (1 - 0.2 * 256 / 10_000), 1e-12)
    expect(() => adaptKl({ beta: 0.15 }, NaN, 256)).to.throw(RangeError, 'finite KL')
  })

  it('settles where the KL that a weight gives meets the target', () => {
    let state = { beta: 0.01 }
    for (let i = 0; i < 4000; i++) state = adaptKl(state, 1 / state.beta, 256)
    expect(1 / state.beta).to.be.closeTo(6, 0.1)
  })
})
