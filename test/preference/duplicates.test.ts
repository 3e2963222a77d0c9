import { expect } from 'chai'
import fc from 'fast-check'
import { Random } from '../../lib/tensor/random'
import { findDuplicates, nearDuplicates } from '../../lib/preference/duplicates'
import { normalised } from '../../lib/preference/records'
import { pair } from './files'

const say = (chosen: string, rejected: string, label: 0 | 1 = 1, prompt = 'x', prompt_id = prompt) => pair({ prompt_id, prompt, chosen, rejected, label })

describe('preference/duplicates', () => {
  it('tells duplicates, contradictions and ties apart, whichever reply stands under chosen', () => {
    const found = findDuplicates([
      say('a', 'b'), say('A.', 'b'), say('b', 'a', 0),
      say('c', 'd'), say('d', 'c'), say('c', 'd'),
      say('e', 'f'), say('e', 'f', 0),
      say('a', 'b', 1, 'y'), say('- Yes!', '**yes**'), say('g', 'h', 1, 'z', 'y'),
    ])
    expect(found.duplicates).to.deep.equal([{ indices: [0, 1, 2], votes: [3, 0] }])
    expect(found.contradictions).to.deep.equal([{ indices: [3, 4, 5], votes: [2, 1] }])
    expect(found.ties).to.deep.equal([{ indices: [6, 7], votes: [1, 1] }])
    expect(found.nearTies).to.deep.equal([9])
    expect(found.clashingIds).to.deep.equal(['y'])
  })

  it('puts every pair in at most one place, and sees no difference when pairs are turned round', () => {
    const reply = fc.constantFrom('a', 'b', 'c'), rows = fc.array(fc.tuple(reply, reply, fc.constantFrom<0 | 1>(0, 1)), { maxLength: 30 })
    fc.assert(fc.property(rows, rows => {
      const found = findDuplicates(rows.map(([c, r, l]) => say(c, r, l))), turned = findDuplicates(rows.map(([c, r, l]) => say(r, c, l ? 0 : 1)))
      expect(turned).to.deep.equal(found)
      const places = [...found.duplicates, ...found.contradictions, ...found.ties].flatMap(g => g.indices).concat(found.nearTies)
      expect(new Set(places)).to.have.lengthOf(places.length)
      expect(found.nearTies).to.deep.equal(rows.flatMap(([c, r], i) => c === r ? [i] : []))
    }))
  })
})

describe('preference/duplicates: near copies', () => {
  const random = Random.seed(0), words = Array.from({ length: 400 }, (_, i) => `w${i}`)
  const text = () => Array.from({ length: 30 }, () => random.choice(words))
  const changed = (t: readonly string[], n: number) => t.map((w, i) => i < n ? random.choice(words) : w)
  const base = Array.from({ length: 60 }, text), texts = [...base, ...base.map((t, i) => changed(t, i % 8))].map(t => t.join(' '))
  const shingle = (s: string) => { const w = normalised(s).split(' '); return new Set(w.slice(2).map((_, i) => w.slice(i, i + 3).join(' '))) }
  const similarity = (a: string, b: string) => { const [x, y] = [shingle(a), shingle(b)], common = [...x].filter(s => y.has(s)).length; return common / (x.size + y.size - common) }

  it('finds what comparing every text with every other finds, with the same similarity', () => {
    for (const threshold of [0.6, 0.8, 1]) {
      const expected = texts.flatMap((a, i) => texts.slice(i + 1).flatMap((b, j) => similarity(a, b) >= threshold ? [{ a: i, b: i + 1 + j, similarity: similarity(a, b) }] : []))
      expect(expected.length).to.be.above(5)
      expect(nearDuplicates(texts, { threshold })).to.deep.equal(expected)
    }
  })

  it('does not depend on the seed at 0.8, nor on case and punctuation, and lists copies once', () => {
    expect(nearDuplicates(texts, { seed: 5 })).to.deep.equal(nearDuplicates(texts))
    expect(nearDuplicates(['One two three four.', 'something else entirely', 'one TWO, three four!', 'one two three four'])).to.deep.equal([{ a: 0, b: 2, similarity: 1 }, { a: 0, b: 3, similarity: 1 }])
    expect(nearDuplicates([])).to.deep.equal([])
    expect(() => nearDuplicates(texts, { threshold: 0.3 })).to.throw(RangeError, 'threshold')
  })
})
