import { expect } from 'chai'
import { readFileSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { theClone, theKernel, writeLibrary } from './clone'
import type { Client } from './client'

describe('kernel: cells', () => {
  let kernel: Client
  before(async () => { kernel = await theKernel() })
  /** Runs a cell that must succeed; its last value as text. */
  const run = async (code: string) => {
    const { status, error, result } = await kernel.execute(code)
    expect(status, error?.traceback.join('\n')).to.equal('ok')
    return result
  }
  const fails = async (code: string) => (await kernel.execute(code, { stop_on_error: false })).error!.evalue

  it('shows the value of the last line, and nothing for none', async () => {
    expect(await run('const xs = [1, 2, 3];\nxs')).to.equal('[ 1, 2, 3 ]')
    expect(await run('xs.map(x => x * 2);')).to.equal('[ 2, 4, 6 ]')
    expect(await run('null')).to.equal(undefined)
    expect(await run('// nothing but a comment')).to.equal(undefined)
    expect(await run('"text"')).to.equal('text')
  })

  it('awaits at the top of a cell, wherever the await stands, and a promise on the last line', async () => {
    expect(await run('await (Promise.resolve(4))')).to.equal('4')
    expect(await run('(await Promise.resolve(8)) + 1')).to.equal('9')
    expect(await run('let total = 0;\nfor await (const v of [1, Promise.resolve(2)]) total += v;\ntotal')).to.equal('3')
    expect(await run('if (true) { await null; }\n7')).to.equal('7')
    expect(await run('Promise.resolve({ kept: true })')).to.equal('{ kept: true }')
    expect(await run('const { sep } = await import("node:path");\nsep')).to.equal(path.sep)
  })

  it('finds variables of earlier cells in shorthand properties', async () => {
    await run('const lower = 0.1, upper = 0.9')
    expect(await run('({ lower, upper })')).to.equal('{ lower: 0.1, upper: 0.9 }')
    expect(await run('const both = (lower: number) => ({ lower, upper });\nboth(5)')).to.equal('{ lower: 5, upper: 0.9 }')
    expect(await run('const sized = () => { const { length } = [1, 2]; return { length, upper } };\nsized()')).to.equal('{ length: 2, upper: 0.9 }')
  })

  it('runs a cell twice, with every kind of declaration', async () => {
    const cell = 'import * as labs from "rlhf-labs";\nimport { dpo, type Pair } from "rlhf-labs";\nconst c = 1;\nlet v = 2;\nfunction f() { return c }\nclass C { x = 1 }\ninterface I { x: number }\ntype T = string;\nenum E { A }'
    await run(cell)
    await run(cell)
    await run('const c: string = "now a string";')
    expect(await run('c + f() + new C().x + E.A + typeof labs.dpo + typeof dpo')).to.equal('now a string110functionfunction')
  })

  it('takes `export` before declarations, also on a cell copied from a module', async () => {
    await run('export const beta = 0.1;\nexport function twice(x: number) { return 2 * x }\nconst text = `\nexport const inside`;')
    expect(await run('twice(beta) + text')).to.equal('0.2\nexport const inside')
  })

  it('shows a closure what later cells assign', async () => {
    await run('let k = 1;\nconst get = () => k;\nconst add = () => { k += 1 };\nlet [first, second] = [10, 20], third = 30;\nconst sum = () => first + second + third;')
    expect(await run('get()')).to.equal('1')
    await run('k = 5; third = 70;')
    expect(await run('[get(), sum()]')).to.equal('[ 5, 100 ]')
    expect(await run('add();\n[k, get()]')).to.equal('[ 6, 6 ]')
    const { error } = await kernel.execute('let m = 1;\nlet n = () => m; throw new Error(String(n()))', { stop_on_error: false })
    expect(error!.traceback.join('\n')).to.include('line 2, column 24')
  })

  it('keeps what a failing cell declared before it failed, and forgets the rest', async () => {
    await fails('interface Shape { side: number }\nconst early: Shape = { side: 3 };\nconst fine = 1;\nconst broken: number = (() => { throw new Error("x") })();\nconst lateOne = 2;')
    expect(await run('early.side + fine')).to.equal('4')
    expect(await run('const other: Shape = { side: 1 };\nother.side')).to.equal('1')
    expect(await fails('broken')).to.include("Cannot find name 'broken'")
    expect(await fails('lateOne')).to.include("Cannot find name 'lateOne'")
    const stopped = await kernel.stopWhenPrinted('const seen: number[] = [];\nfor (;;) { seen.push(1); console.log("begun"); await new Promise(r => setTimeout(r, 1)); }')
    expect(stopped.error!.ename).to.equal('Interrupted')
    expect(await run('seen.length > 0')).to.equal('true')
  })

  it('keeps imports of a failing cell', async () => {
    await fails('import { version as v1, type Pair as P1 } from "rlhf-labs";\nthrow new Error("after imports")')
    expect(await run('const p1: P1 = { chosen: 1, rejected: 2 };\n[v1, p1.chosen]')).to.equal("[ 'first', 1 ]")
  })

  it('does not count or show silent cells', async () => {
    const { count } = await kernel.execute('1'), silent = await kernel.execute('const quiet = 2;\nquiet', { silent: true })
    expect(silent.outputs).to.deep.equal([])
    expect(await run('quiet')).to.equal('2')
    expect((await kernel.execute('1')).count).to.equal(count + 2)
  })

  it('finds packages and files from the repository, though it was started in another folder', async () => {
    expect(await run('process.cwd()')).to.equal(theClone())
    expect(await run('import { dpo } from "rlhf-labs";\ndpo([{ chosen: 0, rejected: 0 }], 1)[0].toFixed(4)')).to.equal('0.6931')
  })

  it('imports a TypeScript file of the repository, and again when it has changed', async () => {
    const file = path.join(theClone(), 'notebooks', 'helper.ts')
    writeFileSync(file, 'export const helped = (n: number): number => n + 1\n')
    expect(await run('import { helped } from "./notebooks/helper";\nhelped(1)')).to.equal('2')
    writeFileSync(file, '\nexport const helped = (n: number): number => { if (n < 0) throw new Error("negative"); return n + 100 }\n')
    utimesSync(file, new Date(), new Date(Date.now() + 2000))
    expect(await run('import { helped } from "./notebooks/helper";\nhelped(1)')).to.equal('101')
    const { error } = await kernel.execute('helped(-1)', { stop_on_error: false })
    expect(error!.traceback.join('\n')).to.include('(notebooks/helper.ts:2:')
  })

  it('imports a cell that is a module', async () => {
    await run('/** @module halves */\nexport function half(n: number): number {\n  if (n % 2) throw new Error("odd")\n  return n / 2\n}')
    expect(await run('import { half } from "./halves";\nhalf(6)')).to.equal('3')
    const { error } = await kernel.execute('half(5)', { stop_on_error: false })
    expect(error!.traceback.join('\n')).to.include('(halves.ts:3:')
    expect((await kernel.execute('/** @module wrong */\nexport const x: number = ""', { stop_on_error: false })).error!.evalue).to.include('TS2322, wrong.ts, line 2')
  })

  it('loads the library anew once it is built again, for the next cell that imports it', async () => {
    await run('import * as rl from "rlhf-labs";')
    expect(await run('rl.version')).to.equal('first')
    const source = readFileSync(path.join(theClone(), 'lib', 'loss', 'dpo.ts'), 'utf8')
    try {
      writeLibrary(theClone(), 'loss/dpo.ts', source.replace("'first'", "'second'") + '/** New. */\nexport function fresh(n: number): number { return n + 1 }\n')
      for (const name of ['dpo.js', 'dpo.d.ts']) utimesSync(path.join(theClone(), 'lib', 'dist', 'loss', name), new Date(), new Date(Date.now() + 2000))
      expect(await run('rl.version'), 'what was imported before').to.equal('first')
      expect(await run('import * as rl from "rlhf-labs";\n[rl.version, rl.fresh(1)]')).to.equal("[ 'second', 2 ]")
    } finally { writeLibrary(theClone(), 'loss/dpo.ts', source) }
    expect(await run('import * as rl from "rlhf-labs";\nrl.version')).to.equal('first')
    expect(await fails('rl.fresh(1)')).to.include("Property 'fresh' does not exist")
  })
})
