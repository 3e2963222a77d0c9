import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { progress } from '../../lib/notebook/progress'
import { printed } from '../printed'
import { inKernel, texts } from './kernel'

async function* numbers(n: number) { for (let i = 0; i < n; i++) { await sleep(1); yield i } }
const busy = (ms: number) => { for (const end = performance.now() + ms; performance.now() < end;); }

describe('notebook/progress', () => {
  it('passes everything on, and leaves one line without times', async () => {
    const seen: number[] = []
    const messages = await inKernel(async () => {
      for await (const i of progress(numbers(5), 'training', { total: 5, note: i => `loss ${i}` })) { seen.push(i); busy(90) }
    })
    expect(seen).to.deep.equal([0, 1, 2, 3, 4])
    expect(texts(messages).at(-1)).to.equal('✓ training: 5  loss 4')
    expect(messages.length).to.be.within(3, 5)
    expect(messages.map(m => m.update)).to.deep.equal(messages.map((_, i) => i > 0))
    expect(new Set(messages.map(m => m.transient.display_id)).size).to.equal(1)
    expect(messages[1].data['text/html']).to.include('<progress value=')
  })

  it('counts, goes through arrays, and works where the total is not known', async () => {
    const got: unknown[] = []
    const messages = await inKernel(async () => {
      for await (const i of progress(3)) got.push(i)
      for await (const s of progress(['a', 'b'], 'letters')) got.push(s)
      for await (const i of progress(numbers(2), 'unknown')) got.push(i)
    })
    expect(got).to.deep.equal([0, 1, 2, 'a', 'b', 0, 1])
    expect(texts(messages).filter(t => t.startsWith('✓'))).to.deep.equal(['✓ step: 3', '✓ letters: 2', '✓ unknown: 2'])
  })

  it('says where it was stopped, by break or by an error, and ends the generator', async () => {
    let ended = 0
    async function* source() { try { yield* numbers(9) } finally { ended++ } }
    const messages = await inKernel(async () => {
      for await (const i of progress(source(), 'training', { total: 9 })) if (i === 3) break
      try { for await (const i of progress(source(), 'training')) if (i === 1) throw new Error('NaN') } catch { /* shown below */ }
    })
    expect(texts(messages).filter(t => t.startsWith('■'))).to.deep.equal(['■ training: stopped after 4 of 9', '■ training: stopped after 2'])
    expect(ended).to.equal(2)
  })

  it('gives the event loop a turn in a loop that never waits', async () => {
    let turns = 0, counting = true
    const count = () => { turns++; if (counting) setImmediate(count) }
    setImmediate(count)
    await inKernel(async () => { for await (const _ of progress(40)) busy(10) })
    counting = false
    expect(turns).to.be.above(3)
  })

  it('prints the last line in plain Node, and refuses counts that are none', async () => {
    expect(await printed(async () => { for await (const _ of progress(2, 'step')); })).to.equal('✓ step: 2\n')
    const error = await progress(-1).next().then(() => undefined, (e: unknown) => e)
    expect(error).to.be.instanceOf(RangeError)
  })
})
