import { expect } from 'chai'
import { calibrationBins } from '../../lib/evaluate/calibration'
import { calibration } from '../../lib/plot/calibration'
import { ranking } from '../../lib/plot/ranking'

const entries = [{ name: 'b', value: 1, low: 0.5, high: 1.8 }, { name: 'a', value: 2, low: 1, high: 3 }, { name: 'c', value: 0, low: -1, high: 1 }]

describe('plot/ranking and plot/calibration', () => {
  it('puts the highest on top, with intervals that need not be symmetric', () => {
    const { data: [trace], layout } = ranking({ title: 'a leads', x: { label: 'strength', unit: 'nats' }, entries, mean: { value: 0, label: 'mean' } })
    expect(trace.y).to.deep.equal(['c', 'b', 'a'])
    const bars = trace.error_x as { array: number[]; arrayminus: number[] }
    expect(bars.array[1]).to.be.closeTo(0.8, 1e-12)
    expect(bars.arrayminus[1]).to.be.closeTo(0.5, 1e-12)
    expect(layout!.height).to.be.above(140)
    expect(() => ranking({ title: 't', x: { label: 'x' }, entries: [{ ...entries[0], low: 1.2 }] })).to.throw(RangeError, "'b': expected low ≤ value ≤ high")
    expect(() => ranking({ title: 't', x: { label: 'x' }, entries: [entries[0], entries[0]] })).to.throw(RangeError, 'stands twice')
  })

  it('draws a point and an interval a bin, in percent, beside the diagonal', () => {
    const bins = calibrationBins([0.1, 0.15, 0.9, 0.8], [0, 1, 1, 1], 5), { data } = calibration({ title: 't', curves: [{ name: 'f', bins }], event: 'a win' })
    expect(data[0].x).to.deep.equal([0, 100])
    expect(data[1].x).to.have.length(3)
    expect((data[1].y as number[])[0]).to.equal(50)
    expect((data[1].error_y as { array: number[] }).array.every(v => v >= 0)).to.equal(true)
    expect(() => calibration({ title: 't', curves: [{ name: 'f', bins: [] }] })).to.throw(RangeError, "'f' has no bin")
  })
})
