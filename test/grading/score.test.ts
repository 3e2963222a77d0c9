import { expect } from 'chai'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { ended, labs, root, scratch, venv } from '../labs/run'

const source = `// %%
import { check, score, todo } from 'rlhf-labs'

// %%
function twice(x: number): number {
  // BEGIN SOLUTION
  return 2 * x
  // END SOLUTION
}

// %% promises=["text"]
const safeTwice = check('90.1', twice, (x: number) => x + x, [[1], [3]], { hint: 'Add it to itself.' })

// %%
function half(x: number): number {
  // BEGIN SOLUTION
  return safeTwice(x) / 4
  // END SOLUTION
  // STUDENT: return safeTwice(x) / 2
}

// %% promises=["text"]
const safeHalf = check('90.bug', half, (x: number) => x / 2, [[4]], { hint: 'Half of 4 is 2.', level: 'advanced' })

// %% promises=["table"]
score()
`

interface Cell { source: string | string[]; metadata: { nbgrader?: { grade_id: string } } }
interface Notebook { cells: Cell[] }
const lives = (pid: number) => { try { return process.kill(pid, 0) } catch { return false } }

describe('grading: npm run score', function () {
  this.timeout(600_000)
  const folder = scratch(), notebooks = path.join(folder, 'course'), classroom = path.join(folder, 'class'), out = path.join(folder, 'scores')
  const form = (name: string) => JSON.parse(readFileSync(path.join(notebooks, name), 'utf8')) as Notebook
  const cell = (notebook: Notebook, id: string) => notebook.cells.find(c => c.metadata.nbgrader?.grade_id === id)!
  const hand = (who: string, notebook: Notebook) => {
    mkdirSync(path.join(classroom, who), { recursive: true })
    writeFileSync(path.join(classroom, who, '90-small.ipynb'), JSON.stringify(notebook))
  }
  const rows = () => {
    const [head, ...lines] = readFileSync(path.join(out, 'scores.csv'), 'utf8').trim().split('\n').map(line => line.split(','))
    return Object.fromEntries(lines.map(line => [line[0], Object.fromEntries(head.map((name, i) => [name, line[i]]))]))
  }

  before(async () => {
    mkdirSync(path.join(notebooks, 'src'), { recursive: true })
    writeFileSync(path.join(notebooks, 'src/90-small.ts'), source)
    const built = await labs(['build', '--notebooks', notebooks])
    expect(built.code, built.out).equal(0)
  })

  it('tells solved, wrong, not attempted, not reached and not handed in apart, and is not misled by a changed check', async () => {
    hand('ann', form('solutions/90-small.ipynb'))
    hand('bob', form('90-small.ipynb'))
    const carl = form('90-small.ipynb')
    cell(carl, 'solution-90-1').source = 'function twice(x: number): number { return x }'
    cell(carl, 'check-90-1').source = "const safeTwice = (x: number) => 2 * x; console.log('✓ 90.1 solved: all 2 cases agree.')"
    hand('carl', carl)
    const dora = form('solutions/90-small.ipynb')
    dora.cells = dora.cells.filter(c => c.metadata.nbgrader?.grade_id !== 'check-90-1')
    hand('dora', dora)
    mkdirSync(path.join(classroom, 'emil'))
    writeFileSync(path.join(classroom, 'emil', '90-small.ipynb'), 'no notebook')
    mkdirSync(path.join(classroom, 'fay <b>'))

    const run = await labs(['score', classroom, '--notebooks', notebooks, '--out', out])
    expect(run.code, run.out).equal(0)
    const pick = ({ solved, of, ...row }: Record<string, string>) => [solved, of, row.wrong, row['not attempted'], row['not reached'], row['not handed in']].map(Number)
    expect(Object.fromEntries(Object.entries(rows()).map(([name, row]) => [name, pick(row)]))).deep.equal({
      ann: [2, 2, 0, 0, 0, 0], bob: [0, 2, 0, 2, 0, 0], carl: [0, 2, 1, 1, 0, 0], dora: [0, 2, 0, 0, 2, 0], emil: [0, 2, 0, 0, 2, 0], 'fay <b>': [0, 2, 0, 0, 0, 2],
    })
    expect(run.out).not.include('bob/90-small')     // nothing to execute
    const page = readFileSync(path.join(out, 'dora.html'), 'utf8')
    expect(page).match(/90\.1<\/td>.*not reached: its check was removed/)
    expect(readFileSync(path.join(out, 'fay-b.html'), 'utf8')).include('fay &lt;b&gt;: 0 of 2')
  })

  it('confines hostile notebooks: no file outside, no network, no signal, no leftovers, bounded time and memory; the others are scored', async () => {
    const probe = await ended(path.join(venv, 'bin/python'), [path.join(root, 'tools/labs/sandbox.py'), '--probe', folder])
    const closed = JSON.parse(probe.out) as Record<'network' | 'files' | 'processes', boolean>
    const victim = spawn('sleep', ['600'], { stdio: 'ignore' }), visits: string[] = [], marker = `${process.pid}.5`
    const server = createServer(socket => { visits.push('somebody'); socket.destroy() }).listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    const outside = [path.join(folder, 'escaped'), path.join(root, 'escaped'), path.join(classroom, 'ann', 'escaped')]
    const evil = (end: string) => {
      const notebook = form('solutions/90-small.ipynb')
      cell(notebook, 'solution-90-1').source = `import * as fs from 'node:fs'; import * as cp from 'node:child_process'; import * as net from 'node:net'
const attempt = (act: () => void) => { try { act() } catch {} }
for (const file of ${JSON.stringify(outside)}) attempt(() => fs.writeFileSync(file, 'here'))
attempt(() => process.kill(${victim.pid}, 'SIGKILL'))
attempt(() => { cp.spawn('sleep', ['${marker}'], { detached: true, stdio: 'ignore' }).unref() })
attempt(() => { net.connect(${(server.address() as AddressInfo).port}, '127.0.0.1').on('error', () => {}) })
await new Promise(resolve => setTimeout(resolve, 500))
function twice(x: number): number { return 2 * x }
${end}`
      return notebook
    }
    hand('eve', evil('for (;;) {}'))
    hand('mallory', evil('const hog: Buffer[] = []; for (;;) { hog.push(Buffer.alloc(5e7, 1)); await new Promise(resolve => setTimeout(resolve, 20)) }'))
    try {
      const run = await labs(['score', classroom, '--notebooks', notebooks, '--out', out, '--timeout', '20', '--memory', '1000'])
      expect(run.code, run.out).equal(0)
      const scored = rows()
      expect(scored.ann).include({ solved: '2', notes: '' })
      expect(scored.eve).include({ solved: '0', 'not reached': '2' })
      expect(scored.eve.notes).match(/was not finished after 20 s/)
      expect(scored.mallory.notes).match(/took more than 1000 MB of memory/)
      if (closed.files) expect(outside.filter(existsSync)).deep.equal([])
      else expect(run.out).match(/could write outside their copy/)
      if (closed.processes) expect(lives(victim.pid!)).equal(true)
      else expect(run.out).match(/could end other processes/)
      if (closed.network) expect(visits).deep.equal([])
      else expect(run.out).match(/could reach the network/)
      const left = execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' }).split('\n').filter(line => line.trim() === `sleep ${marker}`)
      expect(left).deep.equal([])
    } finally {
      victim.kill()
      server.close()
    }
  })
})
