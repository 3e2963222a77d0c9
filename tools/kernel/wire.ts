/**
 * The kernel's sockets, on a thread of their own: printing, the heartbeat and the stop button go on
 * while a cell keeps the main thread busy.
 */
import { Session } from 'node:inspector'
import { parentPort, workerData } from 'node:worker_threads'
import * as zmq from 'zeromq'
import { answer, decode, encode, type Connection, type Content, type FromWire, type Heard, type Message, type ToWire } from './protocol'

/** What the main thread starts this thread with. `inCell[0]` is 1 while a cell's code runs. */
export interface WireData { connection: Connection; inCell: Int32Array; kernelInfo: Content }
const { connection, inCell, kernelInfo } = workerData as WireData
const main = parentPort!

const shell = new zmq.Router(), control = new zmq.Router(), stdin = new zmq.Router(), heartbeat = new zmq.Reply()
const iopub = new zmq.Publisher({ sendHighWaterMark: 0, linger: 500 })
const sockets = { shell, control, stdin, hb: heartbeat, iopub }
const ready = Promise.all(Object.entries(sockets).map(([name, socket]) =>
  socket.bind(`${connection.transport}://${connection.ip}:${connection[`${name}_port` as 'hb_port']}`)))

/** A socket sends one message at a time, in order. */
function sender(socket: zmq.Router | zmq.Publisher) {
  let last: Promise<unknown> = ready
  return (message: Message) => last = last.then(() => socket.send(encode(connection.key, message))).catch(() => {})
}
const send = { shell: sender(shell), control: sender(control), iopub: sender(iopub) }

/** What is printed in small pieces goes out every 50 ms, before anything else is shown. */
let printed: Message | undefined, timer: NodeJS.Timeout | undefined
function publish(message: Message) {
  const isStream = message.header.msg_type === 'stream', { name, text } = message.content
  if (isStream && printed?.parent.msg_id === message.parent.msg_id && printed?.content.name === name) {
    printed!.content.text = `${printed!.content.text as string}${text as string}`
    return
  }
  if (printed) void send.iopub(printed)
  clearTimeout(timer)
  printed = isStream ? message : undefined
  if (isStream) timer = setTimeout(() => { if (printed) void send.iopub(printed); printed = undefined }, 50)
  else return send.iopub(message)
}

/** What can be answered without the main thread, so also while a cell runs. */
const answers: Record<string, () => Content> = {
  kernel_info_request: () => kernelInfo,
  comm_info_request: () => ({ status: 'ok', comms: {} }),
  history_request: () => ({ status: 'ok', history: [] }),
  interrupt_request: () => { void interrupt(); return { status: 'ok' } },
}
const forMain = new Set(['execute_request', 'complete_request', 'inspect_request', 'is_complete_request'])

async function listen(socket: zmq.Router, channel: 'shell' | 'control') {
  await ready
  for await (const frames of socket) {
    let request: Message
    try { request = decode(connection.key, frames) } catch { continue } // not from our client
    const type = request.header.msg_type
    const reply = (content: Content) => send[channel](answer(request, type.replace('_request', '_reply'), content))
    if (forMain.has(type)) { main.postMessage({ kind: 'request', message: request } satisfies FromWire); continue }
    const status = (execution_state: string) => publish({ ...answer(request, 'status', { execution_state }), ids: [] })
    void status('busy')
    if (type === 'shutdown_request') { await reply({ status: 'ok', restart: request.content.restart }); await status('idle'); return shutdown() }
    if (type in answers) void reply(answers[type]())
    void status('idle')
  }
}

/**
 * The stop button. The main thread ends the cell itself as soon as it is free; while the cell's own code
 * keeps it busy, that code is cut off from here, like a debugger does. Asked again in case that hit the kernel.
 */
async function interrupt() {
  const id = ++interrupts
  for (let patience = 30; patience > 0 && !stopping; patience--) {
    main.postMessage({ kind: 'interrupt', id } satisfies FromWire)
    if (await heard(id, 300)) return
    if (!Atomics.load(inCell, 0)) continue // still compiling the cell
    const session = new Session()
    session.connectToMainThread()
    session.post('Runtime.terminateExecution', () => session.disconnect())
    if (await heard(id, 2000)) return
  }
}
let interrupts = 0, lastHeard = 0, onHeard = () => {}
/** Whether the main thread says within `ms` that it carried out interrupt `id`. */
const heard = (id: number, ms: number) => new Promise<boolean>(resolve => {
  const timer = setTimeout(() => resolve(false), ms)
  onHeard = () => { if (lastHeard >= id) { clearTimeout(timer); resolve(true) } }
  onHeard()
})

let stopping = false
function shutdown() {
  stopping = true
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1500) // a loop keeps the main thread
  for (const socket of Object.values(sockets)) socket.close()
  main.postMessage({ kind: 'shutdown' } satisfies FromWire)
}

main.on('message', (message: ToWire | Heard) => {
  if ('heard' in message) { lastHeard = message.heard; return onHeard() }
  const { channel, type, content, request } = message
  const reply = answer(request, type, content)
  if (channel === 'iopub') void publish({ ...reply, ids: [] })
  else void send.shell(reply)
})
void listen(shell, 'shell')
void listen(control, 'control')
void (async () => { await ready; for await (const frames of heartbeat) await heartbeat.send(frames) })()

const parent = process.ppid // when Jupyter is gone, so is its kernel
setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL') }, 2000)
