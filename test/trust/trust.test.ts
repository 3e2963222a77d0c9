import { expect } from 'chai'
import { ready } from '../../lib/tensor/backend'
import { committed } from './committed'
import { disk } from './disk'
import { files } from './files'
import { hostileText } from './hostile'
import { interrupted } from './interrupted'
import { kills } from './kills'
import { long } from './long'
import { oracle } from './oracle'
import { outside } from './outside'
import type { Promised, Scale, Tried } from './promise'
import { NOT_PROMISED, same } from './same'
import { server } from './server'

const scale: Scale = process.env.RLHF_TRUST === 'full' ? 'full' : 'quick'
/** The longest first, so that two lanes end together. */
const all: readonly Promised[] = [long, interrupted, kills, outside, files, same, hostileText, oracle, server, disk, committed]
/** RLHF_TRUST_ONLY: those alone whose text has these words. */
const promises = all.filter(({ what }) => what.includes(process.env.RLHF_TRUST_ONLY ?? ''))
const LANES = { quick: 1, full: 2 } as const

/** A promise that was tried, and how long that took. */
interface Row { readonly what: string; readonly tried: Tried; readonly minutes: number }

/** What was promised, in how many cases it was tried, and what failed: printed where a person asked for it (npm run trust). */
function table(rows: readonly Row[]): string {
  const lines = rows.map(({ what, tried: { cases, failures }, minutes }) => `${String(cases).padStart(7)}  ${String(failures.length).padStart(8)}  ${minutes.toFixed(1).padStart(7)}  ${what}`)
  const left = rows.flatMap(({ tried }) => tried.leftOut ?? []), found = rows.flatMap(({ tried }) => tried.found ?? [])
  return ['  cases  failures  minutes  promise', ...lines, ...found.map(line => `found: ${line}`), ...left.map(line => `not tried: ${line}`), ...NOT_PROMISED.map(line => `not promised: ${line}`)].join('\n')
}

/** Tries them all, so many at a time; what each comes to, in their order. */
function start(note: (progress: string) => void): readonly Promise<Row>[] {
  const waiting: (() => void)[] = []
  let free: number = LANES[scale]
  return promises.map(async promised => {
    if (free > 0) free--
    else await new Promise<void>(resolve => waiting.push(resolve))
    const begun = performance.now()
    try {
      const tried = await promised.try(scale, progress => note(`${progress} (${promised.what.slice(0, 40)}…)`))
      return { what: promised.what, tried, minutes: (performance.now() - begun) / 60_000 }
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  })
}

describe('what the project promises', function () {
  this.timeout(scale === 'full' ? 3_600_000 : 600_000)
  const rows: Row[] = []
  let started: readonly Promise<Row>[], shown = 0
  if (promises.length === 0) throw new Error(`no promise has the words '${process.env.RLHF_TRUST_ONLY}'`)
  before(async () => {
    await ready()
    started = start(progress => {
      if (scale !== 'full' || performance.now() - shown < (process.stderr.isTTY ? 200 : 30_000)) return
      shown = performance.now()
      process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${progress}` : `  … ${progress}\n`)
    })
    for (const one of started) one.catch(() => { /* told by its test */ })
  })
  after(() => { if (scale === 'full') console.log(`\n${table(rows)}`) })

  promises.forEach((promised, i) => {
    it(promised.what, async () => {
      const row = await started[i], { failures, cases, leftOut = [] } = row.tried
      rows.push(row)
      expect(failures, failures.join('\n')).to.deep.equal([])
      expect(cases + leftOut.length, 'cases').to.be.greaterThan(0)
    })
  })
})
