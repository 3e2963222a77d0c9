import { expect } from 'chai'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ended, labs, labsCommand, records, root, scratch, venv } from './run'

const program = (name: string) => path.join(venv, 'bin', name)

/** The processes below one, as (pid, ppid) pairs of ps say. */
function below(pid: number): number[] {
  const pairs = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n').map(line => line.trim().split(/\s+/).map(Number))
  const children = (of: number): number[] => pairs.filter(([, parent]) => parent === of).flatMap(([child]) => [child, ...children(child)])
  return children(pid)
}

const lives = (pid: number) => {
  try { return process.kill(pid, 0) && !/^State:\s+Z/m.test(existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : '') } catch { return false }
}

describe('labs: the runner', function () {
  this.timeout(600_000)

  it('keeps its units right (Python)', async () => {
    const { code, out } = await ended(program('python'), ['-m', 'unittest', 'discover', '-s', 'test/labs/python'], { PYTHONPATH: path.join(root, 'tools/labs') })
    expect(code, out).equal(0)
    expect(out).match(/Ran [1-9]\d tests/)
  })

  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    it(`leaves no kernel behind on ${signal}`, async () => {
      const run = spawn(process.execPath, labsCommand(['run', '--form', 'student', path.join(root, 'test/canaries/waits.ts')]), { stdio: ['ignore', 'ignore', 'pipe'] })
      await once(run.stderr, 'data')                  // the first cell has begun: runner, worker and kernel are there
      const started = below(run.pid!)
      expect(started.length).at.least(3)
      run.kill(signal)
      const [code] = await once(run, 'exit') as [number | null]
      if (signal === 'SIGINT') expect(code).equal(130)
      for (let waited = 0; started.some(lives) && waited < 20_000; waited += 100) await pause(100)
      expect(started.filter(lives)).deep.equal([])
    })
  }

  it('says which labs there are when asked for another', async () => {
    const { code, out } = await labs(['99'])
    expect(code).equal(2)
    expect(out).match(/no lab 99 in notebooks\/src; there are: /)
  })

  it('a new lab runs, passes, claims and keeps its numbers', async () => {
    const notebooks = scratch(), place = ['--notebooks', notebooks]
    expect((await labs(['new', '17-my-lab', ...place])).code).equal(0)
    expect((await labs(['new', '17-other', ...place])).out).match(/17-my-lab\.ts has that number already/)
    expect((await labs(['new', 'My Lab', ...place])).out).match(/new takes one name, NN-title/)
    const seeds = await records(['seeds', '--seeds', '2', '17', ...place])
    expect(seeds.labs.map(l => [l.form, l.errors])).deep.equal([['seed 0', []], ['seed 1', []]])
    expect(seeds.labs[0].score).include({ solved: 2, of: 2 })
    expect(seeds.out).match(/four times the draws halve the error\n {4}seed 0 {2}ratio \d.*\n {4}seed 1 {2}ratio \d/)
    const student = await records(['17', '--form', 'student', ...place])
    expect(student.labs[0].errors).deep.equal([])
    expect(student.labs[0].score).include({ solved: 0, of: 2 })
  })
})

describe('labs: other runners fail on a broken lab and pass a healthy one', function () {
  this.timeout(600_000)
  const notebook = (code: string) => ({
    cells: [{ cell_type: 'code', execution_count: null, id: 'one', metadata: {}, outputs: [], source: code }],
    metadata: { kernelspec: { display_name: 'TypeScript', language: 'typescript', name: 'tslab' } }, nbformat: 4, nbformat_minor: 5,
  })
  const runners: Record<string, (file: string) => [string, string[]]> = {
    'jupyter execute': file => ['jupyter', ['execute', file]],
    'nbconvert --execute': file => ['jupyter', ['nbconvert', '--to', 'notebook', '--execute', '--output', 'executed.ipynb', file]],
    papermill: file => ['papermill', [file, path.join(path.dirname(file), 'executed.ipynb')]],
  }

  for (const [name, command] of Object.entries(runners)) {
    it(name, async () => {
      const run = (code: string) => {
        const file = path.join(scratch(), 'lab.ipynb')
        writeFileSync(file, JSON.stringify(notebook(code)))
        const [tool, args] = command(file)
        return ended(program(tool), args, { JUPYTER_PREFER_ENV_PATH: '1' })
      }
      const [broken, healthy] = await Promise.all([run("throw new Error('the canary sings')"), run("console.log('quiet')")])
      expect(broken.code, broken.out).not.equal(0)
      expect(broken.out).include('the canary sings')
      expect(healthy.code, healthy.out).equal(0)
    })
  }
})
