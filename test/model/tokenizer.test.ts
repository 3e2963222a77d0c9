import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { CHATML, chatTokens, renderChat, renderPreference } from '../../lib/model/chat'
import { promptAndResponse, readTokenizer } from '../../lib/model/tokenizer'
import type { Tokenizer } from '../../lib/model/tokenizerFiles'
import { wordTokenizer } from '../../lib/model/tokenizerWord'
import { goldens, goldensPath } from '../goldens'
import type { Golden } from '../goldens'

const file = goldens('tokenizers')
const json = (name: string) => JSON.parse(readFileSync(goldensPath(name), 'utf8'))
const tokenizerJson = { gpt2: json('tokenizer_gpt2.json'), split: json('tokenizer_split.json') }
const read = (name: string): Tokenizer => readTokenizer({ 'tokenizer.json': tokenizerJson[name === 'tokenizer_gpt2.json' ? 'gpt2' : 'split'], 'tokenizer_config.json': { eos_token: '<|endoftext|>', pad_token: { content: '<pad>' } } }, name)
const bpe = { 'tokenizer_gpt2.json': read('tokenizer_gpt2.json'), 'tokenizer_split.json': read('tokenizer_split.json') }
const of = (golden: Golden): Tokenizer => bpe[golden.inputs.tokenizer as keyof typeof bpe]
const chatOptions = (o: Record<string, boolean>) => ({ template: file.file.chat_template as string, addGenerationPrompt: o.add_generation_prompt, continueFinalMessage: o.continue_final_message })

function encodes(golden: Golden): void {
  const tokenizer = of(golden), ids = tokenizer.encode(golden.inputs.text)
  golden.close(ids, 'ids')
  golden.close(ids.map(id => tokenizer.vocabulary[id]), 'tokens')
  golden.close(tokenizer.decode(ids), 'decoded')
  golden.close(tokenizer.decode(ids, { skipSpecial: true }), 'decoded_without_special')
}
function chats(golden: Golden): void {
  const { messages, options } = golden.inputs, { text } = renderChat(messages, chatOptions(options)), { ids, assistantMask } = chatTokens(of(golden), messages, chatOptions(options))
  golden.close(text, 'text')
  golden.close(ids, 'ids')
  if ('assistant_mask' in golden.expected) golden.close(assistantMask, 'assistant_mask')
}

describe('model/tokenizer and model/chat', () => {
  const decodes = (golden: Golden) => {
    golden.close((golden.expected.decoded_prefixes as string[]).map((_, n) => of(golden).decode(golden.inputs.ids.slice(0, n))), 'decoded_prefixes')
  }
  const handlers: [string, number, (golden: Golden) => void][] = [
    ['gpt2_encode_', 32, encodes], ['split_encode_', 32, encodes], ['gpt2_decode_', 1, decodes], ['split_decode_', 1, decodes], ['chatml_', 10, chats],
    ['trl_apply_chat_template_preference', 1, golden => golden.close(renderPreference(golden.inputs.row, file.file.chat_template), 'row')],
  ]
  for (const [prefix, count, handler] of handlers) {
    const cases = file.cases.filter(c => c.name.startsWith(prefix))
    it(`has the ${count} goldens of ${prefix}`, () => expect(cases.length).to.equal(count))
    for (const golden of cases) it(`tokenizers: ${golden.name}`, () => handler(golden))
  }

  it('has the template of the goldens as its own', () => expect(CHATML).to.equal(file.file.chat_template))

  it('names special tokens, and gives back any text', () => {
    const tokenizer = bpe['tokenizer_gpt2.json']
    expect(tokenizer.special).to.deep.equal({ eos: 0, pad: 3 })
    expect(tokenizer.decode([])).to.equal('')
    fc.assert(fc.property(fc.string({ unit: 'binary' }), text => {
      const ids = tokenizer.encode(text)
      expect(tokenizer.decode(ids)).to.equal(text)
      expect(Buffer.concat(tokenizer.bytes(ids)).toString()).to.equal(text)
    }))
    expect(() => tokenizer.decode([5, 400])).to.throw(RangeError, 'id 400 at position 1; ids are 0 to 399')
    expect(() => tokenizer.decode([-1])).to.throw(RangeError)
  })

  const vocabulary = ['<pad>', '<bos>', '<eos>', '<unk>', 'late', 'parcel', '.', '**', '10', '__proto__'], special = { pad: '<pad>', bos: '<bos>', eos: '<eos>' }

  it('reads words apart by white space, and says which is unknown', () => {
    const strict = wordTokenizer(vocabulary, special), lenient = wordTokenizer(vocabulary, { ...special, unk: '<unk>' })
    expect(strict.encode(' late\tparcel  . ** 10 __proto__\n')).to.deep.equal([4, 5, 6, 7, 8, 9])
    expect(strict.encode('<bos>late<eos>')).to.deep.equal([1, 4, 2])
    expect(strict.decode([1, 4, 5, 2])).to.equal('<bos> late parcel <eos>')
    expect(strict.decode(Int32Array.from([1, 4, 5, 2, 0]), { skipSpecial: true })).to.equal('late parcel')
    expect(() => strict.encode('late lorry')).to.throw(RangeError, "word 2, 'lorry', is not in the vocabulary of 10 words")
    expect(lenient.encode('late lorry toString')).to.deep.equal([4, 3, 3])
    expect(strict.special).to.deep.equal({ pad: 0, bos: 1, eos: 2 })
    fc.assert(fc.property(fc.array(fc.nat(vocabulary.length - 1)), ids => { expect(strict.encode(strict.decode(ids))).to.deep.equal(ids) }))
  })

  it('is the same after its files', () => {
    for (const options of [special, { ...special, unk: '<unk>', additional: ['**'], chatTemplate: CHATML }]) {
      const tokenizer = wordTokenizer(vocabulary, options), again = readTokenizer(JSON.parse(JSON.stringify(tokenizer.files)))
      expect(again.vocabulary).to.deep.equal(vocabulary)
      expect(again.files).to.deep.equal(tokenizer.files)
      expect([again.special, again.chatTemplate]).to.deep.equal([tokenizer.special, tokenizer.chatTemplate])
      expect(again.encode('<bos>late** <eos>'.replace('**', options === special ? ' **' : '**'))).to.deep.equal([1, 4, 7, 2])
    }
    const again = readTokenizer(JSON.parse(JSON.stringify(bpe['tokenizer_split.json'].files)))
    expect(again.encode('She counted ten boats')).to.deep.equal(bpe['tokenizer_split.json'].encode('She counted ten boats'))
  })

  it('refuses words and files that it cannot keep faith with, naming the field', () => {
    expect(() => wordTokenizer(['a', 'b c'])).to.throw("word 1, 'b c', is empty or has white space")
    expect(() => wordTokenizer(['a', 'a'])).to.throw("'a' comes twice, as 0 and 1")
    expect(() => wordTokenizer(['a'], { pad: '<pad>' })).to.throw("pad_token: '<pad>' is not in the vocabulary")
    const change = (edit: (json: typeof tokenizerJson.gpt2) => void, config: unknown = {}) => () => {
      const copy = structuredClone(tokenizerJson.gpt2)
      edit(copy)
      readTokenizer({ 'tokenizer.json': copy, 'tokenizer_config.json': config }, 'x/tokenizer.json')
    }
    expect(change(() => {}, { bos_token: 7 })).to.throw('bos_token')
    expect(change(() => {}, { bos_token: '<s>' })).to.throw("bos_token: '<s>' is not in the vocabulary")
    expect(change(t => { t.model.type = 'Unigram' })).to.throw('x/tokenizer.json: model.type Unigram is not supported')
    expect(change(t => { t.model.dropout = 0.1 })).to.throw('model.dropout')
    expect(change(t => { t.model.merges[3] = ['q', 'zz'] })).to.throw("model.merges[3]: 'zz' is not in model.vocab")
    expect(change(t => { t.model.vocab['!'] = 900 })).to.throw("'!' has id 900; 400 tokens need the ids 0 to 399")
    expect(change(t => { t.model.vocab['!'] = 5 })).to.throw('both have id 5')
    expect(change(t => { t.added_tokens[0].id = 1 })).to.throw("added_tokens: '<|endoftext|>' has id 1, in model.vocab it has 0")
    expect(change(t => { t.pre_tokenizer = { type: 'Metaspace' } })).to.throw('pre_tokenizer')
    expect(change(t => { t.normalizer = { type: 'Precompiled' } })).to.throw('normalizer')
    expect(change(t => { delete t.model })).to.throw('model')
    expect(() => readTokenizer({ 'tokenizer.json': null }, 'y')).to.throw('y: no tokenizer')
  })

  it('tells a prompt whose tokens change when the response follows', () => {
    const tokenizer = bpe['tokenizer_gpt2.json'], good = promptAndResponse(tokenizer, 'How many boats?', ' Twelve boats.')
    expect(tokenizer.decode(good.ids.slice(0, good.promptLength))).to.equal('How many boats?')
    expect(tokenizer.decode(good.ids.slice(good.promptLength))).to.equal(' Twelve boats.')
    expect(() => promptAndResponse(tokenizer, 'The b', 'oats go')).to.throw("token 1 is 'Ġb' in the prompt alone and 'Ġboats' with the response: a token straddles the border")
    expect(() => promptAndResponse(wordTokenizer(vocabulary, { unk: '<unk>' }), 'late par', 'cel')).to.throw("token 1 is '<unk>' in the prompt alone and 'parcel' with the response")
    expect(() => promptAndResponse(tokenizer, 'The ', 'boats')).to.throw('straddles')
    const chat = renderPreference({ prompt: [{ role: 'user', content: 'How many?' }], chosen: [{ role: 'assistant', content: 'Ten.' }], rejected: [{ role: 'assistant', content: 'Two.' }] })
    expect(promptAndResponse(tokenizer, chat.prompt, chat.chosen).ids).to.deep.equal(chatTokens(tokenizer, [{ role: 'user', content: 'How many?' }, { role: 'assistant', content: 'Ten.' }]).ids)
  })

  it('says what is wrong with a chat or its template', () => {
    const user = { role: 'user', content: 'hi' } as const
    expect(() => renderChat([])).to.throw('no messages')
    expect(() => renderChat([user], { addGenerationPrompt: true, continueFinalMessage: true })).to.throw('exclude each other')
    expect(() => renderChat([user], { template: '{% for x in %}' })).to.throw('the template fails')
    expect(() => renderChat([user], { template: '{{ raise_exception("no system message") }}' })).to.throw('no system message')
    expect(() => renderChat([user], { template: 'fixed', continueFinalMessage: true })).to.throw('does not write the last message')
    expect(() => renderChat([{ ...user, content: '\ufdd0' }])).to.throw('message 0 holds a noncharacter')
    expect(() => renderPreference({ prompt: [user], chosen: [], rejected: [] })).to.throw("does not begin with the prompt's")
    expect(() => chatTokens(wordTokenizer(['user', 'hi'], { unk: 'user' }), [user])).to.throw('cannot be placed')
  })
})
