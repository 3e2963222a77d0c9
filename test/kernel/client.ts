/** A Jupyter client for one kernel, as small as the tests of the kernel and its benchmark need. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Dealer, Subscriber } from 'zeromq'
import { decode, encode, type Connection, type Content, type Failure, type Message } from '../../tools/kernel/protocol'

/** This repository. */
export const repository = path.resolve(__dirname, '..', '..')
/** What the kernelspec starts Node with. */
export const argv = (root: string, connectionFile: string) =>
  ['--no-force-async-hooks-checks', '--max-old-space-size=4096', path.join(root, 'tools', 'kernel', 'dist', 'main.js'), connectionFile]

/** What a cell showed, in order, and how it ended. */
export interface Ran {
  status: string; count: number; outputs: { type: string, content: Content }[]
  error?: Failure; result?: string; stdout: string; stderr: string
}

export async function freePorts(n: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: n }, async () => { const s = createServer().listen(0, '127.0.0.1'); await once(s, 'listening'); return s }))
  const ports = servers.map(s => (s.address() as AddressInfo).port)
  await Promise.all(servers.map(s => { s.close(); return once(s, 'close') }))
  return ports
}

async function connect() {
  const [shell_port, iopub_port, stdin_port, control_port, hb_port] = await freePorts(5)
  const connection: Connection = { transport: 'tcp', ip: '127.0.0.1', key: randomUUID(), shell_port, iopub_port, stdin_port, control_port, hb_port }
  const folder = mkdtempSync(path.join(tmpdir(), 'kernel-')), file = path.join(folder, 'connection.json')
  writeFileSync(file, JSON.stringify(connection), { mode: 0o600 })
  const at = (port: number) => `tcp://127.0.0.1:${port}`
  const shell = new Dealer({ linger: 0 }), control = new Dealer({ linger: 0 }), iopub = new Subscriber()
  shell.connect(at(shell_port))
  control.connect(at(control_port))
  iopub.connect(at(iopub_port))
  iopub.subscribe()
  return { connection, file, shell, control, iopub, close: () => { for (const s of [shell, control, iopub]) s.close(); rmSync(folder, { recursive: true }) } }
}

const running = new Set<() => void>()
/** Ends every kernel that is left, so that a failed test leaves none behind. */
export function killAll() { for (const kill of running) kill() }

export type Client = Awaited<ReturnType<typeof startKernel>>
/** Starts the kernel of the repository at `root` and waits until it answers. `node`: further arguments for Node. */
export async function startKernel({ root = repository, cwd, node = [] }: { root?: string, cwd?: string, node?: string[] } = {}) {
  const { connection, file, shell, control, iopub, close } = await connect()
  const child = spawn(process.execPath, [...argv(root, file).slice(0, -2), ...node, ...argv(root, file).slice(-2)], { cwd: cwd ?? root, stdio: ['ignore', 'ignore', 'pipe'] })
  let terminal = '', gone = false
  child.stderr.on('data', (text: Buffer) => { terminal += text.toString() })
  const kill = () => { child.kill('SIGKILL'); close(); running.delete(kill) }
  running.add(kill)
  const ended = new Promise<number | string>(resolve => child.once('exit', (code, signal) => { gone = true; resolve(signal ?? code ?? 0) }))

  const listeners = new Map<string, (message: Message) => void>(), late: Message[] = []
  const listen = async (socket: Dealer | Subscriber) => {
    for await (const frames of socket) {
      const message = decode(connection.key, frames), listener = listeners.get(message.parent.msg_id ?? '')
      if (listener) listener(message)
      else if (message.header.msg_type !== 'status') late.push(message)
    }
  }
  for (const socket of [shell, control, iopub]) void listen(socket)

  const send = (socket: Dealer, type: string, content: Content): string => {
    const header = { msg_id: randomUUID(), msg_type: type, session: 'test', username: 'test', date: new Date().toISOString(), version: '5.3' }
    void socket.send(encode(connection.key, { ids: [], header, parent: {}, content }))
    return header.msg_id
  }
  /** Sends a request; resolves to the reply's content when that and the idle status have come. */
  const ask = (socket: Dealer, type: string, content: Content, seconds: number, each = (_message: Message) => {}) => new Promise<Content>((resolve, reject) => {
    let reply: Content | undefined, idle = false
    const id = send(socket, type, content)
    const finish = (error?: Error) => { clearTimeout(timer); listeners.delete(id); if (error) reject(error); else resolve(reply!) }
    const timer = setTimeout(() => { finish(new Error(`${type}: no answer in ${seconds} s`)) }, seconds * 1000)
    void ended.then(how => { finish(new Error(`${type}: the kernel ended (${how})`)) })
    listeners.set(id, message => {
      const { header: { msg_type }, content } = message
      if (msg_type.endsWith('_reply')) reply = content
      else if (msg_type === 'status') idle = content.execution_state === 'idle'
      else each(message)
      if (reply && idle) finish()
    })
  })

  const begun = Date.now() // both sockets answer: printing is not lost
  for (;;) {
    try { await ask(shell, 'kernel_info_request', {}, 1); break } catch (error) { if (gone || Date.now() - begun > 30_000) { kill(); throw new Error(`the kernel does not start: ${String(error)} ${terminal}`, { cause: error }) } }
  }

  return {
    pid: child.pid!, ended, late, terminal: () => terminal,
    /** Runs a cell; `shown` hears of each output when it comes. */
    async execute(code: string, { seconds = 50, shown = (_type: string) => {}, ...options }: { seconds?: number, shown?: (type: string) => void, silent?: boolean, stop_on_error?: boolean } = {}): Promise<Ran> {
      const outputs: Ran['outputs'] = []
      const reply = await ask(shell, 'execute_request', { code, silent: false, store_history: true, user_expressions: {}, allow_stdin: false, stop_on_error: true, ...options }, seconds,
        ({ header, content }) => { outputs.push({ type: header.msg_type, content }); shown(header.msg_type) })
      const text = (name: string) => outputs.filter(o => o.type === 'stream' && o.content.name === name).map(o => o.content.text as string).join('')
      const error = outputs.find(o => o.type === 'error')?.content as Failure | undefined
      const data = outputs.find(o => o.type === 'execute_result')?.content.data as Record<string, string> | undefined
      return { status: reply.status as string, count: reply.execution_count as number, outputs, error, result: data?.['text/plain'], stdout: text('stdout'), stderr: text('stderr') }
    },
    /** Runs a cell and presses stop once it has printed something. */
    async stopWhenPrinted(code: string): Promise<Ran> {
      let begun = () => {}
      const printed = new Promise<void>(resolve => { begun = resolve })
      const ran = this.execute(code, { stop_on_error: false, shown: type => { if (type === 'stream') begun() } })
      await Promise.race([printed, ran])
      await this.interrupt()
      return ran
    },
    complete: (code: string, cursor_pos = code.length) => ask(shell, 'complete_request', { code, cursor_pos }, 50),
    inspect: (code: string, cursor_pos = code.length) => ask(shell, 'inspect_request', { code, cursor_pos, detail_level: 0 }, 50),
    request: (type: string, content: Content) => ask(shell, type, content, 50),
    interrupt: () => ask(control, 'interrupt_request', {}, 50),
    /** Asks the kernel to end; resolves to its exit code. */
    async shutdown(restart = false): Promise<number | string> {
      if (!gone) send(control, 'shutdown_request', { restart })
      const how = await ended
      kill()
      return how
    },
  }
}
