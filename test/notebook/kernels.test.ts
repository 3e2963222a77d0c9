import { expect } from 'chai'
import { kernels, runCells, type Output } from './jupyter'

const cells = [
  `import { bars, check, claim, labSeed, lines, live, predict, progress, reveal, score, show, todo } from 'rlhf-labs'`,
  `await show(bars({ title: 'T', x: { label: 'x' }, y: { label: 'y' }, categories: ['a', 'b'], bars: [{ name: 'n', y: [1, 2] }] }))`,
  `await show([{ a: 1, b: '<b>' }])`,
  `for await (const i of progress(6, 'step', { note: i => 'at ' + i })) await new Promise(r => setTimeout(r, 70))`,
  `const chart = live((seen: readonly number[]) => lines({ title: 'L', x: { label: 'x' }, y: { label: 'y' }, lines: [{ name: 'n', x: seen, y: seen }] }), { everyMs: 0 })
for (const i of [1, 2, 3]) await chart.push(i)
await chart.done()`,
  `predict('p', 'Which?', ['this', 'that'], 'A')
reveal('p', 'that')`,
  `const square = (x: number): number => todo()
const right = check('0.1', square, x => x * x, [[2], [3]], { hint: 'multiply' })
right(4)`,
  `claim('sure', true, { seed: labSeed() })
score()`,
]

const outputs = (found: Output[]) => found.map(o => o.data?.['text/plain'] ?? o.text?.trimEnd())

// tslab as it comes fails with 'Unexpected pending rebuildTimer' when lib/dist is rebuilt while it runs
describe('notebook in a kernel', () => {
  for (const kernel of Object.keys(kernels) as (keyof typeof kernels)[]) {
    it(`shows, checks and updates in place in ${kernel === 'ours' ? 'our kernel' : 'tslab as it comes'}`, async function () {
      this.timeout(180_000)
      const { cells: [, figure, table, steps, chart, prediction, exercise, end] } = await runCells(kernel, cells)
      expect(figure.outputs).to.have.length(1)
      expect(figure.outputs[0].data).to.have.all.keys('application/vnd.plotly.v1+json', 'image/png', 'text/plain')
      expect(table.outputs[0].data!['text/html']).to.include('&#60;b&#62;')
      expect(outputs(steps.outputs)).to.deep.equal(['✓ step: 6  at 5'])
      expect(chart.outputs).to.have.length(1)
      expect((chart.outputs[0].data!['application/vnd.plotly.v1+json'] as { data: { x: number[] }[] }).data[0].x).to.deep.equal([1, 2, 3])
      expect(outputs(prediction.outputs)[1]).to.equal('✗ It is B (that); you predicted A. What did you overlook?')
      expect(outputs(exercise.outputs)).to.deep.equal(["○ 0.1 not solved yet. Hint: multiply The lab goes on with the library's version.", '16'])
      expect(outputs(end.outputs)[0]).to.equal('✓ sure (seed 0)')
      expect(end.outputs[1].data!['application/vnd.rlhf-labs.score+json']).to.deep.equal({ solved: 0, of: 1, exercises: [{ id: '0.1', level: 'foundational', state: 'unsolved' }] })
    })
  }
})
