import { expect } from 'chai'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { records, root, scratch } from './run'

interface Cell { source: string[]; execution_count: number | null; outputs: { output_type: string; text?: string[] }[] }
interface Notebook { cells: Cell[] }

const source = `// %%
const loss = 0.64436

// %% promises=["text"]
console.log('loss', loss)

// %%
function gradient(x: number): number {
  // BEGIN SOLUTION
  const twice = 2 * x
  return twice
  // END SOLUTION
  // STUDENT: return x // a bug
}
`

/** What is done to a committed student notebook, and what check must say to it; undefined: nothing. */
const tampered: Record<string, [(notebook: Notebook) => void, RegExp | undefined]> = {
  '91-unexecuted': [n => { n.cells[1].execution_count = null; n.cells[1].outputs = [] }, /^cell \[2\]: was not executed/],
  '92-edited': [n => { n.cells[0].source = ['const loss = 0.5'] }, /^--- committed, cell 1 of 3\n\+\+\+ source, cell 1 of 3\n@@.*@@\n-const loss = 0\.5\n\+const loss = 0\.64436/],
  '93-missing': [n => { n.cells[1].outputs = [] }, /^cell \[2\]: promises a text and shows none/],
  '94-error': [n => { n.cells[0].outputs = [{ output_type: 'error', ename: 'Error', evalue: 'left over', traceback: [] } as never] }, /^cell \[1\]: shows an error: Error: left over/],
  '95-given-away': [n => { n.cells[2].source = ['function gradient(x: number): number {\n', '  const twice = 2 * x\n', '  return twice\n', '}'] }, /^cell \[3\]: gives the solution of cell \[3\] away/],
  '96-other-number': [n => { n.cells[1].outputs[0].text = ['loss 0.54436\n'] }, /^cell \[2\], output 1: stdout, line 1:\n {2}- loss 0\.54436\n {2}\+ loss 0\.64436/],
  '97-last-digit': [n => { n.cells[1].outputs[0].text = ['loss 0.64437\n'] }, undefined],
  '98-counts': [n => { n.cells[1].execution_count = 7 }, /^its execution counts, streams or volatile outputs are not as build leaves them/],
}

describe('labs: build and check', function () {
  this.timeout(600_000)
  const notebooks = scratch(), place = ['--notebooks', notebooks]
  const student = (name: string) => path.join(notebooks, `${name}.ipynb`), solution = (name: string) => path.join(notebooks, 'solutions', `${name}.ipynb`)

  before(async () => {
    mkdirSync(path.join(notebooks, 'src'))
    writeFileSync(path.join(notebooks, 'src/90-small.ts'), source)
    copyFileSync(path.join(root, 'test/canaries/throws.ts'), path.join(notebooks, 'src/99-throws.ts'))
    const built = await records(['build', ...place])
    expect(built.code, built.out).equal(1)
    expect(built.labs.filter(l => !l.passed).map(l => `${l.lab} ${l.form}`)).deep.equal(['99-throws student'])
    for (const name of Object.keys(tampered)) {
      writeFileSync(path.join(notebooks, `src/${name}.ts`), source)
      for (const at of [student, solution]) writeFileSync(at(name), readFileSync(at('90-small'), 'utf8').replaceAll('90-small', name))
      const notebook = JSON.parse(readFileSync(student(name), 'utf8')) as Notebook
      tampered[name][0](notebook)
      writeFileSync(student(name), JSON.stringify(notebook))
    }
    writeFileSync(student('89-stray'), readFileSync(student('90-small')))
  })

  it('build writes both forms, executed, and neither when one fails', () => {
    for (const at of [student, solution]) {
      expect(existsSync(at('99-throws'))).equal(false)
      expect(at === student).equal(readFileSync(at('90-small'), 'utf8').includes('return x // a bug'))
      expect(at === solution).equal(readFileSync(at('90-small'), 'utf8').includes('return twice'))
      const { cells } = JSON.parse(readFileSync(at('90-small'), 'utf8')) as Notebook
      expect(cells.map(c => c.execution_count)).deep.equal([1, 2, 3])
      expect(cells[1].outputs).deep.equal([{ name: 'stdout', output_type: 'stream', text: ['loss 0.64436\n'] }])
    }
  })

  it('check passes what build wrote, byte for byte, and names what was done to the others', async () => {
    const run = await records(['check', '--form', 'student', ...place]), errors = Object.fromEntries(run.labs.map(l => [l.lab, l.errors]))
    expect(run.code).equal(1)
    for (const [name, [, message]] of Object.entries(tampered)) {
      if (message) expect(errors[name].join('\n'), name).match(message)
      else expect(errors[name], name).deep.equal([])
      if (message) expect(errors[name].join('\n'), name).match(new RegExp(`npm run labs -- build ${name.slice(0, 2)}`))
    }
    expect(errors['90-small']).deep.equal([])
    expect(errors['89-stray'].join()).match(/89-stray\.ipynb has no source in/)
    expect(errors['99-throws'].join()).match(/99-throws\.ipynb is not there: npm run labs -- build 99/)
  })

  it('run takes a notebook as it is, whatever it shows from before', async () => {
    const { labs } = await records(['run', student('91-unexecuted')])
    expect(labs.map(l => [l.lab, l.form, l.errors])).deep.equal([['91-unexecuted', 'file', []]])
  })

  it('--exact takes what build wrote and nothing else', async () => {
    const exact = ['check', '--exact', ...place]
    const [same, other] = await Promise.all([records([...exact, '--form', 'solution', '90']), records([...exact, '--form', 'student', '97'])])
    expect(same.labs.map(l => l.errors)).deep.equal([[]])
    expect(other.labs[0].errors[0]).match(/97-last-digit\.ipynb is not byte for byte what a re-run gives/)
  })
})
