import { expect } from 'chai'
import type { ModelConfig } from '../../lib/model/config'
import { gptConfig, llamaConfig } from '../../lib/model/config'
import { tokenValues, withScoreHead } from '../../lib/model/heads'
import { tokenLogps } from '../../lib/model/logps'
import { disposeParams, initParams } from '../../lib/model/params'
import type { LanguageModel } from '../../lib/model/params'
import { responseLogps, responseValues } from '../../lib/rollout/evaluate'
import { rollout } from '../../lib/rollout/rollout'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'

const gpt = gptConfig({ vocab_size: 17, n_positions: 24, n_embd: 12, n_layer: 2, n_head: 3, initializer_range: 0.5 })
const llama = llamaConfig({ vocab_size: 17, max_position_embeddings: 24, hidden_size: 16, intermediate_size: 20, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, initializer_range: 0.3 })
const prompts = [[3, 4, 5, 6, 7], [8], [9, 10, 11], [1, 2]].map((ids, id) => ({ id, ids }))
const options = { maxNewTokens: 12, stopTokens: [0, 1], temperature: 0.8 }
const weights = ({ params }: LanguageModel) => Object.values(params).map(w => [...w.dataSync()])

function withModels(config: ModelConfig, test: (policy: LanguageModel, reference: LanguageModel, value: LanguageModel) => void): void {
  const [policy, reference, value] = [1, 2, 3].map(seed => ({ config, params: tf.tidy(() => withScoreHead(initParams(config, Random.seed(seed)), config, Random.seed(seed))) }))
  const before = tf.memory().numTensors
  test(policy, reference, value)
  expect(tf.memory().numTensors, 'tensors left behind').to.equal(before);
  [policy, reference, value].forEach(({ params }) => disposeParams(params))
}

describe('rollout', () => {
  before(ready)
  for (const [name, config] of [['gpt2', gpt], ['llama', llama]] as const) {
    it(`${name}: log-probs of policy and reference and values are those of a pass over one sequence alone`, () => withModels(config, (policy, reference, value) => {
      const out = rollout(policy, prompts, { ...options, random: Random.seed(3), samples: 3, reference, value, batchSize: 5 })
      expect(out.map(r => r.prompt.id)).to.deep.equal([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
      expect(new Set(out.map(r => r.tokens.join())).size, 'samples differ').to.be.greaterThan(6)
      for (const { prompt: { ids }, tokens, logpOld, logpRef, values, stopped } of out) {
        const row = [[...ids, ...tokens]], of = (f: () => ReturnType<typeof tokenLogps>) => tf.tidy(() => f().arraySync()[0])
        const alone = (model: LanguageModel) => of(() => tokenLogps(model.params, config, row, { temperature: 0.8 })).slice(ids.length - 1)
        const expected = { logpOld: alone(policy), logpRef: alone(reference), values: of(() => tokenValues(value.params, config, row)).slice(ids.length - 1) }
        for (const [field, got] of Object.entries({ logpOld, logpRef: logpRef!, values: values! })) {
          const want = expected[field as keyof typeof expected]
          expect(got.length, field).to.equal(want.length)
          got.forEach((x, t) => expect(x, `${field}[${t}]`).to.be.closeTo(want[t], 1e-4))
        }
        expect(values!.length).to.equal(tokens.length + 1)
        expect(stopped).to.equal(tokens.at(-1)! < 2)
      }
      if (name === 'gpt2') expect(out.some(r => r.stopped) && out.some(r => !r.stopped), 'both ends').to.equal(true)
    }))
  }

  it('changes no weight, repeats itself with the same stream, and gives only what was asked for', () => withModels(gpt, (policy, reference, value) => {
    const before = [policy, reference, value].map(weights), random = Random.seed(4)
    const run = (r: Random) => rollout(policy, prompts, { ...options, random: r, reference, value })
    const first = run(random), second = run(random)
    expect(run(Random.seed(4))).to.deep.equal(first)
    expect(second).to.not.deep.equal(first)
    expect([policy, reference, value].map(weights)).to.deep.equal(before)
    expect(rollout(policy, prompts, { ...options, random: Random.seed(4) })[0]).to.have.all.keys('prompt', 'tokens', 'logpOld', 'stopped')
  }))

  it('is on the reference where policy and reference are one model: every log-ratio 0', () => withModels(gpt, policy => {
    for (const temperature of [0, 0.7, 1]) {
      for (const { logpOld, logpRef } of rollout(policy, prompts, { ...options, temperature, random: Random.seed(5), reference: policy })) {
        logpOld.forEach((x, t) => expect(x).to.be.closeTo(logpRef![t], 1e-4))
      }
    }
  }))

  it('does not depend on how responses are batched', () => withModels(gpt, (policy, reference, value) => {
    const out = rollout(policy, prompts, { ...options, random: Random.seed(6), samples: 4 })
    const near = (a: Float32Array[], b: Float32Array[]) => a.forEach((row, i) => row.forEach((x, t) => expect(x).to.be.closeTo(b[i][t], 1e-4)))
    near(responseLogps(reference, out, { batchSize: 3 }), responseLogps(reference, out))
    near(responseValues(value, out, { batchSize: 3 }), responseValues(value, out))
  }))

  it('refuses prompts that do not fit, and responses without a token', () => withModels(gpt, (policy, _, value) => {
    const random = Random.seed(0), long = { id: 9, ids: new Array<number>(13).fill(3) }
    expect(() => rollout(policy, [prompts[0], long], { ...options, random })).to.throw(RangeError, 'prompt 1: 13 tokens and 12 new ones exceed the context of 24')
    expect(() => rollout(policy, [prompts[0], { id: 1, ids: [] }], { ...options, random })).to.throw(RangeError, 'prompt 1 is empty')
    expect(() => rollout(policy, prompts, { ...options, random, samples: 0 })).to.throw(RangeError, 'samples')
    expect(() => rollout(policy, prompts, options)).to.throw('random')
    expect(() => responseLogps(policy, [{ prompt: prompts[0], tokens: [] }])).to.throw(RangeError, 'response 0')
    expect(() => responseValues(value, [{ prompt: prompts[0], tokens: [3] }, { prompt: { ids: [] }, tokens: [2] }])).to.throw(RangeError, 'response 1')
    const small = { config: gptConfig({ ...gpt, n_positions: 14 }), params: policy.params }
    expect(() => rollout(policy, prompts, { ...options, random, reference: small })).to.throw(RangeError, 'context of 14')
    expect(rollout(policy, [], { ...options, random })).to.deep.equal([])
  }))
})
