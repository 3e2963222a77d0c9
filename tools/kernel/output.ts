/** Everything a cell shows: what it prints, displays, and the value of its last line. */
import util from 'node:util'
import type { Content, Message } from './protocol'
import { timers } from './stop'

const jupyter = require('tslab/dist/jupyter') as { lastWriteDisplayData: unknown }
export type Publish = (type: string, content: Content, request: Message) => void
/** Texts and pictures by MIME type: one output, of which a front end shows the richest form that it can. */
export type Bundle = Record<string, unknown>

/** What code in a cell finds as `globalThis[Symbol.for('notebook.kernel')]`. */
export interface NotebookKernel {
  /** The execution number of the cell that runs or ran last: `[3]`. */
  readonly cell: number
  /** Shows a bundle; with `id`, `update: true` rewrites the one shown before under it. */
  display(data: Bundle, options?: { id?: string, update?: boolean, metadata?: Record<string, unknown> }): void
  /** Removes the cell's outputs; with `wait`, when the next one comes. */
  clear(wait?: boolean): void
}

/** Of a flood of prints, text goes out when it has this many characters or is this old (ms); a flood is more than so many prints in that time. */
const CHUNK = 16_384, AGE = 50, FLOOD = 50

/** Sends what cells print and display; `begin(request, n)` says which cell it belongs to from now on, also when it has ended. */
export function createOutput(publish: Publish) {
  let request: Message | undefined, cell = 0
  let buffer: { name: string, text: string } | undefined, prints = 0, since = 0, timer: NodeJS.Timeout | undefined
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    const content = buffer
    buffer = undefined
    if (content && request) publish('stream', content, request)
  }
  const send = (type: string, content: Content) => {
    const plain = JSON.parse(JSON.stringify(content)) as Content // what is not JSON fails here, in the cell that shows it
    flush()
    if (request) publish(type, plain, request)
  }
  const write = (name: string) => (chunk: string | Uint8Array, encoding?: unknown, done: unknown = encoding) => {
    if (buffer && buffer.name !== name) flush()
    buffer ??= { name, text: '' }
    buffer.text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
    const now = Date.now()
    if (now - since > AGE) { prints = 0; since = now }
    if (prints++ < FLOOD || buffer.text.length > CHUNK) flush()
    else timer ??= timers.setTimeout(flush, AGE)
    if (typeof done === 'function') process.nextTick(done)
    return true
  }
  const kernel: NotebookKernel = {
    get cell() { return cell },
    display(data, { id, update = false, metadata = {} } = {}) {
      send(update ? 'update_display_data' : 'display_data', { data, metadata, transient: id ? { display_id: id } : {} })
    },
    clear(wait = true) { send('clear_output', { wait }) },
  }
  Object.assign(globalThis, { [Symbol.for('notebook.kernel')]: kernel })
  return {
    begin(forRequest: Message, n: number) {
      flush()
      request = forRequest
      cell = n
      process.stdout.write = write('stdout')
      process.stderr.write = write('stderr')
      jupyter.lastWriteDisplayData = (content: Content, update?: boolean) => { send(update ? 'update_display_data' : 'display_data', content) }
    },
    send, flush,
  }
}
export type Output = ReturnType<typeof createOutput>

/** The value of a cell's last line as a bundle: its own `Symbol.for('Jupyter.display')` method, else as text. */
export async function bundle(value: unknown): Promise<Bundle> {
  const own = value as { [key: symbol]: (() => Bundle | Promise<Bundle>) | undefined } | null | undefined, name = Symbol.for('Jupyter.display')
  if (typeof own?.[name] === 'function') return await own[name]()
  return { 'text/plain': typeof value === 'string' ? value : util.inspect(value, { depth: 3, maxArrayLength: 50, breakLength: 100 }) }
}
