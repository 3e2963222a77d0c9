import type { Random } from '../tensor/random'

/**
 * One epoch's order: shuffled, then cut into batches of similar length, which come in random order. The same data with less padding.
 * length: of an item, in tokens. A batch that is not full comes last, so that a trainer with this batch size takes these batches.
 */
export function batchesByLength<T>(items: readonly T[], batchSize: number, length: (item: T) => number, random: Random): T[] {
  const shuffled = random.shuffle(items), pool = 16 * batchSize, full = shuffled.length - shuffled.length % batchSize, batches: T[][] = []
  for (let from = 0; from < full; from += pool) {
    const near = shuffled.slice(from, Math.min(full, from + pool)).sort((a, b) => length(a) - length(b))
    for (let at = 0; at < near.length; at += batchSize) batches.push(near.slice(at, at + batchSize))
  }
  return [...random.shuffle(batches).flat(), ...shuffled.slice(full)]
}

/** Items `first` to `first + n` of an endless list: the items in one random order after another. */
export function batchOf<T>(items: readonly T[], first: number, n: number, random: Random): T[] {
  const orders = new Map<number, T[]>()
  return Array.from({ length: n }, (_, i) => {
    const epoch = Math.floor((first + i) / items.length)
    if (!orders.has(epoch)) orders.set(epoch, random.split(`epoch ${epoch}`).shuffle(items))
    return orders.get(epoch)![(first + i) % items.length]
  })
}
