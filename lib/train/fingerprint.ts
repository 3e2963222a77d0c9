import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { tf } from '../tensor/backend'
import { Random } from '../tensor/random'
import type { Training } from './training'

/** Name → the first 16 hexadecimal digits of a SHA-256 of what stands under that name. */
export type Fingerprint = Readonly<Record<string, string>>

/**
 * What a training that has not begun is made of: every option that its trainer was given, its seed's stream and its first weights by role.
 * Numbers, texts, lists, records, typed arrays and tensors count by their values, `undefined` as absent; functions and optimisers by their
 * `settings` where they have them, else by their source without white space: numbers that such a function caught from outside are not seen.
 */
export function fingerprint({ state, given }: Pick<Training<unknown>, 'state' | 'given'>): Fingerprint {
  const options = Object.entries(given ?? {}).filter(([, value]) => value !== undefined).map(([name, value]) => [name, digest(value)])
  const weights = Object.entries(state.models).map(([role, params]) => [`first weights of ${role}`, digest(params)])
  return Object.fromEntries([...options, ['random stream (seed)', digest(state.random)], ...weights])
}

/** Names under which two fingerprints differ, in their order. */
export function differences(ours: Fingerprint, theirs: Fingerprint): string[] {
  return [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].filter(name => ours[name] !== theirs[name])
}

function digest(value: unknown): string {
  const hash = createHash('sha256')
  add(value, hash, [])
  return hash.digest('hex').slice(0, 16)
}

/** Feeds a value to the hash so that different values of the kinds above give different bytes. within: the objects around it. */
function add(value: unknown, hash: Hash, within: readonly object[]): void {
  if (typeof value === 'string') hash.update(`s${value.length}:${value}`)
  else if (typeof value === 'function') addFunction(value as () => unknown, hash, within)
  else if (typeof value !== 'object' || value === null) hash.update(`${typeof value} ${String(value)};`)
  else if (within.includes(value)) hash.update('itself;')
  else addObject(value, hash, [...within, value])
}

function addFunction(value: () => unknown, hash: Hash, within: readonly object[]): void {
  if ('settings' in value) add(value.settings, hash, within)
  else hash.update(`f${String(value).replace(/\s+/g, '')};`)
}

function addObject(value: object, hash: Hash, within: readonly object[]): void {
  if (value instanceof tf.Tensor) {
    hash.update(`t[${value.shape.join()}]`)
    if (!value.isDisposed) add(value.dataSync(), hash, within)
  } else if (ArrayBuffer.isView(value)) {
    hash.update(`b${value.byteLength}:`).update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  } else if (Array.isArray(value)) {
    if (value.every(x => typeof x === 'number')) hash.update(`[${value.join()}]`)
    else {
      hash.update(`[${value.length}:`)
      for (const item of value) add(item, hash, within)
    }
  } else if (value instanceof Random) add(value.state, hash, within)
  else if (value instanceof Map || value instanceof Set) add([...value], hash, within)
  else if ('settings' in value) add(value.settings, hash, within)
  else {
    const entries = Object.entries(value).filter(([, x]) => x !== undefined).sort(([a], [b]) => a < b ? -1 : 1)
    hash.update(`{${entries.length}:`)
    for (const [name, item] of entries) { add(name, hash, within); add(item, hash, within) }
  }
}
