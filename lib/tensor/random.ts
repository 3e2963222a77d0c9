/** The full state of a {@link Random}: a 64-bit key and the index of the next 32-bit word (an integer below 2^53). */
export interface RandomState { readonly key: readonly [number, number]; readonly index: number }

const WEYL_0 = 0x9e3779b9, WEYL_1 = 0xbb67ae85, MULTIPLY_0 = 0xd2511f53, MULTIPLY_1 = 0xcd9e8d57

/** The high 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff, a1 = a >>> 16, b0 = b & 0xffff, b1 = b >>> 16
  const middle = a1 * b0 + ((a0 * b0) >>> 16)
  const carry = (middle & 0xffff) + a0 * b1
  return (a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0
}

/**
 * Philox4x32-10: ten rounds of a keyed bijection on 128-bit counters.  Salmon 2011, doi:10.1145/2063384.2063405
 * counter: four, key: two unsigned 32-bit words. Returns four unsigned 32-bit words.
 */
export function philox(counter: readonly [number, number, number, number], key: readonly [number, number]): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter, [k0, k1] = key
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(MULTIPLY_0, c0), low0 = Math.imul(MULTIPLY_0, c0) >>> 0
    const high1 = multiplyHigh(MULTIPLY_1, c2), low1 = Math.imul(MULTIPLY_1, c2) >>> 0;
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0]
    k0 = (k0 + WEYL_0) >>> 0
    k1 = (k1 + WEYL_1) >>> 0
  }
  return [c0, c1, c2, c3]
}

/**
 * Seeded random numbers, the same on every machine and backend: word i of a stream is a function of key and i alone,
 * so that a stream is resumed from its state and split without overlap.
 */
export class Random {
  private block: [number, number, number, number] = [0, 0, 0, 0]
  private blockIndex = -1
  private constructor(private readonly key: readonly [number, number], private index: number) {}

  /** A stream for a non-negative integer seed below 2^53. Throws RangeError on anything else. */
  static seed(seed: number): Random {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`seed: expected an integer from 0 to 2^53 - 1, got ${seed}`)
    return new Random([seed >>> 0, Math.floor(seed / 2 ** 32)], 0)
  }

  /** The stream that continues where `state` was taken. */
  static resume(state: RandomState): Random {
    const { key, index } = state
    if (!Number.isSafeInteger(index) || index < 0 || key.length !== 2 || key.some(k => k !== k >>> 0)) {
      throw new RangeError(`random state: expected {key: [uint32, uint32], index: integer}, got ${JSON.stringify(state)}`)
    }
    return new Random([key[0], key[1]], index)
  }

  /** What {@link Random.resume} needs to continue from here. */
  get state(): RandomState { return { key: this.key, index: this.index } }

  /** A stream of its own for `label`, independent of this one and of how far this one has been read. */
  split(label: number | string): Random {
    let hash = 0x811c9dc5
    for (const c of String(label)) hash = Math.imul(hash ^ c.codePointAt(0)!, 0x01000193) >>> 0
    const [k0, k1] = philox([hash, String(label).length, 0, 0xffffffff], this.key)
    return new Random([k0, k1], 0)
  }

  /** The next unsigned 32-bit word. */
  word(): number {
    const at = Math.floor(this.index / 4)
    if (at !== this.blockIndex) {
      this.block = philox([at >>> 0, Math.floor(at / 2 ** 32), 0, 0], this.key)
      this.blockIndex = at
    }
    return this.block[this.index++ % 4]
  }

  /** A number in [0, 1) with 53 random bits. */
  uniform(): number {
    const high = this.word() >>> 5, low = this.word() >>> 6
    return (high * 2 ** 26 + low) / 2 ** 53
  }

  /** A standard normal number (Box-Muller, one of the pair). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform())
  }

  /** An integer in [0, n), n up to 2^53. Throws RangeError unless n is a positive integer. */
  int(n: number): number {
    if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`int: expected a positive integer, got ${n}`)
    return Math.floor(this.uniform() * n)
  }

  /** One of the items, each equally likely. */
  choice<T>(items: readonly T[]): T { return items[this.int(items.length)] }

  /** The index drawn with probability proportional to `weights` (non-negative, not all zero). */
  weighted(weights: readonly number[]): number {
    const total = weights.reduce((a, b) => a + b, 0)
    if (!(total > 0) || weights.some(w => !(w >= 0))) throw new RangeError(`weighted: expected non-negative weights with a positive sum, got [${weights.join(', ')}]`)
    let left = this.uniform() * total, last = 0
    for (let i = 0; i < weights.length; i++) {
      if (weights[i] === 0) continue
      last = i
      left -= weights[i]
      if (left < 0) break
    }
    return last
  }

  /** The items in random order, in a new array (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const out = [...items]
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      [out[i], out[j]] = [out[j], out[i]]
    }
    return out
  }
}
