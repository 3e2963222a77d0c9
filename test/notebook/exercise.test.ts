import { expect } from 'chai'
import { brief, difference } from '../../lib/notebook/compare'
import { check, NotSolved, todo } from '../../lib/notebook/exercise'
import { announceBackend, labSeed, showVolatile } from '../../lib/notebook/announce'
import { claim } from '../../lib/notebook/claim'
import { predict, reveal } from '../../lib/notebook/predict'
import { score } from '../../lib/notebook/score'
import { session } from '../../lib/notebook/session'
import { ready, tf } from '../../lib/tensor/backend'
import { inKernel, texts } from './kernel'

const square = (x: number) => x * x, hint = 'Multiply x by itself.'
const run = async (body: () => void) => texts(await inKernel(body)).join('\n')

describe('notebook/exercise', () => {
  beforeEach(() => { session.exercises.clear(); session.predictions.clear() })

  it('solves, refuses and waits, in one line each, and hands on a function that is right', async () => {
    const wrong = (x: number) => x + x, unsolved = (_x: number): number => todo()
    const used: ((x: number) => number)[] = []
    const text = await run(() => {
      used.push(check('1.1', (x: number) => x ** 2, square, [[2], [3]], { hint }))
      used.push(check('1.2', wrong, square, [[2], [3]], { hint, level: 'advanced' }))
      used.push(check('1.3', unsolved, square, [[2]], { hint }))
      used.push(check('1.4', (_x: number): number => { throw new TypeError('no') }, square, [[2]], { hint }))
      used.push(check('1.5', (() => undefined) as unknown as typeof square, square, [[2]], { hint }))
    })
    expect(text.split('\n')).to.deep.equal([
      '✓ 1.1 solved: all 2 cases agree.',
      `✗ 1.2 not right yet: with (3) it gave 6, expected 9. Hint: ${hint} The lab goes on with the library's version.`,
      `○ 1.3 not solved yet. Hint: ${hint} The lab goes on with the library's version.`,
      `✗ 1.4 not right yet: with (2) it threw TypeError: no. Hint: ${hint} The lab goes on with the library's version.`,
      `✗ 1.5 not right yet: with (2) it gave undefined, expected 4. Is a return missing? Hint: ${hint} The lab goes on with the library's version.`,
    ])
    expect(used.map(f => f(5))).to.deep.equal([25, 25, 25, 25, 25])
    expect(used[1]).to.equal(square)
  })

  it('gives every run its own arguments', async () => {
    const sorted = (v: number[]) => { v.sort((a, b) => a - b); return v[0] }
    expect(await run(() => { check('1', sorted, (v: number[]) => Math.min(...v), [[[3, 1, 2]]], { hint }) })).to.match(/^✓/)
  })

  it('compares lists, typed arrays, records and tensors, and leaves no tensor behind', async () => {
    await ready()
    const before = tf.memory().numTensors
    expect(await run(() => {
      check('1', (n: number) => tf.fill([n], 2), n => tf.fill([n], 2), [[3]], { hint })
      check('2', (n: number) => tf.fill([n], 2), n => tf.fill([n, 1], 2), [[3]], { hint })
    })).to.match(/^✓.*\n✗ 2 not right yet: with \(3\) it gave \[3\] at shape, expected \[3, 1\]/)
    expect(tf.memory().numTensors).to.equal(before)
    expect(difference(new Float32Array([1, 0.1]), [1, 0.1], 1e-6)).to.equal(undefined)
    expect(difference({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }, 0)).to.deep.equal({ path: 'a[1].b', got: 2, expected: 3 })
    expect(difference([1], [1, 2], 0)).to.include({ path: '' })
    expect(difference(NaN, 1, 1)).to.not.equal(undefined)
    expect(difference(1e6 + 1, 1e6, 1e-5)).to.equal(undefined)
    expect(difference({ a: 1, extra: 1 }, { a: 1 }, 0)).to.include({ path: 'extra' })
    expect(difference('a', 'b', 1)).to.not.equal(undefined)
    expect(brief([1 / 3, 'a', { b: null }])).to.equal('[0.3333, "a", {b: null}]')
    expect(brief('x'.repeat(500))).to.have.length(100)
  })

  it('refuses checks without cases and references that are asynchronous', () => {
    expect(() => check('1', square, square, [], { hint })).to.throw(RangeError, 'at least one case')
    expect(() => check('1', () => Promise.resolve(1), () => Promise.resolve(1), [[]], { hint })).to.throw(TypeError, 'promise')
    expect(() => todo()).to.throw(NotSolved, 'return todo()')
  })

  it('scores by level, the last run of each exercise counting', async () => {
    const messages = await inKernel(() => {
      score()
      check('1', (x: number) => x, square, [[2]], { hint })
      check('1', square, square, [[2]], { hint })
      check('2', (x: number) => x, square, [[2]], { hint, level: 'advanced' })
      score()
    })
    expect(texts(messages)[0]).to.equal('No exercise has been checked yet.')
    expect(texts(messages).at(-1)!.split('\n')[0]).to.equal('1 of 2 exercises solved (foundational 1/1, advanced 0/1)')
    expect(messages.at(-1)!.data['application/vnd.rlhf-labs.score+json']).to.deep.include({ solved: 1, of: 2 })
  })

  it('keeps a prediction by letter or text, and reveals beside it', async () => {
    const ask = (answer?: string) => { predict('p', 'Which?', ['this', 'that'], answer) }
    expect(await run(() => ask())).to.equal('Which?\n  A  this\n  B  that\nPut the letter of your prediction at the end of the call and run the cell again.')
    expect(await run(() => { ask('that'); reveal('p', 'B') })).to.match(/You predict B\.\n✓ It is B \(that\), as you predicted\./)
    expect(await run(() => { ask('a'); reveal('p', 'that') })).to.match(/✗ It is B \(that\); you predicted A\. What did you overlook\?/)
    expect(await run(() => { ask(); reveal('p', 'A') })).to.match(/○ It is A \(this\)\. You made no prediction\./)
    expect(() => ask('C')).to.throw(RangeError, 'expected one of A (this), B (that), got "C"')
    expect(() => reveal('other', 'A')).to.throw("no such prediction; run the cell with predict('other'")
  })

  it('claims what holds, and stops the lab when it does not', async () => {
    expect(await run(() => { claim('up', true, { slope: 1 / 3, seeds: '0..3' }) })).to.equal('✓ up (slope 0.3333, seeds 0..3)')
    expect(() => claim('up', false, { slope: -1 })).to.throw('claim "up" does not hold: slope -1')
    expect(() => claim('up', true, { slope: NaN })).to.throw('claim "up": slope is NaN')
  })

  it('takes the seed from RLHF_SEED', () => {
    const old = process.env.RLHF_SEED
    try {
      delete process.env.RLHF_SEED
      expect(labSeed()).to.equal(0)
      process.env.RLHF_SEED = '7'
      expect(labSeed()).to.equal(7)
      for (const bad of ['', '-1', '1.5', 'x']) {
        process.env.RLHF_SEED = bad
        expect(() => labSeed(), bad).to.throw(RangeError, `got '${bad}'`)
      }
    } finally {
      if (old === undefined) delete process.env.RLHF_SEED
      else process.env.RLHF_SEED = old
    }
  })

  it('marks what depends on the machine as volatile', async () => {
    const [line, backend] = await inKernel(async () => { showVolatile('3 ms', '<n> ms'); await announceBackend() })
    expect(line.metadata).to.deep.equal({ volatile: '<n> ms' })
    expect(line.data['text/plain']).to.equal('3 ms')
    const { label, device } = await ready()
    expect(backend.data['text/plain']).to.include(label).and.to.include(device === 'GPU' ? 'the GPU is used' : 'no GPU is used')
    expect(backend.metadata).to.have.property('volatile').that.does.not.include(label)
  })
})
