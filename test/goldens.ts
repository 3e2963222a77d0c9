import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { AssertionError } from 'chai'

/** `|got - want| <= atol + rtol * |want|`. */
export interface Tolerance { readonly rtol: number; readonly atol: number }

type Typed = Float32Array | Float64Array | Int32Array | Uint8Array
/** What can stand beside a golden value: numbers, booleans, strings, arrays of any depth (typed ones too) and records of them. */
export type Value = number | boolean | string | null | Typed | readonly Value[] | { readonly [name: string]: Value }

/** One case: what went in, what an outside implementation gave, and how near is near enough. */
export interface Golden {
  readonly name: string
  /** The function of the outside implementation. */
  readonly source: string
  readonly note?: string
  readonly dtype?: string
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each file has its own shape; a test names what it reads
  readonly inputs: any
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly expected: any
  /** How much weights move when the start moves by one rounding (training runs only). */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly sensitivity?: any
  /** The tolerance of one expected name: the longest key that the name starts with, else `default`. */
  tolerance(name: string): Tolerance
  /**
   * Asserts that `got` equals `expected[name]` within the case's tolerance. `name` may go deeper: 'glm.params', 'rows.2.kl'.
   * A record is compared on the names it has in `expected`; a typed array (row-major) may stand for nested arrays of as many numbers.
   */
  close(got: Value, name: string): void
}

/** A file of cases. */
export interface Goldens {
  readonly about: string
  readonly cases: readonly Golden[]
  /** Inputs that several cases use, and whatever else stands beside the cases (configs, texts). */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly shared: any
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly file: any
  /** The case of that name. */
  case(name: string): Golden
  /**
   * One mocha test a case: the handler is the one of that name, else the first whose key is a prefix ending in '*'.
   * A case without a handler fails, and so does a handler without a case: none can be left out unseen.
   */
  each(handlers: Readonly<Record<string, (golden: Golden) => void | Promise<void>>>): void
}

/** The folder of goldens: RLHF_GOLDENS, else test/goldens. */
export const goldensFolder = resolve(process.env.RLHF_GOLDENS ?? join(__dirname, 'goldens'))

/** The path of a file beside the cases, such as 'models/gpt2.safetensors'. */
export const goldensPath = (name: string): string => join(goldensFolder, name)

interface RawCase { name: string; source: string; note?: string; dtype?: string; inputs: unknown; expected: unknown; sensitivity?: unknown; tolerance: Record<string, Tolerance> }
interface Index { case_count: number; files: { file: string; cases: { name: string; tolerance: Record<string, Tolerance> }[] }[] }

const nonFinite: Readonly<Record<string, number>> = { NaN, Infinity, '-Infinity': -Infinity }

function read<T>(name: string): T {
  const path = goldensPath(name)
  if (!existsSync(path)) throw new Error(`goldens: ${path} does not exist; RLHF_GOLDENS must name a folder that has ${name}`)
  return JSON.parse(readFileSync(path, 'utf8'), (_, value) => typeof value === 'string' && value in nonFinite ? nonFinite[value] : value as unknown) as T
}

/** Every file and case name in index.json. */
export const goldensIndex = (): ReadonlyMap<string, readonly string[]> =>
  new Map(read<Index>('index.json').files.map(({ file, cases }) => [file.replace(/\.json$/, ''), cases.map(c => c.name)]))

const isTyped = (v: unknown): v is Typed => ArrayBuffer.isView(v)
const show = (v: unknown): string => {
  const text = JSON.stringify(isTyped(v) ? [...v] : v, (_, x) => typeof x === 'number' && !Number.isFinite(x) ? String(x) : x as unknown) ?? String(v)
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}

/** The first place where got is not near want, as a sentence; undefined when there is none. */
function difference(got: unknown, want: unknown, { rtol, atol }: Tolerance, path: string): string | undefined {
  if (typeof want === 'number') {
    if (typeof got !== 'number') return `${path}: expected the number ${want}, got ${show(got)}`
    const near = Number.isFinite(want) ? Math.abs(got - want) <= atol + rtol * Math.abs(want) : Object.is(got, want)
    return near ? undefined
      : `${path}: got ${got}, expected ${want}, off by ${Math.abs(got - want).toExponential(2)} (allowed ${(atol + rtol * Math.abs(want)).toExponential(2)})`
  }
  if (Array.isArray(want)) {
    if (isTyped(got)) want = want.flat(Infinity)
    if (!Array.isArray(got) && !isTyped(got)) return `${path}: expected an array, got ${show(got)}`
    const wanted = want as unknown[]
    if (got.length !== wanted.length) return `${path}: ${got.length} entries, expected ${wanted.length}`
    for (let i = 0; i < wanted.length; i++) {
      const found = difference((got as readonly unknown[])[i], wanted[i], { rtol, atol }, `${path}[${i}]`)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (want !== null && typeof want === 'object') {
    if (got === null || typeof got !== 'object') return `${path}: expected a record, got ${show(got)}`
    for (const [name, value] of Object.entries(want)) {
      const found = difference((got as Record<string, unknown>)[name], value, { rtol, atol }, `${path}.${name}`)
      if (found !== undefined) return found
    }
    return undefined
  }
  return got === want ? undefined : `${path}: got ${show(got)}, expected ${show(want)}`
}

/** The value at a dotted name; a name in the file may hold dots itself ('l2_C_1.0'). */
function at(value: unknown, name: string): unknown {
  if (value === null || typeof value !== 'object') return undefined
  const record = value as Record<string, unknown>
  if (name in record) return record[name]
  for (let dot = name.indexOf('.'); dot > 0; dot = name.indexOf('.', dot + 1)) {
    const deeper = at(record[name.slice(0, dot)], name.slice(dot + 1))
    if (deeper !== undefined) return deeper
  }
  return undefined
}

function golden(raw: RawCase, file: string): Golden {
  const tolerance = (name: string): Tolerance => {
    const key = Object.keys(raw.tolerance).filter(k => k !== 'default' && name.startsWith(k)).sort((a, b) => b.length - a.length)[0] ?? 'default'
    if (!(key in raw.tolerance)) throw new Error(`${file}: case ${raw.name} has no tolerance for ${name}`)
    return raw.tolerance[key]
  }
  return {
    name: raw.name, source: raw.source, note: raw.note, dtype: raw.dtype, inputs: raw.inputs, expected: raw.expected, sensitivity: raw.sensitivity, tolerance,
    close(got, name) {
      const want = at(raw.expected, name)
      if (want === undefined) throw new AssertionError(`${file}: ${raw.name} has no expected ${name}; it has ${Object.keys(raw.expected as object).join(', ')}`)
      const message = difference(got, want, tolerance(name), name)
      if (message !== undefined) throw new AssertionError(`${file}: ${raw.name}: ${message}\n  source: ${raw.source}`)
    },
  }
}

/** The cases of a file ('statistics' for statistics.json). Throws where the folder lacks it, or its names are not the index's. */
export function goldens(name: string): Goldens {
  const file = read<Record<string, unknown> & { about: string; shared?: unknown; cases: RawCase[] }>(`${name}.json`)
  const listed = goldensIndex().get(name), names = file.cases.map(c => c.name)
  if (listed === undefined || listed.join() !== names.join()) throw new Error(`goldens: ${name}.json and index.json list different cases`)
  const cases = file.cases.map(raw => golden(raw, `${name}.json`))
  return {
    about: file.about, cases, shared: file.shared ?? {}, file,
    case(wanted) {
      const one = cases.find(c => c.name === wanted)
      if (one === undefined) throw new Error(`goldens: ${name}.json has no case ${wanted}`)
      return one
    },
    each(handlers) {
      const keys = Object.keys(handlers), used = new Set<string>()
      for (const one of cases) {
        const key = keys.includes(one.name) ? one.name : keys.find(k => k.endsWith('*') && one.name.startsWith(k.slice(0, -1)))
        it(`${name}: ${one.name}`, () => {
          if (key === undefined) throw new AssertionError(`${name}.json: no test for case ${one.name}`)
          return handlers[key](one)
        })
        if (key !== undefined) used.add(key)
      }
      const unused = keys.filter(k => !used.has(k))
      if (unused.length > 0) it(`${name}: every handler has a case`, () => { throw new AssertionError(`${name}.json: no case for ${unused.join(', ')}`) })
    },
  }
}
