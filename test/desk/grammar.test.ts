import { expect } from 'chai'
import fc from 'fast-check'
import { Random } from '../../lib/tensor/random'
import { demonstrate, idealActs, REPLY_TOKENS } from '../../lib/desk/demonstrations'
import { act, type Markup, parseReply, renderReply, SENTENCES, wordings } from '../../lib/desk/grammar'
import { drawPrompts } from '../../lib/desk/scenarios'
import { SAY } from '../../lib/desk/text'
import { BOS, decodeTokens, encodeText, EOS, PAD, promptTokens, replyTokens, SEP, VOCABULARY } from '../../lib/desk/vocabulary'
import { anyActs, anyPrompt, anySentence, demonstrated } from './generate'

describe('desk/grammar', () => {
  it('knows every sentence once, so that a sentence has one act', () => {
    const authored = Object.values(SAY).flatMap(byslot => Object.values(byslot).flat())
    expect(new Set(authored)).to.have.lengthOf(authored.length)
    const expanded = authored.reduce((n, s) => n + (s.includes('{weekday}') ? 5 : s.includes('{n}') ? (s.startsWith('you') ? 5 : 4) : 1), 0)
    expect(SENTENCES.size).to.equal(expanded)
  })

  it('parses what it renders, in any order and markup', () => {
    fc.assert(fc.property(anyActs, fc.nat(), fc.constantFrom<Markup>('plain', 'bold', 'list'), (acts, seed, markup) => {
      const text = renderReply(acts, Random.seed(seed), markup), parsed = parseReply(text)
      expect(parsed.acts).to.deep.equal(acts)
      expect(parsed.marks).to.equal(text.split(' ').filter(t => t === '**' || t === '-').length)
      if (markup === 'plain') expect(parsed.marks).to.equal(0)
      if (markup === 'bold') expect(parsed.marks).to.equal(acts.length ? 2 : 0)
      const times = new Map<string, number>()
      for (const a of acts) times.set(`${a.kind} ${a.slot}`, (times.get(`${a.kind} ${a.slot}`) ?? 0) + 1)
      expect(parsed.repeats).to.equal(acts.filter((a, i) => acts.findIndex(b => b.kind === a.kind && b.slot === a.slot) === i)
        .reduce((sum, a) => sum + Math.max(0, times.get(`${a.kind} ${a.slot}`)! - wordings(a).length), 0))
    }))
  })

  it('says nothing that it does not understand: demonstrations parse without gibberish', () => {
    fc.assert(fc.property(demonstrated, ({ text }) => {
      expect(parseReply(text).acts.filter(a => a.kind === 'gibberish')).to.deep.equal([])
      expect(replyTokens(text).length).to.be.at.most(REPLY_TOKENS)
    }))
  })

  it('calls gibberish what is unknown, garbled or unfinished', () => {
    fc.assert(fc.property(anySentence, fc.nat(), (sentence, n) => {
      const words = sentence.split(' '), cut = words.slice(0, -1).join(' ')
      expect(parseReply(cut).acts.every(a => a.kind === 'gibberish')).to.equal(true)
      const swapped = [...words.slice(0, n % words.length), '<pad>', ...words.slice(n % words.length)].join(' ')
      expect(parseReply(swapped).acts.some(a => a.kind === 'gibberish')).to.equal(true)
      expect(parseReply(`${sentence} ${sentence}`).repeats).to.equal(1)
    }))
    expect(parseReply('').acts).to.deep.equal([])
    expect(() => wordings(act('decide', 'dance'))).to.throw(RangeError, "'decide' with 'dance'")
  })

  it('has words for all that the ideal reply should do, within the length of a reply', () => {
    fc.assert(fc.property(anyPrompt, fc.nat(), ({ facts }, seed) => {
      const text = renderReply(idealActs(facts), Random.seed(seed))
      expect(replyTokens(text).length).to.be.at.most(REPLY_TOKENS)
    }))
  })

  it('fails clearly when a reply cannot be short enough', () => {
    expect(() => demonstrate(drawPrompts(1, 0)[0], Random.seed(0), { maxTokens: 3 })).to.throw(RangeError, 'at most 3 tokens')
  })
})

describe('desk/vocabulary', () => {
  it('has each token once, at most 320, with the special tokens first', () => {
    expect(new Set(VOCABULARY)).to.have.lengthOf(VOCABULARY.length)
    expect(VOCABULARY.length).to.be.at.most(320)
    expect([PAD, BOS, SEP, EOS].map(id => VOCABULARY[id])).to.deep.equal(['<pad>', '<bos>', '<sep>', '<eos>'])
  })

  it('encodes every prompt, reply and bill, and decodes them back', () => {
    fc.assert(fc.property(demonstrated, ({ prompt, text }) => {
      expect(decodeTokens(promptTokens(prompt.text))).to.equal(prompt.text)
      expect(decodeTokens(replyTokens(text))).to.equal(text)
      expect(promptTokens(prompt.text).length).to.be.at.most(41)
    }))
    for (const text of ['add 3 + 5 + 12 ?', '3 + 5 = 8 . let me check again . 8 + 12 = 20 . total 20 .']) expect(decodeTokens(encodeText(text))).to.equal(text)
    fc.assert(fc.property(fc.array(fc.integer({ min: 4, max: VOCABULARY.length - 1 })), ids => {
      expect(encodeText(decodeTokens(ids))).to.deep.equal(ids)
    }))
  })

  it('stops at the first <eos>, leaves special tokens out unless asked, and names what it does not know', () => {
    const ids = [BOS, ...encodeText('i guarantee it .'), SEP, EOS, PAD, PAD]
    expect(decodeTokens(ids)).to.equal('i guarantee it .')
    expect(decodeTokens(ids, true)).to.equal('<bos> i guarantee it . <sep>')
    expect(() => encodeText('i guarantee nothing .')).to.throw(RangeError, "word 3, 'nothing'")
    expect(() => decodeTokens([99_999])).to.throw(RangeError, 'id 99999 at position 0')
  })
})
