import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { readJudgedAnswers, shippedLeaderboard } from '../../lib/exchange/alpacaEval'
import { pearson } from '../../lib/evaluate/correlation'
import { groupLogistic, logLengthRatio } from '../../lib/evaluate/groupLogistic'
import { lengthControlledWinRate, lengthFeature } from '../../lib/evaluate/lengthControl'
import { logisticRegression } from '../../lib/evaluate/logistic'
import { outcomesOf, winRate } from '../../lib/evaluate/winRate'
import { winProbability } from '../../lib/preference/bradleyTerry'
import { Random } from '../../lib/tensor/random'

const mean = (v: readonly number[]) => v.reduce((a, b) => a + b, 0) / v.length

describe('win rates', () => {
  it('of A over B and of B over A add up to 1, intervals included, and ties are shared', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: -5, max: 5 }), fc.integer({ min: -5, max: 5 })), { minLength: 1 }), fc.integer({ min: 0, max: 2 }), (rows, tie) => {
      const a = rows.map(r => r[0]), b = rows.map(r => r[1]), ab = winRate(outcomesOf(a, b, tie)), ba = winRate(outcomesOf(b, a, tie))
      expect(ab.winRate + ba.winRate).to.be.closeTo(1, 1e-12)
      expect(ab.low + ba.high).to.be.closeTo(1, 1e-9)
      expect(ab.winRate).to.be.within(ab.low - 1e-12, ab.high + 1e-12)
      expect([ab.wins, ab.ties]).to.deep.equal([ba.losses, ba.ties])
      expect(ab.wins + ab.ties + ab.losses).to.equal(ab.n)
    }))
    expect(() => winRate([])).to.throw(RangeError, 'at least one')
    expect(() => winRate([0.5, 2])).to.throw(RangeError, 'outcome 1')
    expect(() => outcomesOf([1, NaN], [0, 0])).to.throw(RangeError, 'prompt 1')
  })

  it('the regression with group intercepts is the plain one with a column a group', () => {
    const random = Random.seed(1), n = 600, groups = Array.from({ length: n }, (_, i) => i % 5), x = groups.map(g => [random.normal() + g / 4, random.normal()])
    const y = x.map(([a, b], i) => random.uniform() < winProbability(0.4 * groups[i] - 1 + a - 0.5 * b) ? 1 : 0), fit = groupLogistic(x, groups, y)
    const plain = logisticRegression(x.map((row, i) => [...row, ...[1, 2, 3, 4].map(g => Number(groups[i] === g))]), y), [w0, a, b, ...rest] = plain.coefficients
    ;[a, b].forEach((v, j) => expect(fit.slopes[j]).to.be.closeTo(v, 1e-7))
    ;[plain.standardErrors[1], plain.standardErrors[2]].forEach((v, j) => expect(fit.standardErrors[j]).to.be.closeTo(v, 1e-7))
    ;[0, ...rest].forEach((v, g) => expect(fit.intercepts[g]).to.be.closeTo(w0 + v, 1e-6))
    expect(fit.logLikelihood).to.be.closeTo(plain.logLikelihood, 1e-6)
    expect(() => groupLogistic(x, groups, y.map((v, i) => groups[i] === 2 ? 1 : v))).to.throw(RangeError, 'group 2')
    expect(() => groupLogistic(x.map((_, i) => [groups[i]]), groups, y)).to.throw(RangeError, 'constant within every group')
    expect(() => groupLogistic(x, groups.slice(1), y)).to.throw(RangeError, '599 groups')
  })

  it('the shipped rankings are the published ones: length explains less once it is controlled for', () => {
    const second = shippedLeaderboard(2), first = shippedLeaderboard(1), without = second.filter(r => r.model !== 'NullModel')
    expect([first.length, second.length]).to.deep.equal([58, 223])
    const r = (of: 'win_rate' | 'length_controlled', rows: typeof second) => pearson(rows.map(x => x.length), rows.map(x => x[of])).statistic
    expect(r('win_rate', without).toFixed(2)).to.equal('0.69')
    expect(r('length_controlled', without).toFixed(2)).to.equal('0.54')
    expect(r('length_controlled', first)).to.be.below(r('win_rate', first) - 0.15)
    expect(logLengthRatio([Math.E * 10, 0], [10, 1])).to.deep.equal([1, 0])
  })

  // The judge's verdicts on 41,799 answers, numbers only, are not shipped: RLHF_ALPACA_JUDGE names the table; the models' names lie beside it.
  const table = process.env.RLHF_ALPACA_JUDGE
  if (table !== undefined && existsSync(table)) it('reproduces the published ranking from the judge\'s verdicts', () => {
    const rows = readJudgedAnswers(table), names = readFileSync(join(dirname(table), 'alpaca_judge_models.txt'), 'utf8').trim().split(/\s+/)
    const ratio = logLengthRatio(rows.map(r => r.length), rows.map(r => r.baselineLength)), fit = groupLogistic(ratio.map(v => [v]), rows.map(r => r.model), rows.map(r => r.win))
    expect(fit.slopes[0]).to.be.closeTo(0.39, 0.015)
    expect(fit.standardErrors[0]).to.be.closeTo(0.015, 0.001)
    const published = new Map(shippedLeaderboard(1).map(r => [r.model, r])), both = names.flatMap((name, model) => {
      const entry = published.get(name), own = rows.filter(r => r.model === model)
      if (!entry) return []
      const lc = lengthControlledWinRate(own.map(r => r.win), lengthFeature(own.map(r => r.length), own.map(r => r.baselineLength)), undefined, 3)
      return [{ raw: 100 * lc.rawWinRate - entry.win_rate, ours: 100 * lc.winRate, theirs: entry.length_controlled }]
    })
    expect(both.length).to.be.at.least(49)
    both.forEach(b => expect(Math.abs(b.raw)).to.be.below(1e-4))
    expect(pearson(both.map(b => b.ours), both.map(b => b.theirs)).statistic).to.be.above(0.99)
    expect(mean(both.map(b => Math.abs(b.ours - b.theirs)))).to.be.below(2.5)
  })
})
