import { expect } from 'chai'
import fc from 'fast-check'
import { gptConfig, llamaConfig } from '../../lib/model/config'
import { scoredInputs } from '../../lib/model/inputs'
import type { ScoredInputs } from '../../lib/model/inputs'
import { tokenLogps } from '../../lib/model/logps'
import type { PackedBatch } from '../../lib/model/packedInputs'
import { packedInputs, packingRoom } from '../../lib/model/packedInputs'
import { disposeParams, initParams } from '../../lib/model/params'
import { ready, tf } from '../../lib/tensor/backend'
import { valueAndGrads } from '../../lib/tensor/gradients'
import { toTensors } from '../../lib/tensor/host'
import { Random } from '../../lib/tensor/random'

const gpt = gptConfig({ vocab_size: 17, n_positions: 24, n_embd: 12, n_layer: 2, n_head: 3, initializer_range: 0.5 })
const llama = llamaConfig({ vocab_size: 17, max_position_embeddings: 24, hidden_size: 16, intermediate_size: 20, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, initializer_range: 0.3 })

/** Responses to prompts, padded; with prompts also scored where asked. */
function batchOf(rows: readonly { readonly prompt: readonly number[], readonly response: readonly number[] }[], scorePrompts = false): PackedBatch {
  const t = Math.max(...rows.map(({ prompt, response }) => prompt.length + response.length)), grid = (of: (i: number, j: number) => number) => rows.map((_, i) => Array.from({ length: t }, (_, j) => of(i, j)))
  const whole = rows.map(({ prompt, response }) => [...prompt, ...response])
  return {
    tokens: grid((i, j) => whole[i][j] ?? 0), mask: grid((i, j) => Number(j < whole[i].length)), promptLengths: rows.map(({ prompt }) => prompt.length),
    responseMask: grid((i, j) => Number(j < whole[i].length && j >= (scorePrompts ? 1 : rows[i].prompt.length))),
  }
}

const token = fc.integer({ min: 0, max: 16 }), prompts = fc.array(fc.array(token, { minLength: 1, maxLength: 9 }), { minLength: 1, maxLength: 4 })
const batches = prompts.chain(own => fc.array(fc.record({ prompt: fc.constantFrom(...own), response: fc.array(token, { minLength: 1, maxLength: 15 }) }), { minLength: 1, maxLength: 9 }))

describe('model/packedInputs', () => {
  before(() => ready())
  for (const [name, config] of [['gpt2', gpt], ['llama', llama]] as const) {
    it(`${name}: log-probs and gradients of packed sequences are those of padded ones (property)`, () => {
      const params = initParams(config, Random.seed(1))
      // of the first columns alone: grids are filled up to widths of their own
      const look = (inputs: ScoredInputs, columns: number) => tf.tidy(() => {
        const batch = toTensors(inputs), { value, grads, aux } = valueAndGrads(weights => {
          const logps = tf.slice(tokenLogps(weights, config, batch), [0, 0], [-1, columns])
          // every log-prob with a weight of its own, so that exchanged ones are seen
          return { loss: tf.sum<import('@tensorflow/tfjs').Scalar>(tf.mul(logps, tf.cos(tf.reshape(tf.range(0, logps.size), logps.shape)))), aux: { logps } }
        }, params)
        return [value, aux.logps, ...Object.values(grads)].map(x => Array.from(x.dataSync()))
      })
      fc.assert(fc.property(batches, fc.boolean(), fc.integer({ min: 0, max: 20 }), fc.boolean(), (rows, scorePrompts, more, fewShapes) => {
        const batch = batchOf(rows, scorePrompts), longest = batch.tokens instanceof tf.Tensor ? 0 : batch.tokens[0].length
        const padded = look(scoredInputs(config, batch.tokens, { ...batch, fewShapes }), longest - 1), [packed] = packedInputs(config, [batch], { room: longest + more, fewShapes })
        look(packed, longest - 1).forEach((values, k) => values.forEach((value, i) => expect(value).to.be.closeTo(padded[k][i], 2e-4 * Math.max(1, ...padded[k].map(Math.abs)))))
      }), { numRuns: 12 })
      disposeParams(params)
    })
  }

  it('reads a prompt once for all responses that have room beside it', () => {
    const prompt = [1, 2, 3, 4, 5], rows = [[6], [7, 8], [9, 10, 11], [12]].map(response => ({ prompt, response })), batch = batchOf(rows)
    const [{ ids, scored, sources }] = packedInputs(gpt, [batch], { room: 12 })
    expect(ids.shape).to.deep.equal([1, 12])
    expect(scored).to.equal(undefined)
    // the first token of every response is predicted at the prompt's end
    expect(Array.from(sources.data).filter(source => source === 4)).to.have.length(4)
    expect(packedInputs(gpt, [batch], { room: 9 })[0].ids.shape).to.deep.equal([2, 9])
  })

  it('gives batches of one step the same shapes', () => {
    const one = batchOf([{ prompt: [1], response: [2, 3] }]), two = batchOf([{ prompt: [1, 2, 3], response: [4, 5, 6, 7] }, { prompt: [3], response: [5, 5, 5] }]), [a, b] = packedInputs(gpt, [one, two], { room: 8 })
    for (const name of ['ids', 'mask', 'sources'] as const) expect(a[name].shape).to.deep.equal(b[name].shape)
    expect(a.scored!.data).to.deep.equal(Float32Array.of(1, 1, 0, 0, 0, 0, 0))
  })

  it('chooses rows in which both responses of a pair find room, where that is cheaper than padding', () => {
    const config = gptConfig({ ...gpt, n_embd: 64, n_head: 4 }), pairs = (n: number, prompt: number, responses: readonly number[]) => Array.from({ length: n }, (_, key) => responses.map(response => ({ prompt, response, key }))).flat()
    expect(packingRoom(config, [pairs(20, 30, [10, 10])], 40)).to.be.within(50, 60)
    // one long sequence, for which padding would make all others as long
    expect(packingRoom(config, [[...pairs(15, 6, [14, 14]), ...pairs(1, 6, [14, 74])]], 80)).to.be.within(80, 120)
    // short prompts, responses of one length: nothing to gain
    expect(packingRoom(config, [pairs(20, 3, [45, 45])], 48)).to.equal(undefined)
  })

  it('refuses what cannot be packed', () => {
    const rows = [{ prompt: [1, 2], response: [3, 4] }], batch = batchOf(rows), pack = (more: Partial<PackedBatch>, room = 8) => packedInputs(gpt, [{ ...batch, ...more }], { room })
    expect(() => pack({}, 3)).to.throw(RangeError, 'row 0 has 4, but packed rows have room for 3')
    expect(() => pack({ promptLengths: [4] })).to.throw('row 0 has 4 tokens, of which 4 are its prompt')
    expect(() => pack({ promptLengths: [] })).to.throw('promptLengths: expected 1')
    expect(() => pack({ mask: [[0, 1, 1, 1]] })).to.throw('only the right may be padded')
    expect(() => pack({ responseMask: [[0, 0, 0, 0]] })).to.throw('no token of [1, 4] is scored')
    expect(() => pack({ tokens: [[1, 2, 3, 17]] })).to.throw(RangeError, 'token 17')
  })
})
