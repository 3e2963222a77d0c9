import { expect } from 'chai'
import fc from 'fast-check'
import { Random } from '../../lib/tensor/random'
import { prettify } from '../../lib/desk/grammar'
import { claimsFalsely, combination, dateUnknown, drawFacts, drawPrompts, isHeldOut, policies, rightDecision, wordPrompt } from '../../lib/desk/scenarios'
import { DAYS, HIGH_VALUE, ITEMS, LIMIT, VALUES } from '../../lib/desk/text'
import { anyPrompt } from './generate'

describe('desk/scenarios', () => {
  const training = drawPrompts(8000, 0), heldOut = drawPrompts(2000, 0, { heldOut: true })

  it('has far more than 2,000 distinct prompts, and draws them without repeating', () => {
    expect(new Set(training.map(p => p.text))).to.have.lengthOf(8000)
    expect(new Set(training.map(p => p.id))).to.have.lengthOf(8000)
    expect(new Set(heldOut.map(p => p.text))).to.have.lengthOf(2000)
  })

  it('holds out whole combinations: no text and no pair of facts of the held-out part occurs in training', () => {
    const texts = new Set(training.map(p => p.text)), pairs = new Set(training.map(p => combination(p.facts)))
    expect(heldOut.filter(p => texts.has(p.text) || pairs.has(combination(p.facts)))).to.deep.equal([])
    fc.assert(fc.property(anyPrompt, anyPrompt, (p, q) => {
      if (combination(p.facts) === combination(q.facts)) expect(isHeldOut(p.facts)).to.equal(isHeldOut(q.facts))
      if (p.text === q.text) expect(isHeldOut(p.facts)).to.equal(isHeldOut(q.facts))
    }))
  })

  it('leaves every single fact of the held-out part in training, so that only combinations are new', () => {
    const told = (ps: typeof training) => new Set(ps.flatMap(({ facts }) => Object.entries(facts).map(([name, value]) => `${facts.issue} ${name} ${value}`)))
    const seen = told(training)
    expect([...told(heldOut)].filter(fact => !seen.has(fact))).to.deep.equal([])
    const random = Random.seed(1), share = Array.from({ length: 20_000 }, () => isHeldOut(drawFacts(random))).filter(Boolean).length / 20_000
    expect(share).to.be.closeTo(1 / 6, 0.02)
  })

  it('has equal ids exactly for equal texts', () => {
    const byText = new Map<string, string>(), byId = new Map<string, string>(), random = Random.seed(2)
    for (let i = 0; i < 20_000; i++) {
      const { id, text } = wordPrompt(drawFacts(random), random)
      expect(byText.get(text) ?? id).to.equal(id)
      expect(byId.get(id) ?? text).to.equal(text)
      byText.set(text, id)
      byId.set(id, text)
    }
  })

  it('tells in words what the facts say, and nothing that they leave out', () => {
    fc.assert(fc.property(anyPrompt, ({ text, facts }) => {
      const words = text.split(' ')
      expect(words).to.include(facts.item)
      expect(words.includes('euros')).to.equal(facts.value !== null)
      expect(words.includes('note')).to.equal(facts.note !== null)
      for (const n of [facts.days, facts.value, facts.claim]) if (n !== null) expect(words).to.include(String(n))
      if (facts.issue === 'wrong') expect(words).to.include(facts.detail).and.not.equal(facts.item)
      expect(words.filter(w => /^\d+$/.test(w))).to.have.lengthOf([facts.days, facts.value, facts.claim].filter(n => n !== null).length)
      expect(text).to.not.match(/[{}]|undefined|null| {2}/)
      expect(/\b(when|what day)\b[^.]*\?/.test(text)).to.equal(facts.asks)
    }))
  })

  it('decides by the policy', () => {
    const late = (days: number, value: number) => rightDecision({ issue: 'late', item: ITEMS[0], days, value, detail: null, claim: null, asks: false, note: null })
    for (const days of DAYS) for (const value of VALUES) expect(late(days, value)).to.equal(days < LIMIT ? 'wait' : value > HIGH_VALUE ? 'escalate' : 'refund')
    expect(DAYS).to.not.include(LIMIT)
    fc.assert(fc.property(anyPrompt, ({ facts }) => {
      const right = rightDecision(facts)
      if (facts.issue === 'hazard') expect(right).to.equal('escalate')
      if (facts.issue === 'damaged' || facts.issue === 'wrong') expect(right).to.equal('replace')
      if (facts.issue === 'lost') expect(right).to.equal(facts.value! > HIGH_VALUE ? 'escalate' : 'refund')
      expect(policies(facts)[0]).to.equal(right === 'escalate' && facts.issue !== 'hazard' ? 'value' : facts.issue)
      expect(facts.note !== null).to.satisfy((told: boolean) => !told || (facts.asks && ['wait', 'replace'].includes(right)))
    }))
  })

  it('covers every kind of case, with false claims and unknown dates in good number', () => {
    const share = (holds: (facts: (typeof training)[0]['facts']) => boolean) => training.filter(p => holds(p.facts)).length / training.length
    for (const decision of ['refund', 'wait', 'replace', 'escalate']) expect(share(f => rightDecision(f) === decision)).to.be.within(0.15, 0.35)
    expect(share(claimsFalsely)).to.be.within(0.28, 0.38)
    expect(share(dateUnknown)).to.be.within(0.25, 0.4)
    expect(share(f => f.note !== null)).to.be.within(0.08, 0.16)
  })

  it('draws the same prompts for the same seed and says when there are not enough', () => {
    expect(drawPrompts(50, 3)).to.deep.equal(drawPrompts(50, 3))
    expect(drawPrompts(50, 3)).to.not.deep.equal(drawPrompts(50, 4))
    expect(() => drawPrompts(1e6, 0, { issue: 'hazard', heldOut: true })).to.throw(RangeError, "distinct held-out prompts of 'hazard'")
  })

  it('shows a prompt as a person would write it', () => {
    expect(prettify('listen , my lamp is 10 days late . it cost 80 euros . the limit is 9 days , right ? note : delivery planned for friday .'))
      .to.equal('Listen, my lamp is 10 days late. It cost 80 euros. The limit is 9 days, right? Note: delivery planned for Friday.')
    expect(prettify('thanks for telling us . - i can trace your parcel now . - every customer counts .')).to.equal('Thanks for telling us.\n- I can trace your parcel now.\n- Every customer counts.')
    expect(prettify('- we will refund you in full . - i guarantee it .')).to.equal('- We will refund you in full.\n- I guarantee it.')
    expect(prettify('** we will refund you in full . ** i guarantee it .')).to.equal('**We will refund you in full.** I guarantee it.')
  })
})
