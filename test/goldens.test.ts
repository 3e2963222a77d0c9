import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { expect } from 'chai'
import { goldens, goldensIndex } from './goldens'

describe('goldens', () => {
  it('reads every file of the index', () => {
    let cases = 0
    for (const [name, names] of goldensIndex()) {
      expect(goldens(name).cases.map(c => c.name)).to.deep.equal(names)
      cases += names.length
    }
    expect(cases).to.be.above(400)
  })

  it('compares numbers by the tolerance of their name, deep, and says where they differ', () => {
    const elo = goldens('statistics').case('elo_k32'), path = elo.expected.ratings_after_each_game as number[][]
    elo.close(path, 'ratings_after_each_game')
    elo.close(new Float64Array(path.flat()), 'ratings_after_each_game')
    const wrong = path.map(row => [...row])
    wrong[3][1] += 1e-5
    expect(() => elo.close(wrong, 'ratings_after_each_game')).to.throw(/elo_k32: ratings_after_each_game\[3\]\[1\]: got .* off by 1\.00e-5/)
    expect(() => elo.close(path.slice(1), 'ratings_after_each_game')).to.throw('7 entries, expected 8')
    expect(() => elo.close(path, 'ratings')).to.throw('no expected ratings; it has ratings_after_each_game')
    expect(() => elo.close(path[0][0], 'ratings_after_each_game')).to.throw('expected an array')
  })

  it('finds nested names, also where a name has a dot', () => {
    const glm = goldens('statistics').case('length_controlled_glm')
    glm.close(glm.expected['l2_C_1.0'].raw_win_rate as number, 'l2_C_1.0.raw_win_rate')
    expect(() => glm.close(0.5, 'l2_C_1.0.raw_win_rate')).to.throw('off by')
  })

  it('takes the tolerance whose key the name starts with', () => {
    const dpo = goldens('dpo_losses').case('sigmoid_float32')
    expect(dpo.tolerance('grad_policy_token_logps')).to.deep.equal({ rtol: 1e-3, atol: 1e-5 })
    expect(dpo.tolerance('loss')).to.deep.equal({ rtol: 1e-4, atol: 1e-5 })
  })

  it('does not take a finite number, or NaN, for infinity', () => {
    const file = goldens('sampling'), one = file.cases.find(c => (c.expected.logits as number[][] | undefined)?.flat().includes(-Infinity))!
    const logits = one.expected.logits as number[][]
    one.close(logits, 'logits')
    for (const wrong of [-1e308, NaN, Infinity]) {
      expect(() => one.close(logits.map(row => row.map(v => v === -Infinity ? wrong : v)), 'logits')).to.throw('expected -Infinity')
    }
  })

  it('reads another folder of the same form, and refuses one that lacks a file or whose index differs', () => {
    const folder = mkdtempSync(join(tmpdir(), 'goldens-'))
    const run = () => execFileSync(process.execPath, ['-r', 'tsx/cjs', '-e', `const { goldens } = require('./test/goldens'); goldens('toy').case('a').close(2.5, 'loss'); console.log('read')`],
      { env: { ...process.env, RLHF_GOLDENS: folder }, encoding: 'utf8', stdio: 'pipe' })
    const tolerance = { default: { rtol: 0, atol: 0 } }, one = { name: 'a', source: 's', inputs: {}, expected: { loss: 2.5 }, tolerance }
    try {
      writeFileSync(join(folder, 'index.json'), JSON.stringify({ case_count: 1, files: [{ file: 'toy.json', cases: [{ name: 'a', tolerance }] }] }))
      expect(run).to.throw('RLHF_GOLDENS must name a folder that has toy.json')
      writeFileSync(join(folder, 'toy.json'), JSON.stringify({ about: '', cases: [one] }))
      expect(run()).to.equal('read\n')
      writeFileSync(join(folder, 'toy.json'), JSON.stringify({ about: '', cases: [{ ...one, expected: { loss: 2.6 } }] }))
      expect(run).to.throw('toy.json: a: loss: got 2.5, expected 2.6')
      writeFileSync(join(folder, 'toy.json'), JSON.stringify({ about: '', cases: [one, { ...one, name: 'b' }] }))
      expect(run).to.throw('list different cases')
    } finally { rmSync(folder, { recursive: true }) }
  })
})
