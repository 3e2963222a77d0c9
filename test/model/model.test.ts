import { expect } from 'chai'
import { gptConfig, llamaConfig } from '../../lib/model/config'
import { forward, trunk } from '../../lib/model/forward'
import { sequenceScores, tokenValues, withScoreHead } from '../../lib/model/heads'
import { scoredLogits, tokenLogps } from '../../lib/model/logps'
import { checkParams, cloneParams, countParams, disposeParams, initParams } from '../../lib/model/params'
import { ready, tf } from '../../lib/tensor/backend'
import { assertFinite } from '../../lib/tensor/finite'
import { valueAndGrads } from '../../lib/tensor/gradients'
import { Random } from '../../lib/tensor/random'
import { goldens } from '../goldens'
import { goldenModel } from './models'

const sizes = { vocab_size: 19, n_positions: 10, n_embd: 8, n_layer: 2, n_head: 2 }
const config = gptConfig(sizes)
const tokens = [[5, 6, 7, 8], [9, 10, 11, 12]]

describe('model/params', () => {
  before(() => ready())

  it('starts as GPT-2 does: the same numbers for the same seed, each weight from a stream of its own', () => {
    tf.tidy(() => {
      const params = initParams(gptConfig({ ...sizes, vocab_size: 4000, n_embd: 16 }), Random.seed(3)), deeper = initParams(gptConfig({ ...sizes, vocab_size: 4000, n_embd: 16, n_layer: 3, tie_word_embeddings: false }), Random.seed(3))
      const std = (name: string) => Math.sqrt(params[name].square().mean().dataSync()[0])
      expect(std('transformer.wte.weight')).to.be.closeTo(0.02, 5e-4)
      expect(std('transformer.h.0.attn.c_proj.weight')).to.be.closeTo(0.02 / Math.sqrt(4), 1.5e-3)
      expect(deeper['transformer.wte.weight'].dataSync()).to.deep.equal(params['transformer.wte.weight'].dataSync())
      expect(params['transformer.ln_f.weight'].dataSync()).to.deep.equal(new Float32Array(16).fill(1))
      expect(countParams(params)).to.equal(4000 * 16 + 10 * 16 + 2 * (12 * 16 * 16 + 13 * 16) + 2 * 16)
      expect(countParams(deeper)).to.equal(4000 * 16 * 2 + 10 * 16 + 3 * (12 * 16 * 16 + 13 * 16) + 2 * 16)
    })
  })

  it('refuses sizes that cannot be a model, and records that are not the model\'s', () => {
    expect(() => gptConfig({ ...sizes, n_head: 3 })).to.throw(RangeError, 'n_embd: expected a multiple of n_head = 3, got 8')
    expect(() => gptConfig({ ...sizes, n_layer: 0 })).to.throw(RangeError, 'n_layer')
    expect(() => gptConfig({ ...sizes, attn_pdrop: 1 })).to.throw(RangeError, 'attn_pdrop')
    const llama = { vocab_size: 9, max_position_embeddings: 8, hidden_size: 8, intermediate_size: 8, num_hidden_layers: 1, num_attention_heads: 2 }
    expect(() => llamaConfig({ ...llama, num_key_value_heads: 4 })).to.throw(RangeError, 'num_attention_heads')
    expect(() => llamaConfig({ ...llama, head_dim: 3 })).to.throw(RangeError, 'head_dim')
    tf.tidy(() => {
      const params = initParams(config, Random.seed(0)), { 'transformer.ln_f.bias': _, ...missing } = params
      checkParams(withScoreHead(params, config), config)
      expect(() => checkParams(missing, config)).to.throw('transformer.ln_f.bias: missing')
      expect(() => checkParams({ ...params, extra: tf.zeros([1]) }, config)).to.throw('extra: no weight')
      expect(() => checkParams({ ...params, 'transformer.wpe.weight': tf.zeros([3, 8]) }, config)).to.throw('transformer.wpe.weight: expected shape [10, 8], got [3, 8]')
    })
  })

  it('clones into tensors that live on their own', () => {
    const params = initParams(config, Random.seed(0)), copy = cloneParams(params), name = 'transformer.wte.weight'
    const values = params[name].dataSync()
    disposeParams(params)
    expect(copy[name].dataSync()).to.deep.equal(values)
    disposeParams(copy)
  })
})

describe('model/forward, its options', () => {
  before(() => ready())

  it('gives each row the same logits alone, with padding at the left and at the right', () => {
    tf.tidy(() => {
      const params = initParams(gptConfig({ ...sizes, initializer_range: 0.4 }), Random.seed(1))
      const alone = forward(params, config, [[5, 6, 7]]).logits.arraySync()[0]
      const padded = forward(params, config, [[0, 0, 5, 6, 7], [5, 6, 7, 0, 0]], { mask: [[0, 0, 1, 1, 1], [1, 1, 1, 0, 0]] }).logits.arraySync()
      alone.forEach((row, t) => row.forEach((x, v) => { for (const other of [padded[0][t + 2][v], padded[1][t][v]]) expect(other).to.be.closeTo(x, 1e-5) }))
    })
  })

  it('drops out with the given probability only when given random numbers', () => {
    tf.tidy(() => {
      const drop = gptConfig({ ...sizes, embd_pdrop: 0.5, attn_pdrop: 0.5, resid_pdrop: 0.5 }), params = initParams(drop, Random.seed(1))
      const run = (random?: Random) => Array.from(trunk(params, drop, tokens, { random }).dataSync())
      expect(run()).to.deep.equal(Array.from(trunk(params, config, tokens).dataSync()))
      expect(run(Random.seed(1))).to.deep.equal(run(Random.seed(1)))
      expect(run(Random.seed(1))).to.not.deep.equal(run())
      const { grads } = valueAndGrads(p => ({ loss: tf.sum(trunk(p, drop, tokens, { random: Random.seed(2) })) }), params)
      for (const [name, grad] of Object.entries(grads)) assertFinite(name, 0, grad)
    })
  })

  it('refuses tokens, masks and positions that do not fit', () => {
    tf.tidy(() => {
      const params = initParams(config, Random.seed(0)), run = (t: number[][], options = {}) => () => trunk(params, config, t, options)
      expect(run([[1, 2], [3]])).to.throw('tokens: row 1 has 1 columns, row 0 has 2')
      expect(run([])).to.throw('tokens: expected at least one row')
      expect(run([[19]])).to.throw(RangeError, 'token 19')
      expect(run([new Array<number>(11).fill(1)])).to.throw(RangeError, "tokens: 11 columns, but the model's context is 10")
      expect(run([[1, 2]], { mask: [[1]] })).to.throw('mask: expected [1, 2]')
      expect(run([[1]], { positions: [[10]] })).to.throw(RangeError, 'position 10')
      expect(() => tokenLogps(params, config, [[1, 2]], { responseMask: [[1, 0]] })).to.throw('no token')
      expect(() => sequenceScores(withScoreHead(params, config), config, [[1], [2]], { mask: [[1], [0]] })).to.throw('row 1 has no token')
      expect(() => tokenValues(params, config, [[1]])).to.throw('score.weight: missing')
    })
  })

  it('scores by default every token whose predecessor is none of the padding', () => {
    tf.tidy(() => {
      const params = initParams(config, Random.seed(0)), { targets } = scoredLogits(params, config, [[0, 5, 6, 7], [5, 6, 0, 0]], { mask: [[0, 1, 1, 1], [1, 1, 0, 0]] })
      expect([...targets]).to.deep.equal([6, 7, 6])
      const logps = tokenLogps(params, config, tf.tensor2d(tokens, undefined, 'int32')).arraySync(), { logits } = forward(params, config, tokens), all = tf.logSoftmax(logits).arraySync()
      tokens.forEach((row, i) => row.slice(1).forEach((token, t) => expect(logps[i][t]).to.be.closeTo(all[i][t][token], 1e-5)))
    })
  })
})

describe('model/heads', () => {
  before(() => ready())

  it('scores the last token that is not padding as transformers does, with its gradients, wherever the padding is', () => {
    const golden = goldens('reward_losses').case('model_plain_float32'), { params, config: model } = goldenModel('gpt2_reward')
    const { input_ids: ids, attention_mask: mask } = (golden.inputs as { batch: Record<string, number[][]> }).batch
    tf.tidy(() => {
      golden.close(sequenceScores(params, model, ids, { mask }).dataSync(), 'rewards')
      const left = (rows: number[][]) => rows.map((row, i) => { const n = mask[i].filter(Boolean).length; return [...row.slice(n), ...row.slice(0, n)] })
      golden.close(sequenceScores(params, model, left(ids), { mask: left(mask) }).dataSync(), 'rewards')
      const { value, grads } = valueAndGrads(p => {
        const [chosen, rejected] = tf.split(sequenceScores(p, model, ids, { mask }), 2)
        return { loss: tf.mean<ReturnType<typeof tf.scalar>>(tf.softplus(tf.sub(rejected, chosen))) }
      }, params)
      golden.close(value.dataSync()[0], 'loss')
      golden.close(Math.sqrt(Object.values(grads).reduce((sum, g) => sum + g.square().sum().dataSync()[0], 0)), 'grad_norm')
      for (const [name, want] of Object.entries((golden.expected as { grads: Record<string, { abs_sum: number, first: number[] }> }).grads)) {
        expect(grads[name].abs().sum().dataSync()[0], name).to.be.closeTo(want.abs_sum, 1e-4 + 1e-3 * want.abs_sum)
        want.first.forEach((g, i) => expect(grads[name].dataSync()[i], name).to.be.closeTo(g, 1e-5 + 1e-3 * Math.abs(g)))
      }
    })
    disposeParams(params)
  })

  for (const name of ['k1_rollout', 'k3_whitened_rollout']) {
    it(`gives TRL's log-probs, reference log-probs and values of a rollout: ${name}`, () => {
      const golden = goldens('ppo_update').case(name)
      const { queries, responses, config: { temperature } } = golden.inputs as { queries: number[][], responses: number[][], config: { temperature: number } }
      const { sequence_lengths: last, values } = golden.expected as { sequence_lengths: number[], values: number[][] }
      const ids = queries.map((query, i) => [...query, ...responses[i]]), width = queries[0].length
      const responseMask = ids.map((row, i) => row.map((_, j) => Number(j >= width && j - width <= last[i])))
      const mask = ids.map((row, i) => row.map((id, j) => Number(j < width ? id !== 0 : responseMask[i][j])))
      const response = (x: number[][]) => x.map(row => row.slice(width - 1))
      for (const [model, field] of [['gpt2', 'logprobs'], ['gpt2_ref', 'ref_logprobs']] as const) {
        const { params, config: policy } = goldenModel(model), logps = tokenLogps(params, policy, ids, { mask, responseMask, temperature: temperature + 1e-7 })
        golden.close(response(logps.arraySync()).map((row, i) => row.map((x, t) => t <= last[i] ? x : 1)), field)
        tf.dispose([params, logps])
      }
      const { params, config: model } = goldenModel('gpt2_value'), all = tokenValues(params, model, ids, { mask })
      // TRL keeps one value more than there are tokens
      golden.close(response(all.arraySync()).map((row, i) => row.slice(0, -1).map((x, t) => values[i][t] === 0 ? 0 : x)), 'values')
      tf.dispose([params, all])
    })
  }

  it('shares the trunk or owns it: gradients reach what is passed, and only that', () => {
    tf.tidy(() => {
      const params = withScoreHead(initParams(config, Random.seed(0)), config, Random.seed(1)), { 'score.weight': head, ...rest } = params
      const owned = valueAndGrads(p => ({ loss: tf.sum(sequenceScores(p, config, tokens)) }), params)
      expect(Object.keys(owned.grads)).to.have.members(Object.keys(params))
      const frozen = valueAndGrads(p => ({ loss: tf.sum(sequenceScores({ ...rest, ...p }, config, tokens)) }), { 'score.weight': head })
      expect(Object.keys(frozen.grads)).to.deep.equal(['score.weight'])
      expect(frozen.grads['score.weight'].dataSync()).to.deep.equal(owned.grads['score.weight'].dataSync())
      expect(withScoreHead(rest, config)['score.weight'].abs().sum().dataSync()[0]).to.equal(0)
      const biased = sequenceScores({ ...params, 'score.bias': tf.tensor1d([2]) }, config, tokens).dataSync(), plain = sequenceScores(params, config, tokens).dataSync()
      expect(biased[0] - plain[0]).to.be.closeTo(2, 1e-6)
    })
  })
})
