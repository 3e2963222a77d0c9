import { expect } from 'chai'
import fc from 'fast-check'
import { BEST_OF_N_LAW, fitLaw, fitLawByResiduals, fitLawOverPrompts, RL_LAW } from '../../lib/evaluate/overoptimisation'
import { Random } from '../../lib/tensor/random'

const LAWS = [BEST_OF_N_LAW, RL_LAW], d = [0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1]
const curve = (law: typeof RL_LAW, a: number, b: number) => d.map(v => a * v - b * law.bend(v))

describe('over-optimisation laws', () => {
  it('are recovered from their own curves, and the peak is the highest point', () => {
    fc.assert(fc.property(fc.constantFrom(...LAWS), fc.double({ min: 0.2, max: 5, noNaN: true }), fc.double({ min: 0.2, max: 3, noNaN: true }), (law, a, b) => {
      const fit = fitLaw(law, d, curve(law, a, b)), at = (v: number) => a * v - b * law.bend(v)
      expect(fit.a).to.be.closeTo(a, 1e-9)
      expect(fit.b).to.be.closeTo(b, 1e-9)
      for (const r of fit.residuals) expect(Math.abs(r)).to.be.below(1e-9)
      for (const other of [0.9, 1.1]) expect(at(fit.peak)).to.be.at.least(at(other * fit.peak) - 1e-12)
    }))
    expect(fitLaw(BEST_OF_N_LAW, d, curve(BEST_OF_N_LAW, 1, -0.1)).peak).to.equal(Infinity)
  })

  it('do not fit each other\'s curves: the residuals say so', () => {
    for (const [i, law] of LAWS.entries()) {
      const gains = curve(law, 2, 1), own = fitLaw(law, d, gains), other = fitLaw(LAWS[1 - i], d, gains)
      expect(own.r2).to.be.closeTo(1, 1e-12)
      expect(Math.max(...other.residuals.map(Math.abs))).to.be.above(0.02)
    }
  })

  it('have intervals that hold the truth about as often as they claim', function () {
    this.timeout(60_000)
    const random = Random.seed(5), truth = curve(BEST_OF_N_LAW, 2, 0.5), trials = 120
    let prompts = 0, residuals = 0
    for (let t = 0; t < trials; t++) {
      const rows = Array.from({ length: 40 }, () => { const level = 1 + random.normal(); return truth.map(v => level * v + 0.3 * random.normal()) })
      const over = fitLawOverPrompts(BEST_OF_N_LAW, d, rows, random, 200)
      if (over.aInterval[0] <= 2 && 2 <= over.aInterval[1]) prompts++
      const noisy = fitLawByResiduals(BEST_OF_N_LAW, d, truth.map(v => v + 0.1 * random.normal()), random, 200)
      if (noisy.peakInterval[0] <= 2 && 2 <= noisy.peakInterval[1]) residuals++
      expect(over.bInterval[0]).to.be.at.most(over.b)
    }
    expect(prompts / trials).to.be.within(0.86, 1)
    expect(residuals / trials).to.be.within(0.8, 1)
  })

  it('refuse what cannot be fitted', () => {
    expect(() => fitLaw(RL_LAW, [1, 2], [0, 1])).to.throw(RangeError, 'at least 3')
    expect(() => fitLaw(RL_LAW, [0, 1, 2], [0, 1, 1])).to.throw(RangeError, 'point 0')
    expect(() => fitLaw(RL_LAW, [1, 1, 1], [0, 1, 1])).to.throw(RangeError, 'too alike')
    expect(() => fitLawOverPrompts(RL_LAW, d, [d, [1]], Random.seed(0))).to.throw(RangeError, 'prompt 1 has 1')
  })
})
