import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { kernels } from '../notebook/jupyter'
import { ended, records, root, venv } from '../labs/run'
import { one, sum, type Promised, type Tried } from './promise'

const canaries = path.join(root, 'test/canaries'), SECONDS = 12

/** What a canary's failure says, whoever reports it; where it is empty only our runner notices, by its rules for labs. */
const SAYS: Readonly<Record<string, RegExp | undefined>> = {
  throws: /the canary sings/, rejects: /the awaited canary sings/, floats: /the floating canary sings/, 'floats-late': /the late canary sings/, 'calls-back': /the called canary sings/,
  syntax: /TS1134/, types: /TS2322/, exits: /process\.exit\(0\)/, killed: /[Kk]ernel (died|was killed)|Dead kernel/, memory: /[Kk]ernel (died|ran out)|Dead kernel|not valid JSON|heap/,
  loops: /timed? ?out|not finished after/i, waits: /timed? ?out|not finished after/i, claims: /does not hold: lower 1, higher 2/, shows: undefined, paths: undefined, allowed: undefined, skipped: undefined,
}
const names = Object.keys(SAYS)

/** The programs that execute a notebook, each with its limit of seconds for a cell. */
const PROGRAMS: Readonly<Record<string, (file: string, out: string) => readonly string[]>> = {
  nbclient: (file, out) => ['jupyter-execute', `--timeout=${SECONDS}`, `--output=${out}`, file],
  nbconvert: (file, out) => ['jupyter-nbconvert', '--to', 'notebook', '--execute', `--ExecutePreprocessor.timeout=${SECONDS}`, '--output', out, file],
  papermill: (file, out) => ['papermill', '--no-progress-bar', '--execution-timeout', String(SECONDS), '--cwd', path.dirname(file), file, `${out}.ipynb`],
}

/** Kernels by the name that notebooks ask for: ours with a heap that is full within seconds, and tslab as it comes. */
function specs(folder: string): Record<'ours' | 'stock', string> {
  const ours = JSON.parse(readFileSync(path.join(venv, 'share/jupyter/kernels/tslab/kernel.json'), 'utf8')) as { argv: string[] }
  const argvs = { ours: ours.argv.map(word => word.replace(/^--max-old-space-size=\d+$/, '--max-old-space-size=300')), stock: [process.execPath, '--max-old-space-size=300', ...kernels.stock] }
  for (const [name, argv] of Object.entries(argvs)) {
    mkdirSync(path.join(folder, name, 'kernels/tslab'), { recursive: true })
    writeFileSync(path.join(folder, name, 'kernels/tslab/kernel.json'), JSON.stringify({ ...ours, argv }))
  }
  return { ours: path.join(folder, 'ours'), stock: path.join(folder, 'stock') }
}

/** The student's form of each canary as a notebook. */
const WRITE = `import sys; sys.path.insert(0, 'tools/labs')
from pathlib import Path
from source import load
from notebook import text
for file in map(Path, sys.argv[2:]): Path(sys.argv[1], file.stem + '.ipynb').write_text(text(load(file).form('student')))`

/** Whether a program fails with the canary's words. */
async function seenBy(program: string, file: string, jupyterPath: string): Promise<'seen' | 'failed otherwise' | 'not seen'> {
  const [command, ...args] = PROGRAMS[program](file, `${file.replace('.ipynb', '')}-${program}`), { code, out } = await ended(path.join(venv, 'bin', command), args, { JUPYTER_PATH: jupyterPath })
  // eslint-disable-next-line no-control-regex -- tracebacks are coloured
  return code === 0 ? 'not seen' : SAYS[path.basename(file, '.ipynb')]?.test(out.replace(/\u001b\[[\d;]*m/g, '')) ? 'seen' : 'failed otherwise'
}

export const outside: Promised = {
  what: 'a broken notebook fails with its own words, on our kernel through nbclient, nbconvert and papermill, and our runner refuses stock tslab, which loses errors',
  async try(scale, note) {
    // inside the clone: a notebook finds the library by its folder
    mkdirSync(path.join(root, '.cache'), { recursive: true })
    const folder = mkdtempSync(path.join(root, '.cache/canaries-')), kernelsAt = specs(folder), tried: Tried[] = []
    try {
      execFileSync(path.join(venv, 'bin/python'), ['-c', WRITE, folder, ...names.map(name => path.join(canaries, `${name}.ts`))], { cwd: root })
      const wanted = scale === 'quick' ? ['throws', 'floats'] : names.filter(name => SAYS[name] !== undefined)
      for (const program of scale === 'quick' ? ['nbclient', 'papermill'] : Object.keys(PROGRAMS)) {
        for (const name of wanted) {
          note(`${program}: ${name}`)
          tried.push(await one(`${name}, our kernel, ${program}`, async () => {
            const came = await seenBy(program, path.join(folder, `${name}.ipynb`), kernelsAt.ours)
            if (came !== 'seen') throw new Error(came)
          }))
        }
      }
      if (scale === 'quick') return sum(tried)
      note('stock tslab, our runner')
      const { labs } = await records(['run', '--form', 'student', '--timeout', String(SECONDS), ...names.map(name => path.join(canaries, `${name}.ts`))], { JUPYTER_PATH: kernelsAt.stock })
      tried.push(...await Promise.all(names.map(name => one(`${name}, stock tslab, our runner`, () => { if (!labs.find(lab => lab.lab.endsWith(name))?.errors[0]?.includes('is not the one of this project')) throw new Error('not refused') }))))
      const holes: string[] = []
      for (const program of Object.keys(PROGRAMS)) {
        const missed: string[] = []
        for (const name of wanted) {
          note(`stock tslab, ${program}: ${name}`)
          if (await seenBy(program, path.join(folder, `${name}.ipynb`), kernelsAt.stock) === 'not seen') missed.push(name)
        }
        holes.push(`on stock tslab ${program} takes these canaries for healthy: ${missed.join(', ') || 'none'}`)
      }
      return { ...sum(tried), found: holes }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}
