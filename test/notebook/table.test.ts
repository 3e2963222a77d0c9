import { expect } from 'chai'
import { show } from '../../lib/notebook/show'
import { frameBundle, tableBundle } from '../../lib/notebook/table'
import { inKernel } from './kernel'

const text = (rows: Record<string, unknown>[], o = {}) => tableBundle(rows, o)['text/plain'].split('\n')

describe('notebook/table', () => {
  it('aligns columns in order of appearance, numbers to the right, and leaves missing values empty', () => {
    expect(text([{ name: 'a', n: 1 }, { name: 'bcd', n: 20, extra: null }, { n: -3 }])).to.deep.equal([
      'name   n  extra', '────  ──  ─────', 'a      1', 'bcd   20', '      -3',
    ])
  })

  it('rounds a column to four digits of its largest number, and does not round a small one to 0', () => {
    expect(text([{ p: 0.81757 }, { p: 0.5 }, { p: 2e-7 }]).slice(2)).to.deep.equal(['0.8176', '0.5000', '2.0e-7'])
    expect(text([{ v: 1234.567 }, { v: -0.25 }]).slice(2).map(s => s.trim())).to.deep.equal(['1235', '-0.25'])
    expect(text([{ v: 2.5 }, { v: NaN }, { v: Infinity }]).slice(2).map(s => s.trim())).to.deep.equal(['2.500', 'NaN', 'Infinity'])
    expect(text([{ v: 2.34567, n: 3 }], { digits: 1 }).at(-1)).to.equal('2.3  3')
  })

  it('cuts long tables and says so', () => {
    const bundle = tableBundle(Array.from({ length: 50 }, (_, i) => ({ i })), { maxRows: 5, caption: 'numbers' })
    expect(bundle['text/plain'].split('\n')).to.have.length(1 + 2 + 5 + 1)
    expect(bundle['text/plain']).to.match(/^numbers\n/).and.to.match(/5 of 50 rows$/)
    expect(bundle['text/html']).to.include('<p>5 of 50 rows</p>').and.to.include('<caption')
    expect(tableBundle([])['text/plain']).to.equal('(empty table)')
  })

  it('shows text literally', () => {
    const hostile = '<img src=x onerror=alert(1)>'
    const { 'text/html': html } = tableBundle([{ [hostile]: hostile, list: [hostile], object: { a: hostile } }], { caption: hostile })
    expect(html).to.not.include('<img')
    expect(String(html).match(/&#60;img src=x onerror=alert\(1\)&#62;/g)).to.have.length(5)
  })

  it('shows danfo.js data frames and series with their index', async () => {
    const dfd = require('danfojs-node') as { DataFrame: new (data: object, o?: object) => { column(name: string): never } }
    const frame = new dfd.DataFrame({ 'model <b>': ['a', 'b'], elo: [1000.5, 990] }, { index: ['x', 'y'] })
    const [whole, series] = await inKernel(async () => { await show(frame as never, { caption: 'models' }); await show(frame.column('elo')) })
    expect(whole.data['text/plain']).to.equal(['models', '   model <b>   elo', '─  ─────────  ────', 'x  a          1001', 'y  b           990'].join('\n'))
    expect(whole.data['text/html']).to.include('model &#60;b&#62;').and.to.not.include('<b>')
    expect(String(series.data['text/html']).match(/<tr>/g)).to.have.length(3)
  })

  it('takes what looks like a frame', () => {
    expect(frameBundle({ columns: ['a'], index: [0], values: [[1.5]] })['text/plain'].split('\n').at(-1)).to.equal('0  1.500')
  })
})
