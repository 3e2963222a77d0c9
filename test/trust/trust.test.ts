import { expect } from 'chai'
import { ready } from '../../lib/tensor/backend'
import { disk } from './disk'
import { files } from './files'
import { kills } from './kills'
import type { Promised, Scale, Tried } from './promise'
import { NOT_PROMISED, same } from './same'
import { server } from './server'

const scale: Scale = process.env.RLHF_TRUST === 'full' ? 'full' : 'quick'
const promises: readonly Promised[] = [files, kills, disk, same, server]

/** What was promised, in how many cases it was tried, and what failed: printed where a person asked for it (npm run trust). */
function table(rows: readonly (readonly [string, Tried])[]): string {
  const lines = rows.map(([what, { cases, failures }]) => `${String(cases).padStart(7)}  ${String(failures.length).padStart(8)}  ${what}`)
  const left = rows.flatMap(([, tried]) => tried.leftOut ?? [])
  return ['  cases  failures  promise', ...lines, ...left.map(line => `not tried: ${line}`), ...NOT_PROMISED.map(line => `not promised: ${line}`)].join('\n')
}

describe('what the project promises', function () {
  this.timeout(scale === 'full' ? 1_800_000 : 600_000)
  const rows: [string, Tried][] = []
  before(ready)
  after(() => { if (scale === 'full') console.log(`\n${table(rows)}`) })

  for (const promised of promises) {
    it(promised.what, async () => {
      let shown = 0
      const tried = await promised.try(scale, progress => {
        if (scale !== 'full' || !process.stderr.isTTY || performance.now() - shown < 200) return
        shown = performance.now()
        process.stderr.write(`\r\x1b[K${progress}`)
      })
      rows.push([promised.what, tried])
      expect(tried.failures, tried.failures.join('\n')).to.deep.equal([])
      expect(tried.cases + (tried.leftOut?.length ?? 0), 'cases').to.be.greaterThan(0)
    })
  }
})
