import { expect } from 'chai'
import fc from 'fast-check'
import { normalised, PROVENANCE_FIELDS, provenance, REQUIRED_FIELDS, winner } from '../../lib/preference/records'
import { writeJsonLines } from '../../lib/preference/readersJsonl'
import { formatReport, gateLine, readPairs, validateFile, validateRows, type ValidationReport } from '../../lib/preference/validate'
import { all, inFolder, pair, rowsOf } from './files'

const report = async (records: readonly unknown[], options = {}): Promise<ValidationReport> => (await all(validateRows(rowsOf(records), 'pairs.jsonl', options))).at(-1)!

describe('preference/validate', () => {
  it("passes the damaged order's five fields and says what comes next", async () => {
    const found = await report([pair()])
    expect(gateLine(found)).to.equal('fields_present=True distinct_responses=True binary_label=True next_gate=group prompt_id before train/eval split')
    expect(found).to.include({ rows: 1, validRows: 1, problemCount: 0, done: true, share: 1 })
  })

  it('lists every problem of a file in one report, by row and field', async () => {
    const found = await report([
      pair(), pair({ prompt_id: undefined, label: '1' }), pair({ chosen: '  ', rejected: ['a', 'b'] }), pair({ rejected: 'We will  send you a replacement. ' }),
      'no record', pair({ label: 2 }), pair({ label: true, annotator: 7 }), pair({ prompt: null }), null, [1],
    ])
    expect(found.problems.map(p => [p.row, p.field, p.found])).to.deep.equal([
      [2, 'prompt_id', 'nothing'], [2, 'label', '"1"'], [3, 'chosen', 'empty text'], [3, 'rejected', 'a list of 2'],
      [4, 'rejected', 'the same as chosen, "We will send you a replacement."'], [5, '', '"no record"'], [6, 'label', '2'],
      [7, 'label', 'true'], [7, 'annotator', '7'], [8, 'prompt', 'null'], [9, '', 'null'], [10, '', 'a list of 1'],
    ])
    for (const p of found.problems) {
      expect(p.file).to.equal('pairs.jsonl')
      expect(p.expected).to.not.equal('')
      expect(p.fix).to.not.equal('')
    }
    expect(found).to.include({ rows: 10, validRows: 1, problemCount: 12 })
    expect(gateLine(found)).to.equal('fields_present=False distinct_responses=False binary_label=False next_gate=repair fields_present')
  })

  it('opens and shuts each gate by its own cause alone', async () => {
    const gates = async (changes: Record<string, unknown>) => Object.values((await report([pair(), pair(changes)])).gates)
    for (const field of ['prompt_id', 'prompt', 'chosen', 'rejected']) expect(await gates({ [field]: undefined }), field).to.deep.equal([false, true, true])
    expect(await gates({ label: undefined })).to.deep.equal([false, true, false])
    expect(await gates({ label: 0.5 })).to.deep.equal([true, true, false])
    expect(await gates({ rejected: pair().chosen })).to.deep.equal([true, false, true])
    expect(await gates({ rubric: '' })).to.deep.equal([true, true, true])
    expect((await report([pair({ rubric: '' })])).nextGate).to.equal('repair provenance')
    expect((await report([])).gates.fields_present).to.equal(false)
    expect((await report([pair({ label: undefined })], { keep: 0 })).gates).to.deep.equal({ fields_present: false, distinct_responses: true, binary_label: false })
  })

  it('finds exactly the damage that was done, whatever the rows', async () => {
    const damage = fc.constantFrom<Record<string, unknown>>({}, { label: 3 }, { chosen: '' }, { prompt: 5 }, { rejected: pair().chosen }, { generator: {} })
    await fc.assert(fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 60 }), fc.nat(5), async (damages, keep) => {
      const found = await report(damages.map(pair), { keep }), bad = damages.flatMap((d, i) => Object.keys(d).map(field => [i + 1, field]))
      expect(found.problemCount).to.equal(bad.length)
      expect(found.problems.map(p => [p.row, p.field])).to.deep.equal(bad.slice(0, keep))
      expect(found.counts.reduce((n, c) => n + c.rows, 0)).to.equal(bad.length)
      expect(found.validRows).to.equal(damages.length - bad.length)
      for (const c of found.counts) expect(c.firstRow).to.equal(bad.find(([, field]) => field === c.field)![0])
    }))
  })

  it('yields the report so far at every step, so that progress can be shown', async () => {
    const steps = await all(validateRows(rowsOf(Array.from({ length: 25 }, (_, i) => pair({ label: i % 5 ? 1 : 9 }))), 'x.jsonl', { every: 10 }))
    expect(steps.map(s => [s.rows, s.problemCount, s.done])).to.deep.equal([[10, 2, false], [20, 4, false], [25, 5, true]])
    expect(steps.map(s => s.share)).to.deep.equal([0.4, 0.8, 1])
  })

  it('says the same of the same rows as JSON Lines and as CSV', () => inFolder(async write => {
    const json = write('a.jsonl', [pair(), pair({ label: 7 }), pair({ prompt: '' })].map(p => JSON.stringify(p)).join('\n'))
    const csv = write('a.csv', `${REQUIRED_FIELDS.join(',')}\n${[pair(), pair({ label: 7 }), pair({ prompt: '' })].map(p => REQUIRED_FIELDS.map(f => `"${String(p[f])}"`).join(',')).join('\n')}`)
    const [a, b] = [await validateFile(json), await validateFile(csv)]
    expect(b.problems.map(p => [p.row - 1, p.field])).to.deep.equal(a.problems.map(p => [p.row, p.field]))
    expect(b.gates).to.deep.equal(a.gates)
  }))

  it('reads back what it writes, and refuses a file with problems by naming file, row and field', () => inFolder(async write => {
    const path = write('pairs.jsonl', ''), pairs = [pair({ annotator: 'ann', rubric: 'v2' }), pair({ prompt_id: 'p2', label: 0, generator: 'sft' })]
    await writeJsonLines(path, pairs)
    expect(await readPairs(path)).to.deep.equal(pairs)
    await writeJsonLines(path, [...pairs, pair({ label: 'yes', source: 'x' }), pair({ annotator: null })])
    const error = await readPairs(path).then(() => null, (e: Error) => e)
    expect(error?.message).to.include(path).and.include('row 3, label: found "yes"; expected the number 0 or 1').and.include('other fields, not used: source').and.include('1 × label')
    expect(await readPairs(write('empty.jsonl', '\n')).then(() => null, (e: Error) => e)).to.be.instanceOf(Error)
  }))

  it('writes a report that a person can act on', async () => {
    const text = formatReport(await report([pair(), ...Array.from({ length: 30 }, () => pair({ label: 5 }))]), 3)
    expect(text.split('\n')).to.have.lengthOf(1 + 1 + 3 + 1 + 1)
    expect(text).to.include('31 rows, 1 valid, 30 problems').and.include('30 × label: expected the number 0 or 1; write 1 where chosen was preferred').and.include('… and 27 more')
  })
})

describe('preference/records', () => {
  it('knows the winner and compares texts by their words', () => {
    expect(winner(pair())).to.equal(pair().chosen)
    expect(winner(pair({ label: 0 }))).to.equal(pair().rejected)
    expect(normalised('  **Wir  schicken**, sofort: ÄRGER?! ')).to.equal('wir schicken sofort ärger')
  })

  it('counts where pairs come from, those that do not say included', () => {
    const counts = provenance([pair({ annotator: 'a' }), pair({ annotator: 'b', rubric: 'v1' }), pair({ annotator: 'b' })])
    expect(Object.fromEntries(PROVENANCE_FIELDS.map(f => [f, [...counts[f]]]))).to.deep.equal({ annotator: [['b', 2], ['a', 1]], generator: [['', 3]], rubric: [['', 2], ['v1', 1]] })
  })
})
