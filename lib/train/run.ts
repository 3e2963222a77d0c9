import { createHash } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Params } from '../model/params'
import { loadCheckpoint, removeTemporary, saveCheckpoint } from './checkpoint'
import type { LogMark } from './checkpoint'
import { differences, fingerprint } from './fingerprint'
import type { Fingerprint } from './fingerprint'
import { disposeTraining } from './training'
import type { TrainState, Training } from './training'

export interface RunOptions {
  /** File that gets every record as a line of JSON. */
  readonly log?: string
  /** Folder that gets checkpoints, and from whose newest one the run goes on if it has any. */
  readonly checkpoint?: string
  /** Steps between checkpoints (default 100); there is one more at the end. */
  readonly every?: number
  /** Checkpoints to keep (default 2). */
  readonly keep?: number
  /** Names of options that may differ from those the checkpoint was made with (default: only `steps`, so that a run can be made longer). */
  readonly allow?: readonly string[]
}

/**
 * Runs a training that has not begun, with a log and checkpoints, and passes its records on:
 *
 *     for await (const m of run(sft({ … }), { log: 'runs/sft.jsonl', checkpoint: 'runs/sft' })) chart.push(m)
 *
 * Run the same lines again after a crash, a kill or a break: the run goes on from the newest checkpoint, and log and weights end as those of
 * a run that was never stopped, bit for bit (on the same backend and machine). Any trainer made with `training` can be run so. It keeps to
 * this contract: when it yields, `training.state` holds all that changes (weights, optimisers, random stream, the rest); the next step is a
 * function of that state and the options alone; it draws nothing from anywhere else, and changes nothing between steps.
 * Throws Error where the newest checkpoint is damaged, of another training, or made with other data, options, seed or first weights (see
 * {@link fingerprint}), or the log is not the one it was taken with. An error of the training itself leaves the checkpoints as they were.
 */
export async function* run<M extends { readonly step: number }>(training: Training<M>, { log, checkpoint, every = 100, keep = 2, allow = [] }: RunOptions): AsyncGenerator<M, void, void> {
  if (!Number.isSafeInteger(every) || every < 1) throw new RangeError(`every: expected a positive integer, got ${every}`)
  const made = checkpoint === undefined ? undefined : fingerprint(training)
  const mark = checkpoint === undefined ? undefined : resume(training, checkpoint, made!, allow), file = log === undefined ? undefined : openLog(log, mark)
  let saved = training.state.step, failed = false
  const save = () => {
    if (checkpoint === undefined || saved === training.state.step) return
    saveCheckpoint(checkpoint, { state: training.state, log: file?.mark(), fingerprint: made }, keep)
    saved = training.state.step
  }
  try {
    for (;;) {
      const next = await training.next()
      if (next.done) break
      file?.write(next.value)
      if (training.state.step % every === 0) save()
      yield next.value
    }
  } catch (error) {
    failed = true
    throw error
  } finally {
    try { if (!failed) save() } finally { file?.close() }
    await training.return()
  }
}

/** Puts the newest checkpoint's state into the training; returns the mark of its log. */
function resume(training: Training<unknown>, folder: string, made: Fingerprint, allow: readonly string[]): LogMark | undefined {
  removeTemporary(folder)
  const found = loadCheckpoint(folder)
  if (!found) return undefined
  const difference = differs(training.state, found.state), others = found.fingerprint ? differences(made, found.fingerprint).filter(name => name !== 'steps' && !allow.includes(name)) : []
  if (difference !== undefined || others.length > 0) {
    disposeTraining(found)
    const what = difference === undefined ? `was made with other ${others.join(', ')}` : `is of another training: ${difference}`, permit = JSON.stringify(others).replaceAll('"', "'")
    throw new Error(`${folder}: the checkpoint ${what}. Give another folder, or delete this one to start again${difference === undefined ? `, or go on all the same with allow: ${permit}` : ''}`)
  }
  disposeTraining(training)
  training.state = found.state
  return found.log
}

/** The first thing in which two states are not of the same training. */
function differs(own: TrainState, other: TrainState): string | undefined {
  if (own.kind !== other.kind) return `it was written by ${other.kind}, this is ${own.kind}`
  const shapes = ({ models, optimisers }: TrainState) => new Map([...Object.entries(models), ...Object.entries(optimisers).map(([role, { slots }]): [string, Params] => [`${role}'s optimiser`, slots])]
    .flatMap(([role, tensors]) => Object.entries(tensors).map(([name, tensor]) => [`${name} of ${role}`, `[${tensor.shape.join(', ')}]`])))
  const ours = shapes(own), theirs = shapes(other)
  for (const name of new Set([...ours.keys(), ...theirs.keys()])) {
    if (ours.get(name) !== theirs.get(name)) return `${name} is ${theirs.get(name) ?? 'missing'} there and ${ours.get(name) ?? 'missing'} here`
  }
  return undefined
}

/** A log that begins anew, or after what the checkpoint says was written; what came later is written again. */
function openLog(path: string, mark: LogMark | undefined): { write: (record: object) => void, mark: () => LogMark, close: () => void } {
  const hash = createHash('sha256')
  let bytes = 0
  if (mark) {
    const before = existsSync(path) ? readFileSync(path) : Buffer.alloc(0)
    hash.update(before.subarray(0, mark.bytes))
    if (before.length < mark.bytes || hash.copy().digest('hex') !== mark.sha256) throw new Error(`${path}: not the log that the checkpoint was taken with (its first ${mark.bytes} bytes); put it back, or delete the checkpoints to start again`)
    bytes = mark.bytes
  } else mkdirSync(dirname(path), { recursive: true })
  const handle = openSync(path, mark ? 'r+' : 'w')
  ftruncateSync(handle, bytes)
  return {
    write(record) {
      const line = Buffer.from(`${JSON.stringify(record, (_, v: unknown) => typeof v === 'number' && !Number.isFinite(v) ? String(v) : v)}\n`)
      for (let done = 0; done < line.length;) done += writeSync(handle, line, done, line.length - done, bytes + done)
      hash.update(line)
      bytes += line.length
    },
    mark() {
      fsyncSync(handle)
      return { bytes, sha256: hash.copy().digest('hex') }
    },
    close: () => closeSync(handle),
  }
}
