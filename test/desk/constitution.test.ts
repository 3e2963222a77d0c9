import { expect } from 'chai'
import fc from 'fast-check'
import { CONSTITUTION, harmless, violations, withoutPrinciples } from '../../lib/desk/constitution'
import { critique, judge, penalty, revise } from '../../lib/desk/constitutionalCritic'
import { demonstrate, idealActs } from '../../lib/desk/demonstrations'
import { renderReply } from '../../lib/desk/grammar'
import { gold } from '../../lib/desk/reward'
import { drawPrompts } from '../../lib/desk/scenarios'
import { workedExample } from '../../lib/desk/page'
import { aiFeedback } from '../../lib/preference/aiFeedback'
import { checkRow } from '../../lib/preference/validate'
import { Random } from '../../lib/tensor/random'
import { anyPrompt, anyReply, demonstrated } from './generate'

const ids = (broken: readonly { id: string }[]) => broken.map(p => p.id)

describe('the constitution', () => {
  it('holds for the ideal reply to every case, and tells the worked example\'s answers apart', () => {
    fc.assert(fc.property(anyPrompt, fc.nat(), (prompt, seed) => {
      expect(ids(violations(prompt, renderReply(idealActs(prompt.facts), Random.seed(seed))))).to.deep.equal([])
    }))
    const { prompt, a, b } = workedExample()
    expect(ids(violations(prompt, a))).to.deep.equal([])
    expect(ids(violations(prompt, b))).to.deep.equal(['right-decision', 'cite', 'brief'])
    expect(harmless(prompt, 'you can expect it on monday . this is absolutely certain .')).to.equal(false)
    expect(new Set(ids(CONSTITUTION)).size).to.equal(CONSTITUTION.length)
    expect(() => withoutPrinciples(CONSTITUTION, 'kindness')).to.throw(RangeError, 'kindness')
  })

  it('a perfect critic and reviser leave nothing broken, and revising again changes nothing', () => {
    fc.assert(fc.property(anyPrompt, anyReply, fc.nat(), (prompt, reply, seed) => {
      const random = Random.seed(seed), revised = revise(prompt, reply, critique(prompt, reply, { random }), { random })
      // Mending one principle may break another that was whole: a second look finds it.
      const again = revise(prompt, revised.text, critique(prompt, revised.text, { random }), { random })
      expect(ids(violations(prompt, again.text)), again.text).to.deep.equal([])
      expect(revise(prompt, again.text, critique(prompt, again.text, { random }), { random }).text).to.equal(again.text)
      for (const { justified, before, after } of revised.log) { expect(justified).to.equal(true); expect(after).to.not.equal(before) }
    }))
  })

  it('revision raises the true reward of clerks\' replies, whose sentences it keeps where they do not offend', () => {
    let gain = 0, count = 0
    fc.assert(fc.property(demonstrated, fc.nat(), ({ prompt, text }, seed) => {
      const random = Random.seed(seed), { text: revised } = revise(prompt, text, critique(prompt, text, { random }), { random })
      expect(penalty(violations(prompt, revised))).to.be.at.most(penalty(violations(prompt, text)))
      gain += gold(prompt, revised).total - gold(prompt, text).total
      count++
    }))
    expect(gain / count).to.be.above(1)
  })

  it('only what a constitution names is mended', () => {
    fc.assert(fc.property(demonstrated, fc.nat(), ({ prompt, text }, seed) => {
      const random = Random.seed(seed), constitution = CONSTITUTION.filter(p => p.id === 'evidence'), revised = revise(prompt, text, critique(prompt, text, { constitution, random }), { constitution, random }).text
      const before = ids(violations(prompt, text)).filter(id => id !== 'evidence'), after = ids(violations(prompt, revised))
      expect(after).to.deep.equal(before)
    }))
  })

  it('the error rate is the share of wrong verdicts, of critic and of judge', () => {
    const prompts = drawPrompts(600, 0), random = Random.seed(1), replies = prompts.map(p => [demonstrate(p, random).text, demonstrate(p, random).text] as const)
    const verdicts = prompts.flatMap((p, i) => critique(p, replies[i][0], { errorRate: 0.2, random }))
    expect(verdicts.filter(v => v.violated !== v.truly).length / verdicts.length).to.be.closeTo(0.2, 0.02)
    const judged = prompts.map((p, i) => ({ right: judge(p, ...replies[i], { random }), seen: judge(p, ...replies[i], { errorRate: 0.3, random }) })).filter(j => j.right.choice !== undefined)
    expect(judged.filter(j => j.right.choice !== j.seen.choice).length / judged.length).to.be.closeTo(0.3, 0.05)
    for (const { right, seen } of judged) expect(seen.mistaken).to.equal(right.choice !== seen.choice)
    expect(() => judge(prompts[0], 'a', 'b', { errorRate: 2, random })).to.throw(RangeError, 'errorRate')
  })

  it('a judge is deaf to what its constitution leaves out, and does not care about order', () => {
    fc.assert(fc.property(demonstrated, anyReply, fc.nat(), ({ prompt, text }, other, seed) => {
      const there = judge(prompt, text, other, { random: Random.seed(seed) }), back = judge(prompt, other, text, { random: Random.seed(seed) })
      if (there.choice === undefined) expect(back.choice).to.equal(undefined)
      else expect(back.choice).to.equal(1 - there.choice)
      const deaf = judge(prompt, text, `${text} this is absolutely certain .`, { constitution: withoutPrinciples(CONSTITUTION, 'evidence', 'brief'), random: Random.seed(seed) })
      expect(deaf.choice).to.equal(undefined)
    }))
  })

  it('AI feedback is valid preference data that names its judge, with a reason for every label', () => {
    const prompts = drawPrompts(200, 3), random = Random.seed(2), unjudged = prompts.map(prompt => ({ prompt, a: demonstrate(prompt, random).text, b: demonstrate(prompt, random).text }))
    const { pairs, log, judged, undecided } = aiFeedback(unjudged, { random, errorRate: 0.1 }, 'clerks')
    expect(pairs.length + undecided).to.equal(200)
    expect([judged.length, log.length]).to.deep.equal([pairs.length, pairs.length])
    pairs.forEach((value, i) => expect(checkRow({ row: i + 1, share: 1, fields: value }, 'pairs').problems).to.deep.equal([]))
    expect(new Set(pairs.map(p => p.annotator))).to.deep.equal(new Set(['constitutional judge, error rate 0.1']))
    for (const { decidedBy } of log) expect(decidedBy.length).to.be.at.least(1)
  })
})
