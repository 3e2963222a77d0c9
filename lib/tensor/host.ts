import type * as tfjs from '@tensorflow/tfjs'
import { tf } from './backend'

/** Numbers on the host and their shape: int32 or float32, as the array is. What crosses into a step of tensors, without gradient. */
export interface HostTensor<S extends readonly number[] = readonly number[]> { readonly data: Float32Array | Int32Array; readonly shape: S }

/** Everything that varies from step to step, as plain data: a number becomes a scalar, a typed array a vector. */
export type Host = number | Float32Array | Int32Array | HostTensor | HostRecord | undefined
/** Named host data, as deep as you like. */
export interface HostRecord { readonly [name: string]: Host }

type OfShape<S extends readonly number[]> = S extends readonly [] ? tfjs.Scalar : S extends readonly [number] ? tfjs.Tensor1D : S extends readonly [number, number] ? tfjs.Tensor2D
  : S extends readonly [number, number, number] ? tfjs.Tensor3D : S extends readonly [number, number, number, number] ? tfjs.Tensor4D : tfjs.Tensor

/** The same record with tensors in place of numbers. */
export type OnDevice<H> = H extends undefined ? undefined : H extends number ? tfjs.Scalar : H extends Float32Array | Int32Array ? tfjs.Tensor1D
  : H extends HostTensor<infer S> ? OfShape<S> : { readonly [K in keyof H]: OnDevice<H[K]> }

/** Numbers with a shape. Throws where they do not fill it. */
export function hostTensor<S extends readonly number[]>(data: Float32Array | Int32Array, shape: readonly [...S]): HostTensor<S> {
  const size = shape.reduce((a, b) => a * b, 1)
  if (data.length !== size) throw new Error(`hostTensor: ${data.length} numbers do not fill [${shape.join(', ')}]`)
  return { data, shape: shape as readonly number[] as S }
}

/** Rows as a float32 matrix, each filled up to `columns` (default: the longest row) with `filler`. Throws where a row is longer. */
export function hostRows(rows: readonly ArrayLike<number>[], columns = Math.max(0, ...rows.map(row => row.length)), filler = 0): HostTensor<[number, number]> {
  const data = new Float32Array(rows.length * columns).fill(filler)
  rows.forEach((row, i) => {
    if (row.length > columns) throw new RangeError(`hostRows: row ${i} has ${row.length} numbers, expected at most ${columns}`)
    data.set(row, i * columns)
  })
  return { data, shape: [rows.length, columns] }
}

/** True for numbers with a shape. */
export const isHostTensor = (value: Host): value is HostTensor => typeof value === 'object' && ArrayBuffer.isView((value as Partial<HostTensor>).data)

/** The record as tensors, which are the caller's to free. */
export function toTensors<H extends { readonly [K in keyof H]: Host }>(host: H): OnDevice<H> {
  return Object.fromEntries(Object.entries(host as HostRecord).map(([name, value]) => [name, onDevice(value)])) as OnDevice<H>
}

function onDevice(value: Host): unknown {
  if (value === undefined) return undefined
  if (typeof value === 'number') return tf.scalar(value, 'float32')
  if (value instanceof Float32Array || value instanceof Int32Array) return tf.tensor1d(value, dtypeOf(value))
  return isHostTensor(value) ? tf.tensor(value.data, [...value.shape], dtypeOf(value.data)) : toTensors(value)
}

const dtypeOf = (data: Float32Array | Int32Array) => data instanceof Int32Array ? 'int32' : 'float32'
