import { expect } from 'chai'
import { regressScores } from '../../lib/reward/bias'
import { Random } from '../../lib/tensor/random'
import { oracle } from '../oracle'

describe('reward/bias', () => {
  const random = Random.seed(0), n = 200, draw = () => Array.from({ length: n }, () => random.normal())
  const gold = draw(), words = draw().map((x, i) => 300 + 50 * x + 20 * gold[i]), marks = draw().map(x => Number(x > 1))

  it('recovers what was planted, without noise exactly', () => {
    const scores = gold.map((g, i) => 2 * g + 0.01 * words[i] - 1.5 * marks[i] + 7), fit = regressScores(scores, { gold, words, marks })
    expect(fit.coefficients.gold).to.be.closeTo(2, 1e-10)
    expect(fit.coefficients.words).to.be.closeTo(0.01, 1e-12)
    expect(fit.coefficients.marks).to.be.closeTo(-1.5, 1e-10)
    expect([fit.intercept, fit.r2]).to.satisfy(([c, r2]: number[]) => Math.abs(c - 7) < 1e-8 && Math.abs(r2 - 1) < 1e-12)
  })

  it('agrees with numpy: coefficients, standard errors, share explained', () => {
    const scores = gold.map((g, i) => g + 0.005 * words[i] + random.normal()), fit = regressScores(scores, { gold, words, marks })
    const want = oracle<{ c: number[], se: number[], r2: number }>(`
import numpy as np
X = np.c_[np.array(arg['x']).T, np.ones(len(arg['y']))]; y = np.array(arg['y'])
c, *_ = np.linalg.lstsq(X, y, rcond=None); e = y - X @ c
se = np.sqrt(np.diag(np.linalg.inv(X.T @ X)) * (e @ e) / (len(y) - X.shape[1]))
print(json.dumps({'c': c.tolist(), 'se': se.tolist(), 'r2': 1 - (e @ e) / ((y - y.mean()) @ (y - y.mean()))}))
`, { x: [gold, words, marks], y: scores })
    Object.values(fit.coefficients).forEach((c, j) => expect(c).to.be.closeTo(want.c[j], 1e-9))
    Object.values(fit.standardErrors).forEach((s, j) => expect(s).to.be.closeTo(want.se[j], 1e-9))
    expect([fit.intercept, fit.r2]).to.satisfy(([c, r2]: number[]) => Math.abs(c - want.c[3]) < 1e-7 && Math.abs(r2 - want.r2) < 1e-9)
  })

  it('refuses what has no answer, naming the cause', () => {
    expect(() => regressScores(gold, { gold, words: [1] })).to.throw(RangeError, '200 scores, but 1 values of words')
    expect(() => regressScores(gold, { words, twice: words.map(w => 2 * w + 1), flat: gold })).to.throw(RangeError, 'twice is constant or a combination')
    expect(() => regressScores(gold, { gold, flat: gold.map(() => 3) })).to.throw(RangeError, 'flat is constant')
    expect(() => regressScores([1, 2], { a: [1, 2] })).to.throw(RangeError, 'at least 3')
  })
})
