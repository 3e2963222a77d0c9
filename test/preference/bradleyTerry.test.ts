import { expect } from 'chai'
import fc from 'fast-check'
import { advantageOf, bradleyTerryByGradient, bradleyTerryByMM, bradleyTerryGradient, bradleyTerryLogLikelihood, centre, fitBradleyTerry, logWinProbability, NoMaximumError, strengthDifference, strengthOf, winProbability } from '../../lib/preference/bradleyTerry'
import { comparisonsFromWins, type Comparison } from '../../lib/preference/comparisons'
import { Random } from '../../lib/tensor/random'

const games = (count: number, truth: readonly number[], random: Random, advantage = 0): Comparison[] => Array.from({ length: count }, () => {
  const first = random.int(truth.length), second = (first + 1 + random.int(truth.length - 1)) % truth.length
  return { first, second, score: random.uniform() < winProbability(truth[first] - truth[second] + advantage) ? 1 : 0, advantage: advantage === 0 ? 0 : 1 }
})

describe('preference/bradleyTerry', () => {
  it('gives the worked example: 81.8%, NLL 0.201; had B won, −1.701, or −1.704 from the probability rounded to 18.2%', () => {
    expect(winProbability(2.0 - 0.5)).to.be.closeTo(0.8176, 5e-5)
    expect(-logWinProbability(2.0 - 0.5)).to.be.closeTo(0.2014, 5e-5)
    expect(logWinProbability(0.5 - 2.0)).to.be.closeTo(-1.7014, 5e-5)
    expect(Math.log(Number(winProbability(0.5 - 2.0).toFixed(3)))).to.be.closeTo(-1.704, 5e-4)
  })

  it('is symmetric, and finite far out', () => {
    fc.assert(fc.property(fc.double({ min: -800, max: 800, noNaN: true }), d => {
      expect(winProbability(d) + winProbability(-d)).to.be.closeTo(1, 1e-15)
      expect(logWinProbability(d) - logWinProbability(-d)).to.be.closeTo(d, 1e-9)
      if (Math.abs(d) < 30) expect(Math.exp(logWinProbability(d))).to.be.closeTo(winProbability(d), 1e-14)
    }))
    expect(logWinProbability(-1e6)).to.equal(-1e6)
  })

  it('has the gradient of its log-likelihood, also for ties, weights and an advantage', () => {
    const data: Comparison[] = [{ first: 0, second: 1, score: 1, advantage: 1 }, { first: 2, second: 1, score: 0.5, weight: 3, advantage: -1 }, { first: 0, second: 2, score: 0, weight: 2 }]
    const at = [0.3, -0.7, 1.1], h = 0.4, gradient = bradleyTerryGradient(data, at, h), e = 1e-6
    for (let i = 0; i < 4; i++) {
      const moved = (by: number) => bradleyTerryLogLikelihood(data, at.map((v, j) => v + (i === j ? by : 0)), h + (i === 3 ? by : 0))
      expect(gradient[i]).to.be.closeTo((moved(e) - moved(-e)) / (2 * e), 1e-8)
    }
  })

  it('changes neither when all strengths are shifted alike', () => {
    fc.assert(fc.property(fc.nat(), fc.double({ min: -50, max: 50, noNaN: true }), (seed, shift) => {
      const random = Random.seed(seed), at = [0, 1, 2, 3].map(() => random.normal()), data = games(20, [0, 0, 0, 0], random), moved = at.map(v => v + shift)
      expect(bradleyTerryLogLikelihood(data, moved)).to.be.closeTo(bradleyTerryLogLikelihood(data, at), 1e-9)
      bradleyTerryGradient(data, moved).forEach((g, i) => expect(g).to.be.closeTo(bradleyTerryGradient(data, at)[i], 1e-9))
      centre(moved).forEach((v, i) => expect(v).to.be.closeTo(centre(at)[i], 1e-12))
    }))
  })

  it('finds the same maximum by Newton, by gradient ascent and by minorise-maximise, where the gradient is 0', () => {
    fc.assert(fc.property(fc.nat(), fc.integer({ min: 2, max: 8 }), (seed, players) => {
      const random = Random.seed(seed), truth = Array.from({ length: players }, () => random.normal()), data = games(40 * players, truth, random)
      let fit
      try { fit = fitBradleyTerry(data, players) } catch (e) { expect(e).to.be.instanceOf(NoMaximumError); return }
      expect(Math.max(...bradleyTerryGradient(data, fit.strengths).map(Math.abs))).to.be.below(1e-6)
      for (const other of [bradleyTerryByGradient(data, players), bradleyTerryByMM(data, players)]) {
        fit.strengths.forEach((v, i) => expect(other.strengths[i]).to.be.closeTo(v, 1e-4))
        expect(other.logLikelihood).to.be.closeTo(fit.logLikelihood, 1e-6)
      }
      expect(fit.strengths.reduce((a, b) => a + b, 0)).to.be.closeTo(0, 1e-9)
    }), { numRuns: 40 })
  })

  it('recovers planted strengths and home advantage within its intervals about as often as they say', () => {
    const truth = [-1, -0.4, 0, 0.5, 0.9], inside = { strength: 0, difference: 0, advantage: 0 }, runs = 200
    for (let seed = 0; seed < runs; seed++) {
      const fit = fitBradleyTerry(games(300, truth, Random.seed(seed), 0.3), 5), has = (e: { low: number; high: number }, v: number) => e.low <= v && v <= e.high
      if (has(strengthOf(fit, 4), 0.9)) inside.strength++
      if (has(strengthDifference(fit, 4, 0), 1.9)) inside.difference++
      if (has(advantageOf(fit), 0.3)) inside.advantage++
    }
    // 95% of 200 is 190, with a standard deviation of 3.1.
    for (const [name, count] of Object.entries(inside)) expect(count, name).to.be.within(178, 200)
  })

  it('counts a weight as that many comparisons', () => {
    const once: Comparison[] = [{ first: 0, second: 1, score: 1 }, { first: 0, second: 1, score: 1 }, { first: 0, second: 1, score: 0 }]
    const summed: Comparison[] = [{ first: 1, second: 0, score: 1 / 3, weight: 3 }]
    const a = fitBradleyTerry(once, 2), b = fitBradleyTerry(summed, 2)
    expect(a.strengths[0] - a.strengths[1]).to.be.closeTo(Math.log(2), 1e-9)
    expect(b.strengths[0]).to.be.closeTo(a.strengths[0], 1e-9)
    expect(strengthDifference(b, 0, 1).standardError).to.be.closeTo(Math.sqrt(1 / 2 + 1), 1e-6)
  })

  it('says who is apart or never lost, and fits separable data with a penalty', () => {
    const separable = comparisonsFromWins([[0, 3, 2], [0, 0, 1], [0, 1, 0]]), apart = comparisonsFromWins([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]])
    for (const fit of [fitBradleyTerry, bradleyTerryByGradient, bradleyTerryByMM]) {
      expect(() => fit(separable, 3, { names: ['ann', 'bob', 'cy'] })).to.throw(NoMaximumError, '{ann} never lost to {bob, cy}')
      expect(() => fit(apart, 4)).to.throw(NoMaximumError, 'no comparison links {0, 1} and {2, 3}')
    }
    const fit = fitBradleyTerry(separable, 3, { l2: 0.1 })
    expect([...fit.strengths].every(Number.isFinite)).to.equal(true)
    expect(fit.strengths[0]).to.be.above(fit.strengths[1])
    expect([...fitBradleyTerry(apart, 4, { l2: 0.1 }).strengths].map(v => Math.round(v * 1e9))).to.deep.equal([0, 0, 0, 0])
  })

  it('says so when the side with the advantage always wins', () => {
    const data: Comparison[] = [[0, 1], [1, 2], [2, 0], [1, 0], [2, 1], [0, 2]].map(([first, second]) => ({ first, second, score: 1, advantage: 1 }))
    expect(() => fitBradleyTerry(data, 3)).to.throw(NoMaximumError, 'advantage')
  })

  it('names the comparison and the field that are wrong', () => {
    const good: Comparison = { first: 0, second: 1, score: 1 }
    for (const [bad, message] of [
      [{ ...good, second: 2 }, 'comparison 1: second: expected a player from 0 to 1, got 2'], [{ ...good, second: 0 }, 'comparison 1: second: player 0 is compared with itself'],
      [{ ...good, score: NaN }, 'comparison 1: score'], [{ ...good, weight: 0 }, 'comparison 1: weight'], [{ ...good, advantage: Infinity }, 'comparison 1: advantage'],
    ] as const) expect(() => fitBradleyTerry([good, bad], 2)).to.throw(RangeError, message)
    expect(() => bradleyTerryByMM([{ ...good, advantage: 1 }, { ...good, score: 0 }], 2)).to.throw(RangeError, 'comparison 0: advantage')
    expect(() => fitBradleyTerry([good], 2, { l2: -1 })).to.throw(RangeError, 'l2')
    expect(() => fitBradleyTerry([good], 2, { names: ['a'] })).to.throw(RangeError, 'names')
  })
})
