import { expect } from 'chai'
import fc from 'fast-check'
import { klExact } from '../../lib/reward/kl'
import { klOptimalPolicy } from '../../lib/reward/optimalPolicy'

const positive = fc.double({ min: 0.01, max: 1, noNaN: true }), number = fc.double({ min: -3, max: 3, noNaN: true })
const table = fc.array(fc.tuple(positive, number, positive), { minLength: 2, maxLength: 12 })
const normalised = (w: number[]) => w.map(x => x / w.reduce((a, b) => a + b, 0))

describe('reward/optimalPolicy', () => {
  it('is right where it can be done by hand: two equal answers, one worth β log 3 more, 3 to 1', () => {
    const { distribution, kl, expectedReward, objective } = klOptimalPolicy([0.5, 0.5], [Math.log(3), 0], 1)
    expect(distribution[0]).to.be.closeTo(0.75, 1e-12)
    expect(kl).to.be.closeTo(0.75 * Math.log(1.5) + 0.25 * Math.log(0.5), 1e-12)
    expect(expectedReward).to.be.closeTo(0.75 * Math.log(3), 1e-12)
    expect(objective).to.be.closeTo(Math.log(2), 1e-12)
  })

  it('no other policy does better, and what it lacks is β KL(π‖π*)', () => {
    fc.assert(fc.property(table, fc.double({ min: 0.05, max: 5, noNaN: true }), (rows, beta) => {
      const ref = normalised(rows.map(r => r[0])), rewards = rows.map(r => r[1]), other = normalised(rows.map(r => r[2]))
      const best = klOptimalPolicy(ref, rewards, beta), logs = (p: ArrayLike<number>) => Array.from(p, Math.log)
      const objective = (p: ArrayLike<number>) => rewards.reduce((sum, r, i) => sum + p[i] * r, 0) - beta * klExact(logs(p), logs(ref))
      expect(objective(best.distribution)).to.be.closeTo(best.objective, 1e-9)
      expect(best.expectedReward - beta * best.kl).to.be.closeTo(best.objective, 1e-9)
      expect(objective(other)).to.be.at.most(best.objective + 1e-9)
      const gap = logs(other).reduce((sum, l, i) => sum + other[i] * (l - (Math.log(ref[i]) + (rewards[i] - best.objective) / beta)), 0)
      expect(best.objective - objective(other)).to.be.closeTo(beta * gap, 1e-8)
    }))
  })

  it('stays at the reference for a large β, goes to the best answer for a small one, and never to an answer the reference lacks', () => {
    expect(klOptimalPolicy([0.2, 0.8], [1, 0], 1e6).kl).to.be.below(1e-9)
    const { distribution, kl } = klOptimalPolicy([0.2, 0.8, 0], [1, 0, 50], 1e-3)
    expect(Array.from(distribution)).to.deep.equal([1, 0, 0])
    expect(kl).to.be.closeTo(-Math.log(0.2), 1e-12)
  })

  it('refuses what is no distribution, no reward, no beta', () => {
    expect(() => klOptimalPolicy([0.5, 0.4], [0, 1], 1)).to.throw(RangeError, 'summing to 0.9')
    expect(() => klOptimalPolicy([1], [0, 1], 1)).to.throw(RangeError, 'each of 2 rewards')
    expect(() => klOptimalPolicy([0.5, 0.5], [0, NaN], 1)).to.throw(RangeError, 'finite rewards')
    expect(() => klOptimalPolicy([0.5, 0.5], [0, 1], 0)).to.throw(RangeError, 'got beta=0')
  })
})
