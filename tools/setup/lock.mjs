// One set-up at a time in a clone: a second waits for the first, and a lock whose owner died is taken over.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const heartbeat = 5_000
// Only where the owner cannot be asked (another machine on a shared disk) does the age of the lock decide.
const silence = 60_000

/** When the process started, as the system tells it: a process id alone may have been given to somebody else since. */
function startOf(pid) {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ')[19]
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** Who holds the lock: { pid, host, start, what, age } or undefined when it is free. */
export function ownerOf(file) {
  try {
    const age = Date.now() - statSync(file).mtimeMs
    const text = readFileSync(file, 'utf8')
    // Between its creation and its first line a lock is empty for an instant.
    return text === '' ? { age } : { ...JSON.parse(text), age }
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    if (error instanceof SyntaxError) return { age: Infinity }
    throw error
  }
}

/** Whether the lock's owner is gone. */
export function isStale(owner) {
  if (owner.pid === undefined || owner.host !== os.hostname()) return owner.age > silence
  if (!alive(owner.pid)) return true
  const start = startOf(owner.pid)
  return start !== undefined && owner.start !== undefined && start !== owner.start
}

/** Removes a stale lock. Only the holder of `file.takeover` may, so that nobody removes the lock that a third has just made. */
function removeStale(file) {
  const guard = `${file}.takeover`
  try {
    writeFileSync(guard, '', { flag: 'wx' })
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    const other = ownerOf(guard)
    if (other && other.age > 10_000) rmSync(guard, { force: true })
    return
  }
  try {
    const owner = ownerOf(file)
    if (owner && isStale(owner)) rmSync(file, { force: true })
  } finally {
    rmSync(guard, { force: true })
  }
}

/**
 * Runs `work` while holding `file`. Waits while another living process holds it (`onWait(owner)` is called once).
 * The lock is given back when `work` ends, and when this process is told to stop.
 */
export async function withLock(file, what, work, { onWait, poll = 300 } = {}) {
  mkdirSync(path.dirname(file), { recursive: true })
  const text = JSON.stringify({ pid: process.pid, host: os.hostname(), start: startOf(process.pid), what })
  for (let waited = false; ;) {
    try {
      writeFileSync(file, text, { flag: 'wx' })
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const owner = ownerOf(file)
    if (owner === undefined) continue
    if (isStale(owner)) {
      removeStale(file)
      continue
    }
    if (!waited) onWait?.(owner)
    waited = true
    await sleep(poll)
  }
  const beat = setInterval(() => { try { utimesSync(file, new Date(), new Date()) } catch { /* the folder was removed */ } }, heartbeat)
  const release = () => {
    clearInterval(beat)
    if (ownerOf(file)?.pid === process.pid) rmSync(file, { force: true })
  }
  const stop = signal => {
    release()
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }
  process.on('exit', release).on('SIGINT', stop).on('SIGTERM', stop)
  try {
    return await work()
  } finally {
    release()
    process.off('exit', release).off('SIGINT', stop).off('SIGTERM', stop)
  }
}
