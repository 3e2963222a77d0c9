import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { shippedPandaLm } from '../../lib/exchange/pandalm'
import { describeFeedback, feedbackOfFile } from '../../lib/preference/feedback'
import { chooseMethod, explainChoice, FEEDBACK_CASES } from '../../lib/preference/router'
import { Random } from '../../lib/tensor/random'

const reply = (words: number, word: string) => Array.from({ length: words }, () => word).join(' ')

/** PandaLM's votes as rows of pairs: one row an annotator who chose, texts of the published lengths. */
const pandaRows = () => shippedPandaLm().flatMap(({ prompt, votes, words, models }, item) => votes.flatMap((vote, annotator) => vote === 0 || words[0] === 0 || words[1] === 0 ? [] : [{
  prompt_id: `p${prompt}`, prompt: `prompt ${prompt} ${models} ${item}`, chosen: reply(words[0], 'left'), rejected: reply(words[1], 'right'), label: vote === 1 ? 1 : 0, annotator: `annotator${annotator}`,
}]))

/** A log whose second judgements agree with the first with probability `agree`. */
function judgedTwice(n: number, agree: number, random: Random) {
  return Array.from({ length: n }, (_, i) => ['Ana', 'Ben'].map((annotator, k) => {
    const flip = k === 1 && random.uniform() >= agree
    return { prompt: `prompt ${i}`, chosen: flip ? 'no' : 'yes', rejected: flip ? 'yes' : 'no', annotator }
  })).flat()
}

describe('preference/router', () => {
  it('answers the six typical logs', () => {
    const answers = Object.fromEntries(Object.entries(FEEDBACK_CASES).map(([name, log]) => [name, chooseMethod(log).answer]))
    expect(answers).to.deep.equal({
      paired_offline_feedback: 'DPO baseline', binary_offline_feedback: 'KTO candidate', online_checkable_reward: 'GRPO candidate',
      single_stage: 'ORPO candidate', length_sensitive_no_reference: 'SimPO candidate', near_deterministic: 'IPO candidate',
    })
    for (const log of Object.values(FEEDBACK_CASES)) expect(chooseMethod(log)).to.deep.include({ insufficient: [] })
    expect(explainChoice(chooseMethod(FEEDBACK_CASES.near_deterministic))).to.match(/^IPO candidate\n.*99\.4% \(497 of 500, 95% interval 98\.\d% to 99\.\d%\); 0\.6% are contradicted/s)
  })

  it('reads PandaLM as a log that leans on length and is far from deterministic', () => {
    const log = describeFeedback(pandaRows()), choice = chooseMethod(log)
    expect(choice.answer).to.equal('DPO baseline')
    expect(log.anonymous).to.equal(0)
    const [agreement, longer] = choice.figures
    expect(longer.share, 'lab 03 finds 68.2% with ties counted as votes').to.be.within(0.66, 0.7)
    expect(longer.interval[0]).to.be.above(0.6)
    expect(agreement.share).to.be.within(0.85, 0.97)
    expect(choice.cautions.join()).to.include('longer reply wins')
    const free = chooseMethod({ ...log, reference: false })
    expect(free.answer).to.equal('SimPO candidate')
    expect(free.reasons.join()).to.include('divides log-probs by length')
  })

  it('tells nearly deterministic labels from noisy ones and from coins', () => {
    const random = Random.seed(0), of = (agree: number, n = 300) => chooseMethod(describeFeedback(judgedTwice(n, agree, random)))
    expect([of(1).answer, of(0.8).answer]).to.deep.equal(['IPO candidate', 'DPO baseline'])
    expect(of(0.52).insufficient.join()).to.match(/a coin agrees as often|this may be a coin/)
    expect(of(0.3)).to.deep.include({ method: null, answer: 'none' })
    expect(of(0.3).insufficient[0]).to.include('repair the instructions')
    const unsure = of(1, 40)
    expect(unsure.answer).to.equal('DPO baseline')
    expect(unsure.insufficient[0]).to.include('only 40 distinct comparisons')
    expect(unsure.unknown.join()).to.include('have more comparisons judged twice')
    expect(chooseMethod({ pairs: 1000 }).unknown.join()).to.include('no comparison was judged twice')
  })

  it('takes thumbs, tasks and mixtures for what they are', () => {
    const thumbs = Array.from({ length: 600 }, (_, i) => ({ prompt: `p${i}`, completion: 'a reply', label: i % 6 === 0 }))
    const kto = chooseMethod(describeFeedback(thumbs))
    expect(kto.answer).to.equal('KTO candidate')
    expect(kto.cautions.join()).to.include('5.0 to 1 in favour of down: give each thumb up 5.0 times the weight')
    expect(chooseMethod(describeFeedback(thumbs.filter(t => t.label)))).to.deep.include({ method: null })
    const tasks = Array.from({ length: 200 }, (_, i) => ({ prompt: `${i} + ${i} =`, answer: 2 * i }))
    expect(chooseMethod(describeFeedback(tasks)).answer).to.equal('GRPO candidate')
    expect(chooseMethod(describeFeedback(tasks, { online: false }))).to.deep.include({ method: null })
    expect(chooseMethod(describeFeedback([...tasks, ...thumbs], { online: false })).answer).to.equal('KTO candidate')
    expect(chooseMethod({ judge: true }).answer).to.equal('Online DPO candidate')
    expect(chooseMethod({})).to.deep.include({ method: null, standing: 'none' })
  })

  it('counts copies, equal replies and rows without an annotator apart', () => {
    const pair = (i: number, more: object = {}) => ({ prompt: `prompt ${i}`, chosen: 'yes it is', rejected: 'no', ...more })
    const log = describeFeedback([pair(0, { annotator: 'Ana' }), pair(0, { annotator: 'Ana' }), pair(1), pair(1), pair(2, { rejected: 'Yes, it is!' }), pair(3, { annotator: 'Ana' }), pair(3, { annotator: 'Ben', label: 0 })])
    expect(log).to.deep.include({ pairs: 3, copies: 1, same: 1, anonymous: 1, agreement: { count: 1, of: 2 }, longer: { count: 2, of: 2 } })
    expect(chooseMethod(log).cautions.join('\n')).to.match(/say the same[^]*same annotator[^]*name no annotator/)
  })

  it('does not depend on the order of rows or of replies, and explains every answer', () => {
    const arbitrary = fc.record({ item: fc.nat(12), vote: fc.boolean(), annotator: fc.constantFrom('Ana', 'Ben', 'Cem'), long: fc.boolean() })
    fc.assert(fc.property(fc.array(arbitrary, { minLength: 1, maxLength: 60 }), fc.nat(), (votes, seed) => {
      const seen = new Set<string>(), rows = votes.filter(v => { const key = `${v.item} ${v.annotator}`; return !seen.has(key) && seen.add(key) })
        .map(v => ({ prompt: `p${v.item}`, chosen: v.vote ? 'yes' : 'no no', rejected: v.vote ? 'no no' : 'yes', annotator: v.annotator }))
      const log = describeFeedback(rows), swapped = describeFeedback(rows.map(({ chosen, rejected, ...r }) => ({ ...r, chosen: rejected, rejected: chosen, label: 0 })))
      expect(swapped).to.deep.equal(log)
      const { agreement: _, ...shuffled } = describeFeedback(Random.seed(seed).shuffle(rows)), { agreement: __, ...original } = log
      expect(shuffled, 'agreement takes the first two judgements, so the order may matter there').to.deep.equal(original)
      expect(log.pairs).to.equal(new Set(rows.map(r => r.prompt)).size)
    }))
    const anyLog = fc.record({
      pairs: fc.nat(3000), thumbs: fc.record({ up: fc.nat(500), down: fc.nat(500) }), checkable: fc.nat(3), online: fc.boolean(), judge: fc.boolean(), singleStage: fc.boolean(), reference: fc.boolean(),
      agreement: fc.option(fc.tuple(fc.nat(200), fc.nat(200)).map(([count, more]) => ({ count, of: count + more })), { nil: undefined }),
      longer: fc.option(fc.tuple(fc.nat(200), fc.nat(200)).map(([count, more]) => ({ count, of: count + more })), { nil: undefined }),
    })
    fc.assert(fc.property(anyLog, log => {
      const choice = chooseMethod(log)
      expect(choice.reasons.length + choice.insufficient.length).to.be.above(0)
      if (choice.method === null) expect(choice.insufficient).to.not.be.empty
      else expect(choice.answer).to.equal(`${choice.method} ${choice.standing}`)
      if (choice.method === 'KTO') expect(log.pairs).to.equal(0)
      if (choice.method === 'SimPO') expect(log.reference).to.equal(false)
      if (choice.method === 'GRPO') expect(log.online && log.checkable > 0).to.equal(true)
      for (const { share, interval: [low, high] } of choice.figures) expect(low <= share && share <= high).to.equal(true)
      expect(explainChoice(choice)).to.not.match(/NaN|undefined|Infinity/)
    }))
  })

  it('reads files, and names what is wrong in them and in descriptions', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'router-'))
    const file = (name: string, text: string) => { const path = join(folder, name); writeFileSync(path, text); return path }
    const failure = (path: string) => feedbackOfFile(path).then(() => 'no error', (e: Error) => e.message)
    try {
      expect(await feedbackOfFile(file('thumbs.csv', 'prompt,completion,label\nwhy,so,true\nwhy,no,False\nhow,thus,1\n'))).to.deep.include({ thumbs: { up: 2, down: 1 }, pairs: 0 })
      expect(await feedbackOfFile(file('pairs.jsonl', '{"prompt":"a","chosen":"b","rejected":"c"}\n'), { judge: true })).to.deep.include({ pairs: 1, judge: true })
      expect(await failure(file('empty.jsonl', ''))).to.match(/empty\.jsonl: feedback: the log has no rows/)
      expect(await failure(file('broken.jsonl', '{"prompt":"a","chosen":"b","rejected":"c"}\n{"prompt":'))).to.match(/broken\.jsonl: row 2: .*expected one complete JSON record/)
      expect(await failure(file('half.jsonl', '{"prompt":"a","chosen":"b"}\n'))).to.match(/half\.jsonl: row 1: .*rejected/s)
      expect(await failure(file('other.jsonl', '{"text":"a","stars":3}\n'))).to.match(/other\.jsonl: row 1: expected a pair .* got the fields text, stars/)
    } finally { rmSync(folder, { recursive: true }) }
    expect(() => describeFeedback([{ prompt: 'a', completion: 'b', label: 'maybe' }])).to.throw('row 1')
    expect(() => describeFeedback([null])).to.throw('row 1: expected a pair (prompt, chosen, rejected), a judged reply (prompt, completion, label) or a task (prompt, answer), got null')
    expect(() => chooseMethod({ pairs: -1 })).to.throw('pairs')
    expect(() => chooseMethod({ pairs: 10, longer: { count: 3, of: 2 } })).to.throw('count must not exceed of')
    expect(() => chooseMethod({ pears: 10 } as never)).to.throw('pears')
  })
})
