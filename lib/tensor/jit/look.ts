import type * as tfjs from '@tensorflow/tfjs'
import { emit, symbol } from './emit'
import type { NodeBackend } from './native'
import { nameOf } from './table'
import { flatten, unflatten } from './tree'
import type { Flat } from './tree'
import { JitTraceError, trace } from './trace'
import type { Emitted, JitMode, Node, Source, Trace } from './trace'

type Arguments = readonly unknown[]
type Run = (...args: unknown[]) => tfjs.TensorContainer

/** How a function is run operation by operation, and how it is watched; `keep`: what it made then is wanted, too, which a loop does not do. */
export interface Looked {
  /** Whether it is a loop, whose length only its run knows. */
  readonly loops: boolean
  readonly run: (...args: unknown[]) => unknown
  readonly look: (backend: NodeBackend, args: Arguments, leaves: readonly tfjs.Tensor[], known: (name: string) => Emitted | undefined, keep?: boolean) => { trace: Trace, result: Flat['shape'], made?: tfjs.Tensor[] }
}

/** A function as it is. */
export const straight = (tf: typeof tfjs, plain: Run, mode: JitMode): Looked => ({
  loops: false,
  run: (...args) => tf.tidy(() => plain(...args)),
  look(backend, args, leaves, _, keep = false) {
    let result!: Flat, seen!: Trace
    const made = tf.tidy(() => {
      seen = trace<unknown>(tf, backend, () => plain(...args), leaves, value => (result = flatten(tf, value, 'the result')).leaves, mode).trace
      return keep ? [...result.leaves] : []
    })
    return { trace: seen, result: result.shape, ...keep && { made } }
  },
})

/** (state, given) → state: body again and again as long as condition holds, as one operation. */
export const looped = (tf: typeof tfjs, condition: Run, body: Run, mode: JitMode): Looked => ({
  loops: true,
  run(state, given) {
    const { leaves, shape } = flatten(tf, state, 'the state')
    let now = leaves.map(leaf => leaf.clone())
    const again = () => { const go = tf.tidy(() => condition(unflatten(shape, now), given)) as tfjs.Tensor, [yes] = go.dataSync(); go.dispose(); return yes !== 0 }
    while (again()) {
      const next = tf.tidy(() => flatten(tf, body(unflatten(shape, now), given), "the body's result").leaves.map(leaf => leaf.clone()))
      tf.dispose(now)
      now = next
    }
    return unflatten(shape, now)
  },
  look(backend, [state, given], leaves, known) {
    const own = flatten(tf, state, 'the state'), takes = leaves.map((leaf, index): Extract<Source, { kind: 'argument' }> => ({ kind: 'argument', index, dtype: backend.getDTypeInteger(leaf.dtype) }))
    if (new Set(leaves.map(({ dataId }) => dataId)).size < leaves.length) throw new JitTraceError('jit: one tensor stands at two places of what a loop begins with; clone does not help, make two')
    const watch = (fn: Run, what: string, results: (flat: Flat) => readonly tfjs.Tensor[]): Emitted => {
      let seen!: Trace
      tf.tidy(() => { seen = trace<unknown>(tf, backend, () => fn(state, given), leaves, value => results(flatten(tf, value, what)), mode).trace })
      return emit(backend.binding, seen, { xla: false, known, takes })
    }
    const parts = [watch(condition, "the condition's result", ({ leaves: [one] }) => [one]), watch(body, "the body's result", next => {
      if (next.key.replace(/=\d+/g, '') !== own.key.replace(/=\d+/g, '')) throw new JitTraceError(`jit: a loop's body gets ${own.key} and returns ${next.key}; types and shapes must stay`)
      return [...next.leaves, ...leaves.slice(own.leaves.length)]
    })]
    const node: Node = { op: 'StatelessWhile', attributes: [symbol('cond', nameOf(parts[0])), symbol('body', nameOf(parts[1]))], inputs: takes, outputs: takes.map(({ dtype }) => dtype), parts }
    return { trace: { nodes: [node], results: own.leaves.map((_, index) => ({ kind: 'output', node, index, dtype: takes[index].dtype })) }, result: own.shape }
  },
})
