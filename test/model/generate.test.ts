import { expect } from 'chai'
import type { ModelConfig } from '../../lib/model/config'
import { gptConfig, llamaConfig } from '../../lib/model/config'
import type { Generation } from '../../lib/model/generate'
import { generate, stream } from '../../lib/model/generate'
import { tokenValues, withScoreHead } from '../../lib/model/heads'
import { tokenLogps } from '../../lib/model/logps'
import type { Params } from '../../lib/model/params'
import { disposeParams, initParams } from '../../lib/model/params'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'

const gpt = gptConfig({ vocab_size: 17, n_positions: 24, n_embd: 12, n_layer: 2, n_head: 3, initializer_range: 0.5 })
const llama = llamaConfig({ vocab_size: 17, max_position_embeddings: 24, hidden_size: 16, intermediate_size: 20, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, initializer_range: 0.3 })
const prompts = [[3, 4, 5, 6, 7], [8], [9, 10, 11], [1, 2]]
const options = { maxNewTokens: 12, stopTokens: [0, 1], temperature: 0.8 }

function withModel(config: ModelConfig, test: (params: Params) => void): void {
  const params = tf.tidy(() => withScoreHead(initParams(config, Random.seed(1)), config, Random.seed(2))), before = tf.memory().numTensors
  test(params)
  expect(tf.memory().numTensors, 'tensors left behind').to.equal(before)
  disposeParams(params)
}

/** Prompts and responses as one batch, padded on the right, with masks. */
function batchOf(generations: readonly Generation[]) {
  const rows = prompts.map((prompt, i) => [...prompt, ...generations[i].tokens]), width = Math.max(...rows.map(row => row.length))
  const fill = (of: (i: number, j: number) => number) => rows.map((row, i) => Array.from({ length: width }, (_, j) => j < row.length ? of(i, j) : 0))
  return { tokens: fill((i, j) => rows[i][j]), mask: fill(() => 1), responseMask: fill((i, j) => Number(j >= prompts[i].length)) }
}

describe('model/generate', () => {
  before(() => ready())
  for (const [name, config] of [['gpt2', gpt], ['llama', llama]] as const) {
    it(`${name}: log-probs and values of sampled tokens equal a teacher-forced pass`, () => withModel(config, params => {
      const out = generate(params, config, prompts, { ...options, random: Random.seed(3), values: true })
      expect(new Set(out.map(g => g.tokens.length)).size, 'responses of different lengths').to.be.greaterThan(1)
      const { tokens, mask, responseMask } = batchOf(out)
      const [logps, values] = tf.tidy(() => [
        tokenLogps(params, config, tokens, { mask, responseMask, temperature: 0.8 }).arraySync(), tokenValues(params, config, tokens, { mask }).arraySync(),
      ])
      out.forEach((one, i) => one.tokens.forEach((_, t) => {
        const before = prompts[i].length + t - 1 // the column that predicts token t
        expect(one.logps[t]).to.be.closeTo(logps[i][before], 1e-4)
        expect(one.values![t]).to.be.closeTo(values[i][before], 1e-4)
      }))
    }))

    it(`${name}: a row does not depend on the rows beside it`, () => withModel(config, params => {
      const together = generate(params, config, prompts, { ...options, temperature: 0 })
      prompts.forEach((prompt, i) => expect(generate(params, config, [prompt], { ...options, temperature: 0 })[0].tokens).to.deep.equal(together[i].tokens))
    }))

    it(`${name}: equal prompts, which are read once, are continued as if each were alone`, () => withModel(config, params => {
      const order = [1, 0, 1, 3, 0, 1], greedy = { ...options, temperature: 0, values: true }, group = generate(params, config, order.map(i => prompts[i]), greedy)
      order.forEach((i, k) => {
        const [alone] = generate(params, config, [prompts[i]], greedy)
        expect(group[k].tokens).to.deep.equal(alone.tokens)
        alone.logps.forEach((logp, t) => expect(group[k].logps[t]).to.be.closeTo(logp, 1e-4))
        alone.values!.forEach((value, t) => expect(group[k].values![t]).to.be.closeTo(value, 1e-4))
      })
      const own = generate(params, config, Array.from({ length: 16 }, () => prompts[0]), { ...options, random: Random.seed(2) })
      expect(new Set(own.map(g => g.tokens.join())).size, 'different samples of one prompt').to.be.greaterThan(8)
    }))
  }

  it('gives the same in shards side by side', () => withModel(gpt, params => {
    const asked = Array.from({ length: 11 }, (_, i) => prompts[i % 4]), draw = (shards: number) => generate(params, gpt, asked, { ...options, shards, values: true, random: Random.seed(3) }), one = draw(1)
    draw(3).forEach(({ tokens, logps, values }, i) => {
      expect(tokens).to.deep.equal(one[i].tokens)
      logps.forEach((logp, t) => expect(logp).to.be.closeTo(one[i].logps[t], 1e-4))
      values!.forEach((value, t) => expect(value).to.be.closeTo(one[i].values![t], 1e-4))
    })
  }))

  it('stops at the first stop token, which belongs to the response, or at maxNewTokens', () => withModel(gpt, params => {
    const out = generate(params, gpt, Array.from({ length: 40 }, () => [5]), { ...options, random: Random.seed(1) })
    for (const { tokens, logps, stopped, values } of out) {
      expect(tokens.slice(0, -1).some(t => t < 2)).to.equal(false)
      expect(stopped).to.equal(tokens[tokens.length - 1] < 2)
      expect(stopped || tokens.length === 12).to.equal(true)
      expect(logps.length).to.equal(tokens.length)
      expect(values).to.equal(undefined)
    }
    expect(out.some(g => g.stopped) && out.some(g => !g.stopped)).to.equal(true)
  }))

  it('gives the same tokens for the same seed, others for the next call and for another seed', () => withModel(gpt, params => {
    const random = Random.seed(4), run = (r: Random) => generate(params, gpt, prompts, { ...options, random: r }).map(g => g.tokens.join())
    const first = run(random), second = run(random)
    expect(run(Random.seed(4))).to.deep.equal(first)
    expect(second).to.not.deep.equal(first)
    expect(run(Random.seed(5))).to.not.deep.equal(first)
  }))

  it('samples the model\'s distribution', () => withModel(gpt, params => {
    const n = 4000, out = generate(params, gpt, Array.from({ length: n }, () => [5]), { maxNewTokens: 1, random: Random.seed(6) })
    const p = out.reduce((all, g) => all.set(g.tokens[0], Math.exp(g.logps[0])), new Map<number, number>())
    // z-scores of 17 counts: beyond 4.5 once in 10,000 runs
    for (const [token, probability] of p) {
      const count = out.filter(g => g.tokens[0] === token).length
      expect(Math.abs(count - n * probability) / Math.sqrt(n * probability * (1 - probability))).to.be.below(4.5)
    }
  }))

  it('streams the same tokens position by position, and frees its cache when one stops listening', async () => {
    const params = initParams(gpt, Random.seed(1)), before = tf.memory().numTensors
    const whole = generate(params, gpt, prompts, { ...options, random: Random.seed(9) }), rows: number[][] = prompts.map(() => [])
    for await (const step of stream(params, gpt, prompts, { ...options, random: Random.seed(9) })) step.rows.forEach((row, i) => rows[row].push(step.tokens[i]))
    expect(rows).to.deep.equal(whole.map(g => g.tokens))
    for await (const step of stream(params, gpt, prompts, { ...options, random: Random.seed(9) })) if (step.rows.length) break
    expect(tf.memory().numTensors).to.equal(before)
    disposeParams(params)
  })

  it('forbids repeated pairs when asked, and filters never reach the log-probs', () => withModel(gpt, params => {
    const [one] = generate(params, gpt, [[5, 6]], { maxNewTokens: 20, temperature: 0, noRepeatNgram: 2 }), all = [5, 6, ...one.tokens]
    const pairs = all.slice(1).map((token, i) => `${all[i]} ${token}`)
    expect(new Set(pairs).size).to.equal(pairs.length)
    const [sharp] = generate(params, gpt, [[5]], { maxNewTokens: 1, topK: 1, random: Random.seed(0) })
    expect(sharp.logps[0]).to.be.below(0)
  }))

  it('refuses prompts and options that cannot work', () => withModel(gpt, params => {
    const random = Random.seed(0)
    expect(() => generate(params, gpt, [[]], { maxNewTokens: 1, random })).to.throw(RangeError, 'prompt 0 is empty')
    expect(() => generate(params, gpt, [[1], [1, 2, 3]], { maxNewTokens: 22, random })).to.throw(RangeError, 'prompt 1: 3 tokens and 22 new ones exceed the context of 24')
    expect(() => generate(params, gpt, [[1]], { maxNewTokens: 0, random })).to.throw(RangeError, 'maxNewTokens')
    expect(() => generate(params, gpt, [[1]], { maxNewTokens: 1 })).to.throw('random')
    expect(() => generate(params, gpt, [[17]], { maxNewTokens: 1, random })).to.throw(RangeError, 'token 17')
    expect(() => generate(params, gpt, [[1]], { maxNewTokens: 1, random, topP: 2 })).to.throw(RangeError, 'topP')
    expect(generate(params, gpt, [], { maxNewTokens: 1, random })).to.deep.equal([])
  }))
})
