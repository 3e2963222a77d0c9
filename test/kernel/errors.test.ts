import { expect } from 'chai'
import { theKernel } from './clone'
import type { Client, Ran } from './client'

/** A cell that must fail: with this name, this message, and these lines in its traceback ([n] stands for its own number). */
interface Failing { what: string; code: string; ename: string; evalue: string | RegExp; at: string[]; before?: string }
const failing: Failing[] = [
  { what: 'a throw below types and comments', code: 'interface A { x: number }\n// a comment\ntype B = A;\n\nfunction f(a: A): never {\n  throw new RangeError("no " + a.x);\n}\nf({ x: 3 });',
    ename: 'RangeError', evalue: 'no 3', at: ['    at cell [n], line 6, column 9 (f)', '→   6 |   throw new RangeError("no " + a.x);', '    at cell [n], line 8, column 1'] },
  { what: 'a throw in a function of an earlier cell', before: 'type T = number;\nconst deep = (v: T) => {\n  return (v as any).foo.bar;\n};', code: 'let q = 1;\n\ndeep(q);',
    ename: 'TypeError', evalue: /undefined \(reading 'bar'\)/, at: ['line 3, column 25 (deep)', '    at cell [n], line 3, column 1'] },
  { what: 'a throw after an await', code: 'const nap = (ms: number) => new Promise(r => setTimeout(r, ms));\nawait nap(1);\nasync function h() {\n  await nap(1);\n  throw new TypeError("late");\n}\nawait h();',
    ename: 'TypeError', evalue: 'late', at: ['    at cell [n], line 5, column 9 (h)', '    at cell [n], line 7, column 1'] },
  { what: 'a throw in the library', code: 'import { dpo } from "rlhf-labs";\n\ndpo([], 0)',
    ename: 'RangeError', evalue: 'beta: expected a positive number, got 0', at: ['    at dpo (lib/loss/dpo.ts:10:11)', '    at cell [n], line 3'] },
  { what: 'a throw in the library after an await', code: 'import { trainUntil } from "rlhf-labs";\nawait trainUntil(2);',
    ename: 'Error', evalue: 'loss: not finite at step 2', at: ['    at trainUntil (lib/train/loop.ts:5:27)', '    at cell [n], line 2, column 1'] },
  { what: 'a throw while it goes through an async generator', code: 'async function* three() {\n  yield 1;\n  await null;\n  throw new Error("third");\n}\nfor await (const x of three()) {\n  x;\n}',
    ename: 'Error', evalue: 'third', at: ['    at cell [n], line 4, column 9 (three)', '    at cell [n], line 6'] },
  { what: 'a rejection that nobody awaits', code: 'async function bad() { throw new Error("floating"); }\nvoid bad();\nconsole.log("after");',
    ename: 'Error', evalue: 'floating', at: ['A promise that was not awaited was rejected:', '    at cell [n], line 2, column 6'] },
  { what: 'a rejection that nobody awaits, a little later', code: 'setTimeout(() => { void Promise.reject(new Error("later")); }, 100);',
    ename: 'Error', evalue: 'later', at: ['A promise that was not awaited was rejected:', '    at cell [n], line 1, column 40'] },
  { what: 'a floating function that fails after it has waited', code: 'import * as fs from "fs";\nasync function slow() {\n  for (let i = 0; i < 20; i++) await fs.promises.stat(".");\n  throw new Error("slow");\n}\nvoid slow();',
    ename: 'Error', evalue: 'slow', at: ['A promise that was not awaited was rejected:', '    at cell [n], line 4, column 9 (slow)'] },
  { what: 'a throw in a callback', code: 'setTimeout(() => { throw new Error("in timer"); }, 10);\nawait new Promise(r => setTimeout(r, 50));',
    ename: 'Error', evalue: 'in timer', at: ['Thrown in a callback:', '    at cell [n], line 1, column 26'] },
  { what: 'a throw in a microtask', code: 'queueMicrotask(() => { throw new Error("in microtask"); });',
    ename: 'Error', evalue: 'in microtask', at: ['Thrown in a callback:', '    at cell [n], line 1, column 30'] },
  { what: 'a wrong type', code: 'const ok = 1;\nconst wrong: number =\n  "a string";', ename: 'TypeScriptError',
    evalue: "Type 'string' is not assignable to type 'number'. (TS2322, line 2)", at: ['→   2 | const wrong: number =', '      |       ^'] },
  { what: 'a parameter without a type', code: 'function k(x) { return x }', ename: 'TypeScriptError', evalue: /implicitly has an 'any' type. \(TS7006, line 1\)/, at: ['→   1 | function k(x) { return x }'] },
  { what: 'a value that may be undefined', code: 'const m = new Map<string, number>();\nconst v: number = m.get("a");', ename: 'TypeScriptError', evalue: /'number \| undefined' is not assignable.*TS2322, line 2/, at: ['→   2 | const v: number = m.get("a");'] },
  { what: 'a name that is nowhere declared', code: '1;\nnowhere + 1', ename: 'TypeScriptError', evalue: "Cannot find name 'nowhere'. (TS2304, line 2)", at: ['→   2 | nowhere + 1'] },
  { what: 'a syntax error', code: 'const a = {\n  b: 1,,\n};', ename: 'TypeScriptError', evalue: /^Property assignment expected. \(TS1136, line 2\)/, at: ['→   2 |   b: 1,,'] },
  { what: 'a package that is not there', code: 'import * as x from "nope";', ename: 'TypeScriptError', evalue: /^Cannot find module 'nope'.*TS2307, line 1/, at: ['→   1 | import * as x from "nope";'] },
  { what: 'a file that is not there', code: '\nrequire("./nope2");', ename: 'Error', evalue: "Cannot find module './nope2'", at: ['    at cell [n], line 2, column 1'] },
  { what: 'a thrown string', code: 'throw "just text"', ename: 'Thrown', evalue: "'just text'", at: ["Thrown: 'just text'"] },
  { what: 'a thrown undefined', code: 'throw undefined', ename: 'Thrown', evalue: 'undefined', at: ['Thrown: undefined'] },
  { what: 'a thrown value that throws when looked at', code: 'throw { [Symbol.for("nodejs.util.inspect.custom")]() { throw new Error("no") } }', ename: 'Thrown', evalue: 'a value that cannot be shown', at: [] },
  { what: 'an output that is not JSON', code: 'const front = (globalThis as any)[Symbol.for("notebook.kernel")];\nfront.display({ "application/json": 1n })', ename: 'TypeError', evalue: /serialize a BigInt/, at: ['    at cell [n], line 2, column 7'] },
  { what: 'process.exit', code: 'console.log(1);\nprocess.exit(3)', ename: 'Error', evalue: 'process.exit(3) in a cell would end the kernel', at: ['    at cell [n], line 2, column 9'] },
  { what: 'process.exit in a callback', code: 'setTimeout(() => process.exit(), 1);', ename: 'Error', evalue: 'process.exit() in a cell would end the kernel', at: ['Thrown in a callback:', '    at cell [n], line 1, column 26'] },
  { what: 'an error of its own class, with its cause', code: 'class Broken extends Error { override name = "Broken" }\ntry { JSON.parse("{") } catch (cause) {\n  throw new Broken("no config", { cause });\n}',
    ename: 'Broken', evalue: 'no config', at: ['    at cell [n], line 3, column 9', 'Caused by:', '    at cell [n], line 2, column 12'] },
  { what: 'several errors in one', code: 'await Promise.any([Promise.reject(new Error("one")), Promise.reject(new Error("two"))])', ename: 'AggregateError', evalue: 'All promises were rejected', at: ['Error: one', 'Error: two'] },
  { what: 'a recursion without end', code: 'const down = (n: number): number => down(n + 1) + 1;\ndown(0)', ename: 'RangeError', evalue: 'Maximum call stack size exceeded', at: ['    at cell [n], line 1, column 37 (down)'] },
  { what: 'a last line that rejects', code: 'const late = async () => { await null; throw new Error("last line"); };\nlate()', ename: 'Error', evalue: 'last line', at: ['    at cell [n], line 1, column 46 (late)'] },
  { what: 'a display method that throws', code: '({ [Symbol.for("Jupyter.display")]() {\n  throw new Error("cannot be shown");\n} })', ename: 'Error', evalue: 'cannot be shown', at: ['    at cell [n], line 2, column 9'] },
]

describe('kernel: what fails a cell', () => {
  let kernel: Client
  before(async () => { kernel = await theKernel() })
  const run = (code: string) => kernel.execute(code, { stop_on_error: false })

  for (const { what, code, ename, evalue, at, before } of failing) {
    it(what, async () => {
      if (before) expect((await run(before)).status).to.equal('ok')
      const { status, error, count }: Ran = await run(code)
      expect(status).to.equal('error')
      expect(error!.ename).to.equal(ename)
      if (typeof evalue === 'string') expect(error!.evalue).to.equal(evalue)
      else expect(error!.evalue).to.match(evalue)
      const text = error!.traceback.join('\n')
      let from = 0
      for (const line of at.map(l => l.replace('[n]', `[${count}]`))) {
        expect(text.slice(from), text).to.include(line)
        from = text.indexOf(line, from) + line.length
      }
      expect(text, 'frames of the kernel').to.not.match(/tools\/kernel|node:internal|node_modules/)
      expect((await run('1 + 1')).result, 'the next cell').to.equal('2')
    })
  }

  it('says at once what failed after its cell had ended, and fails the next cell with it', async () => {
    const first = await run('setTimeout(() => { throw new Error("much later"); }, 400);')
    expect(first.status).to.equal('ok')
    // a busy machine's timers are late
    for (let waited = 0; waited < 10_000 && !kernel.late.some(m => m.header.msg_type === 'stream'); waited += 100) await new Promise(resolve => setTimeout(resolve, 100))
    await new Promise(resolve => setTimeout(resolve, 100))
    const shown = kernel.late.filter(m => m.header.msg_type === 'stream').map(m => m.content.text).join('')
    expect(shown).to.include('Error: much later').and.to.include(`at cell [${first.count}], line 1`)
    const next = await run('console.log("not run")')
    expect(next.status).to.equal('error')
    expect(next.stdout).to.equal('')
    expect(next.error!.traceback[0]).to.equal('An earlier cell failed after it had ended, so this one was not run:')
    expect((await run('console.log("run")')).stdout).to.equal('run\n')
  })

  it('tells a runner that asks with an empty cell what failed after the last one', async () => {
    await run('setTimeout(() => { throw new Error("at the very end"); }, 310);')
    await new Promise(resolve => setTimeout(resolve, 2000))
    const last = await run('')
    expect(last.error!.evalue).to.equal('at the very end')
    expect((await run('')).status).to.equal('ok')
  })

  it('does not run what was sent along with a failing cell, and runs what comes after', async () => {
    const [, second, third] = await Promise.all([kernel.execute('throw new Error("first")'), kernel.execute('console.log("second")'), kernel.execute('console.log("third")')])
    expect([second.status, third.status]).to.deep.equal(['aborted', 'aborted'])
    expect(second.stdout + third.stdout).to.equal('')
    expect((await kernel.execute('"fourth"')).result).to.equal('fourth')
  })
})
