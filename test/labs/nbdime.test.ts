import { expect } from 'chai'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ended, root, scratch } from './run'

describe('labs: nbdime, after npm run nbdime', function () {
  this.timeout(120_000)

  it('git shows and merges notebooks cell by cell', async () => {
    const folder = scratch(), file = path.join(folder, 'lab.ipynb')
    const git = async (...args: string[]) => {
      const run = await ended('git', ['-C', folder, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args])
      expect(run.code, run.out).equal(0)
      return run.out
    }
    const write = (first: string, last: string) => writeFileSync(file, JSON.stringify({
      cells: [first, 'const same = 1', last].map((source, i) => ({ cell_type: 'code', execution_count: null, id: `cell-${i}`, metadata: {}, outputs: [], source })),
      metadata: { kernelspec: { display_name: 'TypeScript', language: 'typescript', name: 'tslab' } }, nbformat: 4, nbformat_minor: 5,
    }, null, 1))

    await git('init', '-q', '-b', 'main')
    copyFileSync(path.join(root, '.gitattributes'), path.join(folder, '.gitattributes'))
    write('const first = 1', 'const last = 1')
    await git('add', '.')
    await git('commit', '-qm', 'one')
    const on = await ended(process.execPath, [path.join(root, 'tools/author/nbdime.mjs')], { GIT_DIR: path.join(folder, '.git') })
    expect(on.code, on.out).equal(0)

    await git('checkout', '-qb', 'other')
    write('const first = 2', 'const last = 1')
    expect(await git('diff')).match(/nbdiff [\s\S]*## modified \/cells\/0\/source[\s\S]*-\s*const first = 1[\s\S]*\+\s*const first = 2/)
    await git('commit', '-qam', 'two')
    await git('checkout', '-q', 'main')
    write('const first = 1', 'const last = 3')
    await git('commit', '-qam', 'three')
    await git('merge', '-q', 'other', '-m', 'both')
    const { cells } = JSON.parse(readFileSync(file, 'utf8')) as { cells: { source: string | string[] }[] }
    expect(cells.map(cell => [cell.source].flat().join(''))).deep.equal(['const first = 2', 'const same = 1', 'const last = 3'])
  })
})
