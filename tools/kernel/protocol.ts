import { createHmac, randomUUID } from 'node:crypto'

/** What Jupyter writes into the connection file: where the five sockets are bound, and the key that signs messages. */
export interface Connection {
  transport: string; ip: string; key: string
  shell_port: number; iopub_port: number; stdin_port: number; control_port: number; hb_port: number
}
export interface Header { msg_id: string; msg_type: string; session: string; username: string; date: string; version: string }
export type Content = Record<string, unknown>
/** A Jupyter message, without its signature. `ids` are ZeroMQ's routing frames: who asked. */
export interface Message { ids: Uint8Array[]; header: Header; parent: Partial<Header>; content: Content }

/** An error as Jupyter shows it. */
export interface Failure extends Content { ename: string; evalue: string; traceback: string[] }

/** Posted by the wire thread to the main thread. */
export type FromWire = { kind: 'request', message: Message } | { kind: 'interrupt', id: number } | { kind: 'shutdown' }
/** Posted by the main thread to the wire thread: one message to send on. */
export interface ToWire { channel: 'shell' | 'iopub', type: string, content: Content, request: Message }
/** Posted by the main thread when it has carried out an interrupt. */
export interface Heard { heard: number }

/** The protocol version that this kernel speaks: https://jupyter-client.readthedocs.io/en/stable/messaging.html */
export const PROTOCOL = '5.4'
const DELIMITER = '<IDS|MSG>'

const sign = (key: string, parts: readonly (string | Uint8Array)[]) => {
  if (!key) return ''
  const hmac = createHmac('sha256', key)
  for (const part of parts) hmac.update(part)
  return hmac.digest('hex')
}

/** A message of `type` in answer to `request`. */
export function answer(request: Message, type: string, content: Content): Message {
  const { session, username } = request.header
  return { ids: request.ids, header: { msg_id: randomUUID(), msg_type: type, session, username, date: new Date().toISOString(), version: PROTOCOL }, parent: request.header, content }
}

/** The ZeroMQ frames of a message: routing frames, delimiter, signature, then header, parent, metadata and content as JSON. */
export function encode(key: string, { ids, header, parent, content }: Message): (string | Uint8Array)[] {
  const parts = [header, parent, {}, content].map(part => JSON.stringify(part))
  return [...ids, DELIMITER, sign(key, parts), ...parts]
}

/** The message in these ZeroMQ frames. Throws when the delimiter is missing or the signature is wrong. */
export function decode(key: string, frames: readonly Buffer[]): Message {
  const at = frames.findIndex(frame => frame.toString() === DELIMITER), parts = frames.slice(at + 2, at + 6)
  if (at < 0 || parts.length < 4) throw new Error('Jupyter message: delimiter or parts missing')
  if (sign(key, parts) !== frames[at + 1].toString()) throw new Error('Jupyter message: wrong signature')
  const [header, parent, , content] = parts.map(part => JSON.parse(part.toString()))
  return { ids: frames.slice(0, at), header, parent, content }
}
