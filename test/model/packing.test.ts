import { expect } from 'chai'
import fc from 'fast-check'
import { packBestFit, packedPositions, packWrapped } from '../../lib/model/packing'
import { goldens } from '../goldens'

const cases = goldens('tokenizers').cases.filter(c => c.name.startsWith('trl_pack'))

describe('model/packing', () => {
  it('has the goldens', () => expect(cases.map(c => c.name)).to.have.members(['trl_pack_dataset_bfd', 'trl_pack_dataset_wrapped']))
  for (const golden of cases) {
    it(`tokenizers: ${golden.name}`, () => {
      const { input_ids: sequences, seq_length: length } = golden.inputs as { input_ids: number[][], seq_length: number }
      const rows = golden.name.endsWith('bfd') ? packBestFit(sequences, length).map(({ ids, lengths }) => ({ input_ids: ids, seq_lengths: lengths })) : packWrapped(sequences, length).map(ids => ({ input_ids: ids }))
      expect(rows).to.deep.equal(golden.expected.rows)
    })
  }

  const sequences = fc.array(fc.array(fc.nat(), { minLength: 1, maxLength: 12 }), { maxLength: 40 }), length = fc.integer({ min: 1, max: 15 })

  it('puts every sequence into exactly one row, whole as far as a row is long (property)', () => {
    fc.assert(fc.property(sequences, length, (all, n) => {
      const rows = packBestFit(all, n), parts = rows.flatMap(({ ids, lengths }) => lengths.map((size, i) => ids.slice(lengths.slice(0, i).reduce((a, b) => a + b, 0)).slice(0, size)))
      expect(rows.every(({ ids, lengths }) => ids.length <= n && ids.length === lengths.reduce((a, b) => a + b, 0))).to.equal(true)
      const sorted = (lists: number[][]) => lists.map(String).sort()
      expect(sorted(parts)).to.deep.equal(sorted(all.map(s => s.slice(0, n))))
      // best fit: no two rows could be one
      const sizes = rows.map(r => r.ids.length).sort((a, b) => a - b)
      if (sizes.length > 1) expect(sizes[0] + sizes[1]).to.be.above(n)
    }))
  })

  it('wraps without loss, only the last row short (property)', () => {
    fc.assert(fc.property(sequences, length, (all, n) => {
      const rows = packWrapped(all, n)
      expect(rows.flat()).to.deep.equal(all.flat())
      expect(rows.slice(0, -1).every(r => r.length === n)).to.equal(true)
    }))
  })

  it('counts positions anew with each sequence, and says what it cannot pack', () => {
    expect(packedPositions({ ids: [7, 8, 9, 5, 6], lengths: [3, 2] })).to.deep.equal([0, 1, 2, 0, 1])
    expect(() => packBestFit([[1]], 0)).to.throw(RangeError, 'length')
    expect(() => packWrapped([[1], []], 4)).to.throw(RangeError, 'sequence 1 is empty')
  })
})
