import { expect } from 'chai'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ended, labs, root, scratch } from '../labs/run'

interface Cell { id: string; source: string | string[]; outputs?: { output_type: string }[]; metadata: { nbgrader?: { solution: boolean } } }
interface Notebook { cells: Cell[] }

const name = '00-start-here'
const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Notebook
const sources = (notebook: Notebook) => notebook.cells.map(cell => [cell.source].flat().join(''))

describe('grading: nbgrader itself', function () {
  this.timeout(900_000)
  const course = scratch()
  const nbgrader = async (...args: string[]) => {
    const run = await ended(process.execPath, [path.join(root, 'tools/author/nbgrader.mjs'), '--no-setup', ...args], { INIT_CWD: course })
    expect(run.code, run.out).equal(0)
  }
  const submit = (who: string, change: (cell: Cell) => void) => {
    const notebook = read(path.join(course, 'release', name, `${name}.ipynb`)), folder = path.join(course, 'submitted', who, name)
    notebook.cells.filter(cell => cell.metadata.nbgrader?.solution).forEach(change)
    mkdirSync(folder, { recursive: true })
    writeFileSync(path.join(folder, `${name}.ipynb`), JSON.stringify(notebook))
  }

  it('releases the student notebook, gives a right, a wrong and an empty submission their points, and writes feedback', async () => {
    expect((await labs(['course', course, '00'])).code).equal(0)
    await nbgrader('generate_assignment', name)
    expect(sources(read(path.join(course, 'release', name, `${name}.ipynb`)))).deep.equal(sources(read(path.join(root, 'notebooks', `${name}.ipynb`))))

    const solved = new Map(read(path.join(root, 'notebooks/solutions', `${name}.ipynb`)).cells.map(cell => [cell.id, cell.source]))
    submit('right', cell => { cell.source = solved.get(cell.id)! })
    submit('wrong', cell => { cell.source = [solved.get(cell.id)!].flat().join('').replace('function tokenLogps', 'const tokenLogps = (rows: number[][], tokens: number[]) => solution(rows, tokens).map(v => v + 1)\nfunction solution') })
    submit('empty', () => undefined)
    await nbgrader('autograde', name)
    await nbgrader('generate_feedback', name)
    await nbgrader('export')

    const [head, ...rows] = readFileSync(path.join(course, 'grades.csv'), 'utf8').trim().split('\n').map(line => line.split(','))
    const points = Object.fromEntries(rows.map(row => [row[head.indexOf('student_id')], [row[head.indexOf('score')], row[head.indexOf('max_score')]].map(Number)]))
    expect(points).deep.equal({ right: [4, 4], wrong: [3, 4], empty: [0, 4] })
    for (const who of Object.keys(points)) {
      const outputs = read(path.join(course, 'autograded', who, name, `${name}.ipynb`)).cells.flatMap(cell => cell.outputs ?? [])
      expect(outputs.filter(output => output.output_type === 'error'), `${who}: the lab goes on past an unsolved exercise`).deep.equal([])
      expect(existsSync(path.join(course, 'feedback', who, name, `${name}.html`)), `${who}: feedback`).equal(true)
    }
  })
})
