import { expect } from 'chai'
import fc from 'fast-check'
import { axis, colours, fade, figure, seriesStyle, wrap, type Trace } from '../../lib/plot/figure'
import { bars } from '../../lib/plot/bars'
import { lines } from '../../lib/plot/lines'

const x = { label: 'KL', unit: 'nats' }, y = { label: 'reward' }
const contrast = (a: string, b: string): number => {
  const luminance = (c: string) => [1, 3, 5].map(i => parseInt(c.slice(i, i + 2), 16) / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
  const [high, low] = [luminance(a), luminance(b)].sort((p, q) => q - p)
  return (high + 0.05) / (low + 0.05)
}

describe('plot', () => {
  it('tells series apart without colour, and puts the colours that are visible on white first', () => {
    const styles = Array.from({ length: 6 }, (_, i) => seriesStyle(i))
    for (const key of ['colour', 'dash', 'marker'] as const) expect(new Set(styles.map(s => s[key])).size, key).to.equal(6)
    expect(contrast(colours[0], '#ffffff')).to.be.above(4.5)
    for (const c of colours.slice(0, 3)) expect(contrast(c, '#ffffff'), c).to.be.above(3)
    expect(fade('#0072B2', 0.5)).to.equal('rgba(0,114,178,0.5)')
  })

  it('wraps titles without losing a word', () => {
    fc.assert(fc.property(fc.array(fc.stringMatching(/^[a-z]{1,20}$/), { minLength: 1, maxLength: 40 }), words => {
      const wrapped = wrap(words.join(' '), 30)
      expect(wrapped.split(/<br>| /)).to.deep.equal(words)
      expect(Math.max(...wrapped.split('<br>').map(l => l.length))).to.be.at.most(30)
    }))
  })

  it('writes units behind the label and refuses charts without title or labels', () => {
    expect(axis(x).title).to.include({ text: 'KL (nats)' })
    expect(axis(y).title).to.include({ text: 'reward' })
    expect(axis({ label: 'n', log: true, range: [0, 2] })).to.include({ type: 'log' }).and.to.have.deep.property('range', [0, 2])
    expect(() => figure({ title: ' ', x, y, data: [] })).to.throw(RangeError, 'title')
    expect(() => figure({ title: 'a', x, y: { label: '' }, data: [] })).to.throw(RangeError, 'axis y')
  })

  it('draws lines with bands and references, and says which array has the wrong length', () => {
    const f = lines({ title: 'Up', x, y, references: [{ value: 1, label: 'ceiling' }], lines: [
      { name: 'gold', x: [0, 1], y: new Float32Array([0, 1]), low: [-1, 0], high: [1, 2] }, { name: 'proxy', x: [0, 1], y: [1, null] },
    ] })
    expect(f.data.map(t => t.name)).to.deep.equal(['gold, low', 'gold, high', 'gold', 'proxy'])
    expect(f.data[1]).to.include({ fill: 'tonexty', showlegend: false })
    expect(f.data[2]).to.deep.include({ y: new Float32Array([0, 1]), mode: 'lines+markers' })
    expect(f.data.map(t => (t.meta as { allowGaps?: boolean } | undefined)?.allowGaps)).to.deep.equal([undefined, undefined, undefined, true])
    expect(f.layout).to.have.property('shapes').with.length(1)
    expect(() => lines({ title: 'a', x, y, lines: [{ name: 'gold', x: [0, 1], y: [1] }] })).to.throw(RangeError, "'gold' has 2 x and 1 y")
    expect(() => lines({ title: 'a', x, y, lines: [{ name: 'gold', x: [0], y: [1], low: [0] }] })).to.throw(RangeError, 'low and high')
  })

  it('draws bars, one value a category', () => {
    const f = bars({ title: 'Most', x, y, categories: ['a', 'b'], bars: [{ name: 'n', y: [1, 2], error: [0.1, 0.2] }], text: v => v.toFixed(1) })
    expect(f.data[0]).to.deep.include({ type: 'bar', x: ['a', 'b'], y: [1, 2], text: ['1.0', '2.0'] })
    expect((f.data[0] as Trace & { error_y: object }).error_y).to.deep.include({ array: [0.1, 0.2] })
    expect(() => bars({ title: 'a', x, y, categories: ['a'], bars: [{ name: 'n', y: [1, 2] }] })).to.throw(RangeError, "'n' has 2 values for 1 categories")
  })

  it('is pure: the same arguments give the same figure, and arguments stay as they were', () => {
    const args = Object.freeze({ title: 'Up', x, y, lines: Object.freeze([Object.freeze({ name: 'a', x: Object.freeze([0, 1]), y: Object.freeze([1, 2]) })]) })
    expect(lines(args)).to.deep.equal(lines(args))
  })
})
