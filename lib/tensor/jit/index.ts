import type * as tfjs from '@tensorflow/tfjs'
import { emit } from './emit'
import type { Emitted } from './emit'
import { nodeBackend } from './native'
import type { NodeBackend } from './native'
import { flatten, unflatten } from './tree'
import type { Flat } from './tree'
import { JitTraceError, trace, tracing } from './trace'
import type { Trace } from './trace'

export { JitTraceError, tracing } from './trace'

/** How a function runs: as a graph of TensorFlow's, or compiled by XLA (seconds to compile, then faster). */
export type JitMode = 'graph' | 'xla'

export interface JitOptions {
  /** Default: as the surroundings say, else graph. */
  readonly mode?: JitMode
  /** Eager calls of a shape before it is compiled (default 0): more where shapes seldom come back and the last bit does not matter. */
  readonly after?: number
  /** What messages call it; default: the function's own name. */
  readonly name?: string
}

/** One shape that a function was called with. */
export interface Explained {
  /** Types and shapes of the arguments. */
  readonly key: string
  readonly state: 'traced' | 'compiled' | 'eager'
  /** Why it stays eager. */
  readonly reason?: string
  readonly calls: number
  /** Operations that ran when it was traced, and that are left. */
  readonly traced: number
  readonly operations: number
  /** Numbers of the host that are part of the function: they never change again. */
  readonly constants: readonly { readonly shape: readonly number[], readonly line: string }[]
  readonly traceMs: number
  /** Writing the function and its first run, in which TensorFlow optimises or compiles it. */
  readonly compileMs: number
  /** Of the function as it was written, and by how much the process grew in its first run. */
  readonly bytes: number
  readonly grown: number
}

/** A function that runs compiled. */
export interface Jitted<F> {
  (...args: F extends (...args: infer A) => unknown ? A : never): F extends (...args: never[]) => infer R ? R : never
  /** Every shape that it was called with. */
  readonly explain: () => Explained[]
  /** Frees what was compiled; the function can be used on. */
  readonly dispose: () => void
}

interface Entry {
  calls: number, state: Explained['state'], reason?: string, traceMs: number, compileMs: number, grown: number
  trace?: Trace, result: Flat['shape'], emitted?: Emitted, name?: string
}

// A library may be loaded twice into one process, and functions live in one table
const unique = Math.floor(Math.random() * 2 ** 40).toString(36)
let count = 0

/** What jit needs from around it. */
export interface Surroundings {
  /** False: every function runs eagerly. */
  readonly enabled?: () => boolean
  /** Takes a line for the reader; default: console.warn. */
  readonly note?: (line: string) => void
  /** How functions run that do not say (default graph). */
  readonly mode?: () => JitMode
  /** Compiled functions to keep, all together (default 64); the longest unused one goes first. */
  readonly keep?: number
}

/**
 * Makes `jit` for a TensorFlow.js. A function given to it takes and returns trees of tensors and is pure: the first call with new shapes
 * runs it once operation by operation to see what it does; every call is one call into TensorFlow. The first shape is watched twice, and
 * numbers that differ between the two are an error, since they would be frozen. Anywhere but on tfjs-node with our addon it just runs.
 */
export function createJit(tf: typeof tfjs, { enabled = () => true, note = console.warn, keep = 64, mode: usual = () => 'graph' }: Surroundings = {}): <F extends (...args: never[]) => unknown>(fn: F, options?: JitOptions) => Jitted<F> {
  const functions = new Map<string, { name: string, users: Set<Entry> }>(), recent = new Set<Entry>()

  function add(backend: NodeBackend, entry: Entry, emitted: Emitted): void {
    const content = emitted.content.toString('latin1'), known = functions.get(content) ?? { name: `jit_${unique}_${++count}`, users: new Set<Entry>() }
    if (known.users.size === 0) backend.binding.jitAddFunction!(emitted.named(known.name))
    functions.set(content, known)
    known.users.add(entry)
    Object.assign(entry, { name: known.name, emitted, state: 'compiled', trace: undefined })
    recent.add(entry)
    if (recent.size > keep) remove(backend, recent.values().next().value!)
  }

  /** Back to as if the shape had never been seen. */
  function remove(backend: NodeBackend, entry: Entry): void {
    recent.delete(entry)
    if (!entry.emitted) return
    const content = entry.emitted.content.toString('latin1'), known = functions.get(content)
    known?.users.delete(entry)
    if (known?.users.size === 0) { functions.delete(content); backend.binding.jitRemoveFunction!(known.name) }
    Object.assign(entry, { calls: 0, state: 'traced', emitted: undefined, name: undefined })
  }

  return function jit<F extends (...args: never[]) => unknown>(fn: F, { mode = usual(), after = 0, name = fn.name || 'a function' }: JitOptions = {}): Jitted<F> {
    const entries = new Map<string, Entry>(), plain = fn as unknown as (...args: unknown[]) => tfjs.TensorContainer, run = (...args: unknown[]): unknown => tf.tidy(() => plain(...args))
    let verified = false, warned = false

    /** Runs eagerly and notes what happened; the tensors returned are the caller's. */
    function watch(backend: NodeBackend, args: unknown[], leaves: readonly tfjs.Tensor[], entry: Entry): unknown {
      const start = performance.now()
      const results = tf.tidy(() => {
        let result!: Flat
        entry.trace = trace<unknown>(tf, backend, () => plain(...args), leaves, value => (result = flatten(tf, value, 'the result')).leaves).trace
        entry.result = result.shape
        // As compiled, where every result is a tensor of its own
        return result.leaves.map((leaf, i) => leaves.includes(leaf) || result.leaves.indexOf(leaf) !== i ? leaf.clone() : leaf)
      })
      entry.traceMs = performance.now() - start
      return unflatten(entry.result, results)
    }

    function execute(backend: NodeBackend, { name: compiled, emitted, result }: Entry, leaves: readonly tfjs.Tensor[]): unknown {
      const ids = backend.getInputTensorIds(emitted!.inputs.map(index => leaves[index]))
      const made = backend.binding.executeOp(compiled!, [], ids, emitted!.outputs)
      return unflatten(result, made.map(one => backend.createOutputTensor(one)))
    }

    /** Writes and runs the function; where TensorFlow does not take it, this shape stays eager. */
    function compile(backend: NodeBackend, entry: Entry, args: unknown[], leaves: readonly tfjs.Tensor[]): unknown {
      const start = performance.now(), memory = process.memoryUsage.rss()
      try {
        add(backend, entry, emit(backend.binding, entry.trace!, mode === 'xla'))
        const result = execute(backend, entry, leaves)
        Object.assign(entry, { compileMs: performance.now() - start, grown: process.memoryUsage.rss() - memory })
        if (entry.compileMs > 1000) note(`jit: ${name} compiled in ${(entry.compileMs / 1000).toFixed(1)} s (${entry.emitted!.operations} operations, ${mode})`)
        return result
      } catch (error) {
        remove(backend, entry)
        Object.assign(entry, { state: 'eager', reason: (error as Error).message })
        note(`jit: ${name} cannot be compiled and runs eagerly: ${(error as Error).message.split('\n')[0]}`)
        return run(...args)
      }
    }

    /** A second look, at the second call of the first shape that has one: what changed between two calls would be frozen. */
    function verify(backend: NodeBackend, entry: Entry, args: unknown[], leaves: readonly tfjs.Tensor[]): void {
      const first = entry.emitted!, again: Entry = { ...entry }
      tf.dispose(watch(backend, args, leaves, again) as tfjs.TensorContainer)
      const second = emit(backend.binding, again.trace!, mode === 'xla')
      if (!first.content.equals(second.content)) {
        const at = second.constants.find(({ data, shape }) => !first.constants.some(other => other.data.equals(data) && other.shape.join() === shape.join()))
        throw new JitTraceError(at
          ? `jit: a constant of shape [${at.shape.join(', ')}]${at.line && ` at ${at.line}`} differs between two calls of ${name}: pass it as an argument, since compiled it stays what it was`
          : `jit: ${name} does different operations at two calls with the same shapes; what decides must be an argument that is no tensor`)
      }
      verified = true
    }

    const jitted = (...args: unknown[]): unknown => {
      const backend = enabled() && !tracing() && tf.engine().state.gradientDepth === 0 ? nodeBackend(tf) : undefined
      if (!backend) return run(...args)
      const { leaves, key } = flatten(tf, args, 'the arguments')
      let entry = entries.get(key)
      if (!entry) {
        entries.set(key, entry = { calls: 0, state: 'traced', traceMs: 0, compileMs: 0, grown: 0, result: { value: undefined } })
        if (entries.size > 8 && !warned) {
          warned = true
          note(`jit: ${name} was called with ${entries.size} different shapes and is traced anew for each; pad to fewer shapes, or pass as tensors what is a number now`)
        }
      }
      entry.calls++
      if (entry.state === 'eager') return run(...args)
      if (entry.state === 'compiled') {
        if (!verified) verify(backend, entry, args, leaves)
        recent.delete(entry)
        recent.add(entry)
        return execute(backend, entry, leaves)
      }
      if (entry.calls <= after) return run(...args)
      // What was watched was also computed; but only the compiled function's own numbers go out, so that they are the same at any call
      const watched = entry.trace ? undefined : watch(backend, args, leaves, entry)
      if (watched !== undefined) tf.dispose(watched as tfjs.TensorContainer)
      return compile(backend, entry, args, leaves)
    }
    return Object.assign(jitted, {
      explain: (): Explained[] => [...entries].map(([key, { state, reason, calls, trace: noted, emitted, traceMs, compileMs, grown }]) => ({
        key, state, reason, calls, traced: noted?.nodes.length ?? emitted?.operations ?? 0, operations: emitted?.operations ?? 0,
        constants: (emitted?.constants ?? []).map(({ shape, line }) => ({ shape, line })), traceMs, compileMs, bytes: emitted?.content.length ?? 0, grown,
      })),
      dispose() {
        const backend = nodeBackend(tf)
        if (backend) for (const entry of entries.values()) remove(backend, entry)
        entries.clear()
        verified = false
      },
    }) as unknown as Jitted<F>
  }
}
