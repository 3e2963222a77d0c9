import { expect } from 'chai'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { records, root, scratch, venv, type LabRecord } from './run'

const folder = path.join(root, 'test/canaries')
const file = (name: string) => path.join(folder, `${name}.ts`)

/** How each canary must fail: every one of these, in this order, and nothing else. */
const canaries: Record<string, RegExp[]> = {
  throws: [/^cell \[2\]: RangeError: the canary sings \[test\/canaries\/throws\.ts:9\]$/],
  rejects: [/^cell \[2\]: Error: the awaited canary sings/],
  floats: [/^cell \[2\]: Error: the floating canary sings/],
  'floats-late': [/: Error: the late canary sings/],
  'calls-back': [/^cell \[[23]\]: Error: the called canary sings/],
  syntax: [/^cell \[2\]: TypeScriptError: .*Variable declaration expected.*TS1134/],
  types: [/^cell \[2\]: TypeScriptError: .*'number' is not assignable to type 'string'.*TS2322/],
  exits: [/^cell \[2\]: Error: process\.exit\(0\)/],
  killed: [/^cell \[2\]: the kernel was killed by SIGKILL/],
  memory: [/^cell \[2\]: the kernel ran out of memory \(the JavaScript heap is full\)/],
  loops: [/^cell \[2\]: was not finished after 12 s \(an endless loop\? --timeout allows more\)/],
  waits: [/^cell \[2\]: was not finished after 12 s/],
  allowed: [/^cell \[1\]: shows an error: Error: the allowed canary sings/],
  skipped: [/^cell \[1\]: was not executed/],
  paths: [/^cell \[2\]: shows a folder of this machine, .*: print paths relative to the repository/],
  claims: [/^cell \[3\]: Error: claim "the lower is higher" does not hold: lower 1, higher 2/],
  shows: [/^cell \[2\]: promises a figure and shows none/, /^cell \[3\]: promises a table and shows none/, /^cell \[4\]: promises a text and shows none/,
    /^cell \[5\]: output 1: "hidden" plots NaN \(null in the notebook\) at y\[1\]/],
}

const withLibrary = ['claims', 'shows'], endless = ['loops', 'waits'], bothForms = ['skipped']
const plain = Object.keys(canaries).filter(name => ![...withLibrary, ...endless, 'memory'].includes(name))

/** One lab of all the healthy forms that need no library, since a kernel each would take a minute more. */
function healthy(): string {
  const target = path.join(scratch(), '99-healthy.ts'), names = [...plain, ...endless, 'memory'].filter(name => !bothForms.includes(name))
  writeFileSync(target, names.map(name => readFileSync(file(name), 'utf8')).join('\n'))
  return target
}

/** The installed kernel with a heap that is full within seconds. */
function smallHeap(): string {
  const share = scratch(), spec = path.join(share, 'kernels/tslab')
  mkdirSync(spec, { recursive: true })
  const json = readFileSync(path.join(venv, 'share/jupyter/kernels/tslab/kernel.json'), 'utf8'), lowered = json.replace(/--max-old-space-size=\d+/, '--max-old-space-size=300')
  expect(lowered).not.equal(json)
  writeFileSync(path.join(spec, 'kernel.json'), lowered)
  return share
}

describe('labs: canaries', function () {
  this.timeout(600_000)
  const found: LabRecord[] = []

  before(async () => {
    const student = ['run', '--form', 'student', '--jobs', '1']
    const runs = await Promise.all([
      records([...student, ...plain.map(file)]),
      records([...student, '--timeout', '12', ...endless.map(file)]),
      records([...student, file('memory')], { JUPYTER_PATH: smallHeap() }).then(async memory => [memory, await records(['run', '--jobs', '1', ...withLibrary.map(file)]), await records(['run', '--form', 'solution', healthy()])]),
    ])
    for (const run of runs.flat()) {
      expect(run.code, run.out).equal(run.labs.every(l => l.passed) ? 0 : 1)
      found.push(...run.labs)
    }
  })

  const one = (lab: string, form: string) => {
    const record = found.find(r => r.lab === lab && r.form === form)
    if (!record) throw new Error(`${lab} ${form} did not run`)
    return record
  }

  it('lists every canary', () => {
    expect(readdirSync(folder).filter(f => f.endsWith('.ts')).map(f => f.replace('.ts', '')).sort()).deep.equal(Object.keys(canaries).sort())
  })

  for (const [name, messages] of Object.entries(canaries)) {
    it(`${name} fails, and says why`, () => {
      const { passed, errors } = one(name, 'student')
      expect(passed).equal(false)
      expect(errors, errors.join('\n')).length(messages.length)
      messages.forEach((message, i) => expect(errors[i]).match(message))
    })
  }

  it('their healthy twins pass', () => {
    for (const lab of ['99-healthy', ...withLibrary]) expect(one(lab, 'solution').errors, lab).deep.equal([])
  })

  it('measures the memory of the kernel that ran out of it', () => {
    expect(one('memory', 'student').peak_mb).within(250, 900)
    expect(one('throws', 'student').peak_mb).within(80, 400)
  })
})
