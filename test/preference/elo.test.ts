import { expect } from 'chai'
import fc from 'fast-check'
import { bradleyTerryGradient, winProbability } from '../../lib/preference/bradleyTerry'
import { elo, eloExpected, toElo } from '../../lib/preference/elo'

const comparison = fc.record({ first: fc.nat(3), second: fc.nat(3), score: fc.constantFrom(0, 0.5, 1), advantage: fc.constantFrom(-1, 0, 1) }).filter(c => c.first !== c.second)

describe('preference/elo', () => {
  it('is one step of gradient ascent on the Bradley-Terry log-likelihood, with rate K·ln 10/scale', () => {
    fc.assert(fc.property(comparison, fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 4, maxLength: 4 }), (game, strengths) => {
      const k = 24, scale = 400, home = 65, step = bradleyTerryGradient([game], strengths, home * Math.LN10 / scale)
      const moved = toElo(strengths.map((v, i) => v + k * Math.LN10 / scale * step[i]), 1500)
      const { ratings } = elo([game], toElo(strengths, 1500), { k, scale, advantage: home })
      ratings[0].forEach((r, i) => expect(r).to.be.closeTo(moved[i], 1e-9))
    }))
  })

  it('expects what Bradley-Terry expects, in base 10', () => {
    fc.assert(fc.property(fc.double({ min: -2000, max: 2000, noNaN: true }), d => {
      expect(eloExpected(d)).to.be.closeTo(winProbability(d * Math.LN10 / 400), 1e-12)
    }))
  })

  it('keeps the sum of ratings, and the ratings it was given', () => {
    fc.assert(fc.property(fc.array(comparison), games => {
      const initial = Float64Array.of(1400, 1500, 1500, 1600), { ratings, expected } = elo(games, initial, { advantage: 50 })
      expect(expected.length).to.equal(games.length)
      for (const row of ratings) expect(row.reduce((a, b) => a + b, 0)).to.be.closeTo(6000, 1e-6)
      expect([...initial]).to.deep.equal([1400, 1500, 1500, 1600])
    }))
  })

  it('refuses weights: games come one at a time', () => {
    expect(() => elo([{ first: 0, second: 1, score: 1, weight: 2 }], [0, 0])).to.throw(RangeError, 'comparison 0: weight')
  })
})
