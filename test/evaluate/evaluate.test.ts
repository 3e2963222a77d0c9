import { expect } from 'chai'
import fc from 'fast-check'
import { bestOfN, bestOfNKl, bestOfNMean } from '../../lib/evaluate/bestOfN'
import { betaCdf, betaQuantile } from '../../lib/evaluate/beta'
import { accuracy, brierScore, calibrationBins, expectedCalibrationError, logLoss, rocAuc } from '../../lib/evaluate/calibration'
import { kendallTauB, pearson, spearman } from '../../lib/evaluate/correlation'
import { binomialTest, clopperPearsonInterval, wilsonInterval } from '../../lib/evaluate/intervals'
import { lengthControlledWinRate, lengthFeature } from '../../lib/evaluate/lengthControl'
import { logisticRegression } from '../../lib/evaluate/logistic'
import { mcnemarExact, pairedT, signFlipTest, wilcoxonExact } from '../../lib/evaluate/paired'
import { passAllK, passAtK } from '../../lib/evaluate/passAtK'
import { winProbability } from '../../lib/preference/bradleyTerry'
import { Random } from '../../lib/tensor/random'

const p01 = fc.double({ min: 0, max: 1, noNaN: true })

describe('evaluate', () => {
  it('calibration: outcomes drawn from the probabilities are calibrated, overconfident ones are not', () => {
    const random = Random.seed(0), p = Array.from({ length: 20_000 }, () => random.uniform()), y = p.map(v => random.uniform() < v ? 1 : 0)
    expect(expectedCalibrationError(p, y)).to.be.below(0.015)
    const sure = p.map(v => winProbability(4 * Math.log(v / (1 - v))))
    expect(expectedCalibrationError(sure, y)).to.be.above(0.1)
    expect(brierScore(sure, y)).to.be.above(brierScore(p, y))
    expect(logLoss(sure, y)).to.be.above(logLoss(p, y))
    expect(rocAuc(sure, y)).to.be.closeTo(rocAuc(p, y), 1e-12)
    expect(accuracy(sure, y)).to.equal(accuracy(p, y))
    const covered = calibrationBins(p, y).filter(b => b.low <= b.predicted && b.predicted <= b.high).length
    expect(covered).to.be.at.least(8)
  })

  it('calibration: bins are right-closed, keep every item, and ties count ½', () => {
    fc.assert(fc.property(fc.array(fc.tuple(p01, fc.constantFrom(0, 0.5, 1)), { minLength: 1 }), fc.integer({ min: 1, max: 20 }), (rows, bins) => {
      const cells = calibrationBins(rows.map(r => r[0]), rows.map(r => r[1]), bins)
      expect(cells.reduce((sum, b) => sum + b.count, 0)).to.equal(rows.length)
      for (const b of cells) expect(b.observed).to.be.within(b.low - 1e-12, b.high + 1e-12)
    }))
    expect(calibrationBins([0.1, 0.2, 0], [1, 0, 0], 10).map(b => [b.from, b.count])).to.deep.equal([[0, 2], [0.1, 1]])
    expect(brierScore([0.5], [0.5])).to.equal(0)
  })

  it('intervals: Clopper-Pearson covers at least 95% for every p, Wilson on average', () => {
    const n = 20, mass = (k: number, p: number) => betaCdf(1 - p, n - k, k + 1) - (k === 0 ? 0 : betaCdf(1 - p, n - k + 1, k))
    const exact = Array.from({ length: n + 1 }, (_, k) => clopperPearsonInterval(k, n)), wilson = Array.from({ length: n + 1 }, (_, k) => wilsonInterval(k, n))
    let sum = 0, count = 0
    for (let p = 0.02; p < 0.99; p += 0.02) {
      const covers = (intervals: readonly (readonly [number, number])[]) => intervals.reduce((s, [low, high], k) => low <= p && p <= high ? s + (k === n ? p ** n : mass(k, p)) : s, 0)
      expect(covers(exact)).to.be.at.least(0.95 - 1e-9)
      sum += covers(wilson)
      count++
    }
    expect(sum / count).to.be.closeTo(0.95, 0.01)
    expect(() => wilsonInterval(11, 10)).to.throw(RangeError, 'successes from 0 to 10')
  })

  it('beta: the quantile inverts the distribution function', () => {
    fc.assert(fc.property(fc.double({ min: 0.001, max: 0.999, noNaN: true }), fc.double({ min: 0.5, max: 500, noNaN: true }), fc.double({ min: 0.5, max: 500, noNaN: true }), (p, a, b) => {
      expect(betaCdf(betaQuantile(p, a, b), a, b)).to.be.closeTo(p, 1e-10)
    }))
  })

  it('paired tests: reject a planted difference, not its absence, and agree', () => {
    const random = Random.seed(0), a = Array.from({ length: 40 }, () => random.normal()), b = a.map(v => v - 0.8 + 0.5 * random.normal()), c = a.map(v => v + random.normal())
    for (const test of [pairedT(a, b), signFlipTest(a, b, Random.seed(1)), wilcoxonExact(a, b)]) expect(test.p).to.be.below(0.001)
    for (const test of [pairedT(a, c), signFlipTest(a, c, Random.seed(1)), wilcoxonExact(a, c)]) expect(test.p).to.be.above(0.05)
    expect(signFlipTest(a, c, Random.seed(1)).p).to.be.closeTo(pairedT(a, c).p, 0.03)
    expect(mcnemarExact(0, 0).p).to.equal(1)
    expect(mcnemarExact(20, 2).p).to.be.below(0.001)
    expect(binomialTest(5, 10)).to.equal(1)
    expect(() => wilcoxonExact([1, 2], [0, 1])).to.throw(RangeError, 'signFlipTest')
    expect(() => pairedT([1, 2], [1])).to.throw(RangeError, 'got 2 and 1')
  })

  it('correlation: rank measures ignore monotone changes; a constant is refused', () => {
    const random = Random.seed(2), x = Array.from({ length: 50 }, () => random.normal()), y = x.map(v => v + random.normal())
    for (const measure of [spearman, kendallTauB]) expect(measure(x.map(Math.exp), y).statistic).to.be.closeTo(measure(x, y).statistic, 1e-12)
    expect(pearson(x, x.map(v => 3 - 2 * v)).statistic).to.be.closeTo(-1, 1e-12)
    expect(() => pearson([1, 1, 1], [1, 2, 3])).to.throw(RangeError, 'constant')
  })

  it('pass@k: is the mean over all k-subsets, and passAllK its counterpart', () => {
    const subsets = (n: number, k: number, from = 0): number[][] => k === 0 ? [[]] : Array.from({ length: n - from }, (_, i) => from + i).flatMap(i => subsets(n, k - 1, i + 1).map(s => [i, ...s]))
    for (const [n, c, k] of [[6, 2, 3], [7, 4, 2], [5, 0, 2], [5, 5, 5]]) {
      const all = subsets(n, k)
      expect(passAtK(n, c, k)).to.be.closeTo(all.filter(s => s.some(i => i < c)).length / all.length, 1e-12)
      expect(passAllK(n, c, k)).to.be.closeTo(all.filter(s => s.every(i => i < c)).length / all.length, 1e-12)
    }
    expect(() => passAtK(3, 1, 4)).to.throw(RangeError, 'k=4')
  })

  it('best-of-n: the exact policy is a distribution below the bound, ties share, order does not matter', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: -3, max: 3 })), { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 64 }), (rows, n) => {
      const total = rows.reduce((s, r) => s + r[0], 0), best = bestOfN(rows.map(r => r[0] / total), rows.map(r => r[1]), n)
      expect(best.distribution.reduce((a, b) => a + b, 0)).to.be.closeTo(1, 1e-9)
      expect(best.kl).to.be.within(-1e-9, bestOfNKl(n) + 1e-9)
      const back = bestOfN([...rows].reverse().map(r => r[0] / total), [...rows].reverse().map(r => r[1]), n)
      ;[...back.distribution].reverse().forEach((q, i) => expect(q).to.be.closeTo(best.distribution[i], 1e-12))
    }))
    expect([...bestOfN([0.25, 0.25, 0.5], [1, 1, 0], 1).distribution]).to.deep.equal([0.25, 0.25, 0.5])
    expect(bestOfNKl(16)).to.be.closeTo(1.835, 5e-4)
  })

  it('best-of-n: the estimate from samples is the mean over all n-subsets', () => {
    const scores = [0.3, -1, 2, 0.9, 0.1], values = [5, 1, -2, 3, 4]
    expect(bestOfNMean(scores, values, 1)).to.be.closeTo(values.reduce((a, b) => a + b, 0) / 5, 1e-12)
    expect(bestOfNMean(scores, values, 5)).to.equal(-2)
    let sum = 0, count = 0
    for (let i = 0; i < 5; i++) for (let j = 0; j < i; j++) { sum += values[scores[i] > scores[j] ? i : j]; count++ }
    expect(bestOfNMean(scores, values, 2)).to.be.closeTo(sum / count, 1e-12)
  })

  it('logistic regression: recovers planted coefficients, and says when the data have no maximum', () => {
    const random = Random.seed(3), x = Array.from({ length: 4000 }, () => [random.normal(), random.normal()]), y = x.map(([a, b]) => random.uniform() < winProbability(0.5 + a - 2 * b) ? 1 : 0)
    const { coefficients, standardErrors } = logisticRegression(x, y)
    ;[0.5, 1, -2].forEach((v, j) => expect(Math.abs(coefficients[j] - v)).to.be.below(3 * standardErrors[j]))
    expect(() => logisticRegression([[-1], [-2], [1], [2]], [0, 0, 1, 1])).to.throw(RangeError, 'no finite maximum')
    expect(() => logisticRegression([[1, 1], [2, 2], [3, 3], [4, 4]], [0, 1, 0, 1])).to.throw(RangeError, 'no finite maximum')
    expect(() => logisticRegression([[1], [NaN]], [0, 1])).to.throw(RangeError, 'row 1')
    expect(logisticRegression([[-1], [-2], [1], [2]], [0, 0, 1, 1], 1).coefficients[1]).to.be.above(0)
  })

  it('length control: takes away what length alone wins', () => {
    const random = Random.seed(4), lengths = Array.from({ length: 3000 }, () => 100 + 80 * random.normal()), base = lengths.map(() => 60 + 20 * random.normal())
    const feature = lengthFeature(lengths, base), wins = feature.map(v => random.uniform() < winProbability(1.5 * v) ? 1 : 0), lc = lengthControlledWinRate(wins, feature)
    expect(lc.rawWinRate).to.be.above(0.55)
    expect(lc.winRate).to.be.closeTo(0.5, 0.03)
    expect(() => lengthFeature([2, 3], [1, 2])).to.throw(RangeError, 'same length')
  })
})
