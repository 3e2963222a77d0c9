import { expect } from 'chai'
import fc from 'fast-check'
import { bcaInterval, bootstrap, bootstrapDistribution, quantile, standardDeviation } from '../../lib/preference/bootstrap'
import { Random } from '../../lib/tensor/random'

const mean = (x: readonly number[]) => x.reduce((a, b) => a + b, 0) / x.length

describe('preference/bootstrap', () => {
  it('finds the standard error of a mean', () => {
    const random = Random.seed(0), sample = Array.from({ length: 400 }, () => random.normal()), { value, standardError, low, high } = bootstrap(sample, mean, Random.seed(1), { resamples: 4000 })
    expect(standardError).to.be.closeTo(standardDeviation(sample) / 20, 0.003)
    expect(low).to.be.closeTo(value - 1.96 * standardError, 0.01)
    expect(high).to.be.closeTo(value + 1.96 * standardError, 0.01)
  })

  it('is the same for the same seed', () => {
    expect(bootstrapDistribution([1, 2, 3], mean, Random.seed(5), 20)).to.deep.equal(bootstrapDistribution([1, 2, 3], mean, Random.seed(5), 20))
  })

  it('gives quantiles between the smallest and the largest value, in order', () => {
    fc.assert(fc.property(fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, p) => {
      expect(quantile(values, p)).to.be.within(Math.min(...values), Math.max(...values))
      expect(quantile(values, p)).to.be.at.least(quantile(values, p / 2) - 1e-9)
    }))
    expect(quantile([3, 1, 2, 4], 0.5)).to.equal(2.5)
  })

  it('refuses what has no answer', () => {
    expect(() => quantile([], 0.5)).to.throw(RangeError, 'at least one')
    expect(() => bootstrap([], mean, Random.seed(0))).to.throw(RangeError)
    expect(() => bootstrap([1, 2], mean, Random.seed(0), { level: 1 })).to.throw(RangeError, 'level')
    expect(() => bcaInterval([1, 1, 1], mean, [1, 1, 1])).to.throw(RangeError, 'percentileInterval')
  })
})
