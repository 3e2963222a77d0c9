import { expect } from 'chai'
import { theKernel } from './clone'
import type { Client } from './client'

/** Loops that count in `state.n` and never end by themselves. */
const endless: Record<string, string> = {
  'a synchronous loop': 'for (;;) state.n++',
  'a synchronous loop after an await': 'await null;\nfor (;;) state.n++',
  'a synchronous loop that catches everything': 'for (;;) { try { for (;;) state.n++ } catch {} finally { state.n++ } }',
  'a loop of microtasks': 'for (;;) { await null; state.n++; }',
  'a loop that sleeps': 'for (;;) { state.n++; await new Promise(r => setTimeout(r, 1)); }',
  'a loop that yields': 'for (;;) { state.n++; await new Promise<void>(r => setImmediate(r)); }',
  'a loop that waits for files': 'import * as fs from "fs";\nfor (;;) { state.n++; await fs.promises.stat("."); }',
  'a loop that waits for files, in a function of an earlier cell': 'await untilStopped()',
  'a loop that waits for files and catches everything': 'import * as fs from "fs";\nfor (;;) { try { state.n++; await fs.promises.stat("."); } catch {} }',
  'a loop over an endless generator of the library': 'import { steps } from "rlhf-labs";\nfor await (const s of steps()) { state.n += s.step; await new Promise<void>(r => setImmediate(r)); }',
  'a timer that repeats': 'setInterval(() => { state.n++; }, 1);\nawait new Promise(() => {})',
  'a timer that sets itself again': 'const again = () => { state.n++; setTimeout(again, 1); };\nagain();\nawait new Promise(() => {})',
  'a synchronous loop in a timer': 'setTimeout(() => { for (;;) state.n++ }, 1);\nawait new Promise(() => {})',
  'a synchronous loop in the second of three immediates': 'for (const i of [1, 2, 3]) setImmediate(() => { if (i === 2) for (;;) state.n++ });\nawait new Promise(() => {})',
  'a promise on the last line that stays open': 'state.n++;\nnew Promise(() => {})',
}

describe('kernel: the stop button', () => {
  let kernel: Client
  before(async () => {
    kernel = await theKernel()
    await kernel.execute('import * as fs from "fs";\nconst state = { n: 0 };\nasync function untilStopped() { for (;;) { state.n++; await fs.promises.stat("."); } }')
  })

  for (const [what, code] of Object.entries(endless)) {
    it(`ends ${what}`, async () => {
      const before = Number((await kernel.execute('state.n')).result)
      const { error } = await kernel.stopWhenPrinted(`console.log("begun");\n${code}`)
      expect(error).to.deep.equal({ ename: 'Interrupted', evalue: 'the cell was stopped', traceback: ['Interrupted: the cell was stopped'] })
      const after = Number((await kernel.execute('state.n')).result)
      expect(after, 'it ran').to.be.above(before)
      await new Promise(resolve => setTimeout(resolve, 30))
      expect(Number((await kernel.execute('state.n')).result), 'it runs on').to.equal(after)
    })
  }

  it('does nothing to the next cell when no cell runs', async () => {
    await kernel.interrupt()
    expect((await kernel.execute('await new Promise(r => setTimeout(r, 20));\n"slept"')).result).to.equal('slept')
  })

  it('leaves alone what other cells run after a stop', async () => {
    await kernel.stopWhenPrinted('console.log("begun");\nfor (;;) await new Promise(r => setTimeout(r, 1));')
    const { result } = await kernel.execute('let ticks = 0;\nconst timer = setInterval(() => { ticks++ }, 1);\nwhile (ticks < 3) await new Promise<void>(r => setImmediate(r));\nclearInterval(timer);\nticks')
    expect(result).to.equal('3')
  })

  it('does not run what was queued behind the stopped cell', async () => {
    let begun = () => {}
    const printed = new Promise<void>(resolve => { begun = resolve })
    const running = kernel.execute('console.log("begun");\nfor (;;) {}', { shown: type => { if (type === 'stream') begun() } }), queued = kernel.execute('console.log("queued")')
    await printed
    await kernel.interrupt()
    expect((await running).error!.ename).to.equal('Interrupted')
    expect((await queued).status).to.equal('aborted')
  })
})
