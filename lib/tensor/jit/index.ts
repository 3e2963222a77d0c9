import type * as tfjs from '@tensorflow/tfjs'
import { emit } from './emit'
import { nodeBackend, setXlaFlags } from './native'
import type { NodeBackend } from './native'
import { looped, straight } from './look'
import type { Looked } from './look'
import { FunctionTable } from './table'
import { flatten, unflatten } from './tree'
import type { Flat } from './tree'
import { insteadOf, JitTraceError, tracing } from './trace'
import type { Emitted, JitMode, Trace } from './trace'

export { JitTraceError, tracing } from './trace'
export type { JitMode } from './trace'

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
  trace?: Trace, result: Flat['shape'], made?: tfjs.Tensor[], emitted?: Emitted, name?: string
}

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

/** Makes functions that run compiled. */
export interface Jit {
  <F extends (...args: never[]) => unknown>(fn: F, options?: JitOptions): Jitted<F>
  /**
   * (state, given) → state: `body` again and again as long as `condition`, a boolean scalar, holds, all in one call. The state keeps its types
   * and shapes, and no tensor stands in it twice; what does not change (weights) is `given`.
   */
  loop<S, G>(condition: (state: S, given: G) => tfjs.Tensor, body: (state: S, given: G) => S, options?: JitOptions): Jitted<(state: S, given: G) => S>
}

/**
 * Makes `jit` for a TensorFlow.js. A function given to it takes and returns trees of tensors and is pure: the first call with new shapes
 * runs it once operation by operation to see what it does; every call is one call into TensorFlow. The first shape is watched twice, and
 * numbers that differ between the two are an error, since they would be frozen. Anywhere but on tfjs-node with our addon it just runs.
 */
export function createJit(tf: typeof tfjs, { enabled = () => true, note = console.warn, keep = 64, mode: usual = () => 'graph' }: Surroundings = {}): Jit {
  const table = new FunctionTable(), recent = new Set<Entry>()

  function add(backend: NodeBackend, entry: Entry, emitted: Emitted): void {
    Object.assign(entry, { name: table.acquire(backend.binding, emitted), emitted, state: 'compiled', trace: undefined })
    recent.add(entry)
    if (recent.size > keep) remove(backend, recent.values().next().value!)
  }

  /** Back to as if the shape had never been seen. */
  function remove(backend: NodeBackend, entry: Entry): void {
    recent.delete(entry)
    if (entry.name !== undefined) table.release(backend.binding, entry.name)
    Object.assign(entry, { calls: 0, state: 'traced', emitted: undefined, name: undefined })
  }

  function make({ run, look, loops }: Looked, mode: JitMode, after: number, name: string): unknown {
    const entries = new Map<string, Entry>()
    let verified = false, warned = false

    /** Runs eagerly and notes what happened. */
    function watch(backend: NodeBackend, args: unknown[], leaves: readonly tfjs.Tensor[], entry: Entry, keep = false): void {
      const start = performance.now()
      Object.assign(entry, look(backend, args, leaves, table.known, keep))
      entry.traceMs = performance.now() - start
    }

    function write(backend: NodeBackend, entry: Entry): Emitted {
      if (mode === 'xla') setXlaFlags(backend.binding)
      return emit(backend.binding, entry.trace!, { xla: mode === 'xla', known: table.known })
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
        add(backend, entry, write(backend, entry))
        const result = execute(backend, entry, leaves)
        Object.assign(entry, { compileMs: performance.now() - start, grown: process.memoryUsage.rss() - memory })
        if (entry.compileMs > 1000) note(`jit: ${name} compiled in ${(entry.compileMs / 1000).toFixed(1)} s (${entry.emitted!.operations} operations, ${mode})`)
        return result
      } catch (error) {
        refuse(backend, entry, error as Error)
        return run(...args)
      }
    }

    function refuse(backend: NodeBackend, entry: Entry, error: Error): void {
      remove(backend, entry)
      Object.assign(entry, { state: 'eager', reason: error.message })
      note(`jit: ${name} cannot be compiled and runs eagerly: ${error.message.split('\n')[0]}`)
    }

    /** A second look, at the second call of the first shape that has one: what changed between two calls would be frozen. */
    function verify(backend: NodeBackend, entry: Entry, args: unknown[], leaves: readonly tfjs.Tensor[]): void {
      const again: Entry = { ...entry }
      watch(backend, args, leaves, again)
      compare(entry.emitted!, write(backend, again))
    }

    function compare(first: Emitted, second: Emitted): void {
      if (!first.content.equals(second.content)) {
        const at = second.constants.find(({ data, shape }) => !first.constants.some(other => other.data.equals(data) && other.shape.join() === shape.join()))
        throw new JitTraceError(at
          ? `jit: a constant of shape [${at.shape.join(', ')}]${at.line && ` at ${at.line}`} differs between two calls of ${name}: pass it as an argument, since compiled it stays what it was`
          : `jit: ${name} does different operations at two calls with the same shapes; what decides must be an argument that is no tensor`)
      }
      verified = true
    }

    /** Part of a graph that is being traced: watched, and written down as a call that will be compiled when the graph runs, not before. */
    function beCalled(backend: NodeBackend, entry: Entry, args: unknown[], leaves: readonly tfjs.Tensor[]): unknown {
      const now: Entry = { ...entry }
      watch(backend, args, leaves, now, true)
      const { made, result, traceMs } = now, emitted = write(backend, now)
      if (!made) return undefined
      if (entry.emitted) compare(entry.emitted, emitted)
      else {
        // What TensorFlow does not take is part of the graph like everything else
        try { add(backend, entry, emitted) } catch (error) { refuse(backend, entry, error as Error); return unflatten(result, made) }
        Object.assign(entry, { result, traceMs })
      }
      insteadOf({ name: entry.name!, arguments: entry.emitted!.inputs.map(index => leaves[index]), results: made })
      return unflatten(result, made)
    }

    const jitted = (...args: unknown[]): unknown => {
      // Within another one it is part of that, but for loops and what XLA compiles within a graph: those are called
      const within = tracing(), backend = enabled() && (!within || within === 'graph' && (mode === 'xla' || loops)) && tf.engine().state.gradientDepth === 0 ? nodeBackend(tf) : undefined
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
      const called = within && beCalled(backend, entry, args, leaves)
      if (called !== undefined) return called
      if (entry.state === 'compiled') {
        if (!verified) verify(backend, entry, args, leaves)
        recent.delete(entry)
        recent.add(entry)
        return execute(backend, entry, leaves)
      }
      if (entry.calls <= after) return run(...args)
      // What was watched was also computed; but only the compiled function's own numbers go out, so that they are the same at any call
      if (!entry.trace) watch(backend, args, leaves, entry)
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
    })
  }

  const jit = (fn: (...args: never[]) => unknown, { mode = usual(), after = 0, name = fn.name || 'a function' }: JitOptions = {}) =>
    make(straight(tf, fn as unknown as (...args: unknown[]) => tfjs.TensorContainer, mode), mode, after, name)
  const loop = (condition: unknown, body: unknown, { mode = usual(), after = 0, name = 'a loop' }: JitOptions = {}) =>
    make(looped(tf, condition as (...args: unknown[]) => tfjs.TensorContainer, body as (...args: unknown[]) => tfjs.TensorContainer, mode), mode, after, name)
  return Object.assign(jit, { loop }) as unknown as Jit
}
