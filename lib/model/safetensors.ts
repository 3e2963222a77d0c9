import { z } from 'zod'

/** Bytes of one element by element type, as the header names them; other types of the format are refused. */
export const DTYPE_BYTES = { F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, BF16: 2, U8: 1, BOOL: 1 } as const
export type Dtype = keyof typeof DTYPE_BYTES

/** A tensor as it lies in the file: little-endian, row-major. */
export interface Stored { readonly dtype: Dtype; readonly shape: readonly number[]; readonly bytes: Uint8Array; /** Where in the file. */ readonly offset?: number }

/** What a file holds. */
export interface Safetensors { readonly tensors: ReadonlyMap<string, Stored>; readonly metadata: Readonly<Record<string, string>> }

/** A file that is not what it claims; the message names file, tensor and byte offset. */
export class FormatError extends Error { override readonly name = 'FormatError' }

const MAX_HEADER = 100_000_000
const whole = z.int().min(0)
const entrySchema = z.strictObject({ dtype: z.string(), shape: z.array(whole).max(32), data_offsets: z.tuple([whole, whole]) })
const metadataSchema = z.record(z.string(), z.string())

/**
 * Reads a safetensors file: eight bytes of header length, a JSON header, the tensors' bytes.  github.com/huggingface/safetensors#format
 * Tensors are views of `file`; nothing is allocated on the header's word. Throws FormatError on a header that is truncated, malformed,
 * has a key twice, or whose tensors overlap, leave a hole, disagree with their shape or do not end where the file ends.
 */
export function readSafetensors(file: Uint8Array, from = 'safetensors'): Safetensors {
  const fail = (what: string): never => { throw new FormatError(`${from}: ${what}`) }
  if (file.length < 8) fail(`expected at least 8 bytes of header length, got ${file.length} bytes`)
  const length = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true)
  if (length > BigInt(Math.min(MAX_HEADER, file.length - 8))) fail(`header length ${length} at byte 0 exceeds the file's ${file.length} bytes or the limit of ${MAX_HEADER}`)
  const start = 8 + Number(length), header = parseHeader(file.subarray(8, start), from)
  const tensors = new Map<string, Stored>()
  let metadata: Record<string, string> = {}, end = start
  const entries: { name: string; dtype: Dtype; shape: number[]; first: number; last: number }[] = []
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      const parsed = metadataSchema.safeParse(value)
      metadata = parsed.success ? parsed.data : fail(`__metadata__: expected strings only: ${z.prettifyError(parsed.error)}`)
    } else entries.push({ name, ...readEntry(name, value, start, from) })
  }
  entries.sort((a, b) => a.first - b.first || a.last - b.last)
  for (const { name, dtype, shape, first, last } of entries) {
    if (first !== end) fail(`tensor '${name}' starts at byte ${first}, expected ${end}: tensors must follow each other without ${first < end ? 'overlap' : 'a hole'}`)
    if (last > file.length) fail(`tensor '${name}' at bytes ${first} to ${last} reaches past the end of the file at byte ${file.length}; it is truncated`)
    tensors.set(name, { dtype, shape, bytes: file.subarray(first, last), offset: first })
    end = last
  }
  if (end !== file.length) fail(`${file.length - end} bytes from byte ${end} on belong to no tensor`)
  return { tensors, metadata }
}

function readEntry(name: string, value: unknown, start: number, from: string) {
  const parsed = entrySchema.safeParse(value)
  if (!parsed.success) throw new FormatError(`${from}: tensor '${name}': expected {dtype, shape, data_offsets}: ${z.prettifyError(parsed.error)}`)
  const { dtype, shape, data_offsets: [first, last] } = parsed.data, at = `${from}: tensor '${name}' at byte ${start + first}`
  if (!Object.hasOwn(DTYPE_BYTES, dtype)) throw new FormatError(`${at}: dtype ${dtype} is not supported, expected one of ${Object.keys(DTYPE_BYTES).join(', ')}`)
  const size = shape.includes(0) ? 0 : shape.reduce((n, d) => n * d, 1) * DTYPE_BYTES[dtype as Dtype]
  if (size !== last - first) throw new FormatError(`${at}: shape [${shape.join(', ')}] of ${dtype} takes ${size} bytes, data_offsets give ${last - first}`)
  return { dtype: dtype as Dtype, shape, first: start + first, last: start + last }
}

function parseHeader(bytes: Uint8Array, from: string): Record<string, unknown> {
  let text: string, header: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    header = JSON.parse(text)
  } catch (error) { throw new FormatError(`${from}: the header at byte 8 is no UTF-8 JSON: ${(error as Error).message}`) }
  if (text[0] !== '{' || typeof header !== 'object' || header === null) throw new FormatError(`${from}: the header at byte 8 must be a JSON object that starts with '{'`)
  const twice = duplicateKey(text)
  if (twice !== undefined) throw new FormatError(`${from}: the header has the key '${twice}' twice`)
  return header as Record<string, unknown>
}

/** The first key that an object of this valid JSON text has twice, which JSON.parse lets pass. */
function duplicateKey(json: string): string | undefined {
  const seen: Set<string>[] = []
  for (const [token, colon] of json.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/g)) {
    if (token === '{') seen.push(new Set())
    else if (token === '}') seen.pop()
    else if (colon) {
      const key = JSON.parse(token.slice(0, -colon.length)) as string, keys = seen[seen.length - 1]
      if (keys.has(key)) return key
      keys.add(key)
    }
  }
  return undefined
}

/**
 * Writes a safetensors file, byte for byte as Hugging Face's own writer: widest elements first, then by name, header padded to 8 bytes.
 * Throws RangeError where a tensor's bytes are not what its shape takes, or a name comes twice.
 */
export function writeSafetensors(tensors: Iterable<readonly [string, Stored]>, metadata: Readonly<Record<string, string>> = {}): Uint8Array<ArrayBuffer> {
  const rank = (s: Stored) => ['I64', 'F64', 'F32', 'I32', 'BF16', 'F16', 'U8', 'BOOL'].indexOf(s.dtype)
  const sorted = [...tensors].sort(([a, x], [b, y]) => rank(x) - rank(y) || compareUtf8(a, b))
  const parts: string[] = [], names = new Set<string>(['__metadata__'])
  if (Object.keys(metadata).length) parts.push(`"__metadata__":${JSON.stringify(metadata)}`)
  let end = 0
  for (const [name, { dtype, shape, bytes }] of sorted) {
    const size = shape.reduce((n, d) => n * d, DTYPE_BYTES[dtype] as number)
    if (size !== bytes.length) throw new RangeError(`tensor '${name}': shape [${shape.join(', ')}] of ${dtype} takes ${size} bytes, got ${bytes.length}`)
    if (names.has(name)) throw new RangeError(`tensor '${name}': the name is taken`)
    names.add(name)
    parts.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [end, end += size] })}`)
  }
  const json = new TextEncoder().encode(`{${parts.join(',')}}`), start = 8 + Math.ceil(json.length / 8) * 8
  const file = new Uint8Array(start + end).fill(0x20, 8, start)
  new DataView(file.buffer).setBigUint64(0, BigInt(start - 8), true)
  file.set(json, 8)
  let at = start
  for (const [, { bytes }] of sorted) { file.set(bytes, at); at += bytes.length }
  return file
}

/** UTF-16 code units order surrogates before U+E000; bytes of UTF-8 do not. */
function compareUtf8(a: string, b: string): number {
  const x = [...a], y = [...b]
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return x[i].codePointAt(0)! - y[i].codePointAt(0)!
  return x.length - y.length
}

/** A typed array as a stored tensor, bits unchanged: Float32Array is F32, Float64Array F64, Int32Array I32, BigInt64Array I64, Uint8Array U8 (or BOOL). */
export function store(values: Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array, shape: readonly number[], dtype?: 'BOOL'): Stored {
  const own = values instanceof Float32Array ? 'F32' : values instanceof Float64Array ? 'F64' : values instanceof Int32Array ? 'I32' : values instanceof BigInt64Array ? 'I64' : 'U8'
  return { dtype: dtype ?? own, shape, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) }
}

/**
 * A stored tensor's numbers: F32, F16 and BF16 exactly and F64 rounded as Float32Array, I32, I64 and U8 exactly as Int32Array,
 * BOOL as Uint8Array. Throws FormatError, naming tensor and byte, where a number does not fit: a finite F64 beyond float32, an I64
 * beyond 32 bits, a BOOL that is neither 0 nor 1.
 */
export function unstore(stored: Stored, name: string, from = 'safetensors'): Float32Array | Int32Array | Uint8Array {
  const { dtype, bytes } = stored, n = bytes.length / DTYPE_BYTES[dtype], copy = new Uint8Array(bytes).buffer // Buffer's slice would be a view
  const misfit = (i: number, value: unknown, type: string): never => {
    throw new FormatError(`${from}: tensor '${name}': element ${i} at byte ${(stored.offset ?? 0) + i * DTYPE_BYTES[dtype]} is ${value}, which ${type} cannot hold`)
  }
  switch (dtype) {
    case 'F32': return new Float32Array(copy)
    case 'I32': return new Int32Array(copy)
    case 'U8': return Int32Array.from(bytes)
    case 'BOOL': { const i = bytes.findIndex(b => b > 1); return i < 0 ? new Uint8Array(bytes) : misfit(i, bytes[i], 'a boolean') }
    case 'BF16': { const half = new Uint16Array(copy), bits = new Uint32Array(n); for (let i = 0; i < n; i++) bits[i] = half[i] << 16; return new Float32Array(bits.buffer) }
    case 'F16': { const half = new Uint16Array(copy), bits = new Uint32Array(n); for (let i = 0; i < n; i++) bits[i] = widenHalf(half[i]); return new Float32Array(bits.buffer) }
    case 'F64': return Float32Array.from(new Float64Array(copy), (v, i) => Number.isFinite(v) && !Number.isFinite(Math.fround(v)) ? misfit(i, v, 'float32') : v)
    case 'I64': return Int32Array.from(new BigInt64Array(copy) as unknown as ArrayLike<number>, (v, i) => BigInt.asIntN(32, v as unknown as bigint) === (v as unknown as bigint) ? Number(v) : misfit(i, v, 'int32'))
  }
}

/** The bits of the float32 that equals a float16, whose bits are given. */
function widenHalf(half: number): number {
  const sign = (half & 0x8000) << 16, exponent = (half >> 10) & 31, fraction = half & 1023
  if (exponent === 31) return (sign | 0x7f800000 | fraction << 13) >>> 0
  if (exponent > 0) return (sign | (exponent + 112) << 23 | fraction << 13) >>> 0
  if (fraction === 0) return sign >>> 0
  const shift = Math.clz32(fraction) - 21 // a subnormal float16 is a normal float32
  return (sign | (113 - shift) << 23 | (fraction << shift & 1023) << 13) >>> 0
}
