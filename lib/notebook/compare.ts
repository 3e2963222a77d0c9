/** Where two values differ: the path of the place and what stands there. */
export interface Difference { readonly path: string; readonly got: unknown; readonly expected: unknown }

interface TensorLike { readonly shape: readonly number[]; dataSync(): ArrayLike<number>; dispose(): void }

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null
const isTensor = (v: unknown): v is TensorLike => isObject(v) && 'dataSync' in v && 'shape' in v
const isList = (v: unknown): v is ArrayLike<unknown> => Array.isArray(v) || (ArrayBuffer.isView(v) && 'length' in v)

/** A value that lives on when tensors are disposed: each tensor as {shape, values}, disposed after reading. */
export function settle(value: unknown): unknown {
  if (isTensor(value)) {
    const plain = { shape: [...value.shape], values: Array.from(value.dataSync()) }
    value.dispose()
    return plain
  }
  return Array.isArray(value) ? value.map(settle) : value
}

/** The first place where `got` differs from `expected` by more than tolerance·(1 + |expected|); typed arrays count as arrays. */
export function difference(got: unknown, expected: unknown, tolerance: number, path = ''): Difference | undefined {
  const differs = { path, got, expected }
  if (typeof expected === 'number' && typeof got === 'number') {
    return Object.is(got, expected) || Math.abs(got - expected) <= tolerance * (1 + Math.abs(expected)) ? undefined : differs
  }
  if (isList(expected)) {
    if (!isList(got) || got.length !== expected.length) return differs
    for (let i = 0; i < expected.length; i++) {
      const d = difference(got[i], expected[i], tolerance, `${path}[${i}]`)
      if (d) return d
    }
    return undefined
  }
  if (isObject(expected)) {
    if (!isObject(got) || isList(got)) return differs
    for (const key of new Set([...Object.keys(expected), ...Object.keys(got)])) {
      const d = difference(got[key], expected[key], tolerance, path ? `${path}.${key}` : key)
      if (d) return d
    }
    return undefined
  }
  return Object.is(got, expected) ? undefined : differs
}

/** A value in few characters, numbers to four digits. */
export function brief(value: unknown, limit = 100): string {
  const text = (v: unknown): string => typeof v === 'number' ? String(Number(v.toPrecision(4))) : typeof v === 'string' ? JSON.stringify(v)
    : isTensor(v) ? `tensor [${v.shape.join(', ')}]`
    : isList(v) ? `[${Array.from({ length: Math.min(v.length, 12) }, (_, i) => text(v[i])).join(', ')}${v.length > 12 ? `, … ${v.length} in all` : ''}]`
      : typeof v === 'function' ? 'a function' : isObject(v) ? `{${Object.entries(v).map(([k, x]) => `${k}: ${text(x)}`).join(', ')}}` : String(v)
  const whole = text(value)
  return whole.length > limit ? `${whole.slice(0, limit - 1)}…` : whole
}
