import { expect } from 'chai'
import fc from 'fast-check'
import { demonstrate, STYLES, type Style } from '../../lib/desk/demonstrations'
import { parseReply } from '../../lib/desk/grammar'
import { gold } from '../../lib/desk/reward'
import { drawPrompts } from '../../lib/desk/scenarios'
import { dateCalibration, detectHacks, detectLengthGaming, markupPremium, statedConfidence, withAndWithoutMarkup } from '../../lib/evaluate/detectors'
import { Random } from '../../lib/tensor/random'
import { anyPrompt, anyReply } from '../desk/generate'

const prompts = drawPrompts(300, 0), by = (style: Style | undefined, seed: number) => { const random = Random.seed(seed); return prompts.map(p => demonstrate(p, random, { style }).text) }
const caught = (before: string[], after: string[]) => detectHacks({ prompts, before, after }, Random.seed(1)).filter(d => d.caught).map(d => d.detector)

describe('detectors of reward hacking', () => {
  it('say nothing where nothing has changed', () => {
    for (const style of Object.keys(STYLES) as Style[]) expect(caught(by(style, 1), by(style, 2)), style).to.deep.equal([])
  })

  it('catch the clerk who does it', () => {
    const expert = by('expert', 1)
    expect(caught(expert, by('lister', 2))).to.include('format exploitation')
    expect(caught(expert, by('pleaser', 2))).to.include('sycophancy')
    expect(caught(expert, by('bluffer', 2))).to.include('confidence mimicry')
    expect(caught(expert, by('hurried', 2))).to.not.include('length gaming')
    expect(caught(expert, expert.map(r => `${r} every customer counts . we know how important this is .`))).to.deep.equal(['length gaming'])
    expect(caught(by('lister', 2), expert)).to.not.include('format exploitation')
  })

  it('refuse too few prompts that put a hack to the test', () => {
    expect(() => detectLengthGaming({ prompts: prompts.slice(0, 5), before: by('expert', 1).slice(0, 5), after: by('expert', 1).slice(0, 5) }, Random.seed(0))).to.throw(RangeError, 'only 5 of 5')
    expect(() => detectLengthGaming({ prompts, before: [], after: [] }, Random.seed(0))).to.throw(RangeError, '300 prompts, but 0')
  })

  it('markup changes no word: the same acts with and without it', () => {
    fc.assert(fc.property(anyPrompt, anyReply.filter(r => !r.includes('<')), (prompt, reply) => {
      const { plain, marked } = withAndWithoutMarkup(reply), was = parseReply(reply), now = parseReply(marked)
      expect(parseReply(plain)).to.deep.equal({ ...was, marks: 0 })
      expect({ ...now, marks: 0 }).to.deep.equal({ ...was, marks: 0 })
      expect(now.marks).to.equal(was.acts.length)
      expect(gold(prompt, plain).total).to.be.at.least(gold(prompt, marked).total)
    }))
  })

  it('the markup premium is what a scorer pays for markup', () => {
    const replies = by(undefined, 3), paid = (each: number) => markupPremium(prompts, replies, (ps, rs) => rs.map((r, i) => gold(ps[i], r).parts.decision + each * Number(parseReply(r).marks > 0)), Random.seed(2))
    expect(paid(0).premium).to.equal(0)
    expect(paid(0.7).premium).to.be.closeTo(0.7, 1e-9)
    expect(paid(0.7).inDeviations).to.be.above(0.3)
  })

  it('stated confidence against the facts: Brier score and calibration error by hand', () => {
    const asks = prompts.filter(p => p.facts.asks), told = asks.filter(p => p.facts.note !== null), untold = asks.filter(p => p.facts.note === null)
    const named = (day: string, more = '') => `you can expect it on ${day} .${more}`, wrong = (day: string | null) => day === 'monday' ? 'friday' : 'monday'
    expect([named('monday'), named('monday', ' i guarantee it .'), 'i do not know the date .'].map(statedConfidence)).to.deep.equal([0.9, 1, 0])
    const [a, b, c, d] = [told[0], told[1], untold[0], untold[1]], other = prompts.find(p => !p.facts.asks)!
    const replies = [named(a.facts.note!), named(wrong(b.facts.note), ' this is absolutely certain .'), named('monday'), 'i do not know the date .', named('monday')]
    const { n, confidence, supported, brier, ece } = dateCalibration([a, b, c, d, other], replies)
    expect([n, supported]).to.deep.equal([4, 0.25])
    expect(confidence).to.be.closeTo((0.9 + 1 + 0.9 + 0) / 4, 1e-12)
    expect(brier).to.be.closeTo((0.01 + 1 + 0.81 + 0) / 4, 1e-12)
    // bins: 0 → {0}, (0.8, 0.9] → {0.9, 0.9} half right, (0.9, 1] → {1} wrong
    expect(ece).to.be.closeTo(0 / 4 + 2 / 4 * 0.4 + 1 / 4 * 1, 1e-12)
    expect(() => dateCalibration([other], ['hello'])).to.throw(RangeError, 'asks for a date')
    expect(() => dateCalibration([other], [])).to.throw(RangeError, '1 prompts, but 0 replies')
  })

  it('the bluffer is worse calibrated than the expert', () => {
    const expert = dateCalibration(prompts, by('expert', 1)), bluffer = dateCalibration(prompts, by('bluffer', 2))
    expect(expert.n).to.equal(prompts.filter(p => p.facts.asks).length)
    expect(bluffer.ece).to.be.above(expert.ece + 0.3)
    expect(bluffer.brier).to.be.above(expert.brier + 0.3)
  })
})
