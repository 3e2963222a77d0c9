import type * as tfjs from '@tensorflow/tfjs'
import type { Attribute, Binding, NodeBackend } from './native'

/** Something inside a jit function that cannot be compiled; the message names the call and its line. */
export class JitTraceError extends Error { override readonly name = 'JitTraceError' }

/** Where an input of an operation comes from. */
export type Source =
  | { readonly kind: 'argument', readonly index: number, readonly dtype: number }
  | { readonly kind: 'output', readonly node: Node, readonly index: number, readonly dtype: number }
  | Constant

/** A tensor that was made of host numbers while tracing: it is the same at every later call. */
export interface Constant { readonly kind: 'constant', readonly shape: readonly number[], readonly dtype: number, readonly data: Buffer, readonly line: string }

/** One operation, or a call of a compiled function by its name; outputs: their types; parts: functions that attributes name. */
export interface Node { readonly op: string, readonly attributes: readonly Attribute[], readonly inputs: readonly Source[], readonly outputs: readonly number[], readonly parts?: readonly Emitted[] }

/** What a function did with its arguments. */
export interface Trace { readonly nodes: readonly Node[], readonly results: readonly Source[] }

/** A function of TensorFlow's, all but its name. */
export interface Emitted {
  /** Whether XLA compiles it. */
  readonly xla: boolean
  /** Functions that it calls. */
  readonly parts: readonly Emitted[]
  /** The FunctionDef under a name. */
  readonly named: (name: string) => Buffer
  /** What is in it: the same for the same computation. */
  readonly content: Buffer
  /** Which arguments it takes. */
  readonly inputs: readonly number[]
  readonly outputs: number
  readonly operations: number
  readonly constants: readonly Constant[]
}

/** How a function runs: as a graph of TensorFlow's, or compiled by XLA (seconds to compile, then faster). */
export type JitMode = 'graph' | 'xla'

let active: JitMode | undefined, noteCall: ((call: Call) => void) | undefined
/** What a function is being traced for now. */
export const tracing = (): JitMode | undefined => active

/** A call of a compiled function, and the tensors that it is said to have made. */
export interface Call { readonly name: string, readonly arguments: readonly tfjs.Tensor[], readonly results: readonly tfjs.Tensor[] }

/** Writes a call into what is being traced, in place of whatever made its results: so it need not run (and be compiled) to be watched. */
export const insteadOf = (call: Call): void => noteCall?.(call)

/** The caller's line: the first of the stack outside this folder, TensorFlow.js and Node. */
export function callerLine(): string {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 100
  const frames = (new Error().stack ?? '').split('\n').slice(1)
  Error.stackTraceLimit = limit
  const frame = frames.find(line => !line.includes(__dirname) && !/@tensorflow[\\/]|tfjs-\w+[\\/](src|dist)|seedrandom|node:internal|\(<anonymous>\)/.test(line)) ?? frames.at(-1) ?? ''
  return frame.trim().replace(/^at /, '').replace(`${process.cwd()}/`, '')
}

const forbidden = /^(ReadVariableOp|VarHandleOp|Assign\w*VariableOp|Write\w*Summary|CreateSummaryFileWriter|Random\w+|Multinomial|TruncatedNormal|ParameterizedTruncatedNormal)$/

/**
 * Runs `fn` eagerly and notes every operation on the way. leaves: the tensors among its arguments, distinct ones or aliases as given;
 * `results` names those among what it returned. Throws JitTraceError where fn reads a value, draws a random number, or uses a tensor
 * that was made outside and is no argument.
 */
export function trace<R>(tf: typeof tfjs, backend: NodeBackend, fn: () => R, leaves: readonly tfjs.Tensor[], results: (result: R) => readonly tfjs.Tensor[], mode: JitMode): { result: R, trace: Trace } {
  const binding = backend.binding, sources = new Map<number, Source>(), nodes: Node[] = [], born = new WeakSet<object>()
  leaves.forEach((leaf, index) => {
    const [id] = backend.getInputTensorIds([leaf])
    if (!sources.has(id)) sources.set(id, { kind: 'argument', index, dtype: backend.getDTypeInteger(leaf.dtype) })
  })
  const foreign = () => new JitTraceError(`jit: a tensor that was made outside the function is used at ${callerLine()}; pass it as an argument`)
  const watched = Object.create(binding, Object.getOwnPropertyDescriptors({
    executeOp(op: string, attributes: readonly Attribute[], ids: readonly number[], count: number) {
      if (forbidden.test(op)) throw new JitTraceError(`jit: ${op} at ${callerLine()} cannot be compiled: variables, summaries and random numbers stay outside; pass tensors in and return them`)
      const inputs = ids.map(id => { const source = sources.get(id); if (!source) throw foreign(); return source })
      const made = binding.executeOp(op, attributes, ids, count), node: Node = { op, attributes, inputs, outputs: made.map(({ dtype }) => dtype) }
      nodes.push(node)
      made.forEach(({ id, dtype }, index) => sources.set(id, { kind: 'output', node, index, dtype }))
      return made
    },
    createTensor(shape: number[], dtype: number, values: ArrayBufferView) {
      if (dtype === binding.TF_STRING) throw new JitTraceError(`jit: a tensor of strings at ${callerLine()} cannot be compiled`)
      const id = binding.createTensor(shape, dtype, values), data = Buffer.from(values.buffer, values.byteOffset, values.byteLength)
      sources.set(id, { kind: 'constant', shape: [...shape], dtype, data: Buffer.from(data), line: data.length > 64 ? callerLine() : '' })
      return id
    },
  } satisfies Partial<Binding>)) as Binding
  const own = {
    binding: watched,
    write(values: unknown, shape: number[], dtype: tfjs.DataType) {
      const dataId = proto.write.call(backend, values, shape, dtype)
      born.add(dataId)
      return dataId
    },
    getInputTensorIds(tensors: readonly tfjs.TensorInfo[]) {
      for (const { dataId } of tensors) if (dataId && backend.tensorMap.get(dataId)?.values != null && !born.has(dataId)) throw foreign()
      return proto.getInputTensorIds.call(backend, tensors)
    },
    readSync(dataId: object) {
      if (!born.has(dataId)) throw new JitTraceError(`jit: a tensor's value is read at ${callerLine()} (dataSync, arraySync, data, print …); return the tensor and read it outside`)
      return proto.readSync.call(backend, dataId)
    },
  }
  const proto = Object.getPrototypeOf(backend) as NodeBackend, restore = [replaceGather(tf, backend), replaceRandom()]
  const before = Object.getOwnPropertyDescriptors(backend)
  Object.assign(backend, own)
  const outer = active, outerCall = noteCall
  active = mode
  noteCall = ({ name, arguments: given, results: made }) => {
    const inputs = backend.getInputTensorIds(given).map(id => { const found = sources.get(id); if (!found) throw foreign(); return found })
    const outputs = made.map(({ dtype }) => backend.getDTypeInteger(dtype)), node: Node = { op: name, attributes: [], inputs, outputs }
    nodes.push(node)
    backend.getInputTensorIds(made).forEach((id, index) => sources.set(id, { kind: 'output', node, index, dtype: outputs[index] }))
  }
  try {
    const result = fn(), source = ([id]: number[]) => { const found = sources.get(id); if (!found) throw foreign(); return found }
    if (result instanceof Promise) throw new JitTraceError('jit: the function is async')
    return { result, trace: { nodes, results: results(result).map(tensor => source(backend.getInputTensorIds([tensor]))) } }
  } finally {
    active = outer
    noteCall = outerCall
    for (const name of Object.keys(own)) delete (backend as unknown as Record<string, unknown>)[name]
    Object.defineProperties(backend, Object.fromEntries(Object.entries(before).filter(([name]) => name in own)))
    restore.forEach(undo => undo())
  }
}

/** tfjs-node's own lookup reads the indices to look at them; while tracing it is the plain operation. */
function replaceGather(tf: typeof tfjs, backend: NodeBackend): () => void {
  const kernel = tf.getKernel('GatherV2', 'tensorflow'), type = (name: string, dtype: tfjs.DataType): Attribute => ({ name, type: backend.binding.TF_ATTR_TYPE, value: backend.getDTypeInteger(dtype) })
  const kernelFunc: tfjs.KernelFunc = ({ inputs, attrs }) => {
    const { x, indices } = inputs as Record<'x' | 'indices', tfjs.TensorInfo>, { axis, batchDims } = attrs as unknown as { axis: number, batchDims: number }
    const place = tf.scalar(axis, 'int32')
    const attributes = [{ name: 'batch_dims', type: backend.binding.TF_ATTR_INT, value: batchDims }, type('Tparams', x.dtype), type('Tindices', indices.dtype), type('Taxis', 'int32')]
    const result = backend.executeSingleOutput('GatherV2', attributes, [x, indices, place])
    place.dispose()
    return result
  }
  const swap = (next: tfjs.KernelConfig) => { tf.unregisterKernel('GatherV2', 'tensorflow'); tf.registerKernel(next) }
  swap({ ...kernel, kernelName: 'GatherV2', backendName: 'tensorflow', kernelFunc })
  return () => swap(kernel)
}

/** Math.random, from which TensorFlow.js draws too, is an error while tracing. */
function replaceRandom(): () => void {
  const { random } = Math
  Math.random = () => { throw new JitTraceError(`jit: a random number is drawn on the host at ${callerLine()}; draw it outside and pass it as an argument`) }
  return () => { Math.random = random }
}
