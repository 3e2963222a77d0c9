import { expect } from 'chai'
import fc from 'fast-check'
import { Random } from '../../lib/tensor/random'
import { annotate, ANNOTATORS, bayesAccuracy, choiceProbability, type Dials, FAIR, type Shown, utility } from '../../lib/desk/annotators'
import { demonstrate } from '../../lib/desk/demonstrations'
import { features, gold } from '../../lib/desk/reward'
import { drawPrompts } from '../../lib/desk/scenarios'

const random = Random.seed(11)
const pairs: Shown[] = drawPrompts(3000, 11).map(prompt => ({ prompt, a: demonstrate(prompt, random).text, b: demonstrate(prompt, random).text })).filter(x => x.a !== x.b)
const anyPair = fc.constantFrom(...pairs)
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const mean = (x: readonly number[]) => x.reduce((s, v) => s + v, 0) / x.length

describe('desk/annotators', () => {
  it('choose as often as the model says: a chi-square test over pairs, for every annotator', () => {
    const dialSets: Partial<Dials>[] = [...Object.values(ANNOTATORS), { noise: 0.4 }, { position: 1.5 }, { temperature: 3 }]
    for (const dials of dialSets) {
      const draw = Random.seed(1), n = 150, chosen = pairs.slice(0, 40)
      const z2 = chosen.map(({ prompt, a, b }) => {
        const p = choiceProbability(prompt, a, b, dials)
        let count = 0
        for (let i = 0; i < n; i++) count += annotate(prompt, a, b, dials, draw)
        return (count - n * p) ** 2 / Math.max(n * p * (1 - p), 1)
      })
      expect(z2.reduce((s, v) => s + v, 0)).to.be.below(40 + 4.5 * Math.sqrt(2 * 40))
    }
  })

  it('without dials choose by Bradley-Terry on the true reward alone, whichever reply is shown first', () => {
    fc.assert(fc.property(anyPair, ({ prompt, a, b }) => {
      const p = choiceProbability(prompt, a, b, {})
      expect(p).to.be.closeTo(sigmoid((gold(prompt, a).total - gold(prompt, b).total) / 0.5), 1e-12)
      expect(choiceProbability(prompt, b, a, FAIR)).to.be.closeTo(1 - p, 1e-12)
      expect(choiceProbability(prompt, a, a, FAIR)).to.equal(0.5)
    }))
  })

  it('have dials that add what they say to the utility, and nothing else', () => {
    fc.assert(fc.property(anyPair, fc.double({ min: -3, max: 6, noNaN: true }), ({ prompt, a }, weight) => {
      const x = features(prompt, a), plain = utility(prompt, a, FAIR), with1 = (dials: Partial<Dials>) => utility(prompt, a, dials) - plain
      expect(with1({ length: weight })).to.be.closeTo(weight * x.words / 10, 1e-9)
      expect(with1({ format: weight })).to.be.closeTo(x.marks > 0 ? weight : 0, 1e-9)
      expect(with1({ agree: weight })).to.be.closeTo(x.agrees ? weight : 0, 1e-9)
      expect(with1({ confident: weight })).to.be.closeTo(weight * Math.min(3, x.confident), 1e-9)
      expect(with1({ position: weight, noise: 0.5 })).to.equal(0)
    }))
  })

  it('move by the position dial as stated: its logit is added for the reply shown first', () => {
    fc.assert(fc.property(anyPair, fc.double({ min: 0.1, max: 4, noNaN: true }), ({ prompt, a, b }, position) => {
      const logit = (p: number) => Math.log(p / (1 - p)), p = choiceProbability(prompt, a, b, FAIR)
      fc.pre(p > 1e-6 && p < 1 - 1e-6)
      expect(logit(choiceProbability(prompt, a, b, { position }))).to.be.closeTo(logit(p) + position, 1e-6)
      expect(choiceProbability(prompt, a, a, { position })).to.be.closeTo(sigmoid(position), 1e-12)
    }))
    const draw = Random.seed(2), firsts = pairs.map(({ prompt, a, b }) => annotate(prompt, a, b, { position: 2 }, draw))
    expect(mean(firsts)).to.be.above(0.55)
  })

  it('have a Bayes accuracy that no predictor beats and that the best one reaches', () => {
    for (const dials of [FAIR, ANNOTATORS.biased, { ...FAIR, noise: 0.3, position: 1 }]) {
      const draw = Random.seed(3), shuffled = pairs.map(s => draw.uniform() < 0.5 ? s : { ...s, a: s.b, b: s.a })
      const labels = shuffled.map(({ prompt, a, b }) => annotate(prompt, a, b, dials, draw))
      const hits = (predict: (s: Shown) => boolean) => mean(shuffled.map((s, i) => Number(predict(s) === (labels[i] === 1))))
      const best = (s: Shown) => utility(s.prompt, s.a, dials) > utility(s.prompt, s.b, dials), ceiling = bayesAccuracy(shuffled, dials)
      expect(hits(best)).to.be.closeTo(ceiling, 0.025)
      expect(hits(s => gold(s.prompt, s.a).total > gold(s.prompt, s.b).total)).to.be.below(ceiling + 0.025)
      expect(bayesAccuracy(shuffled, dials, true)).to.be.at.least(ceiling - 1e-12)
    }
  })

  it('label fairly with about nine in ten choices predictable, and with a coin only half', () => {
    expect(bayesAccuracy(pairs, FAIR)).to.be.within(0.88, 0.93)
    expect(bayesAccuracy(pairs, { noise: 1 })).to.equal(0.5)
    expect(bayesAccuracy(pairs, { noise: 0.2 })).to.be.closeTo(0.1 + 0.8 * bayesAccuracy(pairs, FAIR), 1e-9)
  })

  it('prefer the worse reply often enough when biased: each bias costs true reward among the chosen', () => {
    const chosenGold = (dials: Dials) => mean(pairs.map(({ prompt, a, b }) => {
      const p = choiceProbability(prompt, a, b, dials)
      return p * gold(prompt, a).total + (1 - p) * gold(prompt, b).total
    }))
    const fair = chosenGold(FAIR)
    for (const name of ['length', 'format', 'sycophant', 'confident', 'biased'] as const) expect(chosenGold(ANNOTATORS[name]), name).to.be.below(fair - 0.01)
  })

  it('refuse dials and lists that make no sense', () => {
    const { prompt, a, b } = pairs[0]
    for (const dials of [{ temperature: 0 }, { noise: 2 }, { length: NaN }]) expect(() => choiceProbability(prompt, a, b, dials)).to.throw(RangeError, 'dials')
    expect(() => bayesAccuracy([], FAIR)).to.throw(RangeError, 'at least one pair')
  })
})
