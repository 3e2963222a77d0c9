import { expect } from 'chai'
import fc from 'fast-check'
import { Random } from '../../lib/tensor/random'
import { annotate } from '../../lib/desk/annotators'
import { demonstrate } from '../../lib/desk/demonstrations'
import { drawPrompts } from '../../lib/desk/scenarios'
import { positionBias, swapTest } from '../../lib/preference/position'
import { goldens } from '../goldens'

describe('preference/position', () => {
  const statistics = goldens('statistics')

  it('agrees with scipy.stats.binomtest and statsmodels on p and interval', () => {
    const golden = statistics.case('proportion_intervals')
    for (const [i, row] of (golden.expected.rows as { successes: number; n: number }[]).entries()) {
      const { p, interval } = positionBias(row.successes, row.n)
      golden.close(p, `rows.${i}.binomial_test_p`)
      golden.close(interval, `rows.${i}.beta`)
    }
  })

  it('agrees with statsmodels on the exact McNemar test of swapped pairs', () => {
    const golden = statistics.case('mcnemar'), [[both, b], [c, neither]] = golden.inputs.table as [[number, number], [number, number]]
    const times = (n: number, verdict: [boolean, boolean]) => Array.from({ length: n }, () => verdict)
    const found = swapTest([...times(both, [true, false]), ...times(b, [true, true]), ...times(c, [false, false]), ...times(neither, [false, true])])
    golden.close(found.p, 'exact_p')
    expect(found).to.include({ n: 100, firstBoth: b, secondBoth: c })
    expect(found.consistent).to.be.closeTo((both + neither) / 100, 1e-12)
  })

  it('has an interval that holds the share, is turned round with it, and excludes one half only when p is small', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 4000 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, q) => {
      const k = Math.round(q * n), { interval: [low, high], share, p } = positionBias(k, n), other = positionBias(n - k, n)
      expect(share).to.be.within(low, high)
      expect(other.interval[0]).to.be.closeTo(1 - high, 1e-9)
      expect(other.p).to.be.closeTo(p, 1e-9)
      expect(low > 0.5 || high < 0.5).to.equal(p < 0.05)
    }))
  })

  it('finds the position dial of simulated annotators and clears those without', () => {
    const random = Random.seed(3), pairs = drawPrompts(1500, 3).map(prompt => ({ prompt, a: demonstrate(prompt, random).text, b: demonstrate(prompt, random).text }))
    const test = (position: number) => positionBias(pairs.reduce((n, { prompt, a, b }) => n + annotate(prompt, a, b, { position }, random), 0), pairs.length)
    expect(test(2).p).to.be.below(1e-6)
    expect(test(2).interval[0]).to.be.above(0.5)
    expect(test(0).p).to.be.above(0.01)
  })

  it('refuses counts that are none', () => {
    for (const [k, n] of [[3, 2], [-1, 2], [0, 0], [0.5, 2]]) expect(() => positionBias(k, n)).to.throw(RangeError, `${k} of ${n}`)
    expect(() => swapTest([])).to.throw(RangeError, 'at least one pair')
  })
})
