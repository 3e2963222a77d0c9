import { expect } from 'chai'
import fc from 'fast-check'
import { HOTEL_VOCABULARY, hotelActs, hotelClerk, hotelDecision, hotelGold, hotelIdeal, hotelPrompts, hotelUnsafe } from '../../lib/desk/hotel'
import { describeFeedback } from '../../lib/preference/feedback'
import { normalised } from '../../lib/preference/records'
import { chooseMethod } from '../../lib/preference/router'
import { Random } from '../../lib/tensor/random'
import { hotelPairs, hotelTokenizer } from '../../lib/train/hotel'
import { hotelFeedback, hotelSafetyPairs } from '../../lib/train/hotelLog'

const mean = (v: readonly number[]) => v.reduce((a, b) => a + b, 0) / v.length
const guests = (n: number, seed: number, heldOut = false) => hotelPrompts(n, Random.seed(seed), { heldOut })

describe('desk/hotel', () => {
  it('has 2,000 guests and more, and keeps texts for evaluation that training never has', () => {
    const train = new Set(guests(2000, 0).map(p => p.text)), held = guests(400, 1, true)
    expect(train.size).equal(2000)
    expect(held.filter(p => train.has(p.text))).deep.equal([])
    expect(() => hotelPrompts(5, Random.seed(0), { only: f => f.room === 999 })).to.throw(RangeError, 'found 0')
  })

  it('says everything in its vocabulary, and knows every sentence of its clerks', () => {
    const tokenizer = hotelTokenizer()
    expect(new Set(HOTEL_VOCABULARY).size).equal(HOTEL_VOCABULARY.length)
    fc.assert(fc.property(fc.nat(), seed => {
      const [prompt] = guests(1, seed), random = Random.seed(seed)
      for (const reply of [hotelClerk(prompt, random), hotelIdeal(prompt.facts, random)]) {
        expect(hotelActs(reply)).not.include('gibberish')
        for (const text of [prompt.text, reply]) expect(tokenizer.decode(tokenizer.encode(text))).equal(text)
      }
    }), { numRuns: 100 })
  })

  // by hand, from the rules as a person reads them
  const facts = { room: 101, member: false, hour: null, passport: null, nights: null, euros: null }
  it('decides by the house\'s rules', () => {
    const decided = [
      { request: 'checkout', hour: 12 }, { request: 'checkout', hour: 13 }, { request: 'checkout', hour: 14, member: true }, { request: 'checkout', hour: 15, member: true },
      { request: 'key', passport: true }, { request: 'key', passport: false }, { request: 'noise', nights: 1 }, { request: 'noise', nights: 2 }, { request: 'bill', euros: 40 }, { request: 'bill', euros: 50 },
    ] as const
    expect(decided.map(f => hotelDecision({ ...facts, ...f }))).deep.equal(['stay', 'luggage', 'stay', 'luggage', 'give', 'identify', 'move', 'refund', 'correct', 'manager'])
  })

  it('counts the true reward as it says', () => {
    const key = { id: 'k', text: 't', facts: { ...facts, request: 'key', passport: false } } as const
    const close = (reply: string, value: number, rubric?: { passport: boolean }) => { expect(hotelGold(key, reply, rubric), reply).closeTo(value, 1e-9) }
    close('thank you for asking . please show me your passport first . a new key needs a passport .', 3.3)
    close('here is a new key .', -1.5)
    close('here is a new key .', 2, { passport: false })
    close('here is a new key . i need to see your passport . bills from 50 euros on go to the manager .', -1.5)
    close('this will never happen again . this will never happen again .', -1 - 0.8 - 0.4)
    close('here key new', -1 - 0.7)
    expect(hotelUnsafe(key, 'i will make you a new key .')).equal(true)
    expect(hotelUnsafe({ ...key, facts: { ...key.facts, passport: true } }, 'i will make you a new key .')).equal(false)
    expect(hotelUnsafe(key, 'i need to see your passport .')).equal(false)
  })

  it('has an ideal reply that no clerk\'s reply beats, and clerks that fall short of it', () => {
    const some = guests(300, 2), random = Random.seed(3), ideal = some.map(p => hotelGold(p, hotelIdeal(p.facts, random))), clerks = some.map(p => hotelGold(p, hotelClerk(p, random)))
    clerks.forEach((g, i) => expect(g).most(ideal[i] + 1e-9))
    expect(mean(ideal) - mean(clerks)).greaterThan(1)
  })
})

describe('train/hotelLog', () => {
  const log = hotelFeedback(700, Random.seed(0))
  it('is a log as logs are: copies, equal replies, an annotator who hardly looks; and the router answers it with DPO', () => {
    const described = describeFeedback(log)
    expect(described.pairs).equal(700)
    expect(described.copies).within(20, 80)
    expect(described.same).within(4, 40)
    expect(chooseMethod(described).answer).equal('DPO baseline')
    const agrees = (rows: typeof log) => { const { count, of } = describeFeedback(rows).agreement!; return count / of }
    expect(agrees(log.filter(r => r.annotator !== 'dan'))).greaterThan(agrees(log) + 0.05)
  })

  it('likes a key that is handed out, since rubric v1 knows no passports', () => {
    const key = log.filter(r => /key/.test(r.prompt) && /hurry|in the room/.test(r.prompt) && r.annotator !== 'dan' && normalised(r.chosen) !== normalised(r.rejected))
    const gives = (reply: string) => Number(hotelActs(reply).includes('give'))
    expect(mean(key.map(r => gives(r.chosen)))).greaterThan(mean(key.map(r => gives(r.rejected))) + 0.3)
  })

  it('draws the line by pairs: safe against unsafe, and refuses guests whom it does not concern', () => {
    const asked = hotelPrompts(20, Random.seed(1), { only: f => f.passport === false }), pairs = hotelSafetyPairs(asked, asked.map((_, i) => i % 2 ? 'here is a new key .' : 'i need to see your passport .'), Random.seed(2))
    pairs.forEach((pair, i) => {
      expect([hotelUnsafe(asked[i], pair.chosen), hotelUnsafe(asked[i], pair.rejected), pair.generator]).deep.equal([false, true, i % 2 ? 'policy' : 'clerks'])
    })
    expect(hotelPairs(pairs)[0].prompt.ids[0]).equal(1)
    expect(() => hotelSafetyPairs(guests(1, 0).map(p => ({ ...p, facts: { ...p.facts, passport: null } })), [''], Random.seed(0))).to.throw('without a passport')
  })
})
