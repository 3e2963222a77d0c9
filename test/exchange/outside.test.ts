import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { readPrompts, readThumbs, readTokenPairs } from '../../lib/exchange/datasets'
import type { DatasetPrompt } from '../../lib/exchange/datasets'
import { loadModel, saveModel } from '../../lib/exchange/huggingface'
import type { PretrainedModel } from '../../lib/exchange/huggingface'
import { forward } from '../../lib/model/forward'
import { disposeParams } from '../../lib/model/params'
import { constantSchedule } from '../../lib/model/schedules'
import { ready, tf } from '../../lib/tensor/backend'
import { dpo } from '../../lib/train/dpo'
import { grpo } from '../../lib/train/grpo'
import { kto } from '../../lib/train/kto'
import { sft } from '../../lib/train/sft'
import type { Training } from '../../lib/train/training'
import { disposeTraining } from '../../lib/train/training'
import { oracle } from '../oracle'

/** Tiny GPT-2 and Llama with a byte-level BPE trained on the spot, and data sets in TRL's three formats as JSON Lines and Parquet. */
const made = `
import os, torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers, decoders, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
torch.manual_seed(0)
numbers = list(range(2, 10))
prompts = [f'Is {n} even?' for n in numbers]
said = lambda n, right: ' Yes.' if (n % 2 == 0) == right else ' No.'
raw = Tokenizer(models.BPE())
raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
raw.train_from_iterator(prompts + [said(n, True) for n in numbers], trainers.BpeTrainer(vocab_size=300, special_tokens=['<|end|>', '<|pad|>', '<|im_start|>', '<|im_end|>'], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token='<|end|>', pad_token='<|pad|>')
tokenizer.chat_template = "{% for m in messages %}<|im_start|>{{ m['role'] }}\\n{{ m['content'] }}<|im_end|>\\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\\n{% endif %}"
v = len(tokenizer)
built = {
  'gpt2': GPT2LMHeadModel(GPT2Config(vocab_size=v, n_positions=64, n_embd=32, n_layer=2, n_head=2, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, bos_token_id=0, eos_token_id=0, initializer_range=.2)),
  'llama': LlamaForCausalLM(LlamaConfig(vocab_size=v, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64, bos_token_id=0, eos_token_id=0, initializer_range=.2)),
}
for name, m in built.items():
    m.save_pretrained(os.path.join(arg, name)); tokenizer.save_pretrained(os.path.join(arg, name))
turn = lambda role, text: [{'role': role, 'content': text}]
sets = {
  'preference': [{'prompt': p, 'chosen': said(n, True), 'rejected': said(n, False)} for n, p in zip(numbers, prompts)],
  'unpaired': [{'prompt': p, 'completion': said(n, r), 'label': r} for n, p in zip(numbers, prompts) for r in (True, False)],
  'prompts': [{'prompt': p, 'even': n % 2 == 0} for n, p in zip(numbers, prompts)],
  'chat': [{'prompt': turn('user', p), 'chosen': turn('assistant', said(n, True)), 'rejected': turn('assistant', said(n, False))} for n, p in zip(numbers, prompts)],
}
for name, rows in sets.items():
    d = Dataset.from_list(rows); d.to_json(os.path.join(arg, name + '.jsonl')); d.to_parquet(os.path.join(arg, name + '.parquet'))
row = sets['preference'][0]
chat = sets['chat'][0]
flat = lambda x: list(x['input_ids'] if hasattr(x, 'keys') else x)
ids = lambda messages, **kw: flat(tokenizer.apply_chat_template(messages, tokenize=True, **kw))
print(json.dumps({
  'prompt': flat(tokenizer(row['prompt'])), 'whole': flat(tokenizer(row['prompt'] + row['chosen'] + '<|end|>')),
  'chatPrompt': ids(chat['prompt'], add_generation_prompt=True), 'chatWhole': ids(chat['prompt'] + chat['chosen']),
}))`

const logitsThere = `
import os, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
out = {}
for name in arg['names']:
    m = AutoModelForCausalLM.from_pretrained(os.path.join(arg['folder'], name), attn_implementation='eager').eval()
    t = AutoTokenizer.from_pretrained(os.path.join(arg['folder'], name))
    with torch.no_grad(): out[name] = m(torch.tensor([t(arg['text']).input_ids])).logits.flatten().tolist()
print(json.dumps(out))`

describe('exchange: models and data sets from outside the desk', function () {
  this.timeout(300_000)
  let folder: string, ids: Record<'prompt' | 'whole' | 'chatPrompt' | 'chatWhole', number[]>
  const at = (name: string) => join(folder, name)
  before(async () => {
    await ready()
    folder = mkdtempSync(join(tmpdir(), 'rlhf-outside-'))
    ids = oracle(made, folder)
  })
  after(() => rmSync(folder, { recursive: true }))

  async function trained<M>(training: Training<M>, model: PretrainedModel, name: string): Promise<M[]> {
    const records: M[] = []
    for await (const record of training) records.push(record)
    saveModel(at(name), { ...model, params: training.state.models.policy })
    disposeTraining(training)
    return records
  }

  it('reads TRL\'s formats alike from JSON Lines and Parquet, with transformers\' tokens', async () => {
    const { tokenizer, params } = loadModel(at('gpt2')), forms = ['jsonl', 'parquet']
    disposeParams(params)
    const [pairs, packed] = await Promise.all(forms.map(form => readTokenPairs(at(`preference.${form}`), tokenizer!)))
    expect(packed).to.deep.equal(pairs)
    expect([pairs[0].prompt.ids, [...pairs[0].prompt.ids, ...pairs[0].chosen]]).to.deep.equal([ids.prompt, ids.whole])
    const [chat, packedChat] = await Promise.all(forms.map(form => readTokenPairs(at(`chat.${form}`), tokenizer!)))
    expect(packedChat).to.deep.equal(chat)
    expect([chat[0].prompt.ids, [...chat[0].prompt.ids, ...chat[0].chosen]]).to.deep.equal([ids.chatPrompt, ids.chatWhole])
    for (const form of forms) {
      const thumbs = await readThumbs(at(`unpaired.${form}`), tokenizer!), prompts = await readPrompts(at(`prompts.${form}`), tokenizer!)
      expect(thumbs.map(t => t.liked)).to.deep.equal(pairs.flatMap(() => [true, false]))
      expect([thumbs[0].tokens, thumbs[1].tokens]).to.deep.equal([pairs[0].chosen, pairs[0].rejected])
      expect(prompts.map(p => [p.ids, p.row.even])).to.deep.equal(pairs.map((p, i) => [p.prompt.ids, i % 2 === 0]))
    }
  })

  it('names file and row of what does not fit', async () => {
    const { tokenizer, params } = loadModel(at('gpt2')), file = at('wrong.jsonl')
    disposeParams(params)
    const fails = async (row: object, message: RegExp, read: (path: string, t: typeof tokenizer & object) => Promise<unknown> = readTokenPairs) => {
      writeFileSync(file, `${JSON.stringify({ prompt: 'a', chosen: ' b', rejected: ' c', completion: ' b', label: true })}\n${JSON.stringify(row)}\n`)
      expect(await read(file, tokenizer!).then(() => 'read', (error: Error) => error.message)).match(message)
    }
    await fails({ prompt: 'a', chosen: ' b' }, /wrong\.jsonl, row 2: .*\n.*rejected/)
    await fails({ prompt: 'a', chosen: [{ role: 'assistant', content: 'b' }], rejected: ' c' }, /row 2: some fields are texts and some are messages/)
    await fails({ prompt: 'Is 2 eve', chosen: 'n?', rejected: 'r' }, /row 2: promptAndResponse: .*a token straddles the border/)
    await fails({ prompt: 'a', completion: ' b', label: 1 }, /row 2: .*\n.*label/, readThumbs)
  })

  for (const name of ['gpt2', 'llama']) {
    it(`takes ${name} from a Hugging Face folder through SFT, DPO, KTO and GRPO and back`, async () => {
      const given = loadModel(at(name)), tokenizer = given.tokenizer!, schedule = constantSchedule({ lr: 3e-3 })
      const pairs = await readTokenPairs(at('preference.parquet'), tokenizer), thumbs = await readThumbs(at('unpaired.jsonl'), tokenizer), prompts = await readPrompts(at('prompts.jsonl'), tokenizer)
      const examples = thumbs.map(({ prompt, tokens }) => ({ ids: [...prompt.ids, ...tokens], promptLength: prompt.ids.length }))
      await trained(sft({ model: given, examples, batchSize: 16, steps: 30, schedule: constantSchedule({ lr: 1e-2 }) }), given, `${name}-sft`)

      const model = loadModel(at(`${name}-sft`)), end = tokenizer.special.eos!
      const d = await trained(dpo({ model, pairs, batchSize: 8, steps: 12, schedule }), model, `${name}-dpo`)
      expect(d.at(-1)!.loss, 'DPO learns').to.be.below(0.8 * d[0].loss)
      const k = await trained(kto({ model, thumbs, batchSize: 16, steps: 4, schedule }), model, `${name}-kto`)
      expect(k.at(-1)!.loss, 'KTO learns').to.be.below(k[0].loss)
      const right = (responses: readonly { prompt: DatasetPrompt, tokens: readonly number[] }[]) =>
        responses.map(({ prompt, tokens }) => Number(tokenizer.decode(tokens).startsWith(prompt.row.even ? ' Yes' : ' No')))
      const g = await trained(grpo({ policy: model, prompts, reward: right, steps: 10, groups: 8, groupSize: 8, maxNewTokens: 6, stopTokens: [end], schedule, shuffle: false }), model, `${name}-grpo`)
      expect(g.slice(-3).reduce((sum, m) => sum + m.reward / 3, 0), 'GRPO learns').to.be.greaterThan(g[0].reward + 0.1)

      const text = 'Is 4 even? Yes.<|end|>', names = [`${name}-sft`, `${name}-dpo`, `${name}-kto`, `${name}-grpo`]
      const theirs = oracle<Record<string, number[]>>(logitsThere, { folder, names, text })
      for (const trainedName of names) {
        const back = loadModel(at(trainedName)), ours = tf.tidy(() => forward(back.params, back.config, [tokenizer.encode(text)]).logits.dataSync().slice())
        expect(ours.length).to.equal(theirs[trainedName].length)
        ours.forEach((logit, i) => expect(logit, `${trainedName}[${i}]`).to.be.closeTo(theirs[trainedName][i], 1e-4))
        disposeParams(back.params)
      }
      disposeParams(given.params)
      disposeParams(model.params)
    })
  }
})
