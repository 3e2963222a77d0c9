import { expect } from 'chai'
import { frontier } from '../../lib/plot/frontier'

const points = [{ kl: 0, reward: 1, label: 'β ∞' }, { kl: 1.5, reward: 2, label: 'β 0.5', show: true }]

describe('plot/frontier', () => {
  it('draws a point a policy, in the order given, and writes the labels asked for', () => {
    const { data, layout } = frontier({ title: 'gold turns over', curves: [{ name: 'proxy', points }, { name: 'gold', points: points.slice(0, 1) }], peak: { kl: 1, label: 'peak' } })
    expect(data.map(t => t.x)).to.deep.equal([[0, 1.5], [0]])
    expect(data[0].text).to.deep.equal(['', 'β 0.5'])
    expect(data.map(t => t.mode)).to.deep.equal(['lines+markers+text', 'lines+markers'])
    expect((layout!.shapes as { x0: number }[])[0].x0).to.equal(1)
    expect((layout!.xaxis as { title: { text: string } }).title.text).to.contain('(nats)')
  })

  it('refuses an empty curve and a KL that is none', () => {
    expect(() => frontier({ title: 't', curves: [{ name: 'gold', points: [] }] })).to.throw(RangeError, "'gold' has no point")
    expect(() => frontier({ title: 't', curves: [{ name: 'gold', points: [{ kl: -0.125, reward: 0, label: 'β 1' }] }] })).to.throw(RangeError, "'gold', β 1: expected a KL of at least 0, got -0.125")
    expect(() => frontier({ title: 't', curves: [{ name: 'gold', points: [{ kl: NaN, reward: 0, label: 'β 1' }] }] })).to.throw(RangeError, 'got NaN')
  })
})
