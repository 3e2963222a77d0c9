import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { gptConfig, llamaConfig, shapeOf } from '../../lib/model/config'
import type { ModelConfig } from '../../lib/model/config'
import { paramsToSafetensors, readConfig, readParams, writeConfig } from '../../lib/model/huggingface'
import { adamw } from '../../lib/model/optimiser'
import { disposeParams, initParams, parameterShapes } from '../../lib/model/params'
import { readSafetensors } from '../../lib/model/safetensors'
import { readTokenizer } from '../../lib/model/tokenizer'
import { wordTokenizer } from '../../lib/model/tokenizerWord'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { decodeCheckpoint, encodeCheckpoint } from '../../lib/train/checkpoint'
import { disposeTraining, startState } from '../../lib/train/training'
import { goldensPath } from '../goldens'
import { mutateBytes, mutateJson } from '../mutations'

/** Mutations a kind of file, and their seed; RLHF_FUZZ=100000 RLHF_SEED=7 looks longer and elsewhere. */
const EACH = Number(process.env.RLHF_FUZZ ?? 1250), random = Random.seed(Number(process.env.RLHF_SEED ?? 0))
const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const parse = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))

/** Runs `load` on EACH mutated inputs: within 2 s each gives an error that names the file (or that the bytes are no JSON), or something that `check` accepts; no tensor is left. */
function fuzz<I>(mutate: () => I, load: (input: I) => () => void): { errors: number, loads: number } {
  let errors = 0, loads = 0
  for (let i = 0; i < EACH; i++) {
    const input = mutate(), tensors = tf.memory().numTensors, start = performance.now()
    let accept: (() => void) | undefined
    try {
      accept = load(input)
    } catch (error) {
      errors++
      expect(error).to.be.instanceOf(Error)
      if (!/^(fuzzed: |.*JSON|The encoded data)/s.test((error as Error).message)) throw error
    }
    if (accept) { loads++; accept() }
    expect(performance.now() - start, `time of mutation ${i}`).to.be.below(2000)
    expect(tf.memory().numTensors, `tensors after mutation ${i}`).to.equal(tensors)
  }
  expect(errors, 'mutations that were refused').to.be.greaterThan(EACH / 10)
  return { errors, loads }
}

describe('exchange/huggingface, hostile files: 10,000 mutations', function () {
  this.timeout(240_000)
  const gpt = gptConfig({ vocab_size: 8, n_positions: 6, n_embd: 4, n_layer: 1, n_head: 2, tie_word_embeddings: false })
  const llama = llamaConfig({ vocab_size: 8, max_position_embeddings: 6, hidden_size: 4, intermediate_size: 6, num_hidden_layers: 1, num_attention_heads: 2 })
  let file: Uint8Array, header: number, checkpoint: Uint8Array
  before(async () => {
    await ready()
    const params = initParams(gpt, Random.seed(0)), state = startState('sft', { policy: params }, { policy: adamw({ lr: 1 }).init(params) }, random)
    file = paramsToSafetensors(params)
    header = 8 + Number(new DataView(file.buffer).getBigUint64(0, true))
    checkpoint = encodeCheckpoint({ state })
    disposeTraining({ state })
    disposeParams(params)
  })

  const loadWeights = (config: ModelConfig) => (bytes: Uint8Array) => {
    const params = readParams([readSafetensors(bytes, 'fuzzed')], config, 'fuzzed')
    return () => {
      for (const [name, shape] of Object.entries(parameterShapes(config))) {
        expect(params[name].shape).to.deep.equal(shape)
        expect(params[name].dataSync().every(Number.isFinite), `${name} is finite`).to.equal(true)
      }
      disposeParams(params)
    }
  }

  it('model.safetensors, anywhere', () => { expect(fuzz(() => mutateBytes(file, random), loadWeights(gpt)).loads).to.be.greaterThan(20) })
  it('model.safetensors, in the header', () => { fuzz(() => mutateBytes(file, random, header), loadWeights(gpt)) })

  it('config.json, by bytes and by fields', () => {
    const load = (config: ModelConfig) => () => { expect(Object.values(shapeOf(config)).every(n => Number.isSafeInteger(n) && n > 0)).to.equal(true) }
    const files = [gpt, llama].map(config => writeConfig(config, {}, { pad: 0, eos: 1 }))
    expect(fuzz(() => mutateBytes(text(random.choice(files)), random), bytes => load(readConfig(parse(bytes), 'fuzzed'))).loads).to.be.greaterThan(20)
    expect(fuzz(() => mutateJson(random.choice(files), random), json => load(readConfig(json, 'fuzzed'))).loads).to.be.greaterThan(20)
  })

  it('config.json beside weights that it no longer fits', () => {
    const config = writeConfig(gpt, {}), tensors = readSafetensors(file)
    fuzz(() => mutateJson(config, random), json => {
      const params = readParams([tensors], readConfig(json, 'fuzzed'), 'fuzzed')
      return () => disposeParams(params)
    })
  })

  it('tokenizer.json, by bytes and by fields', () => {
    const bpe = JSON.parse(readFileSync(goldensPath('tokenizer_split.json'), 'utf8')) as object
    const word = wordTokenizer(['<pad>', '<eos>', 'late', 'parcel'], { pad: '<pad>', eos: '<eos>' }).files, config = { eos_token: '<|endoftext|>', pad_token: '<pad>' }
    const files = [{ 'tokenizer.json': bpe, 'tokenizer_config.json': config }, word, word]
    const load = (json: unknown) => {
      const tokenizer = readTokenizer(json as typeof word, 'fuzzed')
      return () => {
        const ids = tokenizer.encode(tokenizer.vocabulary.length > 4 ? 'The boats went don\'t 123 <|im_end|>\n naïve 水' : '')
        expect(ids.every(id => id >= 0 && id < tokenizer.vocabulary.length)).to.equal(true)
        tokenizer.decode(ids)
      }
    }
    expect(fuzz(() => mutateBytes(text(random.choice(files)), random), bytes => load(parse(bytes))).loads).to.be.greaterThan(20)
    expect(fuzz(() => mutateJson(random.choice(files), random), load).loads).to.be.greaterThan(20)
  })

  it('checkpoints: every change that is not white space in the padding is refused', () => {
    const { loads } = fuzz(() => mutateBytes(checkpoint, random, checkpoint.length / 2), bytes => {
      const { state } = decodeCheckpoint(bytes, 'fuzzed')
      return () => { expect(encodeCheckpoint({ state })).to.deep.equal(checkpoint); disposeTraining({ state }) }
    })
    expect(loads).to.be.below(EACH / 20)
  })
})
