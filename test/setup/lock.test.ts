import { expect } from 'chai'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const moduleUrl = pathToFileURL(path.resolve('tools/setup/lock.mjs')).href
let folder: string
let file: string
const log = () => existsSync(path.join(folder, 'log')) ? readFileSync(path.join(folder, 'log'), 'utf8').trim().split('\n') : []

/** A process that takes the lock, notes when it has it and when it gives it back, and holds it in between: for some ms, or until
 *  the file `go` is there. */
function holder(name: string, hold: number | 'until told'): ChildProcess & { ended: Promise<number | string> } {
  const code = `import { withLock } from ${JSON.stringify(moduleUrl)}
    import { appendFileSync, existsSync } from 'node:fs'
    import { setTimeout as sleep } from 'node:timers/promises'
    const note = text => appendFileSync(${JSON.stringify(path.join(folder, 'log'))}, text + '\\n')
    await withLock(${JSON.stringify(file)}, 'test', async () => { note('start ${name}'); ${hold === 'until told' ? `while (!existsSync(${JSON.stringify(path.join(folder, 'go'))})) await sleep(10)` : `await sleep(${hold})`}; note('end ${name}') }, { poll: 10, onWait: o => note('wait ${name} ' + o.pid) })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'inherit' })
  return Object.assign(child, { ended: new Promise<number | string>(resolve => child.on('close', (status, signal) => resolve(status ?? signal ?? ''))) })
}

/** Waits for a line in the log. */
async function seen(line: string): Promise<void> {
  while (!log().some(text => text.startsWith(line))) await sleep(10)
}

/** A lock that somebody else seems to hold. */
const leave = (owner: object) => writeFileSync(file, JSON.stringify({ host: os.hostname(), what: 'test', ...owner }))
const deadPid = () => spawnSync(process.execPath, ['-e', '']).pid

/** Whoever starts also ends before the next one starts. */
function expectOneAtATime(count: number): void {
  const turns = log().filter(line => !line.startsWith('wait'))
  expect(turns).to.have.length(2 * count)
  for (let i = 0; i < turns.length; i += 2) expect(turns[i + 1]).to.equal(turns[i].replace('start', 'end'))
  expect(existsSync(file)).to.equal(false)
}

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'lock '))
  file = path.join(folder, 'inside/setup.lock')
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('the set-up lock', () => {
  it('lets one process in at a time; the others wait and say for whom', async () => {
    const first = holder('a', 'until told')
    await seen('start a')
    const others = ['b', 'c', 'd'].map(name => holder(name, 20))
    await Promise.all(['b', 'c', 'd'].map(name => seen(`wait ${name} ${first.pid}`)))
    writeFileSync(path.join(folder, 'go'), '')
    expect(await Promise.all([first, ...others].map(({ ended }) => ended))).to.deep.equal([0, 0, 0, 0])
    expectOneAtATime(4)
  })
  it('is given back by a process that is told to stop', async () => {
    const first = holder('a', 'until told')
    await seen('start a')
    first.kill('SIGTERM')
    expect(await first.ended).to.equal(143)
    expect(existsSync(file)).to.equal(false)
  })
  it('is taken over from a process that was killed', async () => {
    const first = holder('a', 'until told')
    await seen('start a')
    const second = holder('b', 0)
    await seen('wait b')
    first.kill('SIGKILL')
    expect(await second.ended).to.equal(0)
    expect(log().slice(-2)).to.deep.equal(['start b', 'end b'])
  })

  describe('that was left behind', () => {
    beforeEach(async () => {
      await holder('before', 0).ended
      rmSync(path.join(folder, 'log'))
    })

    it('by a dead process is taken over at once', async () => {
      leave({ pid: deadPid(), start: '1' })
      expect(await holder('a', 0).ended).to.equal(0)
      expect(log()).to.deep.equal(['start a', 'end a'])
    })
    it('is taken over by one of many, the others wait their turn', async () => {
      leave({ pid: deadPid(), start: '1' })
      const all = ['a', 'b', 'c', 'd', 'e'].map(name => holder(name, 30))
      expect(await Promise.all(all.map(({ ended }) => ended))).to.deep.equal([0, 0, 0, 0, 0])
      expectOneAtATime(5)
    })
    it('with the number of a process that began later is taken over', async () => {
      leave({ pid: process.pid, start: 'another time' })
      expect(await holder('a', 0).ended).to.equal(0)
    })
    it('in an unreadable state is taken over', async () => {
      writeFileSync(file, '{"pid": 12')
      expect(await holder('a', 0).ended).to.equal(0)
    })
    it('by another machine is respected while it is fresh, and taken over when it is silent', async () => {
      leave({ pid: 1, host: 'elsewhere' })
      const child = holder('a', 0)
      await seen('wait a')
      expect(log()).to.deep.equal(['wait a 1'])
      const past = new Date(Date.now() - 120_000)
      utimesSync(file, past, past)
      expect(await child.ended).to.equal(0)
    })
  })
})
