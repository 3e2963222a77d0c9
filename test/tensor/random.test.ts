import { expect } from 'chai'
import fc from 'fast-check'
import { philox, Random } from '../../lib/tensor/random'

const hex = (words: readonly number[]) => words.map(w => w.toString(16).padStart(8, '0')).join(' ')

describe('tensor/random', () => {
  it('gives the known answers published with Random123 for philox4x32-10', () => {
    expect(hex(philox([0, 0, 0, 0], [0, 0]))).to.equal('6627e8d5 e169c58d bc57ac4c 9b00dbd8')
    const ones = 0xffffffff
    expect(hex(philox([ones, ones, ones, ones], [ones, ones]))).to.equal('408f276d 41c83b0e a20bc7c6 6d5451fd')
    expect(hex(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]))).to.equal('d16cfe09 94fdcceb 5001e420 24126ea1')
  })

  it('continues from its state, wherever it was taken', () => {
    fc.assert(fc.property(fc.nat(), fc.nat(50), (seed, n) => {
      const a = Random.seed(seed)
      for (let i = 0; i < n; i++) a.word()
      const b = Random.resume(JSON.parse(JSON.stringify(a.state)))
      expect([b.word(), b.uniform(), b.normal()]).to.deep.equal([a.word(), a.uniform(), a.normal()])
    }))
  })

  it('splits into streams that do not depend on how far the parent was read', () => {
    const a = Random.seed(1), b = Random.seed(1)
    b.uniform()
    expect(a.split('x').word()).to.equal(b.split('x').word())
    expect(a.split('x').word()).to.not.equal(a.split('y').word())
  })

  it('has the moments of its distributions', () => {
    const random = Random.seed(0), n = 50_000
    const uniform = Array.from({ length: n }, () => random.uniform()), normal = Array.from({ length: n }, () => random.normal())
    const mean = (x: number[]) => x.reduce((s, v) => s + v, 0) / x.length
    expect(mean(uniform)).to.be.closeTo(0.5, 0.01)
    expect(Math.min(...uniform)).to.be.at.least(0)
    expect(Math.max(...uniform)).to.be.below(1)
    expect(mean(normal)).to.be.closeTo(0, 0.02)
    expect(mean(normal.map(x => x * x))).to.be.closeTo(1, 0.03)
  })

  it('shuffles into a permutation and never draws a zero weight', () => {
    fc.assert(fc.property(fc.nat(), fc.array(fc.integer()), (seed, items) => {
      expect(Random.seed(seed).shuffle(items).sort((a, b) => a - b)).to.deep.equal([...items].sort((a, b) => a - b))
    }))
    const random = Random.seed(3)
    for (let i = 0; i < 1000; i++) expect(random.weighted([0, 1, 0, 2, 0])).to.be.oneOf([1, 3])
  })

  it('refuses seeds, sizes and states that are none', () => {
    for (const seed of [-1, 0.5, NaN, 2 ** 53]) expect(() => Random.seed(seed)).to.throw(RangeError, 'seed')
    expect(() => Random.seed(0).int(0)).to.throw(RangeError)
    expect(() => Random.seed(0).weighted([0, 0])).to.throw(RangeError)
    expect(() => Random.resume({ key: [0, -1], index: 0 })).to.throw(RangeError, 'state')
  })
})
