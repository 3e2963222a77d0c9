import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type * as tfjs from '@tensorflow/tfjs'
import { binaryCrossEntropy } from '../../lib/loss/binary'
import { gptConfig } from '../../lib/model/config'
import { withScoreHead } from '../../lib/model/heads'
import { adamw } from '../../lib/model/optimiser'
import { initParams } from '../../lib/model/params'
import { constantSchedule } from '../../lib/model/schedules'
import { lastStep, meanOfSteps, productOfSteps, stepProbabilities, stepScorer, worstStep } from '../../lib/reward/stepModel'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { run } from '../../lib/train/run'
import { stepModel } from '../../lib/train/stepModel'
import type { StepModelMetrics, StepModelOptions } from '../../lib/train/stepModel'
import { disposeTraining } from '../../lib/train/training'
import { oracle } from '../oracle'

const config = gptConfig({ vocab_size: 8, n_positions: 12, n_embd: 16, n_layer: 1, n_head: 2 }), DOT = 3
/** Sentences end with 3; everything is right until a 6 has come. */
const random = Random.seed(5), examples = Array.from({ length: 60 }, () => {
  const ids = [1, ...Array.from({ length: 3 }, () => [random.choice([4, 5, 5, 6]), DOT]).flat(), 2]
  return { ids, labels: ids.flatMap((id, at) => id === DOT || id === 2 ? [{ at, label: Number(!ids.slice(0, at).includes(6)) }] : []) }
})
const outcome = examples.map(e => ({ ids: e.ids, labels: e.labels.slice(-1) }))
const options = (more: Partial<StepModelOptions> = {}): StepModelOptions => ({
  model: { config, params: withScoreHead(initParams(config, Random.seed(2)), config) }, examples, steps: 8, batchSize: 10,
  optimiser: adamw({ lr: 1e-2, maxGradNorm: 1 }), schedule: constantSchedule({ lr: 1e-2 }), ...more,
})
async function all(training: AsyncIterable<StepModelMetrics>): Promise<StepModelMetrics[]> {
  const out: StepModelMetrics[] = []
  for await (const metrics of training) out.push(metrics)
  return out
}

describe('train/stepModel: outcome and process reward models', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  it('the loss is PyTorch\'s binary_cross_entropy_with_logits, value and gradient, also far out', () => {
    const logits = [[0.3, -2, 40], [-90, 5, 0]], labels = [[1, 0, 0], [1, 1, 0]]
    const want = oracle<{ value: number[][], grad: number[][] }>(`
import torch, torch.nn.functional as F
x = torch.tensor(arg['logits'], requires_grad=True); y = torch.tensor(arg['labels'], dtype=torch.float32)
v = F.binary_cross_entropy_with_logits(x, y, reduction='none'); v.sum().backward()
print(json.dumps({'value': v.tolist(), 'grad': x.grad.tolist()}))`, { logits, labels })
    const value = binaryCrossEntropy(tf.tensor2d(logits), labels).arraySync(), grad = (tf.grad(x => tf.sum(binaryCrossEntropy(x as tfjs.Tensor2D, labels)))(tf.tensor2d(logits)) as tfjs.Tensor2D).arraySync()
    value.forEach((row, i) => row.forEach((v, j) => { expect(v).to.be.closeTo(want.value[i][j], 1e-5); expect(grad[i][j]).to.be.closeTo(want.grad[i][j], 1e-5) }))
  })

  it('the first loss is log 2 and a process model learns every step, an outcome model the end', async () => {
    const process = stepModel(options({ steps: 120 })), records = await all(process), last = (await all(stepModel(options({ steps: 120, examples: outcome })))).at(-1)!
    expect(records[0].loss).to.be.closeTo(Math.LN2, 1e-6)
    expect(records.at(-1)!.accuracy).to.be.above(0.97)
    expect(records[5].num_labels).to.equal(6 * 10 * 4)
    expect(last.accuracy).to.be.above(0.9)
    const model = { config, params: process.state.models.reward }, [good, bad] = [[5, DOT, 5, DOT, 2], [5, DOT, 6, DOT, 2]].map(tokens => ({ prompt: { ids: [1] }, tokens }))
    const [p, q] = stepProbabilities(model, [good, bad], [DOT])
    expect([p.length, q.length]).to.deep.equal([3, 3])
    expect(Math.min(...p)).to.be.above(0.8)
    expect(q[0]).to.be.above(0.8)
    expect(Math.max(q[1], q[2])).to.be.below(0.2)
    expect(stepScorer(model, [DOT], productOfSteps)([good, bad])[0]).to.be.closeTo(p[0] * p[1] * p[2], 1e-12)
    expect(stepProbabilities(model, [{ prompt: { ids: [1] }, tokens: [5, DOT] }], [DOT])[0], 'the last token counts once').to.have.length(1)
  })

  it('aggregates steps as their names say', () => {
    const p = [0.9, 0.5, 0.8]
    expect([worstStep(p), lastStep(p), meanOfSteps(p)]).to.deep.equal([0.5, 0.8, (0.9 + 0.5 + 0.8) / 3])
    expect(productOfSteps(p)).to.be.closeTo(0.36, 1e-12)
  })

  it('keeps no tensor but its state, repeats itself, and resumes bit for bit', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rlhf-step-')), o = options(), training = stepModel(o), counts: number[] = [], first: StepModelMetrics[] = [], resumed: StepModelMetrics[] = []
    for await (const m of training) { counts.push(tf.memory().numTensors); first.push(m) }
    expect(new Set(counts).size).to.equal(1)
    for (const stop of [3, 8]) {
      for await (const m of run(stepModel(o), { checkpoint: folder, every: 1 })) { resumed.push(m); if (m.step === stop) break }
    }
    expect(resumed).to.deep.equal(first)
    disposeTraining(training)
    rmSync(folder, { recursive: true })
  })

  it('refuses what cannot be learnt', () => {
    expect(() => stepModel(options({ examples: [] }))).to.throw('no examples')
    expect(() => stepModel(options({ examples: [{ ids: [1], labels: [] }] }))).to.throw('example 0 has no label')
    expect(() => stepModel(options({ examples: [{ ids: [1], labels: [{ at: 1, label: 1 }] }] }))).to.throw(RangeError, 'at 1; expected 0 or 1 at a token')
    expect(() => stepModel(options({ examples: [{ ids: [1], labels: [{ at: 0, label: 2 }] }] }))).to.throw(RangeError)
    expect(() => stepModel(options({ model: { config, params: initParams(config, Random.seed(2)) } }))).to.throw('withScoreHead')
  })
})
