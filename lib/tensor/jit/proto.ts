/** The few pieces of the protocol buffers' wire format that a FunctionDef is written in and an OpDef read from. */

function varint(n: number): Buffer {
  const out: number[] = []
  let rest = BigInt.asUintN(64, BigInt(n))
  while (rest > 127n) { out.push(Number(rest & 127n) | 128); rest >>= 7n }
  out.push(Number(rest))
  return Buffer.from(out)
}

const tag = (field: number, wire: number) => varint(field * 8 + wire)

/** An integer, a boolean or an enum. */
export const int = (field: number, value: number): Buffer => Buffer.concat([tag(field, 0), varint(value)])

/** A string or bytes. */
export function bytes(field: number, value: string | Uint8Array): Buffer {
  const data = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([tag(field, 2), varint(data.length), data])
}

/** A message of these parts. */
export const message = (field: number, ...parts: readonly Uint8Array[]): Buffer => bytes(field, Buffer.concat(parts))

/** A float. */
export function float(field: number, value: number): Buffer {
  const data = Buffer.alloc(4)
  data.writeFloatLE(value)
  return Buffer.concat([tag(field, 5), data])
}

/** The fields of a message, in their order: integers as numbers, everything else as bytes. */
export function* fields(data: Buffer): Generator<readonly [field: number, value: number | Buffer]> {
  let at = 0
  const next = () => {
    let result = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = data[at++]
      result |= BigInt(byte & 127) << shift
      if (byte < 128) return result
    }
  }
  while (at < data.length) {
    const head = Number(next()), field = head >> 3, wire = head & 7
    if (wire === 0) { yield [field, Number(BigInt.asIntN(64, next()))]; continue }
    const length = wire === 2 ? Number(next()) : wire === 5 ? 4 : 8
    yield [field, data.subarray(at, at += length)]
  }
}
