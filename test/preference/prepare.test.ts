import { expect } from 'chai'
import fc from 'fast-check'
import { extractPrompt, unpair } from '../../lib/preference/prepare'
import { goldens } from '../goldens'

const cases = goldens('tokenizers').cases.filter(c => /^trl_(extract_prompt|unpair)/.test(c.name))

describe('preference/prepare', () => {
  it('has the goldens', () => expect(cases.map(c => c.name)).to.have.members(['trl_extract_prompt_messages', 'trl_extract_prompt_text', 'trl_unpair_preference_dataset']))
  for (const golden of cases) {
    it(`tokenizers: ${golden.name}`, () => {
      if (golden.name.startsWith('trl_unpair')) expect(unpair(golden.inputs.rows as never)).to.deep.equal(golden.expected.rows)
      else expect(extractPrompt(golden.inputs.row as { chosen: string, rejected: string })).to.deep.equal(golden.expected.row)
    })
  }

  const answer = fc.string({ minLength: 1, unit: 'grapheme' }), content = fc.record({ role: fc.constantFrom('user' as const, 'assistant' as const), content: answer })

  it('takes nothing away and leaves two answers that differ at once, or after a space (property)', () => {
    fc.assert(fc.property(answer, answer, answer, (prompt, a, b) => {
      fc.pre(a !== b && [...a][0] !== [...b][0])
      const row = { chosen: `${prompt} ${a}`, rejected: `${prompt} ${b}` }, got = extractPrompt(row)
      expect([got.prompt + got.chosen, got.prompt + got.rejected]).to.deep.equal([row.chosen, row.rejected])
      expect(got.prompt).to.equal(prompt)
      expect([got.chosen, got.rejected]).to.deep.equal([` ${a}`, ` ${b}`])
    }))
    fc.assert(fc.property(fc.array(content, { minLength: 1 }), content, content, (prompt, a, b) => {
      fc.pre(JSON.stringify(a) !== JSON.stringify(b))
      expect(extractPrompt({ chosen: [...prompt, a], rejected: [...prompt, b] })).to.deep.equal({ prompt, chosen: [a], rejected: [b] })
    }))
  })

  it('keeps characters of two code units whole', () => {
    expect(extractPrompt({ chosen: 'so 🙂', rejected: 'so 🙃' })).to.deep.equal({ prompt: 'so', chosen: ' 🙂', rejected: ' 🙃' })
    expect(extractPrompt({ chosen: 'so🙂', rejected: 'so🙃' })).to.deep.equal({ prompt: 'so', chosen: '🙂', rejected: '🙃' })
  })

  it('leaves a part to an answer that the other one begins with', () => {
    expect(extractPrompt({ chosen: 'go on', rejected: 'go on and on' })).to.deep.equal({ prompt: 'go o', chosen: 'n', rejected: 'n and on' })
    expect(extractPrompt({ chosen: 'go on and on', rejected: 'go on' })).to.deep.equal({ prompt: 'go o', chosen: 'n and on', rejected: 'n' })
  })

  it('says why there is no prompt', () => {
    expect(() => extractPrompt({ chosen: 'same', rejected: 'same' })).to.throw(RangeError, 'nothing was preferred')
    expect(() => extractPrompt({ chosen: 'yes', rejected: 'no' })).to.throw(RangeError, 'share no prompt')
    expect(() => extractPrompt({ chosen: '', rejected: 'no' })).to.throw(RangeError, 'share no prompt')
    expect(() => extractPrompt<string | []>({ chosen: 'yes', rejected: [] })).to.throw(TypeError, 'one of chosen and rejected is a text')
  })

  it('unpairs every pair into one good and one bad answer (property)', () => {
    fc.assert(fc.property(fc.array(fc.record({ prompt: fc.string(), chosen: fc.string(), rejected: fc.string() })), pairs => {
      const thumbs = unpair(pairs), n = pairs.length
      expect(thumbs).to.have.length(2 * n)
      pairs.forEach(({ prompt, chosen, rejected }, i) => {
        expect([thumbs[i], thumbs[n + i]]).to.deep.equal([{ prompt, completion: chosen, label: true }, { prompt, completion: rejected, label: false }])
      })
    }))
  })
})
