/** Sequences that share a row: their tokens one after the other, and how many tokens each has. */
export interface PackedRow { readonly ids: number[]; readonly lengths: number[] }

function check(sequences: readonly (readonly number[])[], length: number): void {
  if (!Number.isSafeInteger(length) || length < 1) throw new RangeError(`length: expected a positive integer, got ${length}`)
  const empty = sequences.findIndex(s => s.length === 0)
  if (empty >= 0) throw new RangeError(`packing: sequence ${empty} is empty`)
}

/**
 * Places of sizes in rows that hold at most `room`, best fit, largest first: each goes where it leaves the least room, and of such rows to
 * the one that has had that room for the longest. Throws RangeError on a size that is larger than a row.
 */
export function bestFit(sizes: readonly number[], room: number): number[][] {
  const rows: { places: number[], free: number }[] = [], withRoom = Array.from({ length: room }, (): (typeof rows) => []) // by free places, 0 to room − 1
  for (const place of sizes.map((_, i) => i).sort((a, b) => sizes[b] - sizes[a])) {
    const size = sizes[place]
    if (!(size > 0 && size <= room)) throw new RangeError(`packing: size ${size} (number ${place}) does not fit rows of ${room}`)
    let free = size
    while (free < room && withRoom[free].length === 0) free++
    const row = withRoom[free]?.shift() ?? rows[rows.push({ places: [], free: room }) - 1] // free = room: a new row
    row.places.push(place)
    row.free -= size
    withRoom[row.free].push(row)
  }
  return rows.map(({ places }) => places)
}

/**
 * Packs whole sequences into rows of at most `length` tokens by {@link bestFit}. A sequence longer than a row is cut off. As TRL's pack_dataset('bfd').
 * No sequence may attend to another in its row, and positions begin anew with each: see {@link packedPositions}.
 */
export function packBestFit(sequences: readonly (readonly number[])[], length: number): PackedRow[] {
  check(sequences, length)
  const cut = sequences.map(s => s.slice(0, length))
  return bestFit(cut.map(s => s.length), length).map(places => ({ ids: places.flatMap(place => cut[place]), lengths: places.map(place => cut[place].length) }))
}

/** All tokens one after the other, cut into rows of `length` wherever that falls: no padding, but sequences are torn. As TRL's pack_dataset('wrapped'). */
export function packWrapped(sequences: readonly (readonly number[])[], length: number): number[][] {
  check(sequences, length)
  const all = sequences.flat()
  return Array.from({ length: Math.ceil(all.length / length) }, (_, i) => all.slice(i * length, (i + 1) * length))
}

/** Position of every token of a packed row within its own sequence: 0, 1, … anew with each. */
export const packedPositions = ({ lengths }: PackedRow): number[] => lengths.flatMap(n => Array.from({ length: n }, (_, i) => i))
