import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type * as tfjs from '@tensorflow/tfjs'
import { z } from 'zod'
import { FormatError, readSafetensors, store, unstore, writeSafetensors } from '../model/safetensors'
import type { Stored } from '../model/safetensors'
import { tf } from '../tensor/backend'
import { writeAtomic } from './atomic'
import type { Fingerprint } from './fingerprint'
import type { TrainState } from './training'

/** How far the log was when a checkpoint was taken: its length and the SHA-256 of that much of it. */
export interface LogMark { readonly bytes: number; readonly sha256: string }
/** What a checkpoint holds: the state, how far the log was, and what the training was made of. */
export interface Checkpoint { readonly state: TrainState; readonly log?: LogMark; readonly fingerprint?: Fingerprint }

const FORMAT = 'rlhf-labs checkpoint 1'
const hash = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex')
const count = z.int().min(0)
const manifestSchema = z.strictObject({
  kind: z.string(), step: count, random: z.strictObject({ key: z.tuple([count, count]), index: count }), more: z.json(),
  optimisers: z.record(z.string(), count), roles: z.array(z.string()), fingerprint: z.record(z.string(), z.string()).optional(), log: z.strictObject({ bytes: count, sha256: z.string() }).optional(),
  tensors: z.array(z.strictObject({ name: z.string(), shape: z.array(count), sha256: z.string() })),
})

/**
 * A checkpoint as one safetensors file: weights as `model/role/name`, optimiser states as `optimiser/role/slot`, and in its metadata a
 * manifest with everything else and a SHA-256 of every tensor and of itself. Throws Error naming a tensor that is not finite.
 */
export function encodeCheckpoint({ state, log, fingerprint }: Checkpoint): Uint8Array<ArrayBuffer> {
  const named = [
    ...Object.entries(state.models).flatMap(([role, params]) => Object.entries(params).map(([name, t]) => [`model/${role}/${name}`, t] as const)),
    ...Object.entries(state.optimisers).flatMap(([role, { slots }]) => Object.entries(slots).map(([name, t]) => [`optimiser/${role}/${name}`, t] as const)),
  ]
  const tensors = named.map(([name, tensor]): [string, Stored] => {
    const values = tensor.dataSync<'float32'>()
    if (tensor.dtype !== 'float32') throw new Error(`${name}: expected float32, got ${tensor.dtype}`)
    if (!values.every(Number.isFinite)) throw new Error(`checkpoint at step ${state.step}: ${name} is not finite; nothing was written`)
    return [name, store(values, tensor.shape)]
  })
  const manifest = JSON.stringify({
    kind: state.kind, step: state.step, random: state.random, more: state.more, log, fingerprint, roles: Object.keys(state.models),
    optimisers: Object.fromEntries(Object.entries(state.optimisers).map(([role, { step }]) => [role, step])),
    tensors: tensors.map(([name, { shape, bytes }]) => ({ name, shape, sha256: hash(bytes) })),
  })
  return writeSafetensors(tensors, { format: FORMAT, manifest, sha256: hash(manifest) })
}

/** The state in a checkpoint's bytes. Throws FormatError, naming tensor and offset, on a file that is truncated, changed in any byte that matters, or no checkpoint. */
export function decodeCheckpoint(file: Uint8Array, from = 'checkpoint'): Checkpoint {
  const { tensors, metadata } = readSafetensors(file, from), fail = (what: string): never => { throw new FormatError(`${from}: ${what}`) }
  if (metadata.format !== FORMAT) fail(`no checkpoint of this library: __metadata__.format is ${metadata.format}, expected ${FORMAT}`)
  if (hash(metadata.manifest ?? '') !== metadata.sha256) fail('the manifest in the header at byte 8 has been changed: its SHA-256 is another')
  const parsed = manifestSchema.safeParse(JSON.parse(metadata.manifest))
  const manifest = parsed.success ? parsed.data : fail(`manifest: ${z.prettifyError(parsed.error)}`)
  const values = new Map(manifest.tensors.map(({ name, shape, sha256 }): [string, { shape: number[], numbers: Float32Array }] => {
    const stored = tensors.get(name) ?? fail(`tensor '${name}' is missing`), at = `tensor '${name}' at byte ${stored.offset}`
    if (stored.dtype !== 'F32' || stored.shape.join() !== shape.join()) fail(`${at}: expected F32 of shape [${shape.join(', ')}], got ${stored.dtype} of [${stored.shape.join(', ')}]`)
    if (hash(stored.bytes) !== sha256) fail(`${at} has been changed: its SHA-256 is another`)
    const numbers = unstore(stored, name, from) as Float32Array, bad = numbers.findIndex(v => !Number.isFinite(v))
    if (bad >= 0) fail(`${at}: element ${bad} is ${numbers[bad]}`)
    return [name, { shape, numbers }]
  }))
  for (const [name, { offset }] of tensors) if (!values.has(name)) fail(`tensor '${name}' at byte ${offset} is not in the manifest`)
  const under = (prefix: string) => Object.fromEntries([...values].filter(([name]) => name.startsWith(prefix)).map(([name, { shape, numbers }]) => [name.slice(prefix.length), tf.tensor(numbers, shape)]))
  const { kind, step, random, more, log, fingerprint } = manifest
  const models = Object.fromEntries(manifest.roles.map(role => [role, under(`model/${role}/`)]))
  const optimisers = Object.fromEntries(Object.entries(manifest.optimisers).map(([role, done]) => [role, { step: done, slots: under(`optimiser/${role}/`) as Record<string, tfjs.Tensor1D> }]))
  return { log, fingerprint, state: { kind, step, random, more, models, optimisers } }
}

const NAME = /^step-(\d{9})\.safetensors$/

/** The checkpoints of a folder, oldest first. */
export function listCheckpoints(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter(name => NAME.test(name)).sort().map(name => join(folder, name)) : []
}

/** Writes a checkpoint (temporary name, fsync, rename), then deletes all but the last `keep`, and returns its path. */
export function saveCheckpoint(folder: string, checkpoint: Checkpoint, keep = 2): string {
  if (!Number.isSafeInteger(keep) || keep < 1) throw new RangeError(`keep: expected a positive integer, got ${keep}`)
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `step-${String(checkpoint.state.step).padStart(9, '0')}.safetensors`)
  writeAtomic(path, encodeCheckpoint(checkpoint))
  for (const old of listCheckpoints(folder).filter(other => other <= path).slice(0, -keep)) rmSync(old)
  return path
}

/** Reads the newest checkpoint of a folder; undefined where there is none. Throws as {@link decodeCheckpoint}; delete the file that it names to go on from the one before. */
export function loadCheckpoint(folder: string): Checkpoint | undefined {
  const newest = listCheckpoints(folder).at(-1)
  return newest === undefined ? undefined : decodeCheckpoint(readFileSync(newest), newest)
}

/** Deletes what a process that was killed while writing left behind. */
export function removeTemporary(folder: string): void {
  if (existsSync(folder)) for (const name of readdirSync(folder)) if (/^step-\d{9}\.safetensors\.\d+\.tmp$/.test(name)) rmSync(join(folder, name))
}
