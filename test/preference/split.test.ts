import { expect } from 'chai'
import fc from 'fast-check'
import type { PreferencePair } from '../../lib/preference/records'
import { groupSplit, promptOverlap, rowSplit, splitLine } from '../../lib/preference/split'

const make = (prompt_id: string, chosen: string, rejected: string, prompt = `prompt of ${prompt_id}`): PreferencePair => ({ prompt_id, prompt, chosen, rejected, label: 1 })
const anyPairs = fc.array(fc.tuple(fc.nat(12), fc.nat(12), fc.nat(99)), { minLength: 2, maxLength: 60 })
  .map(rows => rows.map(([id, text, i]) => make(`p${id}`, `a${i}`, `b${i}`, `prompt ${text % 3 ? id : text}`)))

describe('preference/split', () => {
  it("holds p1 out of p1:a-b, p1:a-c, p2:d-e", () => {
    const pairs = [make('p1', 'a', 'b'), make('p1', 'a', 'c'), make('p2', 'd', 'e')]
    expect(splitLine(groupSplit(pairs, ['p1']))).to.equal('eval_pairs=2 train_pairs=1 prompt_overlap=[]')
    expect(splitLine({ train: pairs.slice(1), eval: pairs.slice(0, 1) })).to.equal("eval_pairs=1 train_pairs=2 prompt_overlap=['p1']")
  })

  it('never has a prompt in both parts, by id or by text, and loses no pair', () => {
    fc.assert(fc.property(anyPairs, fc.double({ min: 0.1, max: 0.9, noNaN: true }), fc.nat(), (pairs, share, seed) => {
      let split
      try { split = groupSplit(pairs, share, seed) } catch (error) { expect(error).to.be.instanceOf(RangeError); return }
      expect(promptOverlap(split)).to.deep.equal([])
      const texts = new Set(split.train.map(p => p.prompt))
      expect(split.eval.some(p => texts.has(p.prompt))).to.equal(false)
      expect([...split.train, ...split.eval]).to.have.members(pairs)
      expect(groupSplit(pairs, share, seed)).to.deep.equal(split)
    }))
  })

  it('comes near the share asked for when groups are small', () => {
    const pairs = Array.from({ length: 3000 }, (_, i) => make(`p${Math.floor(i / 3)}`, `a${i}`, `b${i}`))
    expect(groupSplit(pairs, 0.2, 1).eval.length).to.be.within(600, 602)
    expect(groupSplit(pairs, 0.2, 1).eval).to.not.deep.equal(groupSplit(pairs, 0.2, 2).eval)
  })

  it('leaks when it goes row by row: most evaluation prompts were trained on', () => {
    const pairs = Array.from({ length: 900 }, (_, i) => make(`p${Math.floor(i / 3)}`, `a${i}`, `b${i}`)), split = rowSplit(pairs, 0.2)
    expect(split.eval).to.have.lengthOf(180)
    const prompts = new Set(split.eval.map(p => p.prompt_id)).size
    expect(promptOverlap(split).length / prompts).to.be.above(0.9)
  })

  it('keeps a prompt together that goes by two ids, and refuses what cannot be split', () => {
    const twins = [make('p1', 'a', 'b', 'same'), make('p2', 'c', 'd', 'same '), make('p3', 'e', 'f')]
    expect(groupSplit(twins, ['p1']).eval.map(p => p.prompt_id)).to.deep.equal(['p1', 'p2'])
    expect(() => groupSplit(twins.slice(0, 2), 0.5)).to.throw(RangeError, '1 group(s) of prompts leave 0 pairs to train')
    expect(() => groupSplit(twins, ['p9'])).to.throw(RangeError, "no pair has prompt_id 'p9'")
    for (const share of [0, 1, NaN]) expect(() => groupSplit(twins, share)).to.throw(RangeError, 'share')
  })
})
