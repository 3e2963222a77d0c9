import type * as tfjs from '@tensorflow/tfjs'

/** Tensors, and plain data around them. */
export type Tree = tfjs.Tensor | number | string | boolean | null | undefined | readonly Tree[] | { readonly [name: string]: Tree }

type Shape = { readonly leaf: number } | { readonly list: readonly Shape[] } | { readonly record: Readonly<Record<string, Shape>> } | { readonly value: Tree }

/** The tensors of a tree, what is around them, and a text that is the same for trees of the same shape. */
export interface Flat { readonly leaves: readonly tfjs.Tensor[]; readonly shape: Shape; readonly key: string }

/** Takes a tree apart. Aliases (one tensor in two places) are part of the key. */
export function flatten(tf: typeof tfjs, tree: unknown, what: string): Flat {
  const leaves: tfjs.Tensor[] = [], key: string[] = [], seen = new Map<object, number>()
  const visit = (x: unknown): Shape => {
    if (x instanceof tf.Tensor) {
      const before = seen.get(x.dataId)
      if (before === undefined) seen.set(x.dataId, leaves.length)
      key.push(`${x.dtype}[${x.shape.join()}]${before === undefined ? '' : `=${before}`}`)
      return { leaf: leaves.push(x) - 1 }
    }
    if (Array.isArray(x)) {
      key.push('(')
      const list = x.map(visit)
      key.push(')')
      return { list }
    }
    if (typeof x === 'object' && x !== null && [Object.prototype, null].includes(Object.getPrototypeOf(x) as object | null)) {
      key.push('{')
      const record = Object.fromEntries(Object.entries(x).map(([name, value]): [string, Shape] => { key.push(name); return [name, visit(value)] }))
      key.push('}')
      return { record }
    }
    if (x === null || ['undefined', 'number', 'string', 'boolean'].includes(typeof x)) {
      key.push(JSON.stringify(x) ?? 'undefined')
      return { value: x as Tree }
    }
    throw new TypeError(`jit: ${what} may hold tensors, numbers, strings, booleans, arrays and plain objects, not ${Object.prototype.toString.call(x)}`)
  }
  const shape = visit(tree)
  return { leaves, shape, key: key.join(' ') }
}

/** Puts a tree together again with other tensors. */
export function unflatten(shape: Shape, leaves: readonly tfjs.Tensor[]): unknown {
  if ('leaf' in shape) return leaves[shape.leaf]
  if ('list' in shape) return shape.list.map(item => unflatten(item, leaves))
  return 'record' in shape ? Object.fromEntries(Object.entries(shape.record).map(([name, item]) => [name, unflatten(item, leaves)])) : shape.value
}
