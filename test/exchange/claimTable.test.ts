import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { claimTable } from '../../lib/exchange/claimTable'
import { clonePath } from '../../lib/exchange/clone'

describe('exchange/claimTable', () => {
  let folder: string
  before(() => { folder = mkdtempSync(join(tmpdir(), 'claim-table-')) })
  after(() => rmSync(folder, { recursive: true }))

  it('has one row a figure that the seed moves, and one column a seed', () => {
    const claims = [{ statement: 'up', figures: [{ name: 'slope', values: ['0.5', '0.6'] }, { name: 'rises', values: ['true', 'false'] }, { name: 'pairs', values: ['3', '3'] }] }, { statement: 'down', figures: [{ name: 'slope', values: ['-1', '-2'] }] }]
    writeFileSync(join(folder, '17-my-lab.json'), JSON.stringify({ seeds: [0, 1], claims }))
    expect(claimTable('17', '', folder)).to.deep.equal([
      { claim: 'up', figure: 'slope', 'seed 0': '0.5', 'seed 1': '0.6' }, { claim: '', figure: 'rises', 'seed 0': 'true', 'seed 1': 'false' },
      { claim: 'down', figure: 'slope', 'seed 0': '-1', 'seed 1': '-2' },
    ])
    expect(claimTable('17-my-lab', 'down', folder)).to.have.length(1)
    expect(() => claimTable('17', 'sideways', folder)).to.throw("no claim of lab 17 says 'sideways'; there are: up; down")
  })

  it('says what was not measured, and refuses what seeds did not write', () => {
    expect(claimTable('18', '', folder)).to.deep.equal([{ claim: 'not measured yet: npm run labs -- seeds 18' }])
    expect(claimTable('18', '', join(folder, 'nowhere'))).to.have.length(1)
    writeFileSync(join(folder, '19-broken.json'), '{"seeds": [0]}')
    expect(() => claimTable('19', '', folder)).to.throw('19-broken.json: ')
  })

  it('reads every table of this clone', () => {
    const there = readdirSync(clonePath('notebooks')).includes('seeds') ? readdirSync(clonePath('notebooks', 'seeds')) : []
    for (const file of there) {
      const { claims } = JSON.parse(readFileSync(clonePath('notebooks', 'seeds', file), 'utf8')) as { claims: { figures: { values: string[] }[] }[] }
      expect(claimTable(file.slice(0, 2)), file).to.have.length(claims.flatMap(c => c.figures.filter(f => f.values.some(v => v !== f.values[0]))).length)
    }
  })
})
