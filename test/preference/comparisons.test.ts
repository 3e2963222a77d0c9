import { expect } from 'chai'
import fc from 'fast-check'
import { comparisonsFromWins, connectivity } from '../../lib/preference/comparisons'

describe('preference/comparisons', () => {
  it('counts ties as half a win for each and skips pairs that never met', () => {
    expect(comparisonsFromWins([[0, 3, 0], [1, 0, 0], [0, 0, 0]], [[0, 2, 0], [2, 0, 0], [0, 0, 0]])).to.deep.equal([{ first: 0, second: 1, score: 4 / 6, weight: 6 }])
  })

  it('refuses tables that are not square, not counts, or not symmetric where they must be', () => {
    expect(() => comparisonsFromWins([[0, 1]])).to.throw(RangeError, 'wins: expected a square table')
    expect(() => comparisonsFromWins([[0, -1], [1, 0]])).to.throw(RangeError, 'wins: expected counts')
    expect(() => comparisonsFromWins([[1, 1], [1, 0]])).to.throw(RangeError, 'diagonal')
    expect(() => comparisonsFromWins([[0, 1], [1, 0]], [[0, 1], [0, 0]])).to.throw(RangeError, 'symmetric')
  })

  it('finds groups and win chains as reachability says, the strongest first', () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 7 }), fc.array(fc.tuple(fc.nat(6), fc.nat(6), fc.constantFrom(0, 0.5, 1)), { maxLength: 14 }), (n, raw) => {
      const comparisons = raw.map(([a, b, score]) => ({ first: a % n, second: b % n, score })).filter(c => c.first !== c.second)
      const beats = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (__, j) => i === j || comparisons.some(c =>
        (c.first === i && c.second === j && c.score > 0) || (c.second === i && c.first === j && c.score < 1))))
      const linked = beats.map((row, i) => row.map((v, j) => v || beats[j][i]))
      for (const table of [beats, linked]) for (let k = 0; k < n; k++) for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) table[i][j] ||= table[i][k] && table[k][j]
      const { groups, winChains } = connectivity(comparisons, n), of = (sets: readonly (readonly number[])[], i: number) => sets.findIndex(s => s.includes(i))
      for (const sets of [groups, winChains]) expect(sets.flat().sort((a, b) => a - b)).to.deep.equal(Array.from({ length: n }, (_, i) => i))
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          expect(of(groups, i) === of(groups, j)).to.equal(linked[i][j])
          expect(of(winChains, i) === of(winChains, j)).to.equal(beats[i][j] && beats[j][i])
          if (beats[i][j]) expect(of(winChains, i)).to.be.at.most(of(winChains, j))
        }
      }
    }))
  })

  it('walks long chains without recursion', () => {
    const n = 30_000, comparisons = Array.from({ length: n - 1 }, (_, i) => ({ first: i, second: i + 1, score: 1 }))
    const { groups, winChains } = connectivity(comparisons, n)
    expect([groups.length, winChains.length, winChains[0][0]]).to.deep.equal([1, n, 0])
  })
})
