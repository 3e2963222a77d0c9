import { expect } from 'chai'
import { theKernel } from './clone'
import type { Client } from './client'

describe('kernel: output', () => {
  let kernel: Client
  before(async () => { kernel = await theKernel() })
  const show = "const shown = (globalThis as any)[Symbol.for('notebook.kernel')];\n"

  it('prints everything, in order, also from a loop that never yields', async () => {
    const { stdout, outputs } = await kernel.execute('for (let i = 0; i < 5000; i++) console.log("line " + i)')
    expect(stdout).to.equal(Array.from({ length: 5000 }, (_, i) => `line ${i}\n`).join(''))
    expect(outputs.filter(o => o.type === 'stream').length).to.be.below(200)
  })

  it('prints 20 MB', async () => {
    const { stdout } = await kernel.execute('for (let i = 0; i < 200_000; i++) process.stdout.write("x".repeat(100) + "\\n")')
    expect(stdout.length).to.equal(200_000 * 101)
  })

  it('shows what is printed at once, also when a loop that never yields follows', async () => {
    const came: number[] = [], begun = Date.now()
    const { stdout, result } = await kernel.execute('const from = Date.now();\nconsole.log("one");\nconsole.log("two");\nwhile (Date.now() - from < 1500) {}\nDate.now()', { shown: type => { if (type === 'stream') came.push(Date.now()) } })
    expect(stdout).to.equal('one\ntwo\n')
    expect(came.length).to.equal(1)
    expect(came[0], `${came[0] - begun} ms after it began`).to.be.below(Number(result) - 500)
  })

  it('keeps standard output and errors apart and in order, and calls back', async () => {
    const { outputs } = await kernel.execute('console.log("one");\nconsole.error("two");\nprocess.stdout.write(Buffer.from("three\\n"), () => console.log("called"));\nawait new Promise(r => setTimeout(r, 5));')
    expect(outputs.filter(o => o.type === 'stream').map(o => o.content)).to.deep.equal([
      { name: 'stdout', text: 'one\n' }, { name: 'stderr', text: 'two\n' }, { name: 'stdout', text: 'three\ncalled\n' }])
  })

  it('shows bundles of several types, updates them in place, clears', async () => {
    const { outputs, count } = await kernel.execute(`${show}console.log("before");
shown.display({ 'text/plain': 'a', 'image/png': 'aGk=' }, { id: 'p1', metadata: { 'image/png': { alt: 'hi' } } });
shown.display({ 'text/plain': 'b' }, { id: 'p1', update: true });
shown.clear();
shown.display({ 'text/html': '<b>c</b>' });
shown.cell`)
    expect(outputs.slice(1)).to.deep.equal([
      { type: 'stream', content: { name: 'stdout', text: 'before\n' } },
      { type: 'display_data', content: { data: { 'text/plain': 'a', 'image/png': 'aGk=' }, metadata: { 'image/png': { alt: 'hi' } }, transient: { display_id: 'p1' } } },
      { type: 'update_display_data', content: { data: { 'text/plain': 'b' }, metadata: {}, transient: { display_id: 'p1' } } },
      { type: 'clear_output', content: { wait: true } },
      { type: 'display_data', content: { data: { 'text/html': '<b>c</b>' }, metadata: {}, transient: {} } },
      { type: 'execute_result', content: { data: { 'text/plain': String(count) }, metadata: {}, execution_count: count } },
    ])
  })

  it('shows what tslab\'s own display shows', async () => {
    const { outputs } = await kernel.execute('import * as tslab from "tslab";\nconst d = tslab.newDisplay();\nd.html("<i>1</i>");\nd.html("<i>2</i>");\ntslab.display.png(new Uint8Array([1, 2]));')
    const shown = outputs.slice(1).map(({ type, content }) => [type, content.data])
    expect(shown).to.deep.equal([['display_data', { 'text/html': '<i>1</i>' }], ['update_display_data', { 'text/html': '<i>2</i>' }], ['display_data', { 'image/png': 'AQI=' }]])
  })

  it('shows the last line by its own display method', async () => {
    const { outputs } = await kernel.execute('({ [Symbol.for("Jupyter.display")]: () => ({ "text/html": "<b>hi</b>", "text/plain": "hi" }) })')
    expect(outputs.at(-1)!.content.data).to.deep.equal({ 'text/html': '<b>hi</b>', 'text/plain': 'hi' })
  })

  it('gives what a timer prints after its cell to that cell', async () => {
    const late = kernel.late.length
    await kernel.execute('setTimeout(() => console.log("late line"), 350);')
    await new Promise(resolve => setTimeout(resolve, 500))
    expect(kernel.late.slice(late).map(m => m.content.text)).to.deep.equal(['late line\n'])
  })
})
