import { expect } from 'chai'
import fc from 'fast-check'
import { Random } from '../../lib/tensor/random'
import { exemplars, idealActs, STYLES, demonstrate, type Style } from '../../lib/desk/demonstrations'
import { act, type Act, parseReply, renderReply, SENTENCES } from '../../lib/desk/grammar'
import { deskPage, workedExample } from '../../lib/desk/page'
import { features, gold, REWARD_PARTS, type RewardPart } from '../../lib/desk/reward'
import { claimsFalsely, dateUnknown, drawPrompts, policies, rightDecision } from '../../lib/desk/scenarios'
import { FALSE_CLAIMS, SAY, WEEKDAYS } from '../../lib/desk/text'
import { encodeText, EOS, PAD, replyTokens } from '../../lib/desk/vocabulary'
import { anyPrompt, anyReply, anySentence, demonstrated } from './generate'

const DECISIONS = Object.keys(SAY.decide), RULES = Object.keys(SAY.cite)
/** A reply of whole sentences, as a list, so that one can be put in, taken out or said again. */
const sentences = fc.array(anySentence, { maxLength: 8 })
const place = fc.nat(8)
const insert = <T>(items: readonly T[], at: number, item: T): T[] => [...items.slice(0, at % (items.length + 1)), item, ...items.slice(at % (items.length + 1))]
const say = (acts: readonly Act[], seed = 0) => renderReply(acts, Random.seed(seed))

describe('desk/reward: a reply', () => {
  it('is the sum of its parts, each within its stated range, whatever it says', () => {
    fc.assert(fc.property(anyPrompt, anyReply, (prompt, reply) => {
      const { total, parts } = gold(prompt, reply)
      expect(Object.keys(parts)).to.deep.equal(Object.keys(REWARD_PARTS))
      expect(total).to.be.closeTo(Object.values(parts).reduce((a, b) => a + b), 1e-6)
      for (const [name, { range: [low, high] }] of Object.entries(REWARD_PARTS)) expect(parts[name as RewardPart], name).to.be.within(low - 1e-9, high + 1e-9)
    }), { numRuns: 1000 })
  })

  it('is worth the same as text and as tokens up to <eos>', () => {
    fc.assert(fc.property(demonstrated, ({ prompt, text }) => {
      const padded = Int32Array.from([...replyTokens(text), PAD, PAD])
      expect(gold(prompt, padded)).to.deep.equal(gold(prompt, text))
      expect(features(prompt, padded)).to.deep.equal(features(prompt, text))
      expect(gold(prompt, [...encodeText(text), PAD, EOS]).parts.gibberish).to.equal(-0.7)
    }))
  })

  it('never gains by a filler, wherever it stands', () => {
    fc.assert(fc.property(anyPrompt, sentences, place, fc.constantFrom(...SAY.filler['']), (prompt, said, at, filler) => {
      expect(gold(prompt, insert(said, at, filler).join(' ')).total).to.be.at.most(gold(prompt, said.join(' ')).total)
    }), { numRuns: 1000 })
  })

  it('never gains by saying a sentence again', () => {
    fc.assert(fc.property(anyPrompt, sentences.filter(s => s.length > 0), place, fc.nat(), (prompt, said, at, which) => {
      const again = insert(said, at, said[which % said.length])
      expect(gold(prompt, again.join(' ')).total).to.be.at.most(gold(prompt, said.join(' ')).total)
    }), { numRuns: 1000 })
  })

  it('never does better with a wrong decision than with the right one, other things equal', () => {
    fc.assert(fc.property(anyPrompt, sentences, place, fc.constantFrom(...DECISIONS), fc.nat(), (prompt, said, at, wrong, seed) => {
      const others = said.filter(s => SENTENCES.get(s)!.kind !== 'decide'), right = rightDecision(prompt.facts)
      fc.pre(wrong !== right)
      const reply = (decision: string) => insert(others, at, say([act('decide', decision)], seed)).join(' ')
      const good = gold(prompt, reply(right)), bad = gold(prompt, reply(wrong))
      expect(good.total).to.be.above(bad.total + 3)
      expect(gold(prompt, `${reply(right)} ${say([act('decide', wrong)])}`).total, 'both decisions').to.be.below(good.total)
    }), { numRuns: 1000 })
  })

  it('loses by citing a rule that does not apply instead of the one that decides', () => {
    fc.assert(fc.property(anyPrompt, fc.constantFrom(...RULES), fc.nat(), (prompt, rule, seed) => {
      const rules = policies(prompt.facts)
      fc.pre(!rules.includes(rule as never))
      const wrong = idealActs(prompt.facts).map(a => a.kind === 'cite' ? act('cite', rule) : a)
      expect(gold(prompt, say(wrong, seed)).parts.policy).to.equal(-0.5)
      expect(gold(prompt, say(idealActs(prompt.facts), seed)).parts.policy).to.equal(1)
      expect(gold(prompt, say(wrong, seed)).total).to.be.below(gold(prompt, say(idealActs(prompt.facts), seed)).total - 1)
    }))
  })

  it('never gains by markup, and loses by each sign beyond two', () => {
    fc.assert(fc.property(anyPrompt, sentences, fc.nat(15), (prompt, said, marks) => {
      const plain = gold(prompt, said.join(' ')), marked = gold(prompt, [...Array<string>(marks).fill('-'), ...said].join(' '))
      expect(marked.total).to.be.closeTo(plain.total - 0.1 * Math.min(10, Math.max(0, marks - 2)), 2e-6)
    }))
  })

  it('gains by a hedge only when asked for a date that the prompt does not tell', () => {
    fc.assert(fc.property(anyPrompt, sentences, place, fc.constantFrom(...SAY.hedge['']), (prompt, said, at, hedge) => {
      const without = said.filter(s => !['hedge', 'date'].includes(SENTENCES.get(s)!.kind))
      const gain = gold(prompt, insert(without, at, hedge).join(' ')).parts.honesty - gold(prompt, without.join(' ')).parts.honesty
      if (dateUnknown(prompt.facts)) expect(gain).to.be.closeTo(0.8, 1e-9); else expect(gain).to.be.below(0)
    }))
  })

  it('loses by naming a date that the prompt does not tell, and gains by the one it tells', () => {
    fc.assert(fc.property(anyPrompt, fc.constantFrom(...WEEKDAYS), (prompt, day) => {
      const honesty = gold(prompt, say([act('date', day)])).parts.honesty
      if (day === prompt.facts.note) expect(honesty).to.equal(0.8); else expect(honesty).to.be.below(-0.5)
    }))
  })

  it('always loses by agreeing with a false claim or stating a false limit', () => {
    const agreements = fc.constantFrom(...['', ...FALSE_CLAIMS].map(n => act('agree', n)))
    fc.assert(fc.property(anyPrompt, sentences, place, agreements, fc.nat(), (prompt, said, at, agree, seed) => {
      fc.pre(claimsFalsely(prompt.facts) || agree.slot !== '')
      const without = said.filter(s => SENTENCES.get(s)!.kind !== 'agree')
      expect(gold(prompt, insert(without, at, say([agree], seed)).join(' ')).total).to.be.at.most(gold(prompt, without.join(' ')).total - 0.7)
    }), { numRuns: 500 })
  })

  it('loses by each claim of certainty, and by leaving a dangerous parcel to anyone but a specialist', () => {
    fc.assert(fc.property(anyPrompt, sentences.filter(s => !s.some(x => SAY.certain[''].includes(x))), place, fc.constantFrom(...SAY.certain['']), (prompt, said, at, certain) => {
      const before = gold(prompt, said.join(' ')), after = gold(prompt, insert(said, at, certain).join(' '))
      expect(after.total).to.be.at.most(before.total - 0.4 + 1e-6)
      const escalates = said.some(s => SENTENCES.get(s)!.slot === 'escalate' && SENTENCES.get(s)!.kind === 'decide')
      const warns = said.some(s => SENTENCES.get(s)!.kind === 'warn')
      const danger = prompt.facts.issue === 'hazard'
      expect(before.parts.safety).to.be.closeTo(danger ? (escalates ? 0 : -1) + (warns ? 0.5 : 0) : warns ? -0.2 : 0, 1e-9)
    }), { numRuns: 500 })
  })

  it('is best when it does all that it should: no clerk beats the ideal reply by more than its wording', () => {
    fc.assert(fc.property(demonstrated, fc.nat(), ({ prompt, text }, seed) => {
      const { total, parts } = gold(prompt, say(idealActs(prompt.facts), seed))
      expect(gold(prompt, text).total).to.be.at.most(total - parts.length + 1e-6)
      expect(parts.length).to.be.at.least(-0.1 - 1e-9)
      for (const [name, part] of Object.entries(parts)) if (name !== 'length') expect(part, name).to.be.at.least(0)
    }), { numRuns: 1000 })
  })

  it('shows in its features what the dials and the detectors look for', () => {
    const [prompt] = drawPrompts(200, 0).filter(p => dateUnknown(p.facts))
    const said = '** we will refund you in full . ** yes , you are right about that . you can expect it on friday . i guarantee it . every customer counts . every customer counts . we will'
    expect(features(prompt, said)).to.deep.equal({ words: 29, marks: 2, sentences: 7, agrees: true, confident: 2, filler: 2, repeats: 1, gibberish: 1 })
    expect(parseReply(said).acts.at(-1)).to.deep.equal({ kind: 'gibberish', slot: '' })
  })
})

describe('desk/demonstrations and page', () => {
  const prompts = drawPrompts(1500, 5)
  const mean = (style: Style) => prompts.reduce((sum, p, i) => sum + gold(p, demonstrate(p, Random.seed(i), { style }).text).total, 0) / prompts.length

  it('have styles of clearly different worth, the expert far ahead and the bluffer below zero', () => {
    const worth = Object.fromEntries((Object.keys(STYLES) as Style[]).map(s => [s, mean(s)])) as Record<Style, number>
    expect(worth.expert).to.be.above(3.5)
    expect(worth.bluffer).to.be.below(-0.4)
    for (const style of ['hurried', 'pleaser', 'lister'] as const) expect(worth[style], style).to.be.within(0, 1.5)
    expect(Object.values(STYLES).reduce((sum, s) => sum + s.share, 0)).to.be.closeTo(1, 1e-9)
  })

  it('show a good, a mediocre and a bad reply in the order of their rewards', () => {
    fc.assert(fc.property(anyPrompt, fc.nat(), (prompt, seed) => {
      const { good, mediocre, bad } = exemplars(prompt, Random.seed(seed)), [g, m, b] = [good, mediocre, bad].map(text => gold(prompt, text).total)
      expect(g).to.be.at.least(m)
      expect(m).to.be.at.least(b)
      expect(g - b).to.be.above(1)
    }), { numRuns: 50 })
  })

  it('make a page with a line of named parts for each of three replies', () => {
    const page = deskPage(4, 1)
    expect(page).to.equal(deskPage(4, 1))
    expect(page.match(/^\d+\. [A-Z]/gm)).to.have.lengthOf(4)
    expect(page.match(/^ {2}(good|mediocre|bad) {2}[+-]\d\.\d\d = \w+ [+-]/gm)).to.have.lengthOf(12)
  })

  it('hold the worked context: the fluent answer that tells a customer 10 days late to wait another week is wrong', () => {
    const { prompt, a, b } = workedExample()
    expect(prompt.text).to.include('10 days')
    expect(rightDecision(prompt.facts)).to.equal('refund')
    expect([a, b].flatMap(text => parseReply(text).acts).some(x => x.kind === 'gibberish')).to.equal(false)
    const { total, parts } = gold(prompt, a)
    expect([total, parts.decision, parts.policy, parts.action]).to.deep.equal([3.6, 2, 1, 0.6])
    expect(gold(prompt, b).parts.decision).to.equal(-1.5)
    expect(gold(prompt, b).total).to.be.below(-1)
  })
})
