import { expect } from 'chai'
import fc from 'fast-check'
import type { Figure } from '../../lib/plot/figure'
import { lines } from '../../lib/plot/lines'
import { html, plotlyText, visible } from '../../lib/notebook/escape'
import { live } from '../../lib/notebook/live'
import { plainFigure, toPNG, toSVG } from '../../lib/notebook/picture'
import { show } from '../../lib/notebook/show'
import { printed } from '../printed'
import { inKernel, texts } from './kernel'

const xs = Float32Array.from({ length: 200 }, (_, i) => i)
const curve = (n = 200): Figure => lines({
  title: 'Gold falls while proxy rises', x: { label: 'KL', unit: 'nats' }, y: { label: 'reward' },
  lines: [{ name: 'proxy reward', x: xs.slice(0, n), y: xs.slice(0, n).map(v => Math.tanh(v / 50)) }, { name: 'gold reward', x: xs.slice(0, n), y: xs.slice(0, n).map(v => Math.sin(v / 40)) }],
})
const size = (png: Buffer) => [png.readUInt32BE(16), png.readUInt32BE(20)]

describe('notebook/show', () => {
  it('publishes a figure as one bundle below 60 kB: Plotly JSON, PNG and text', async () => {
    const [message, ...more] = await inKernel(() => show(curve()))
    expect(more).to.be.empty
    expect(Object.keys(message.data)).to.have.members(['application/vnd.plotly.v1+json', 'image/png', 'text/plain'])
    expect(JSON.stringify(message).length).to.be.below(60_000)
    const png = Buffer.from(message.data['image/png'] as string, 'base64')
    expect(png.subarray(1, 4).toString()).to.equal('PNG')
    expect(size(png)).to.deep.equal([640, 400])
    expect(message.metadata['image/png']).to.include({ width: 640, height: 400, alt: message.data['text/plain'] })
    expect(message.data['text/plain']).to.equal('Figure: Gold falls while proxy rises; x: KL (nats); y: reward; series: proxy reward, gold reward')
    const plotly = message.data['application/vnd.plotly.v1+json'] as { data: { y: number[] }[] }
    expect(plotly.data[0].y.slice(0, 3)).to.deep.equal([0, 0.0199973, 0.0399787])
  })

  it('takes a plain Plotly figure, an alternative text, and the same picture for the same figure', async () => {
    const figure = { data: [{ type: 'heatmap', z: [[1, 2], [3, 4]] }], layout: { title: { text: 'Heat' }, width: 300, height: 200 } }
    const [a, b] = await inKernel(async () => { await show(figure, { alt: 'two by two' }); await show(figure, { alt: 'two by two' }) })
    expect(a).to.deep.equal(b)
    expect(texts([a])).to.deep.equal(['two by two'])
    expect(size(Buffer.from(a.data['image/png'] as string, 'base64'))).to.deep.equal([300, 200])
  })

  it('draws text, lines and patterns into the static picture', async () => {
    const svg = await toSVG(plainFigure(curve()))
    for (const text of ['Gold falls while proxy rises', 'KL (nats)', 'reward', 'proxy reward']) expect(svg).to.include(`>${text}<`)
    const blank = await toPNG({ data: [], layout: { xaxis: { visible: false }, yaxis: { visible: false } } })
    expect((await toPNG(plainFigure(curve()))).length).to.be.above(2 * blank.length)
  })

  it('keeps the legend inside the picture, however long its names', async () => {
    const names = ['a very long name of a series that says a great deal', 'another one that is hardly shorter', 'third']
    const svg = await toSVG(plainFigure(lines({ title: 'T', x: { label: 'x' }, y: { label: 'y' }, lines: names.map(name => ({ name, x: [0, 1], y: [0, 1] })) })))
    const at = [...svg.matchAll(/class="traces"[^>]*translate\(([-\d.]+),\s*([-\d.]+)\)/g)].map(m => Number(m[1]))
    expect(at).to.have.length(3)
    for (const x of at) expect(x).to.be.within(0, 600)
  })

  it('draws every type of trace that it accepts, and arrows', async () => {
    const z = [[1, 2, 3], [2, 4, 2], [1, 2, 1]], xy = { x: [1, 2, 3], y: [1, 4, 2] }
    const traces = [{ ...xy, mode: 'lines+text', text: ['a', 'b', 'c'] }, { ...xy, type: 'bar' }, { y: [1, 2, 3, 9], type: 'box' }, { y: [1, 2, 3, 9], type: 'violin' },
      { x: [1, 2, 2, 3], type: 'histogram' }, { z, type: 'heatmap' }, { z, type: 'contour', contours: { showlabels: true } }, { ...xy, type: 'histogram2d' },
      { ...xy, type: 'histogram2dcontour' }, { values: [1, 2], labels: ['a', 'b'], type: 'pie' }, { z: [[[255, 0, 0]]], type: 'image' }, { a: [1], b: [2], c: [3], type: 'scatterternary' }]
    const blank = (await toPNG({ data: [] })).length
    for (const trace of traces) {
      const figure = { data: [trace], layout: { annotations: [{ x: 2, y: 2, text: 'here', ax: 20, ay: -30 }] } }
      expect((await toPNG(plainFigure(figure))).length, trace.type ?? 'scatter').to.be.above(blank)
    }
    expect(() => plainFigure({ data: [{ type: 'scatter3d' }] })).to.throw(TypeError, "'scatter3d' has no static picture")
  })

  it('draws with the whole of plotly.js what the small bundle lacks', async () => {
    const sankey = { type: 'sankey', node: { label: ['demonstrations', 'comparisons', 'policy'] }, link: { source: [0, 1], target: [2, 2], value: [3, 1] } }
    const svg = await toSVG(plainFigure({ data: [sankey] }))
    expect(svg.match(/class="sankey-link"/g)).to.have.length(2)
    expect(svg).to.contain('demonstrations')
  })

  it('stops at NaN and infinity, naming trace and place', async () => {
    const bad = (v: number): Figure => ({ data: [{ name: 'loss', y: [1, 2, v] }] })
    for (const [v, name] of [[NaN, 'NaN'], [Infinity, 'Infinity']] as const) {
      const error = await show(bad(v)).then(() => undefined, (e: unknown) => e as Error)
      expect(error).to.be.instanceOf(RangeError).with.property('message').that.includes(`trace 'loss'.y[2] is ${name}`)
    }
    expect(plainFigure({ data: [{ y: [1, null] }] }).data[0].y).to.deep.equal([1, null])
  })

  it('prints text in plain Node', async () => {
    expect(await printed(() => show(curve()))).to.match(/^Figure: Gold falls/)
    expect(await printed(() => show([{ a: 1 }]))).to.equal('a\n─\n1\n')
  })

  it('refuses what it cannot show', async () => {
    for (const what of [null, 3, 'x', {}]) {
      const error = await show(what as unknown as Figure).then(() => undefined, (e: unknown) => e)
      expect(error).to.be.instanceOf(TypeError)
    }
  })

  it('updates a live chart in place, with the picture, and ends with all records', async () => {
    const messages = await inKernel(async () => {
      const chart = live<number>(seen => curve(seen.length + 1), { everyMs: 0 })
      for (let i = 0; i < 3; i++) await chart.push(i)
      await chart.done()
    })
    expect(messages.length).to.be.within(2, 4)
    expect(messages.map(m => m.update)).to.deep.equal(messages.map((_, i) => i > 0))
    expect(new Set(messages.map(m => m.transient.display_id)).size).to.equal(1)
    for (const m of messages) expect('application/vnd.plotly.v1+json' in m.data).to.equal(m === messages.at(-1))
    for (const m of messages) expect(m.data).to.include.keys('image/png')
    const last = messages.at(-1)!.data['application/vnd.plotly.v1+json'] as { data: { x: number[] }[] }
    expect(last.data[0].x).to.have.length(4)
  })

  it('draws a live chart seldom when drawing is slow, and once in the end at least', async () => {
    const messages = await inKernel(async () => {
      const chart = live<number>(seen => curve(seen.length + 1), { everyMs: 10_000 })
      for (let i = 0; i < 50; i++) await chart.push(i)
      await chart.done()
    })
    expect(messages).to.have.length(1)
  })
})

describe('notebook/escape', () => {
  // eslint-disable-next-line no-control-regex
  const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/

  it('leaves no markup and no control characters, and nothing is lost', () => {
    fc.assert(fc.property(fc.string({ unit: fc.oneof(fc.constantFrom('<', '>', '&', '"', "'", '`', '$', '\u001b', 'a', '\n'), fc.string({ minLength: 1, maxLength: 1 })) }), s => {
      const escaped = html(s)
      expect(escaped).to.not.match(/[<>"'`]/)
      expect(escaped).to.not.match(control)
      expect(escaped.replace(/&#(\d+);/g, (_, n: string) => String.fromCharCode(Number(n)))).to.equal(visible(s))
      const figure = plotlyText(s)
      expect(figure.replace(/<br>|<\/?extra>/g, '')).to.not.match(/[<>$]/)
    }))
  })

  it('keeps <br> and <extra>, and nothing else, for Plotly', () => {
    expect(plotlyText('a<br>b<extra></extra>')).to.equal('a<br>b<extra></extra>')
    expect(plotlyText('<b>x</b> <br onclick=1> &lt; $x$')).to.equal('&#60;b&#62;x&#60;/b&#62; &#60;br onclick=1&#62; &#38;lt; &#36;x&#36;')
  })
})
