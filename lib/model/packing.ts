/** Sequences that share a row: their tokens one after the other, and how many tokens each has. */
export interface PackedRow { readonly ids: number[]; readonly lengths: number[] }

function check(sequences: readonly (readonly number[])[], length: number): void {
  if (!Number.isSafeInteger(length) || length < 1) throw new RangeError(`length: expected a positive integer, got ${length}`)
  const empty = sequences.findIndex(s => s.length === 0)
  if (empty >= 0) throw new RangeError(`packing: sequence ${empty} is empty`)
}

/**
 * Packs whole sequences into rows of at most `length` tokens, best fit, longest first: each goes where it leaves the least room, and of
 * such rows to the one that has had that room for the longest. A sequence longer than a row is cut off. As TRL's pack_dataset('bfd').
 * No sequence may attend to another in its row, and positions begin anew with each: see {@link packedPositions}.
 */
export function packBestFit(sequences: readonly (readonly number[])[], length: number): PackedRow[] {
  check(sequences, length)
  const rows: PackedRow[] = [], withRoom = Array.from({ length }, (): PackedRow[] => []) // by free tokens, 0 to length − 1
  for (const sequence of sequences.map(s => s.slice(0, length)).sort((a, b) => b.length - a.length)) {
    let room = sequence.length
    while (room < length && withRoom[room].length === 0) room++
    const row = withRoom[room]?.shift() ?? { ids: [], lengths: [] } // room = length: a new row
    if (row.ids.length === 0) rows.push(row)
    row.ids.push(...sequence)
    row.lengths.push(sequence.length)
    withRoom[length - row.ids.length].push(row)
  }
  return rows
}

/** All tokens one after the other, cut into rows of `length` wherever that falls: no padding, but sequences are torn. As TRL's pack_dataset('wrapped'). */
export function packWrapped(sequences: readonly (readonly number[])[], length: number): number[][] {
  check(sequences, length)
  const all = sequences.flat()
  return Array.from({ length: Math.ceil(all.length / length) }, (_, i) => all.slice(i * length, (i + 1) * length))
}

/** Position of every token of a packed row within its own sequence: 0, 1, … anew with each. */
export const packedPositions = ({ lengths }: PackedRow): number[] => lengths.flatMap(n => Array.from({ length: n }, (_, i) => i))
