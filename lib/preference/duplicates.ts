import { Random } from '../tensor/random'
import { normalised, type PreferencePair, winner } from './records'

/** Pairs by index that ask about the same two replies to the same prompt, and how often each reply won. */
export interface Repeated { readonly indices: readonly number[]; readonly votes: readonly [number, number] }

/** What repeats in a data set, by index of the pairs. */
export interface DuplicateReport {
  /** The same comparison with the same winner, more than once: counted twice in training. */
  readonly duplicates: readonly Repeated[]
  /** The same comparison with both winners, one more often. */
  readonly contradictions: readonly Repeated[]
  /** The same comparison won equally often by both, so that it says nothing. */
  readonly ties: readonly Repeated[]
  /** Pairs whose two replies differ only in case, spaces, punctuation or markup. */
  readonly nearTies: readonly number[]
  /** prompt_ids that stand for more than one prompt. */
  readonly clashingIds: readonly string[]
}

/** Finds comparisons made more than once, whichever reply stands under `chosen`, compared in lower case without punctuation. */
export function findDuplicates(pairs: readonly PreferencePair[]): DuplicateReport {
  const groups = new Map<string, { indices: number[]; votes: [number, number] }>(), prompts = new Map<string, string>(), clashing = new Set<string>(), nearTies: number[] = []
  pairs.forEach((pair, i) => {
    const prompt = normalised(pair.prompt), replies = [normalised(pair.chosen), normalised(pair.rejected)].sort()
    if ((prompts.get(pair.prompt_id) ?? prompt) !== prompt) clashing.add(pair.prompt_id)
    prompts.set(pair.prompt_id, prompt)
    if (replies[0] === replies[1]) { nearTies.push(i); return }
    const key = JSON.stringify([prompt, ...replies]), group = groups.get(key) ?? { indices: [], votes: [0, 0] }
    group.indices.push(i)
    group.votes[normalised(winner(pair)) === replies[0] ? 0 : 1]++
    groups.set(key, group)
  })
  const repeated = [...groups.values()].filter(g => g.indices.length > 1), both = repeated.filter(g => g.votes[0] && g.votes[1])
  return {
    duplicates: repeated.filter(g => !g.votes[0] || !g.votes[1]),
    contradictions: both.filter(g => g.votes[0] !== g.votes[1]),
    ties: both.filter(g => g.votes[0] === g.votes[1]),
    nearTies, clashingIds: [...clashing],
  }
}

/** Two texts by index that are almost the same, and the share of their shingles that both have. */
export interface NearDuplicate { readonly a: number; readonly b: number; readonly similarity: number }

const hash = (text: string): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h ^= h >>> 15
  return Math.imul(h, 0x85ebca6b) >>> 0
}

/** The distinct runs of `size` words in a text, hashed; the whole text when it is shorter. */
function shingles(text: string, size: number): Set<number> {
  const words = normalised(text).split(' '), out = new Set<number>()
  for (let i = 0; i <= Math.max(0, words.length - size); i++) out.add(hash(words.slice(i, i + size).join(' ')))
  return out
}

/** |A ∩ B| / |A ∪ B|. */
function jaccard(a: ReadonlySet<number>, b: ReadonlySet<number>): number {
  let common = 0
  for (const x of a) if (b.has(x)) common++
  return common / (a.size + b.size - common)
}

/**
 * Texts that share at least `threshold` of their shingles (Jaccard), sorted by index.
 * MinHash finds the candidates: 128 hashes in 32 bands of 4, so that P(found) = 1 - (1 - s⁴)³² at similarity s: 0.9999999 at 0.8, 0.87 at 0.5; each is then checked exactly.  Broder 1997, doi:10.1109/SEQUEN.1997.666900
 * A text that repeats an earlier one word for word is listed with the first such text only. shingle: words a run. Throws RangeError on a threshold outside 0.5 to 1, where candidates would be missed.
 */
export function nearDuplicates(texts: readonly string[], options: { threshold?: number; shingle?: number; seed?: number } = {}): NearDuplicate[] {
  const { threshold = 0.8, shingle = 3, seed = 0 } = options, bands = 32, rows = 4
  if (!(threshold >= 0.5 && threshold <= 1)) throw new RangeError(`nearDuplicates: expected a threshold from 0.5 to 1, got ${threshold}`)
  if (!Number.isSafeInteger(shingle) || shingle < 1) throw new RangeError(`nearDuplicates: expected a positive number of words a shingle, got ${shingle}`)
  const random = Random.seed(seed).split('minhash'), multiply = Uint32Array.from({ length: bands * rows }, () => random.word() | 1), add = Uint32Array.from({ length: bands * rows }, () => random.word())
  const firstOf = new Map<string, number>(), sets = texts.map(text => shingles(text, shingle)), found = new Map<string, NearDuplicate>()
  const signatures = sets.map(set => {
    const signature = new Uint32Array(bands * rows).fill(0xffffffff)
    for (const x of set) {
      for (let k = 0; k < signature.length; k++) {
        let value = Math.imul(x, multiply[k]) + add[k] | 0
        value = Math.imul(value ^ value >>> 16, 0x7feb352d)
        value = (value ^ value >>> 15) >>> 0
        if (value < signature[k]) signature[k] = value
      }
    }
    return signature
  })
  const repeats = new Set<number>()
  texts.forEach((text, i) => {
    const first = firstOf.get(normalised(text))
    if (first === undefined) { firstOf.set(normalised(text), i); return }
    repeats.add(i)
    found.set(`${first} ${i}`, { a: first, b: i, similarity: 1 })
  })
  for (let band = 0; band < bands; band++) {
    const buckets = new Map<string, number[]>()
    signatures.forEach((signature, i) => {
      if (repeats.has(i)) return
      const key = signature.subarray(band * rows, (band + 1) * rows).join(' '), bucket = buckets.get(key)
      for (const j of bucket ?? []) {
        const name = `${j} ${i}`
        if (!found.has(name)) found.set(name, { a: j, b: i, similarity: jaccard(sets[j], sets[i]) })
      }
      if (bucket) bucket.push(i); else buckets.set(key, [i])
    })
  }
  return [...found.values()].filter(x => x.similarity >= threshold).sort((x, y) => x.a - y.a || x.b - y.b)
}
