/** Damage for files: what a broken disk, a hasty editor or an enemy does to them, by a seeded stream. */
import type { Random } from '../lib/tensor/random'

/** Bytes that text files and headers mean something by. */
const HOT = [...'0123456789.-eE"\\{}[],: \u0000\n'].map(c => c.charCodeAt(0))

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const part of parts) { whole.set(part, at); at += part.length }
  return whole
}

/** A copy with one to three changes: a bit, a byte, bytes cut out, doubled, put in or overwritten, the end cut off. Three in four fall before byte `hot`. */
export function mutateBytes(file: Uint8Array, random: Random, hot = file.length): Uint8Array {
  let whole = file
  for (let changes = 1 + random.int(3); changes > 0; changes--) {
    const at = random.int(Math.max(1, Math.min(whole.length, random.int(4) ? hot : whole.length))), length = 1 + random.int(random.int(2) ? 4 : 64)
    const byte = () => random.int(2) ? random.choice(HOT) : random.int(256), before = whole.subarray(0, at), now = whole
    const edits: (() => Uint8Array[])[] = [
      () => [before, Uint8Array.of(now[at] ^ 1 << random.int(8)), now.subarray(at + 1)],
      () => [before, Uint8Array.of(byte()), now.subarray(at + 1)],
      () => [before, now.subarray(at + length)],
      () => [before, now.subarray(at, at + length), now.subarray(at)],
      () => [before, Uint8Array.from({ length }, byte), now.subarray(at)],
      () => [before, Uint8Array.from({ length }, () => random.choice([0, 255])), now.subarray(at + length)],
      () => [before],
    ]
    whole = join(random.choice(edits)())
  }
  return whole
}

const ODD = [null, true, -1, 0, 1, 2, 1.5, 1e9, 1e300, 2 ** 53, -0.1, '', 'x', '__proto__', [], {}, [[]], { type: 'Sequence' }, 'ByteLevel', 'BPE', 'WordLevel', 'llama', 'gpt2']

/** A copy with one to three fields, at any depth, replaced by something odd, taken from elsewhere, deleted, added or moved by a number. */
export function mutateJson(value: unknown, random: Random): unknown {
  const copy = structuredClone(value) as object, places: [Record<string, unknown>, string][] = []
  const walk = (node: object) => {
    for (const key of Object.keys(node)) {
      const owner = node as Record<string, unknown>, inner = owner[key]
      places.push([owner, key])
      if (typeof inner === 'object' && inner !== null && places.length < 3000) walk(inner)
    }
  }
  walk(copy)
  for (let changes = 1 + random.int(3); changes > 0 && places.length > 0; changes--) {
    const [owner, key] = random.choice(random.int(2) ? places : places.slice(0, 40)), [other, otherKey] = random.choice(places)
    const edits = [() => { owner[key] = random.choice(ODD) }, () => { delete owner[key] }, () => { owner[key] = structuredClone(other[otherKey]) }, () => { owner[`${key}x`] = random.choice(ODD) },
      () => { if (typeof owner[key] === 'number') owner[key] = owner[key] + random.choice([-1, 1, 0.5, 1e6, -1e6]) }]
    random.choice(edits)()
  }
  return copy
}
