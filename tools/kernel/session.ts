/** Runs cells one after the other, and says how each ended. */
import { writeSync } from 'node:fs'
import { MessageChannel } from 'node:worker_threads'
import { compile } from './compile'
import { describe, describeDiagnostics, keepSource } from './errors'
import * as language from './language'
import { bundle, createOutput, type Bundle, type Publish } from './output'
import type { Content, Failure, Message } from './protocol'
import { createReload } from './reload'
import { hold, holdEach, isPending, newRun, SETTLE, stop, timers, turn, type Run } from './stop'
import { addSideFiles, reached, requireFrom, take, variables } from './variables'

/** The way to the front end; see wire.ts. */
export interface Wire {
  publish: Publish
  reply: Publish
}
/** How a cell's code ended. */
type Outcome = { result?: Bundle } | { thrown: unknown } | { failure: Failure }
/** One execution. `end` is called by the cell's own code or by the stop button, whichever comes first. */
interface Cell { run: Run; work: () => Promise<Outcome>; end: (outcome: Outcome) => void; ended: boolean }

const interrupted: Failure = { ename: 'Interrupted', evalue: 'the cell was stopped', traceback: ['Interrupted: the cell was stopped'] }
const sleep = (ms: number) => new Promise(resolve => { timers.setTimeout(resolve, ms) })

/** `inCell[0]` tells the wire thread whether a cell's own code may be what keeps this thread busy. */
export function createSession(root: string, wire: Wire, inCell: Int32Array) {
  const output = createOutput(wire.publish), reload = createReload(root), require = requireFrom(root)
  const queue: Message[] = []
  let working: Message | undefined, cell: Cell | undefined, run = newRun(), count = 0, declarations = ''
  let strays: Failure[] = [] // rejections that nobody awaited, errors thrown in callbacks

  // A cell starts in a task of its own: of what waits for it, nothing is below it on the stack, where it may be cut off.
  const { port1: start, port2: started } = new MessageChannel()
  started.on('message', () => {
    if (!cell || cell.ended) return // stopped before it began
    const { work, end } = cell
    Atomics.store(inCell, 0, 1)
    void work().then(end, (thrown: unknown) => { end({ thrown }) })
  })
  const outcomeOf = (work: Cell['work']) => new Promise<Outcome>(resolve => {
    const mine: Cell = cell = { run, work, ended: false, end: outcome => { if (!mine.ended) { mine.ended = true; resolve(outcome) } } }
    start.postMessage(0)
  })

  /** Gives what a cell began and did not await the time to fail in that cell. */
  async function settle() {
    await turn()
    await turn()
    for (const begun = Date.now(); isPending(run) && !run.stopped && !strays.length && Date.now() - begun < SETTLE + 50;) await sleep(5)
    await turn()
  }

  async function runCell(request: Message, n: number, silent: boolean): Promise<Failure | undefined> {
    const source = String(request.content.code)
    keepSource(n, source)
    reload()
    run = newRun()
    const compiled = compile(n, source, declarations)
    if (!compiled.ok) return describeDiagnostics(n, compiled.diagnostics)
    const { run: code, lastExpression, isAsync, sideFiles } = compiled
    addSideFiles(sideFiles)
    const outcome = await outcomeOf(async () => {
      const done = code?.(variables, require, hold, holdEach)
      if (isAsync) await done
      const value = lastExpression === undefined ? undefined : await take(lastExpression)
      return value === undefined || value === null || silent ? {} : { result: await bundle(value) }
    })
    await settle()
    Atomics.store(inCell, 0, 0)
    const ok = 'result' in outcome || !Object.keys(outcome).length
    declarations = ok ? compiled.declarations : reached(compiled.declarations)
    if ('failure' in outcome) return outcome.failure
    if ('thrown' in outcome) return describe(root, outcome.thrown)
    if (!strays.length && 'result' in outcome) output.send('execute_result', { data: outcome.result, metadata: {}, execution_count: n })
    return undefined
  }

  /** Takes what strayed: as the failure itself, or as an addition to it. */
  function withStrays(failure: Failure | undefined): Failure | undefined {
    const [first, ...others] = [...failure ? [failure] : [], ...strays]
    strays = []
    return first && { ...first, traceback: [first, ...others].flatMap(f => f.traceback) }
  }

  async function execute(request: Message): Promise<Content> {
    const { code, silent = false, store_history = true } = request.content, empty = !String(code).trim()
    if (empty) await settle()
    let failure: Failure | undefined
    if (strays.length) {
      failure = withStrays(undefined)!
      if (!empty) failure.traceback.unshift('An earlier cell failed after it had ended, so this one was not run:')
    } else if (!empty) {
      const n = silent || !store_history ? 0 : ++count
      output.begin(request, n)
      if (!silent) output.send('execute_input', { code, execution_count: n })
      try { failure = await runCell(request, n, Boolean(silent)) } catch (error) { failure = describe(root, error) } finally { Atomics.store(inCell, 0, 0) }
      failure = withStrays(failure)
    }
    output.flush()
    if (failure) wire.publish('error', failure, request)
    return failure ? { status: 'error', execution_count: count, ...failure } : { status: 'ok', execution_count: count, payload: [], user_expressions: {} }
  }

  async function workThroughQueue() {
    if (working) return
    while ((working = queue.shift())) {
      const request = working
      wire.publish('status', { execution_state: 'busy' }, request)
      const reply = await execute(request)
      const aborted = reply.status === 'error' && request.content.stop_on_error !== false
      if (aborted) await sleep(10) // what was sent along with a failing cell has come by then, and does not run
      wire.reply('execute_reply', reply, request)
      wire.publish('status', { execution_state: 'idle' }, request)
      for (const other of aborted ? queue.splice(0) : []) {
        wire.publish('status', { execution_state: 'busy' }, other)
        wire.reply('execute_reply', { status: 'aborted', execution_count: count }, other)
        wire.publish('status', { execution_state: 'idle' }, other)
      }
    }
  }

  /** Answered at once, also between two awaits of a cell. */
  function ask(request: Message, find: (code: string, cursor: number) => Content) {
    const inside = Atomics.exchange(inCell, 0, 0) // the stop button must not cut this off
    wire.publish('status', { execution_state: 'busy' }, request)
    let content: Content
    try { content = find(String(request.content.code), Number(request.content.cursor_pos)) } catch (error) { content = { status: 'error', ...describe(root, error) } }
    wire.reply(request.header.msg_type.replace('_request', '_reply'), content, request)
    wire.publish('status', { execution_state: 'idle' }, request)
    if (working) wire.publish('status', { execution_state: 'busy' }, working)
    Atomics.store(inCell, 0, inside)
  }

  return {
    handle(request: Message) {
      switch (request.header.msg_type) {
        case 'execute_request': queue.push(request); void workThroughQueue(); break
        case 'complete_request': ask(request, (code, cursor) => language.complete(declarations, code, cursor)); break
        case 'inspect_request': ask(request, (code, cursor) => language.inspect(declarations, code, cursor)); break
        case 'is_complete_request': ask(request, code => language.isComplete(code)); break
      }
    },
    /** The stop button. */
    interrupt() {
      stop(run)
      cell?.end({ failure: interrupted })
    },
    /** An error that no cell caught: it fails the cell that runs, or else the next. */
    stray(thrown: unknown, title: string) {
      const failure = describe(root, thrown, title)
      strays.push(failure)
      if (!working) output.send('stream', { name: 'stderr', text: `${failure.traceback.join('\n')}\n` })
    },
    /** Says on the terminal what strayed and no cell could show; returns the exit code. */
    close(): number {
      output.flush()
      for (const { traceback } of strays) writeSync(2, `${traceback.join('\n')}\n`)
      return strays.length ? 1 : 0
    },
  }
}
