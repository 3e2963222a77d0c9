/**
 * The kernel of the notebooks: tslab, with what it leaves out of the Jupyter protocol. See README.md.
 * Started by Jupyter as `node --no-force-async-hooks-checks dist/main.js <connection file>`.
 */
import { readFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { PROTOCOL, type Connection, type Content, type FromWire, type Heard, type Message, type ToWire } from './protocol'
import type { WireData } from './wire'

const root = path.resolve(__dirname, '..', '..', '..')
const connectionFile = process.argv[2]
if (!connectionFile) throw new Error('usage: node main.js <connection file>; Jupyter starts the kernel')
const connection = JSON.parse(readFileSync(connectionFile, 'utf8')) as Connection

const versionOf = (name: string) => (require(`${name}/package.json`) as { version: string }).version
const version = versionOf('@tslab/typescript-for-tslab')
const kernelInfo: Content = {
  status: 'ok', protocol_version: PROTOCOL, implementation: 'tslab', implementation_version: versionOf('tslab'),
  banner: `TypeScript ${version} (tslab), Node ${process.version}`,
  language_info: { name: 'typescript', version, mimetype: 'application/typescript', file_extension: '.ts', codemirror_mode: 'typescript', pygments_lexer: 'typescript' },
}

const inCell = new Int32Array(new SharedArrayBuffer(4))
const wire = new Worker(path.join(__dirname, 'wire.js'), { workerData: { connection, inCell, kernelInfo } satisfies WireData })
const exit = process.exit.bind(process)
wire.on('error', error => { writeSync(2, `${error.stack}\n`); exit(1) })
const send = (message: ToWire | Heard) => { wire.postMessage(message) }

process.chdir(root) // imports and files are found alike for every notebook, wherever it lies
Error.stackTraceLimit = 50
// The compiler takes a second to load; meanwhile the wire thread already answers.
const { createSession } = require('./session') as typeof import('./session')
const { patchTimers, timers } = require('./stop') as typeof import('./stop')

const session = createSession(root, {
  publish: (type: string, content: Content, request: Message) => { send({ channel: 'iopub', type, content, request }) },
  reply: (type: string, content: Content, request: Message) => { send({ channel: 'shell', type, content, request }) },
}, inCell)
patchTimers()

process.exit = code => { throw new Error(`process.exit(${code ?? ''}) in a cell would end the kernel`) }
process.on('unhandledRejection', error => { session.stray(error, 'A promise that was not awaited was rejected:') })
process.on('uncaughtException', error => { session.stray(error, 'Thrown in a callback:') })
process.on('SIGINT', () => {}) // Ctrl-C in Jupyter's terminal is meant for Jupyter

let lastInterrupt = 0
wire.on('message', (message: FromWire) => {
  switch (message.kind) {
    case 'request': session.handle(message.message); break
    case 'interrupt':
      if (message.id > lastInterrupt) session.interrupt()
      lastInterrupt = message.id
      send({ heard: message.id })
      break
    case 'shutdown': timers.setImmediate(() => { exit(session.close()) }); break
  }
})
