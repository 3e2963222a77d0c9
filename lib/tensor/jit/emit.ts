import { bytes, fields, float, int, message } from './proto'
import type { Attribute, Binding } from './native'
import type { Constant, Emitted, Node, Source, Trace } from './trace'
import { JitTraceError } from './trace'

interface Argument { name: string, typeAttribute?: string, count?: string, list?: string }
interface Definition { readonly inputs: readonly Argument[], readonly outputs: readonly Argument[], readonly attributes: ReadonlyMap<string, { readonly type: string, readonly byDefault?: Buffer }> }

const definitions = new Map<string, Definition>()

/** What TensorFlow says an operation takes and gives. */
function definitionOf(binding: Binding, op: string): Definition {
  const known = definitions.get(op)
  if (known) return known
  const inputs: Argument[] = [], outputs: Argument[] = [], attributes = new Map<string, { type: string, byDefault?: Buffer }>()
  for (const [field, value] of fields(binding.jitOpDef!(op))) {
    if (typeof value === 'number') continue
    const parts = [...fields(value)], text = (at: number) => parts.find(([f]) => f === at)?.[1]?.toString()
    if (field === 2 || field === 3) (field === 2 ? inputs : outputs).push({ name: text(1)!, typeAttribute: text(4), count: text(5), list: text(6) })
    if (field === 4) attributes.set(text(1)!, { type: text(2)!, byDefault: parts.find(([f]) => f === 3)?.[1] as Buffer | undefined })
  }
  const definition = { inputs, outputs, attributes }
  definitions.set(op, definition)
  return definition
}

const shapeProto = (field: number, shape: readonly number[]) => message(field, ...shape.map(n => message(2, int(1, n))))

function attributeValue(type: string, value: unknown): Buffer {
  const list = <T>(one: (x: T) => Buffer) => message(1, ...(Array.isArray(value) ? value as T[] : [value as T]).map(one))
  switch (type) {
    case 'string': return bytes(2, value as string)
    case 'int': return int(3, value as number)
    case 'float': return float(4, value as number)
    case 'bool': return int(5, value ? 1 : 0)
    case 'type': return int(6, value as number)
    case 'shape': return shapeProto(7, value as number[])
    case 'func': return message(10, bytes(1, value as string))
    case 'list(int)': return list((x: number) => int(3, x))
    case 'list(float)': return list((x: number) => float(4, x))
    case 'list(bool)': return list((x: boolean) => int(5, x ? 1 : 0))
    case 'list(type)': return list((x: number) => int(6, x))
    case 'list(string)': return list((x: string) => bytes(2, x))
    case 'list(shape)': return list((x: number[]) => shapeProto(7, x))
    default: throw new JitTraceError(`jit: an attribute of type ${type} cannot be compiled`)
  }
}

const attribute = (field: number, name: string, type: string, value: unknown) => message(field, bytes(1, name), message(2, attributeValue(type, value)))

const constantNode = (name: string, { shape, dtype, data }: Constant) => message(3, bytes(1, name), bytes(2, 'Const'), attribute(5, 'dtype', 'type', dtype),
  message(5, bytes(1, 'value'), message(2, message(8, int(1, dtype), shapeProto(2, shape), bytes(4, data)))))

/** An attribute whose type the definition says. */
export const symbol = (name: string, value: unknown): Attribute => ({ name, type: 0, value })

/** The names of an operation's outputs and its attributes, with those that the eager interface infers. */
function completed(binding: Binding, { op, attributes, inputs }: Node): { outputs: string[], attributes: Buffer[] } {
  const definition = definitionOf(binding, op), values = new Map(attributes.map(({ name, value }: Attribute) => [name, value]))
  const fixed = definition.inputs.filter(argument => !argument.count && !argument.list).length
  let at = 0
  for (const { count, list, typeAttribute } of definition.inputs) {
    const length = count || list ? inputs.length - fixed : 1
    if (count && !values.has(count)) values.set(count, length)
    if (list && !values.has(list)) values.set(list, inputs.slice(at, at + length).map(input => input.dtype))
    if (typeAttribute && !values.has(typeAttribute)) values.set(typeAttribute, inputs[at].dtype)
    at += count ? Number(values.get(count)) : list ? (values.get(list) as unknown[]).length : 1
  }
  if (at !== inputs.length) throw new JitTraceError(`jit: ${op} got ${inputs.length} inputs, expected ${at}`)
  const integer = (name: string) => Number(values.get(name) ?? [...fields(definition.attributes.get(name)!.byDefault!)].find(([, v]) => typeof v === 'number')?.[1])
  const outputs = definition.outputs.flatMap(({ name, count, list }) =>
    Array.from({ length: count ? integer(count) : list ? (values.get(list) as unknown[]).length : 1 }, (_, i) => `${name}:${i}`))
  return { outputs, attributes: [...values].filter(([name]) => definition.attributes.has(name)).map(([name, value]) => attribute(5, name, definition.attributes.get(name)!.type, value)) }
}

/** How a trace is written. */
export interface EmitOptions {
  /** To be compiled by XLA instead of run as a graph. */
  readonly xla: boolean
  /** The compiled function of a name. */
  readonly known: (name: string) => Emitted | undefined
  /** Arguments that the function takes in this order, needed or not; else those that it needs. */
  readonly takes?: readonly Taken[]
}

type Taken = Extract<Source, { kind: 'argument' }>

/** Writes a trace as a function: what its results need, each constant once. */
export function emit(binding: Binding, { nodes, results }: Trace, { xla, known, takes }: EmitOptions): Emitted {
  const live = new Set<Node>(), stack = [...results]
  while (stack.length > 0) {
    const source = stack.pop()!
    if (source.kind === 'output' && !live.has(source.node)) { live.add(source.node); stack.push(...source.node.inputs) }
  }
  const inputs: Taken[] = [], parts = new Set<Emitted>(), places = new Map<number, number>(), names = new Map<Node, { name: string, outputs: string[] }>()
  const constants = new Map<string, { name: string, constant: Constant }>(), body: Buffer[] = []
  const reference = (source: Source): string => {
    if (source.kind === 'output') { const { name, outputs } = names.get(source.node)!; return `${name}:${outputs[source.index]}` }
    if (source.kind === 'argument') {
      if (!places.has(source.index)) { places.set(source.index, inputs.length); inputs.push(source) }
      return `x${places.get(source.index)}`
    }
    const key = `${source.dtype}|${source.shape.join()}|${source.data.toString('latin1')}`
    if (!constants.has(key)) {
      const name = `c${constants.size}`
      constants.set(key, { name, constant: source })
      body.push(constantNode(name, source))
    }
    return `${constants.get(key)!.name}:output:0`
  }
  takes?.forEach(reference)
  for (const node of nodes) {
    if (!live.has(node)) continue
    const called = known(node.op), real: Node = called ? { ...node, op: 'StatefulPartitionedCall', attributes: [symbol('f', node.op), symbol('Tout', node.outputs)] } : node
    const { outputs, attributes } = completed(binding, real), name = `n${names.size}`, from = node.inputs.map(source => bytes(3, reference(source)))
    for (const part of [called, ...node.parts ?? []]) if (part) parts.add(part)
    names.set(node, { name, outputs })
    body.push(message(3, bytes(1, name), bytes(2, real.op), ...from, ...attributes, ...called ? [attribute(5, '_XlaMustCompile', 'bool', called.xla)] : []))
  }
  const returns = results.map((source, i) => {
    if (source.kind === 'output') return reference(source)
    body.push(message(3, bytes(1, `i${i}`), bytes(2, 'Identity'), bytes(3, reference(source)), attribute(5, 'T', 'type', source.dtype)))
    return `i${i}:output:0`
  })
  const signature = [...inputs.map(({ dtype }, i) => message(2, bytes(1, `x${i}`), int(3, dtype))), ...results.map(({ dtype }, i) => message(3, bytes(1, `y${i}`), int(3, dtype)))]
  const rest = Buffer.concat([...body, ...returns.map((name, i) => message(4, bytes(1, `y${i}`), bytes(2, name))), attribute(5, '_XlaMustCompile', 'bool', xla)])
  return {
    xla, parts: [...parts], named: name => Buffer.concat([message(1, bytes(1, name), ...signature), rest]), content: Buffer.concat([...signature, rest]),
    inputs: inputs.map(({ index }) => index), outputs: results.length, operations: names.size, constants: [...constants.values()].map(({ constant }) => constant),
  }
}
