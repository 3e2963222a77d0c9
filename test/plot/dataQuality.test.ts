import { expect } from 'chai'
import { dataQuality, type DataQuality } from '../../lib/plot/dataQuality'
import { toPNG } from '../../lib/notebook/picture'

const entry = { name: 'ana', value: 0.7, low: 0.6, high: 0.75 }
const log: DataQuality = { title: 'Ana is fine', rows: 200, defects: [{ name: 'sent twice', rows: 5 }, { name: 'no annotator', rows: 0 }], agreement: [{ ...entry, name: 'ana, ben' }], first: [entry], longer: [entry] }

describe('plot/dataQuality', () => {
  it('shows defects in 100 rows, kappas as they are, shares in percent with intervals that need not be symmetric', () => {
    const [defects, agreement, first, longer] = dataQuality(log).data
    expect(defects.x).to.deep.equal([2.5, 0])
    expect(agreement.x).to.deep.equal([0.7])
    for (const trace of [first, longer]) {
      expect((trace.x as number[])[0]).to.be.closeTo(70, 1e-9)
      const { array, arrayminus } = trace.error_x as { array: number[]; arrayminus: number[] }
      expect(array[0]).to.be.closeTo(5, 1e-9)
      expect(arrayminus[0]).to.be.closeTo(10, 1e-9)
    }
  })

  it('gives every panel axes of its own that do not overlap', () => {
    const { data, layout } = dataQuality(log), domains = ['', '2', '3', '4'].map(n => ['xaxis', 'yaxis'].map(a => (layout![`${a}${n}`] as { domain: [number, number] }).domain))
    expect(new Set(data.map(t => t.xaxis)).size).to.equal(4)
    domains.forEach(([x, y], i) => domains.slice(i + 1).forEach(([u, v]) => expect(x[1] < u[0] || u[1] < x[0] || y[1] < v[0] || v[1] < y[0]).to.equal(true)))
  })

  it('can be drawn', async () => {
    expect((await toPNG(dataQuality(log), 640, 640)).length).to.be.above(5000)
  })

  it('names what cannot be', () => {
    expect(() => dataQuality({ ...log, first: [{ ...entry, low: 0.8 }] })).to.throw(RangeError, "'ana': expected low ≤ value ≤ high")
    expect(() => dataQuality({ ...log, defects: [{ name: 'x', rows: 201 }] })).to.throw(RangeError, "'x': expected 0 to 200 rows, got 201")
  })
})
