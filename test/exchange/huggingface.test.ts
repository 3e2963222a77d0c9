import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadModel, saveModel } from '../../lib/exchange/huggingface'
import { CHATML, renderChat } from '../../lib/model/chat'
import { forward } from '../../lib/model/forward'
import { withScoreHead, sequenceScores } from '../../lib/model/heads'
import { readConfig, readParams, writeConfig } from '../../lib/model/huggingface'
import { disposeParams } from '../../lib/model/params'
import type { Params } from '../../lib/model/params'
import { readSafetensors, store, writeSafetensors } from '../../lib/model/safetensors'
import type { Stored } from '../../lib/model/safetensors'
import { readTokenizer } from '../../lib/model/tokenizer'
import { wordTokenizer } from '../../lib/model/tokenizerWord'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { goldens, goldensPath } from '../goldens'
import { oracle } from '../oracle'

const file = goldens('sequence_logprobs'), NAMES = ['gpt2', 'llama', 'llama_tied'] as const
const bytesOf = (name: string) => readFileSync(goldensPath(`models/${name}.safetensors`))
const words = ['<pad>', '<bos>', '<eos>', '<unk>', ...Array.from({ length: 60 }, (_, i) => `w${i + 4}`)]
const tokenizer = wordTokenizer(words, { pad: '<pad>', bos: '<bos>', eos: '<eos>', unk: '<unk>' })
const tokens = [[1, 20, 19, 31, 57, 11, 45, 59], [1, 35, 18, 22, 37, 8, 16, 7]]
const model = (name: string) => ({ config: readConfig(file.file.configs[name]), params: readParams([readSafetensors(bytesOf(name))], readConfig(file.file.configs[name]), name), tokenizer })
const logitsOf = (params: Params, config: ReturnType<typeof readConfig>) => tf.tidy(() => forward(params, config, tokens).logits.dataSync().slice())
const near = (got: ArrayLike<number>, want: ArrayLike<number>, what: string) => {
  expect(got.length, what).to.equal(want.length)
  for (let i = 0; i < got.length; i++) expect(got[i], `${what}[${i}]`).to.be.closeTo(want[i], 1e-4)
}

describe('exchange/huggingface', () => {
  let folder: string
  before(async () => { await ready(); folder = mkdtempSync(join(tmpdir(), 'rlhf-hf-')) })
  after(() => rmSync(folder, { recursive: true }))
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  it('loads, saves and loads again bit for bit, the file being Hugging Face’s own', () => {
    for (const name of [...NAMES, 'gpt2_reward']) {
      const config = readConfig(file.file.configs[name] ?? file.file.configs.gpt2), params = readParams([readSafetensors(bytesOf(name))], config, name), path = join(folder, `round-${name}`)
      saveModel(path, { config, params, tokenizer })
      expect(readFileSync(join(path, 'model.safetensors')).equals(bytesOf(name)), name).to.equal(true)
      const again = loadModel(path)
      expect(again.config).to.deep.equal(config)
      expect(again.tokenizer!.files).to.deep.equal(tokenizer.files)
      for (const [key, tensor] of Object.entries(params)) expect(again.params[key].dataSync(), key).to.deep.equal(tensor.dataSync())
      expect(readdirSync(path)).to.have.members(['config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'])
    }
  })

  it('is opened by transformers, which computes our logits, scores and tokens, and opens what transformers wrote', function () {
    this.timeout(180_000) // Python imports transformers
    const bpe = readTokenizer({ 'tokenizer.json': JSON.parse(readFileSync(goldensPath('tokenizer_gpt2.json'), 'utf8')), 'tokenizer_config.json': { eos_token: '<|im_end|>', pad_token: '<pad>', chat_template: CHATML } })
    for (const name of NAMES) saveModel(join(folder, name), model(name))
    const gpt = model('gpt2'), scored = withScoreHead(gpt.params, gpt.config, Random.seed(1))
    saveModel(join(folder, 'reward'), { ...gpt, params: scored })
    const wide = { ...model('llama').config, vocab_size: 400, tie_word_embeddings: true }
    saveModel(join(folder, 'bpe'), { config: wide, tokenizer: bpe, params: { ...model('llama_tied').params, ...widen(model('llama').params) } })
    const chat = [{ role: 'user', content: 'How many boats?' }, { role: 'assistant', content: 'Twelve.' }] as const
    const theirs = oracle<{ logits: Record<string, number[]>, scores: number[], types: string[], ids: number[][], decoded: string[], chat: string, special: number[] }>(`
import torch, os
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
torch.manual_seed(0)
d, out = arg['folder'], {'logits': {}, 'types': []}
t = torch.tensor(arg['tokens'])
with torch.no_grad():
    for n in arg['names']:
        m = AutoModelForCausalLM.from_pretrained(os.path.join(d, n), attn_implementation='eager').eval()
        out['logits'][n] = m(t).logits.flatten().tolist(); out['types'].append(type(m).__name__)
        m.half().save_pretrained(os.path.join(d, n + '-half')); m.bfloat16().save_pretrained(os.path.join(d, n + '-bf16'))
        m = AutoModelForCausalLM.from_pretrained(os.path.join(d, n + '-bf16'), attn_implementation='eager', dtype=torch.float32).eval()
        out['logits'][n + '-bf16'] = m(t).logits.flatten().tolist()
        m.save_pretrained(os.path.join(d, n + '-shards'), max_shard_size='20KB')
    m = AutoModelForSequenceClassification.from_pretrained(os.path.join(d, 'reward'), attn_implementation='eager').eval()
    out['scores'] = m(t).logits[:, 0].tolist(); out['types'].append(type(m).__name__)
w, b = (AutoTokenizer.from_pretrained(os.path.join(d, n)) for n in ('gpt2', 'bpe'))
out['ids'] = [w('<bos> w20 w19  w63 new <eos>').input_ids, b('The boats, <|im_end|> naïve').input_ids]
out['decoded'] = [w.decode(out['ids'][0]), b.decode(out['ids'][1]), w.decode(out['ids'][0], skip_special_tokens=True)]
out['chat'] = b.apply_chat_template(arg['chat'], tokenize=False)
out['special'] = [w.pad_token_id, w.bos_token_id, w.eos_token_id, w.unk_token_id, b.eos_token_id, b.pad_token_id]
w.save_pretrained(os.path.join(d, 'gpt2-shards')); b.save_pretrained(os.path.join(d, 'bpe-again'))
print(json.dumps(out))`, { folder, tokens, names: NAMES, chat })
    expect(theirs.types).to.deep.equal(['GPT2LMHeadModel', 'LlamaForCausalLM', 'LlamaForCausalLM', 'GPT2ForSequenceClassification'])
    near(sequenceScores(scored, gpt.config, tokens).dataSync(), theirs.scores, 'scores')
    expect(theirs.ids).to.deep.equal([tokenizer.encode('<bos> w20 w19  w63 new <eos>'), bpe.encode('The boats, <|im_end|> naïve')])
    expect(theirs.decoded).to.deep.equal([tokenizer.decode(theirs.ids[0]), bpe.decode(theirs.ids[1]), tokenizer.decode(theirs.ids[0], { skipSpecial: true })])
    expect(theirs.chat).to.equal(renderChat(chat).text)
    expect(theirs.special).to.deep.equal([0, 1, 2, 3, 2, 3])
    for (const name of NAMES) {
      const { config, params } = model(name)
      near(logitsOf(params, config), theirs.logits[name], name)
      const shards = loadModel(join(folder, `${name}-shards`)), bf16 = loadModel(join(folder, `${name}-bf16`)), half = loadModel(join(folder, `${name}-half`))
      expect(readdirSync(join(folder, `${name}-shards`)).filter(f => f.endsWith('.safetensors')).length).to.be.greaterThan(2)
      for (const other of [shards, bf16, half]) expect(other.config, name).to.deep.equal({ ...config, initializer_range: 0.02 })
      for (const other of [shards, bf16]) near(logitsOf(other.params, other.config), theirs.logits[`${name}-bf16`], `${name} saved by transformers`)
      for (const [key, tensor] of Object.entries(params)) {
        const want = tensor.dataSync(), got = half.params[key].dataSync()
        for (let i = 0; i < want.length; i++) expect(Math.abs(got[i] - want[i]), `${key}[${i}] in float16`).to.be.at.most(2 ** -11 * Math.abs(want[i]) + 2 ** -25)
      }
    }
    expect(loadModel(join(folder, 'gpt2-shards')).tokenizer!.special).to.deep.equal(tokenizer.special)
    expect(loadModelTokens('bpe-again')).to.deep.equal([bpe.encode('boats\n'), bpe.special, CHATML])
  })

  const loadModelTokens = (name: string) => {
    for (const f of ['config.json', 'model.safetensors']) writeFileSync(join(folder, name, f), readFileSync(join(folder, 'bpe', f)))
    const { tokenizer: own } = loadModel(join(folder, name))
    return [own!.encode('boats\n'), own!.special, own!.chatTemplate]
  }
  const widen = (params: Params): Params => {
    const { 'model.embed_tokens.weight': embedding, 'lm_head.weight': _, ...rest } = params
    return { ...rest, 'model.embed_tokens.weight': tf.pad(embedding as never, [[0, 336], [0, 0]]) }
  }

  it('refuses configurations that it would compute wrongly, naming the field', () => {
    const gpt = writeConfig(model('gpt2').config, {}), llama = writeConfig(model('llama').config, {})
    const cases: [unknown, string][] = [
      [null, 'only gpt2 and llama'], [{ model_type: 'mistral' }, 'model_type'], [{ ...gpt, n_embd: undefined }, 'n_embd'], [{ ...gpt, n_layer: 1.5 }, 'n_layer'],
      [{ ...gpt, n_head: 5 }, 'n_embd: expected a multiple of n_head'], [{ ...gpt, activation_function: 'relu' }, 'activation_function'], [{ ...gpt, scale_attn_by_inverse_layer_idx: true }, 'scale_attn_by_inverse_layer_idx'],
      [{ ...gpt, add_cross_attention: true }, 'add_cross_attention'], [{ ...gpt, quantization_config: { bits: 4 } }, 'quantization_config'], [{ ...gpt, resid_pdrop: 1 }, 'resid_pdrop'],
      [{ ...llama, hidden_act: 'gelu' }, 'hidden_act'], [{ ...llama, rope_parameters: { rope_type: 'llama3', factor: 8 } }, 'rope_type'], [{ ...llama, rope_scaling: { type: 'linear', factor: 2 } }, 'rope_scaling'],
      [{ ...llama, attention_bias: true }, 'attention_bias'], [{ ...llama, num_key_value_heads: 3 }, 'num_attention_heads: expected a multiple'], [{ ...llama, head_dim: 7 }, 'head_dim'], [{ ...llama, rms_norm_eps: 'x' }, 'rms_norm_eps'],
    ]
    for (const [json, field] of cases) expect(() => readConfig(json, 'm/config.json'), field).to.throw(Error, field).with.property('message').that.matches(/^m\/config\.json: /)
    expect(readConfig({ ...llama, head_dim: null, rope_parameters: undefined, rope_theta: 500000 })).to.deep.include({ head_dim: 8, rope_theta: 500000 })
  })

  it('refuses weights that do not make the model, naming the tensor, and keeps no tensor of them', () => {
    const { config, params } = model('gpt2'), name = 'transformer.h.1.mlp.c_fc.bias', head = bytesOf('gpt2')
    const change = (edit: (tensors: Map<string, Stored>) => void) => () => {
      const tensors = new Map(readSafetensors(head).tensors)
      edit(tensors)
      return readParams([readSafetensors(writeSafetensors(tensors))], config, 'f')
    }
    const before = tf.memory().numTensors
    expect(change(t => t.delete(name))).to.throw(`f: tensor '${name}' of shape [128] is missing`)
    expect(change(t => t.set('transformer.h.7.x', t.get(name)!))).to.throw("tensor 'transformer.h.7.x' at byte")
    expect(change(t => t.set('toString', t.get(name)!))).to.throw("tensor 'toString' at byte")
    expect(change(t => t.set(name, store(new Float32Array(127), [127])))).to.throw(/'transformer.h.1.mlp.c_fc.bias' at byte \d+: expected shape \[128\], got \[127\]/)
    expect(change(t => t.set(name, store(new Int32Array(128), [128])))).to.throw('expected floating-point weights, got I32')
    expect(change(t => t.set(name, store(new Float32Array(128).fill(NaN, 5, 6), [128])))).to.throw(`element 5 is NaN`)
    expect(change(t => t.set('lm_head.weight', store(new Float32Array(64 * 32), [64, 32])))).to.throw("'lm_head.weight' at byte")
    expect(() => readParams([readSafetensors(head)], { ...config, n_layer: 1e9 } as never)).to.throw('config.json says 1000000000 layers')
    expect(() => readParams([readSafetensors(head), readSafetensors(head)], config)).to.throw('is in two shards')
    expect(tf.memory().numTensors).to.equal(before)
    const bare = change(t => { for (const [key, tensor] of [...t]) { t.delete(key); t.set(key.replace('transformer.', ''), tensor) }; t.set('h.0.attn.bias', t.get('ln_f.bias')!); t.set('lm_head.weight', t.get('wte.weight')!) })()
    expect(Object.keys(bare)).to.have.members(Object.keys(params))
    disposeParams(bare)
  })

  it('says which file is missing or wrong', () => {
    const path = join(folder, 'broken')
    expect(() => loadModel(path)).to.throw('config.json does not exist')
    saveModel(path, model('gpt2'))
    rmSync(join(path, 'model.safetensors'))
    expect(() => loadModel(path)).to.throw('no model.safetensors and no model.safetensors.index.json')
    for (const [shard, message] of [['../gpt2/model.safetensors', 'is no safetensors file of this folder'], ['gone.safetensors', 'gone.safetensors does not exist']]) {
      writeFileSync(join(path, 'model.safetensors.index.json'), JSON.stringify({ weight_map: { x: shard } }))
      expect(() => loadModel(path)).to.throw(message)
    }
    writeFileSync(join(path, 'config.json'), '{')
    expect(() => loadModel(path)).to.throw('config.json: no JSON')
    const small = { ...model('gpt2'), tokenizer: wordTokenizer([...words, 'more']) }
    expect(() => saveModel(path, small)).to.throw('the tokenizer has 65 tokens, the model\'s vocab_size is 64')
    expect(() => saveModel(path, { ...model('gpt2'), config: model('llama').config })).to.throw('missing; a llama model')
    mkdirSync(join(folder, 'blocked', 'model.safetensors'), { recursive: true })
    expect(() => saveModel(join(folder, 'blocked'), model('gpt2'))).to.throw()
    expect(readdirSync(join(folder, 'blocked'))).to.deep.equal(['model.safetensors'])
  })
})
