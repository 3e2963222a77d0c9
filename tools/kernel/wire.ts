/**
 * The kernel's sockets, on a thread of their own: printing, the heartbeat and the stop button go on
 * while a cell keeps the main thread busy.
 */
import { Session } from 'node:inspector'
import { parentPort, workerData } from 'node:worker_threads'
import * as zmq from 'zeromq'
import { answer, decode, encode, type Connection, type Content, type FromWire, type Message, type ToWire } from './protocol'

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
    const status = (execution_state: string) => send.iopub({ ...answer(request, 'status', { execution_state }), ids: [] })
    void status('busy')
    if (type === 'shutdown_request') { await reply({ status: 'ok', restart: request.content.restart }); await status('idle'); return shutdown() }
    if (type in answers) void reply(answers[type]())
    void status('idle')
  }
}

/**
 * The stop button. The main thread ends the cell itself as soon as it is free; while the cell's own code
 * keeps it busy, that code is cut off from here, like a debugger does.
 */
async function interrupt() {
  const heard = new Promise<true>(resolve => { onHeard = () => resolve(true) })
  main.postMessage({ kind: 'interrupt' } satisfies FromWire)
  for (let patience = 30; patience > 0; patience--) {
    if (await Promise.race([heard, pause(300)]) || stopping) return
    if (!Atomics.load(inCell, 0)) continue // still compiling the cell
    const session = new Session()
    session.connectToMainThread()
    session.post('Runtime.terminateExecution', () => session.disconnect())
    return
  }
}
let onHeard = () => {}
const pause = (ms: number) => new Promise<false>(resolve => { setTimeout(() => resolve(false), ms) })

let stopping = false
function shutdown() {
  stopping = true
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1500) // a loop keeps the main thread
  for (const socket of Object.values(sockets)) socket.close()
  main.postMessage({ kind: 'shutdown' } satisfies FromWire)
}

main.on('message', (message: ToWire | 'heard') => {
  if (message === 'heard') return onHeard()
  const { channel, type, content, request } = message
  const reply = answer(request, type, content)
  void send[channel](channel === 'iopub' ? { ...reply, ids: [] } : reply)
})
void listen(shell, 'shell')
void listen(control, 'control')
void (async () => { await ready; for await (const frames of heartbeat) await heartbeat.send(frames) })()

const parent = process.ppid // when Jupyter is gone, so is its kernel
setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL') }, 2000)
