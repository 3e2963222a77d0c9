import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { downloads } from '../../lib/exchange/downloads'
import { llmBar, llmBarItems, parseLlmBar, shippedLlmBar } from '../../lib/exchange/llmbar'
import { majorityVote, pandaLm, pandaLmItems, parsePandaLm, shippedPandaLm, wordCount } from '../../lib/exchange/pandalm'
import { cohenKappa } from '../../lib/preference/agreement'
import { printed } from '../printed'

const row = { idx: 0, motivation_app: 'x', cmp_key: 'm_n', instruction: 'Verify.', input: 'one is odd', response1: true, response2: 'It is true.', annotator1: 1, annotator2: 2, annotator3: 2 }

describe('exchange/pandalm and exchange/llmbar', () => {
  let folder: string
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'judgements-')) })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('turns published rows into numbers: prompts in order of appearance, words, and which reply is no text', () => {
    const rows = parsePandaLm(JSON.stringify([row, { ...row, input: 'two is odd', response2: '' }, row]))
    expect(pandaLmItems(rows).map(i => i.prompt)).to.deep.equal([0, 1, 0])
    expect(pandaLmItems(rows)[1]).to.deep.equal({ prompt: 1, models: 'm_n', votes: [1, 2, 2], words: [1, 0], text: [false, true] })
    expect([' a  b\n', '', true].map(wordCount)).to.deep.equal([2, 0, 1])
  })

  it('names the row and the field that are wrong', () => {
    expect(() => parsePandaLm(JSON.stringify([row, { ...row, annotator2: 3 }]), 'x.json')).to.throw(Error, /x\.json: .*\[1\]\.annotator2/s)
    expect(() => parseLlmBar(JSON.stringify([{ input: 'i', output_1: 'a', output_2: 'b', label: 0 }]), 'natural', 'y.json')).to.throw(Error, /y\.json: .*\[0\]\.label/s)
  })

  it('ships PandaLM with the published statistics', () => {
    const items = shippedPandaLm(), of = (i: number) => items.map(item => item.votes[i])
    expect([items.length, new Set(items.map(i => i.prompt)).size, new Set(items.map(i => i.models)).size]).to.deep.equal([999, 170, 10])
    expect([[0, 1], [0, 2], [1, 2]].map(([a, b]) => cohenKappa(of(a), of(b)).toFixed(3)).sort()).to.deep.equal(['0.852', '0.862', '0.879'])
    const decided = items.flatMap(({ votes, words: [first, second] }) => {
      const won = majorityVote(votes)
      return !won || first === second ? [] : [(first > second) === (won === 1)]
    })
    expect((100 * decided.filter(Boolean).length / decided.length).toFixed(1)).to.equal('68.2')
  })

  it('ships LLMBar: 100 natural and 319 adversarial pairs', () => {
    const items = shippedLlmBar()
    expect(items.length).to.equal(419)
    expect(['natural', 'neighbor', 'gptinst', 'gptout', 'manual'].map(part => items.filter(i => i.part === part).length)).to.deep.equal([100, 134, 92, 47, 46])
    expect(llmBarItems(parseLlmBar('[{"input":"i","output_1":"a b","output_2":"c","label":2}]', 'manual'))).to.deep.equal([{ part: 'manual', right: 2, words: [2, 1] }])
  })

  it('goes on with the shipped tables where what is there is not the file, and says so', async () => {
    for (const [name, get, table] of [['pandalm-testset', pandaLm, 'pandalm-votes.csv'], ['llmbar-natural', llmBar, 'llmbar-lengths.csv']] as const) {
      const entry = downloads().find(d => d.name === name)!, mirror = join(folder, 'mirror'), path = join(mirror, entry.repository, entry.commit, entry.path)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, '[]')
      let result: { items: readonly unknown[]; rows?: unknown } | undefined
      expect(await printed(async () => { result = await get({ cache: join(folder, 'cache'), mirror }) }), name).to.match(new RegExp(`not the published file.*${table}`, 's'))
      expect(result!.items.length).to.be.above(400)
      expect(result!.rows).to.equal(undefined)
    }
  })

  it('takes the majority of votes, ties among them, or null', () => {
    expect(majorityVote([1, 1, 2])).to.equal(1)
    expect(majorityVote([0, 0, 2])).to.equal(0)
    expect(majorityVote([0, 1, 2])).to.equal(null)
  })
})
