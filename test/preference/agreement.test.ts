import { expect } from 'chai'
import fc from 'fast-check'
import { cohenKappa, distances, fleissKappa, krippendorffAlpha, labelCounts, randolphKappa, type Rating } from '../../lib/preference/agreement'
import { bootstrap } from '../../lib/preference/bootstrap'
import { Random } from '../../lib/tensor/random'

const ratings = (seed: number, items: number, annotators: number, noise: number): number[][] => {
  const random = Random.seed(seed)
  return Array.from({ length: items }, () => {
    const truth = random.int(3)
    return Array.from({ length: annotators }, () => random.uniform() < noise ? random.int(3) : truth)
  })
}

describe('preference/agreement', () => {
  it('is 1 when all agree and near 0 when nobody looks', () => {
    const same = ratings(0, 200, 3, 0), none = ratings(1, 4000, 3, 1)
    expect(krippendorffAlpha(same)).to.equal(1)
    expect(fleissKappa(labelCounts(same))).to.equal(1)
    expect(cohenKappa(same.map(r => r[0]), same.map(r => r[1]))).to.equal(1)
    for (const value of [krippendorffAlpha(none), fleissKappa(labelCounts(none)), cohenKappa(none.map(r => r[0]), none.map(r => r[1]))]) expect(value).to.be.closeTo(0, 0.04)
  })

  it('gives Krippendorff a small step from Fleiss: alpha = kappa + (1 − kappa)/(items·annotators)', () => {
    fc.assert(fc.property(fc.nat(), fc.integer({ min: 2, max: 5 }), (seed, annotators) => {
      const data = ratings(seed, 30, annotators, 0.5), kappa = fleissKappa(labelCounts(data))
      expect(krippendorffAlpha(data)).to.be.closeTo(kappa + (1 - kappa) / (30 * annotators), 1e-12)
    }))
  })

  it('does not care about the order of annotators or items, nor, for labels without order, about their names', () => {
    fc.assert(fc.property(fc.nat(), seed => {
      const data: Rating[][] = ratings(seed, 12, 3, 0.6).map((row, i) => i % 4 === 0 ? [row[0], null, row[2]] : row), random = Random.seed(seed)
      const alpha = krippendorffAlpha(data), rename = [7, -1, 3]
      expect(krippendorffAlpha(random.shuffle(data).map(row => random.shuffle(row)))).to.be.closeTo(alpha, 1e-12)
      expect(krippendorffAlpha(data.map(row => row.map(v => v === null ? null : rename[v])))).to.be.closeTo(alpha, 1e-12)
    }))
  })

  it('has intervals that cover the value of a larger sample', () => {
    const truth = krippendorffAlpha(ratings(99, 20_000, 3, 0.4))
    let inside = 0
    for (let seed = 0; seed < 40; seed++) {
      const { low, high, value } = bootstrap(ratings(seed, 150, 3, 0.4), items => krippendorffAlpha(items), Random.seed(seed), { resamples: 200 })
      expect(value).to.be.within(low, high)
      if (low <= truth && truth <= high) inside++
    }
    expect(inside).to.be.at.least(34)
  })

  it('is NaN where chance alone agrees, and says what is wrong with its input', () => {
    expect(cohenKappa([1, 1], [1, 1])).to.be.NaN
    expect(() => bootstrap([[1, 1], [1, 1]], items => krippendorffAlpha(items), Random.seed(0))).to.throw(RangeError, 'too little variation')
    expect(() => cohenKappa([1], [1, 2])).to.throw(RangeError, 'got 1 and 2')
    expect(() => cohenKappa([1, NaN], [1, 2], distances.linear)).to.throw(RangeError, 'item 1')
    expect(() => krippendorffAlpha([[1, null], [null, null]])).to.throw(RangeError, 'no item has two ratings')
    expect(() => fleissKappa([[2, 1], [2, 2]])).to.throw(RangeError, 'item 1: expected 3 ratings over 2 labels, got 4')
    expect(() => randolphKappa([[1, 0]])).to.throw(RangeError, 'at least 2 annotators')
  })
})
