import { expect } from 'chai'
import { theKernel } from './clone'
import type { Client } from './client'

describe('kernel: what the editor asks', () => {
  let kernel: Client
  before(async () => {
    kernel = await theKernel()
    await kernel.execute('import * as labs from "rlhf-labs";\nimport { dpo } from "rlhf-labs";\nconst margins = [1, 2, 3];')
  })
  const inspected = async (code: string, cursor?: number) => ((await kernel.inspect(code, cursor)).data as Record<string, string>)['text/plain'] ?? ''

  it('completes members of the library and of variables', async () => {
    const { matches, cursor_start, cursor_end, metadata } = await kernel.complete('labs.d')
    expect((matches as string[])[0]).to.equal('dpo')
    expect([cursor_start, cursor_end]).to.deep.equal([5, 6])
    expect((metadata as { _jupyter_types_experimental: unknown[] })._jupyter_types_experimental[0]).to.deep.equal({ start: 5, end: 6, text: 'dpo', type: 'function' })
    expect((await kernel.complete('margins.fla')).matches).to.include('flatMap')
    expect((await kernel.complete('marg')).matches).to.include('margins')
  })

  it('counts positions as Jupyter does, in code points', async () => {
    const code = '"🙂🙂";\nlabs.d'
    const { cursor_start, cursor_end } = await kernel.complete(code, Array.from(code).length)
    expect([cursor_start, cursor_end]).to.deep.equal([11, 12])
    expect(await inspected(code.replace('labs.d', 'labs.dpo'), 14)).to.include('DPO')
  })

  it('shows type and docstring of a name, wherever the cursor stands in it or its brackets', async () => {
    for (const [code, cursor] of [['dpo', 1], ['dpo', 3], ['labs.dpo', 8], ['dpo(', 4], ['dpo([], 0.1)', 10], ['const l = dpo([], 0.1);', 12]] as const) {
      const text = await inspected(code, cursor)
      expect(text, `${code} at ${cursor}`).to.include('dpo(pairs: readonly').and.to.include('DPO: −log σ(β·margin), one value a pair.').and.to.include('beta how far the policy may leave the reference')
    }
    expect((await kernel.inspect('')).found).to.equal(false)
  })

  it('answers between the awaits of a cell that runs', async () => {
    const running = kernel.execute('for (let i = 0; i < 30; i++) await new Promise(r => setTimeout(r, 10));\n"done"')
    expect((await kernel.complete('labs.d')).matches).to.include('dpo')
    expect((await running).result).to.equal('done')
  })

  it('tells a console whether code is complete', async () => {
    expect(await kernel.request('is_complete_request', { code: 'const a = 1' })).to.deep.equal({ status: 'complete' })
    expect(await kernel.request('is_complete_request', { code: 'function f() {' })).to.deep.equal({ status: 'incomplete', indent: '  ' })
  })

  it('says what it is, also while a cell keeps it busy', async () => {
    const running = kernel.execute('const until = Date.now() + 400;\nwhile (Date.now() < until) {}\n"done"'), asked = Date.now()
    const info = await kernel.request('kernel_info_request', {})
    expect(Date.now() - asked).to.be.below(300)
    expect(info.language_info).to.include({ name: 'typescript', file_extension: '.ts' })
    expect(await kernel.request('comm_info_request', {})).to.deep.equal({ status: 'ok', comms: {} })
    expect((await running).result).to.equal('done')
  })
})
