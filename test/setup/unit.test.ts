import { expect } from 'chai'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

interface Result { passed: number, failed: number, report: string }

/** Runs the given files as a project's unit tests, in a folder of their own whose name has a space. */
async function count(files: Record<string, string>): Promise<Result & { notes: string[] }> {
  const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'unit tests ')))
  const notes: string[] = []
  try {
    writeFileSync(path.join(folder, '.mocharc.json'), '{ "extension": ["ts"] }')
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(folder, 'test', name)), { recursive: true })
      writeFileSync(path.join(folder, 'test', name), text)
    }
    const { unit } = await import(pathToFileURL(path.resolve('tools/setup/unit.mjs')).href) as { unit: (note: (text: string) => void, env: object, folder: string) => Promise<Result> }
    return { ...await unit(text => notes.push(text), {}, folder), notes }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const good = 'it("works", () => {})'

describe('the count of unit tests', () => {
  it('takes tests from every folder', async () => {
    const result = await count({ 'a.test.ts': good, 'room/b.test.ts': `${good}; it("too", () => {})` })
    expect(result).to.include({ passed: 3, failed: 0, report: '' })
    expect(result.notes.at(-1)).to.equal('3 of 3')
  })
  it('gives each failure with its title and stack', async () => {
    const { passed, failed, report } = await count({ 'a.test.ts': `${good}; describe("x", () => it("y", () => { throw new Error("wrong by 2") }))` })
    expect({ passed, failed }).to.deep.equal({ passed: 1, failed: 1 })
    expect(report).to.match(/^x y\n {4}Error: wrong by 2\n +at .*a\.test\.ts/)
  })
  it('is not disturbed by what tests print', async () => {
    const shouts = `it("prints", () => { process.stdout.write('no line end'); console.log('["pass",{"title":"no"}]'.slice(1)) })`
    expect(await count({ 'a.test.ts': `${shouts}; ${good}` })).to.include({ passed: 2, failed: 0 })
  })
  it('takes a skipped test for a failed one', async () => expect(await count({ 'a.test.ts': `${good}; it.skip("later", () => {})` })).to.include({ passed: 1, failed: 1 }))
  it('takes a file without tests for a failure', async () => {
    const result = await count({ 'a.test.ts': good, 'b.test.ts': '' })
    expect(result).to.include({ passed: 1, failed: 1 })
    expect(result.report).to.include('b.test.ts: none of its tests ran')
  })
  it('fails when the process ends before its tests', async () => {
    const result = await count({ 'a.test.ts': `${good}; it("leaves", () => process.exit(0))` })
    expect(result).to.include({ passed: 0, failed: 1 })
    expect(result.report).to.match(/mocha ended \(0\) before its tests did/)
  })
  it('fails when a file cannot be loaded', async () => {
    const result = await count({ 'a.test.ts': 'throw new Error("no such thing")' })
    expect(result.failed).to.equal(1)
    expect(result.report).to.include('no such thing')
  })
  it('counts a failing hook, and the tests that it kept from running', async () => {
    const { passed, failed } = await count({ 'a.test.ts': `describe("x", () => { before(() => { throw new Error("hook") }); it("a", () => {}); it("b", () => {}) }); ${good}` })
    expect(passed).to.equal(1)
    expect(failed).to.be.within(2, 3)
  })
})
