import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { shapedAdvantages } from '../../lib/advantage/shaped'
import { gptConfig } from '../../lib/model/config'
import { withScoreHead } from '../../lib/model/heads'
import { adamw } from '../../lib/model/optimiser'
import { initParams } from '../../lib/model/params'
import type { Params } from '../../lib/model/params'
import { constantSchedule } from '../../lib/model/schedules'
import { penaliseLength } from '../../lib/reward/reward'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { listCheckpoints } from '../../lib/train/checkpoint'
import { withinKl } from '../../lib/train/klBudget'
import { ppo } from '../../lib/train/ppo'
import type { PpoOptions } from '../../lib/train/ppo'
import type { PpoMetrics } from '../../lib/train/ppoStatistics'
import { run } from '../../lib/train/run'
import { disposeTraining } from '../../lib/train/training'

const config = gptConfig({ vocab_size: 8, n_positions: 10, n_embd: 16, n_layer: 1, n_head: 2, initializer_range: 0.3 })
const prompts = [[2], [3, 4], [5], [6, 2], [7], [4]].map(ids => ({ ids }))
/** Token 5 is worth 1 each, so that a policy learns to write it and not to stop. */
const fives = (rollouts: readonly { readonly tokens: readonly number[] }[]) => rollouts.map(r => r.tokens.filter(t => t === 5).length)

let policy: Params, value: Params
function options<E extends string = never>(more: Partial<PpoOptions<{ ids: number[] }, E>> = {}): PpoOptions<{ ids: number[] }, E> {
  const model = { config, params: policy }
  return { policy: model, reference: model, value: { config, params: value }, reward: fives, prompts, batchSize: 8, epochs: 2, minibatches: 2, maxNewTokens: 6, stopTokens: [1], iterations: 4, beta: 0.05, ...more }
}
async function all<M>(training: AsyncIterable<M>): Promise<M[]> {
  const out: M[] = []
  for await (const metrics of training) out.push(metrics)
  return out
}
const weights = (params: Params) => Object.values(params).map(w => [...w.dataSync()])
const failure = async (training: AsyncIterable<unknown>) => { let error: Error | undefined; await all(training).catch((e: Error) => { error = e }); return error?.message }

describe('train/ppo', () => {
  before(async () => {
    await ready()
    policy = initParams(config, Random.seed(1))
    value = withScoreHead(initParams(config, Random.seed(2)), config)
  })
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  for (const trunk of ['of its own', 'shared with the policy']) {
    it(`learns what the reward asks for, with a value trunk ${trunk}`, async () => {
      const shared = { value: undefined, policy: { config, params: withScoreHead(policy, config) } }
      const records = await all(ppo(options({ ...trunk === 'of its own' ? {} : shared, batchSize: 32, iterations: 20, schedule: constantSchedule({ lr: 3e-3 }), valueSchedule: constantSchedule({ lr: 5e-3 }) })))
      const [first, last] = [records[0], records.at(-1)!]
      expect(first['objective/scores']).to.be.below(1.5)
      expect(last['objective/scores']).to.be.above(4)
      expect(first['objective/kl']).to.be.closeTo(0, 1e-4)
      expect(last['objective/kl']).to.be.above(1)
      expect(last['val/explained_variance']).to.be.above(first['val/explained_variance'])
      expect([last.step, last.episode]).to.deep.equal([20, 640])
    })
  }

  it('leaves the models that it was given, keeps no tensor but its state, and repeats itself', async () => {
    const given = options(), before = [policy, value].map(weights), training = ppo(given), counts: number[] = [], first: PpoMetrics[] = []
    for await (const metrics of training) {
      counts.push(tf.memory().numTensors)
      first.push(metrics)
    }
    expect(new Set(counts).size, `tensors ${counts.join()}`).to.equal(1)
    expect([policy, value].map(weights)).to.deep.equal(before)
    expect(weights(training.state.models.policy)).to.not.deep.equal(before[0])
    expect(await all(ppo(given))).to.deep.equal(first)
    expect(await all(ppo({ ...given, seed: 5 }))).to.not.deep.equal(first)
    const after = tf.memory().numTensors
    disposeTraining(training)
    expect(after - tf.memory().numTensors).to.equal(before[0].length + before[1].length + 8)
  })

  it('goes on from a checkpoint exactly: log, weights, optimisers, adapted beta', async () => {
    const root = mkdtempSync(join(tmpdir(), 'rlhf-ppo-')), adaptive = { target: 0.01, horizon: 100 }
    const go = async (name: string, breakAt: number) => {
      const folder = join(root, name)
      for (let begun = 0; begun < 2; begun++) {
        for await (const { step } of run(ppo(options({ iterations: 6, adaptive })), { log: join(folder, 'log.jsonl'), checkpoint: folder, every: 2 })) if (step === breakAt && begun === 0) break
      }
      return [readFileSync(join(folder, 'log.jsonl')), readFileSync(listCheckpoints(folder).at(-1)!)]
    }
    try {
      const whole = await go('whole', 7), broken = await go('broken', 3)
      expect(broken[0].equals(whole[0]), 'log').to.equal(true)
      expect(broken[1].equals(whole[1]), 'state').to.equal(true)
      const betas = whole[0].toString().trim().split('\n').map(line => (JSON.parse(line) as PpoMetrics)['objective/kl_coef'])
      expect(betas.length).to.equal(6)
      expect(betas[2], 'KL over the target raises beta').to.be.above(betas[1])
    } finally { rmSync(root, { recursive: true }) }
  })

  it('adds what the caller measures, and keeps to a KL budget', async () => {
    const seen: number[] = []
    const measure = (rollouts: readonly { reward: number, rewardParts?: Readonly<Record<string, number>> }[]) => { seen.push(rollouts.length); return { 'gold/score': rollouts[0].reward, length: rollouts[0].rewardParts!.length } }
    const [first] = await all(ppo(options({ iterations: 1, reward: penaliseLength(fives, { per: 0.5 }), measure })))
    expect(first['gold/score']).to.be.a('number')
    expect(first.length).to.be.below(0)
    expect(seen).to.deep.equal([8])
    const budgeted = await all(withinKl(ppo(options({ iterations: 40, beta: 0, schedule: constantSchedule({ lr: 1e-2 }) })), { budget: 0.5, window: 1 }))
    expect(budgeted.length).to.be.within(2, 39)
    expect(budgeted.at(-1)!['objective/kl']).to.be.above(0.5)
    expect(budgeted.slice(0, -1).every(m => m['objective/kl'] <= 0.5)).to.equal(true)
  })

  it('samples the same in shards', async () => {
    const [whole, cut] = [await all(ppo(options())), await all(ppo(options({ shards: 3 })))]
    cut.forEach((record, t) => { for (const [name, x] of Object.entries(record)) expect(x, `${name}, iteration ${t + 1}`).to.be.closeTo(whole[t][name as keyof PpoMetrics], 1e-4) })
    expect(await failure(ppo(options({ shards: 0 })))).to.match(/shards: expected a positive integer/)
  })

  it('ends the updates of an iteration at targetKl', async () => {
    const wild = { iterations: 1, epochs: 8, schedule: constantSchedule({ lr: 3e-2 }) }
    const [free] = await all(ppo(options(wild))), [held] = await all(ppo(options({ ...wild, targetKl: 0.02 })))
    expect(free['val/updates']).to.equal(16)
    expect(held['val/updates']).to.be.within(1, 8)
    expect(held['policy/approxkl_avg']).to.be.below(free['policy/approxkl_avg'])
  })

  it('has nothing to learn from equal rewards where nothing is paid for KL and the values are right', async () => {
    const training = ppo(options({ reward: all => all.map(() => 0), beta: 0, optimiser: adamw({ lr: 1e-2 }), schedule: constantSchedule({ lr: 1e-2 }) })), records = await all(training)
    expect(records.map(m => m['objective/scores_std'])).to.deep.equal([0, 0, 0, 0])
    expect(records.every(m => m['policy/approxkl_avg'] < 1e-9 && m['val/explained_variance'] === 0 && m.grad_norm === 0)).to.equal(true)
    expect(weights(training.state.models.policy)).to.deep.equal(weights(policy))
    // with values that are wrong, their errors are all there is, and whitening blows them up: the deviation of 0 tells
    const wrong = withScoreHead(initParams(config, Random.seed(2)), config, Random.seed(3))
    const [noisy] = await all(ppo(options({ iterations: 1, reward: all => all.map(() => 1), beta: 0, value: { config, params: wrong } })))
    expect(noisy['objective/scores_std']).to.equal(0)
    expect(noisy.grad_norm).to.be.above(0)
  })

  it('scores a response that stops at once on its stop token, and refuses one without any token', async () => {
    const every = Array.from({ length: 8 }, (_, i) => i), [m] = await all(ppo(options({ iterations: 1, stopTokens: every })))
    expect(m['completions/mean_length']).to.equal(1)
    expect(m['val/num_eos_tokens']).to.equal(8)
    const empty = { logpOld: new Float32Array(0), logpRef: new Float32Array(0), values: new Float32Array(1), reward: 1 }
    expect(() => shapedAdvantages([empty, empty], { beta: 0.1 })).to.throw(RangeError, 'no token to carry its score')
    expect(() => shapedAdvantages([{ ...empty, values: undefined }], { beta: 0.1 })).to.throw('no values; make rollouts with a value model')
  })

  it('stops at the first number that is none', async () => {
    expect(await failure(ppo(options({ reward: all => all.map((_, i) => i === 3 ? NaN : 1) })))).to.match(/score of rollout 3 is NaN/)
    const broken = { ...value, 'score.weight': tf.fill([1, 16], 1e30) }
    expect(await failure(ppo(options({ value: { config, params: broken } })))).to.match(/loss is not finite at step 1/)
    const nan = { ...policy, 'transformer.ln_f.bias': tf.fill([16], NaN) }
    expect(await failure(ppo(options({ policy: { config, params: nan } })))).to.match(/no distribution in these scores/)
  })

  it('refuses what cannot work, before the first step', () => {
    const bad = (more: Partial<PpoOptions<{ ids: number[] }>>) => () => ppo(options(more))
    expect(bad({ prompts: [] })).to.throw('no prompts')
    expect(bad({ prompts: [...prompts, { ids: [2, 3, 4, 5, 6] }] })).to.throw(RangeError, 'prompt 6 has 5 tokens; with 6 new ones a context of 10 holds 1 to 4. Shorten it or leave it out')
    expect(bad({ prompts: [{ ids: [] }] })).to.throw(RangeError, 'prompt 0 has 0 tokens')
    expect(bad({ batchSize: 1 })).to.throw(RangeError, 'batchSize: expected an integer from 2 on')
    expect(bad({ minibatches: 9 })).to.throw(RangeError, '8 rollouts cannot be cut into 9')
    expect(bad({ beta: -1 })).to.throw(RangeError, 'beta')
    expect(bad({ clip: 0 })).to.throw(RangeError, 'clip')
    expect(bad({ value: undefined })).to.throw('policy has no score.weight')
    expect(bad({ value: { config, params: policy } })).to.throw('value has no score.weight')
    expect(bad({ policy: { config, params: value } })).to.throw('both policy and value carry a scalar head')
    expect(bad({ reference: { config: gptConfig({ ...config, vocab_size: 9 }), params: policy } })).to.throw('vocabularies of 8, 9, 8')
  })
})
