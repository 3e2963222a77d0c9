/** Twenty steps of every trainer, compiled and operation by operation: the same figures and the same weights. */
import { expect } from 'chai'
import { aotLoss } from '../../lib/loss/aot'
import { ipoLoss } from '../../lib/loss/ipo'
import { gptConfig } from '../../lib/model/config'
import { withScoreHead } from '../../lib/model/heads'
import { adamw } from '../../lib/model/optimiser'
import { initParams } from '../../lib/model/params'
import { constantSchedule } from '../../lib/model/schedules'
import { scoreSequences } from '../../lib/reward/rewardModel'
import { responseLogps, responseValues, wholeSequence } from '../../lib/rollout/evaluate'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { dpo } from '../../lib/train/dpo'
import { grpo } from '../../lib/train/grpo'
import { kto } from '../../lib/train/kto'
import { onlineDpo } from '../../lib/train/onlineDpo'
import { scoreJudge } from '../../lib/train/onlineDpoJudge'
import { ppo } from '../../lib/train/ppo'
import { cpo, orpo, simpo } from '../../lib/train/referenceFree'
import { stepModel } from '../../lib/train/stepModel'
import type { Training } from '../../lib/train/training'

const config = gptConfig({ vocab_size: 12, n_positions: 16, n_embd: 16, n_layer: 2, n_head: 2, initializer_range: 0.2 }), EOS = 2, steps = 20
const draw = Random.seed(3), tokens = (n: number) => Array.from({ length: n }, () => 3 + draw.int(9))
const prompts = Array.from({ length: 16 }, (_, i) => ({ ids: [1, ...tokens(1 + i % 3)] })), pairs = prompts.map(prompt => ({ prompt, chosen: [...tokens(2 + draw.int(5)), EOS], rejected: [...tokens(2 + draw.int(5)), EOS] }))
const thumbs = pairs.flatMap(({ prompt, chosen, rejected }) => [{ prompt, tokens: chosen, liked: true }, { prompt, tokens: rejected, liked: false }])
/** Likes tokens from 7 on. */
const score = (responses: readonly (readonly number[])[]) => responses.map(r => r.filter(t => t > 6).length / r.length)
const reward = (rollouts: readonly { readonly tokens: readonly number[] }[]) => score(rollouts.map(r => r.tokens))

async function all(training: Training<object>): Promise<{ records: Record<string, number>[], weights: Record<string, Float32Array> }> {
  const records: Record<string, number>[] = []
  for await (const metrics of training) records.push(metrics as Record<string, number>)
  return { records, weights: Object.fromEntries(Object.entries(training.state.models).flatMap(([role, params]) => Object.entries(params).map(([name, w]) => [`${role} ${name}`, Float32Array.from(w.dataSync())]))) }
}

/** What `run` gives compiled, without a word about a part that could not be, and operation by operation. */
async function both<T>(run: () => Promise<T>): Promise<[compiled: T, eager: T]> {
  const { warn } = console, before = process.env.JIT, lines: unknown[] = []
  console.warn = (line: unknown) => { lines.push(line) }
  const compiled = await run().finally(() => { console.warn = warn })
  expect(lines).to.deep.equal([])
  process.env.JIT = '0'
  try { return [compiled, await run()] } finally { if (before === undefined) delete process.env.JIT; else process.env.JIT = before }
}

describe('train, every trainer compiled and not', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  // A larger ε: Adam scales up even gradients that are rounding alone (the bias of keys has no other). A reference of its own: against the model itself all margins are rounding at first
  const optimiser = adamw({ lr: 1e-3, maxGradNorm: 1, eps: 1e-4 }), schedule = constantSchedule({ lr: 1e-3 }), common = { optimiser, schedule, batchSize: 8, steps }
  const model = (seed = 1) => ({ config, params: initParams(config, Random.seed(seed)) }), scorer = () => ({ config, params: withScoreHead(initParams(config, Random.seed(2)), config, Random.seed(5)) })
  const sampling = { prompts, maxNewTokens: 8, stopTokens: [EOS], optimiser, schedule }
  const trainers: Record<string, () => Training<object>> = {
    'dpo': () => dpo({ model: model(), reference: model(8), pairs, ...common }),
    'dpo with every extra': () => dpo({ model: model(), reference: model(8), pairs, ...common, loss: ipoLoss, nllWeight: 0.2, ldAlpha: 0.5, onPolicyWeights: true }),
    'dpo with aotLoss': () => dpo({ model: model(), reference: model(8), pairs, ...common, loss: aotLoss }),
    'kto': () => kto({ model: model(), reference: model(8), thumbs, ...common }),
    'orpo': () => orpo({ model: model(), pairs, ...common, nllOnPrompt: true }),
    'simpo': () => simpo({ model: model(), pairs, ...common }),
    'cpo': () => cpo({ model: model(), pairs, ...common }),
    'ppo': () => ppo({ policy: model(), reference: model(8), value: scorer(), reward, ...sampling, iterations: 10, batchSize: 8, epochs: 1, minibatches: 2, valueOptimiser: optimiser, valueSchedule: schedule }),
    'ppo on one trunk': () => ppo({ policy: scorer(), reference: model(8), reward, ...sampling, iterations: 10, batchSize: 8, epochs: 2, minibatches: 1, adaptive: { target: 0.05, horizon: 100 } }),
    'grpo': () => grpo({ policy: model(), reference: model(8), beta: 0.04, reward, ...sampling, steps, groups: 3, groupSize: 4, iterations: 2 }),
    'onlineDpo': () => onlineDpo({ policy: model(), reference: model(8), judge: scoreJudge((_, responses) => score(responses)), ...sampling, iterations: 20, batchSize: 8, moving: { every: 4, mix: 0.5 } }),
    'stepModel': () => stepModel({ model: scorer(), examples: pairs.map(({ prompt, chosen }, i) => ({ ids: [...prompt.ids, ...chosen], labels: [{ at: prompt.ids.length, label: i % 2 }, { at: prompt.ids.length + chosen.length - 1, label: 1 }] })), ...common }),
  }
  for (const [name, trainer] of Object.entries(trainers)) {
    it(name, async () => {
      const [compiled, eager] = await both(() => all(trainer()))
      expect(compiled.records.length).to.equal(eager.records.length)
      eager.records.forEach((record, t) => {
        expect(Object.keys(compiled.records[t])).to.have.members(Object.keys(record))
        for (const [figure, value] of Object.entries(record)) if (typeof value === 'number') expect(compiled.records[t][figure], `${figure} of record ${t + 1}`).to.be.closeTo(value, 1e-5 * (1 + Math.abs(value)))
      })
      for (const [weight, values] of Object.entries(eager.weights)) values.forEach((x, i) => expect(compiled.weights[weight][i], `${weight}[${i}]`).to.be.closeTo(x, 1e-5 * (1 + Math.abs(x))))
    })
  }

  it('what frozen models say of responses: log-probs, values, rewards', async () => {
    const responses = Array.from({ length: 150 }, (_, i) => ({ prompt: prompts[i % 16], tokens: tokens(1 + draw.int(10)) })), policy = model(), judge = scorer(), before = tf.memory().numTensors
    const flat = (rows: readonly Float32Array[]) => rows.flatMap(row => [...row])
    const [compiled, eager] = await both(() => Promise.resolve([...flat(responseLogps(policy, responses, { temperature: 0.7 })), ...flat(responseValues(judge, responses)), ...scoreSequences(judge.params, config, responses.map(wholeSequence))]))
    expect(tf.memory().numTensors).to.equal(before)
    expect(compiled.length).to.equal(eager.length)
    eager.forEach((x, i) => expect(compiled[i]).to.be.closeTo(x, 1e-5 * (1 + Math.abs(x))))
  })
})
