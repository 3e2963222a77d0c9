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

/** Mutations a kind of file, and their seed; RLHF_FUZZ=100000 RLHF_SEED=7 looks longer and elsewhere. */
const EACH = Number(process.env.RLHF_FUZZ ?? 1250), random = Random.seed(Number(process.env.RLHF_SEED ?? 0))
const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const parse = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))

/** Bytes that files of these kinds mean something by. */
const HOT = [...'0123456789.-eE"\\{}[],: \u0000'].map(c => c.charCodeAt(0))
/** A copy with one to three changes: a bit, a byte, bytes cut out, doubled, put in or overwritten, the end cut off. */
function mutateBytes(file: Uint8Array, hot = file.length): Uint8Array {
  let out = [file]
  const join = (parts: Uint8Array[]) => { const whole = new Uint8Array(parts.reduce((n, p) => n + p.length, 0)); let at = 0; for (const p of parts) { whole.set(p, at); at += p.length } return whole }
  for (let changes = 1 + random.int(3); changes > 0; changes--) {
    const whole = join(out), at = random.int(Math.max(1, Math.min(whole.length, random.int(4) ? hot : whole.length))), length = 1 + random.int(random.int(2) ? 4 : 64)
    const byte = () => random.int(2) ? random.choice(HOT) : random.int(256), before = whole.subarray(0, at)
    const edits: (() => Uint8Array[])[] = [
      () => [before, Uint8Array.of(whole[at] ^ 1 << random.int(8)), whole.subarray(at + 1)],
      () => [before, Uint8Array.of(byte()), whole.subarray(at + 1)],
      () => [before, whole.subarray(at + length)],
      () => [before, whole.subarray(at, at + length), whole.subarray(at)],
      () => [before, Uint8Array.from({ length }, byte), whole.subarray(at)],
      () => [before, Uint8Array.from({ length }, () => random.choice([0, 255])), whole.subarray(at + length)],
      () => [before],
    ]
    out = random.choice(edits)()
  }
  return join(out)
}

const ODD = [null, true, -1, 0, 1, 2, 1.5, 1e9, 1e300, 2 ** 53, -0.1, '', 'x', '__proto__', [], {}, [[]], { type: 'Sequence' }, 'ByteLevel', 'BPE', 'WordLevel', 'llama', 'gpt2']
/** A copy with one to three fields, at any depth, replaced by something odd, taken from elsewhere, deleted or added. */
function mutateJson(value: unknown): unknown {
  const copy = structuredClone(value) as object, places: [Record<string, unknown>, string][] = []
  const walk = (node: object) => { for (const key of Object.keys(node)) { const owner = node as Record<string, unknown>; places.push([owner, key]); if (typeof owner[key] === 'object' && owner[key] !== null && places.length < 3000) walk(owner[key]) } }
  walk(copy)
  for (let changes = 1 + random.int(3); changes > 0 && places.length > 0; changes--) {
    const [owner, key] = random.choice(random.int(2) ? places : places.slice(0, 40)), [other, otherKey] = random.choice(places)
    const edits = [() => { owner[key] = random.choice(ODD) }, () => { delete owner[key] }, () => { owner[key] = structuredClone(other[otherKey]) }, () => { owner[`${key}x`] = random.choice(ODD) },
      () => { if (typeof owner[key] === 'number') owner[key] = (owner[key]) + random.choice([-1, 1, 0.5, 1e6, -1e6]) }]
    random.choice(edits)()
  }
  return copy
}

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

  it('model.safetensors, anywhere', () => { expect(fuzz(() => mutateBytes(file), loadWeights(gpt)).loads).to.be.greaterThan(20) })
  it('model.safetensors, in the header', () => { fuzz(() => mutateBytes(file, header), loadWeights(gpt)) })

  it('config.json, by bytes and by fields', () => {
    const load = (config: ModelConfig) => () => { expect(Object.values(shapeOf(config)).every(n => Number.isSafeInteger(n) && n > 0)).to.equal(true) }
    const files = [gpt, llama].map(config => writeConfig(config, {}, { pad: 0, eos: 1 }))
    expect(fuzz(() => mutateBytes(text(random.choice(files))), bytes => load(readConfig(parse(bytes), 'fuzzed'))).loads).to.be.greaterThan(20)
    expect(fuzz(() => mutateJson(random.choice(files)), json => load(readConfig(json, 'fuzzed'))).loads).to.be.greaterThan(20)
  })

  it('config.json beside weights that it no longer fits', () => {
    const config = writeConfig(gpt, {}), tensors = readSafetensors(file)
    fuzz(() => mutateJson(config), json => {
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
    expect(fuzz(() => mutateBytes(text(random.choice(files))), bytes => load(parse(bytes))).loads).to.be.greaterThan(20)
    expect(fuzz(() => mutateJson(random.choice(files)), load).loads).to.be.greaterThan(20)
  })

  it('checkpoints: every change that is not white space in the padding is refused', () => {
    const { loads } = fuzz(() => mutateBytes(checkpoint, checkpoint.length / 2), bytes => {
      const { state } = decodeCheckpoint(bytes, 'fuzzed')
      return () => { expect(encodeCheckpoint({ state })).to.deep.equal(checkpoint); disposeTraining({ state }) }
    })
    expect(loads).to.be.below(EACH / 20)
  })
})
