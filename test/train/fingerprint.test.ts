import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { nll } from '../../lib/loss/nll'
import { gptConfig } from '../../lib/model/config'
import { adamw, sgd } from '../../lib/model/optimiser'
import { initParams } from '../../lib/model/params'
import { constantSchedule, linearSchedule } from '../../lib/model/schedules'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { loadCheckpoint, saveCheckpoint } from '../../lib/train/checkpoint'
import { differences, fingerprint } from '../../lib/train/fingerprint'
import { run } from '../../lib/train/run'
import type { RunOptions } from '../../lib/train/run'
import { sft } from '../../lib/train/sft'
import type { SftOptions } from '../../lib/train/sft'
import { startState, training } from '../../lib/train/training'

const of = (given: object) => fingerprint(training(startState('toy', {}, {}, Random.seed(0)), function* () { /* no step */ }, given))
const same = (a: object, b: object) => differences(of(a), of(b)).length === 0

describe('train/fingerprint', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  it('is the same for equal values, whatever the order of their names, and another for others (property)', () => {
    const value = fc.jsonValue({ maxDepth: 3 })
    fc.assert(fc.property(value, v => {
      expect(same({ v: v }, { v: JSON.parse(JSON.stringify(v)) as unknown })).to.equal(true)
    }))
    fc.assert(fc.property(fc.dictionary(fc.string(), value, { minKeys: 2 }), d => {
      expect(same({ d }, { d: Object.fromEntries(Object.entries(d).reverse()) })).to.equal(true)
    }))
    fc.assert(fc.property(value, value, (a, b) => {
      expect(same({ v: a }, { v: b })).to.equal(JSON.stringify(sorted(a)) === JSON.stringify(sorted(b)))
    }))
  })

  it('tells apart what only looks alike, and names what differs', () => {
    const unlike: [unknown, unknown][] = [
      ['1', 1], [[1, 2], ['1', '2']], [['ab', 'c'], ['a', 'bc']], [[[1], [2]], [[1, 2]]], [{}, []], [null, 'null'], [Int32Array.of(1), Float32Array.of(1)], [Random.seed(1), Random.seed(2)],
      [new Map([['a', 1]]), new Map([['a', 2]])], [tf.tensor1d([1, 2]), tf.tensor1d([1, 3])], [tf.zeros([2, 1]), tf.zeros([1, 2])], [constantSchedule({ lr: 1 }), constantSchedule({ lr: 2 })],
      [constantSchedule({ lr: 1 }), linearSchedule({ lr: 1, totalSteps: 9 })], [adamw({ lr: 1 }), adamw({ lr: 1, betas: [0.8, 0.9] })], [sgd({ lr: 1 }), sgd({ lr: 1, momentum: 0.9 })], [(x: number) => x + 1, (x: number) => x + 2],
    ]
    for (const [a, b] of unlike) {
      expect(differences(of({ x: a, y: 1 }), of({ x: b, y: 1 })), String(a)).to.deep.equal(['x'])
      expect(same({ x: a }, { x: a })).to.equal(true)
    }
    expect(differences(of({ a: 1 }), of({ a: 1, b: undefined }))).to.deep.equal([])
    expect(differences(of({ a: 1, c: 2 }), of({ a: 2, b: 1 }))).to.deep.equal(['a', 'c', 'b'])
    const knot: { self?: unknown } = {}
    knot.self = knot
    expect(same({ knot }, { knot })).to.equal(true)
  })

  describe('as run uses it', () => {
    const config = gptConfig({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 })
    const examples = [3, 4, 5, 6, 7].map(id => ({ ids: [1, id, 2], promptLength: 1 }))
    const options = (more: Partial<SftOptions> = {}): SftOptions => ({ model: { config, params: initParams(config, Random.seed(1)) }, examples, batchSize: 2, steps: 4, ...more })
    let folder: string
    beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'rlhf-fingerprint-')) })
    afterEach(() => rmSync(folder, { recursive: true }))
    const steps = async (given: SftOptions, until = Infinity, more: RunOptions = {}) => {
      const seen: number[] = []
      for await (const { step } of run(sft(given), { checkpoint: folder, log: join(folder, 'log.jsonl'), ...more })) { seen.push(step); if (step === until) break }
      return seen
    }
    const error = (given: SftOptions, more?: RunOptions) => steps(given, Infinity, more).then(() => undefined, (e: Error) => e.message)

    it('refuses changed data, options, seed and first weights by name', async () => {
      await steps(options(), 2)
      expect(await error(options({ examples: [...examples.slice(1), examples[0]] }))).to.contain(`${folder}: the checkpoint was made with other examples. Give another folder`)
      expect(await error(options({ batchSize: 3 }))).to.contain("with other batchSize. Give another folder, or delete this one to start again, or go on all the same with allow: ['batchSize']")
      expect(await error(options({ schedule: constantSchedule({ lr: 0.1 }) }))).to.contain('other schedule.')
      expect(await error(options({ loss: (logits, targets) => nll(logits, targets) }))).to.contain('other loss.')
      expect(await error(options({ seed: 9 }))).to.contain('other seed, random stream (seed).')
      expect(await error(options({ model: { config, params: initParams(config, Random.seed(2)) } }))).to.contain('other model, first weights of policy.')
      expect(await steps(options()), 'and the checkpoint is as it was').to.deep.equal([3, 4])
    })

    it('goes on with more steps, and with what is allowed to differ', async () => {
      await steps(options(), 2)
      expect(await steps(options({ steps: 3 }))).to.deep.equal([3])
      expect(await steps(options({ steps: 5, batchSize: 3 }), Infinity, { allow: ['batchSize'] })).to.deep.equal([4, 5])
      expect(await error(options({ steps: 6 })), 'the last checkpoint was made with 3').to.contain('other batchSize')
      expect(readFileSync(join(folder, 'log.jsonl'), 'utf8').trim().split('\n')).to.have.length(5)
    })

    it('takes a checkpoint without fingerprint as it is', async () => {
      await steps(options(), 2)
      saveCheckpoint(folder, { ...loadCheckpoint(folder)!, fingerprint: undefined })
      expect(await steps(options({ batchSize: 4 }))).to.deep.equal([3, 4])
    })
  })
})

/** JSON with the names of every record in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => [k, sorted(v)]))
}
