/**
 * What the stop button ends. Code that runs is cut off by the wire thread; code that waits is held here:
 * its awaits never come back, its timers never fire. `finally` and `catch` do not run, as after a power cut.
 */
import { promisify } from 'node:util'

/** One execution of a cell, with what it began that has not ended: how many awaits, which short timers. */
export interface Run { stopped: boolean; awaits: number; readonly timers: Set<NodeJS.Timeout> }
const begin = (): Run => ({ stopped: false, awaits: 0, timers: new Set() })
let current = begin()
const never = new Promise<never>(() => {})

/** Timers as Node made them, for the kernel itself. */
export const timers = { setTimeout, setInterval, setImmediate, clearImmediate }

/** Immediates run one a turn: Node's own list of them is left in pieces when a callback in its middle is cut off. */
const immediates: { call(): void }[] = []
const nextImmediate = () => {
  const immediate = immediates.shift()
  if (immediates.length) timers.setImmediate(nextImmediate)
  immediate?.call()
}
function addImmediate(call: () => void) {
  const immediate = { call, hasRef: () => true, ref: () => immediate, unref: () => immediate }
  if (immediates.push(immediate) === 1) timers.setImmediate(nextImmediate)
  return immediate
}
/** A turn of the event loop. */
export const turn = () => new Promise<void>(resolve => { addImmediate(resolve) })

/** What is awaited or timed from now on belongs to a new run. */
export function newRun(): Run { return current = begin() }

/** Whether something that the run began, and nobody awaited, may still throw soon. */
export const isPending = (run: Run) => run.awaits > 0 || [...run.timers].some(timer => timer.hasRef())

/** Ends a run; what is begun after this belongs to none that is stopped. */
export function stop(run: Run) { run.stopped = true; if (run === current) newRun() }

/** Awaited by a cell in place of `value`: the same value or error, or nothing ever again once the run is stopped. */
export function hold(value: unknown): unknown {
  if (typeof (value as PromiseLike<unknown> | null)?.then !== 'function') return value
  const run = current, promise = value instanceof Promise ? value : Promise.resolve(value)
  run.awaits++
  const after = () => { run.awaits--; return run.stopped }
  return promise.then(result => after() ? never : result, error => { if (after()) return never; throw error })
}

/** What a cell's `for await` goes through in place of `source`. */
export async function* holdEach<T>(source: AsyncIterable<T> | Iterable<T>): AsyncGenerator<Awaited<T>, void, undefined> {
  const run = current
  for await (const item of source) {
    if (run.stopped) await never
    yield item
  }
}

/** A timer this short (ms) is waited for when its cell ends, so that what it throws fails that cell. */
export const SETTLE = 300

/** Replaces the global timers by ones that do not fire once the run that set them is stopped. */
export function patchTimers() {
  type Callback = (...args: unknown[]) => void
  const timer = (name: 'setTimeout' | 'setInterval') => (callback: Callback, delay?: number, ...args: unknown[]) => {
    if (typeof callback !== 'function') return timers[name](callback, delay) // throws as ever
    const run = current, isShort = name === 'setTimeout' && !(Number(delay) > SETTLE)
    const started = timers[name](() => { run.timers.delete(started); if (!run.stopped) callback(...args) }, delay)
    if (isShort) run.timers.add(started)
    return started
  }
  const immediate = (callback: Callback, ...args: unknown[]) => {
    if (typeof callback !== 'function') return timers.setImmediate(callback)
    const run = current
    return addImmediate(() => { if (!run.stopped) callback(...args) })
  }
  const clear = (given: unknown) => {
    const at = immediates.indexOf(given as { call(): void })
    if (at >= 0) immediates.splice(at, 1)
    else timers.clearImmediate(given as NodeJS.Immediate)
  }
  const promisified = (name: 'setTimeout' | 'setImmediate') => ({ [promisify.custom]: timers[name][promisify.custom as never] })
  Object.assign(globalThis, {
    setTimeout: Object.assign(timer('setTimeout'), promisified('setTimeout')), setInterval: timer('setInterval'),
    setImmediate: Object.assign(immediate, promisified('setImmediate')), clearImmediate: clear,
  })
}
