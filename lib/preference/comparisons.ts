/**
 * The outcome of one comparison, or of several alike: players by index, `score` the share that `first` won
 * (1 it won, 0 it lost, ½ a tie), `weight` how many comparisons this stands for (default 1), `advantage` what `first`
 * has over `second` besides its strength (1 plays at home, 0 neutral ground, −1 `second` is at home; default 0).
 */
export interface Comparison {
  readonly first: number
  readonly second: number
  readonly score: number
  readonly weight?: number
  readonly advantage?: number
}

/** Throws RangeError, naming the row and the field, unless every comparison is between two different players of 0..players−1. */
export function checkComparisons(comparisons: readonly Comparison[], players: number): void {
  if (!Number.isSafeInteger(players) || players < 2) throw new RangeError(`players: expected an integer of at least 2, got ${players}`)
  comparisons.forEach(({ first, second, score, weight = 1, advantage = 0 }, row) => {
    for (const [field, player] of [['first', first], ['second', second]] as const) {
      if (!Number.isSafeInteger(player) || player < 0 || player >= players) throw new RangeError(`comparison ${row}: ${field}: expected a player from 0 to ${players - 1}, got ${player}`)
    }
    if (first === second) throw new RangeError(`comparison ${row}: second: player ${second} is compared with itself`)
    if (!(score >= 0 && score <= 1)) throw new RangeError(`comparison ${row}: score: expected a number from 0 (lost) to 1 (won), got ${score}`)
    if (!(weight > 0 && weight < Infinity)) throw new RangeError(`comparison ${row}: weight: expected a positive number, got ${weight}`)
    if (!Number.isFinite(advantage)) throw new RangeError(`comparison ${row}: advantage: expected a number, got ${advantage}`)
  })
}

/**
 * Comparisons from a square table: wins[i][j] = how often i beat j. Ties, where given (symmetric: ties[i][j] = ties between
 * i and j), count as half a win for each. To drop ties instead, leave them out.
 */
export function comparisonsFromWins(wins: readonly (readonly number[])[], ties?: readonly (readonly number[])[]): Comparison[] {
  const n = wins.length, out: Comparison[] = []
  for (const [name, table] of [['wins', wins], ['ties', ties ?? wins]] as const) {
    if (table.length !== n || table.some(row => row.length !== n)) throw new RangeError(`${name}: expected a square table of ${n} × ${n}`)
    if (table.some((row, i) => row.some((count, j) => !(count >= 0 && count < Infinity) || (i === j && count !== 0)))) throw new RangeError(`${name}: expected counts of 0 or more, and 0 on the diagonal`)
  }
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const tied = ties?.[i][j] ?? 0, games = wins[i][j] + wins[j][i] + tied
      if (tied !== (ties?.[j][i] ?? 0)) throw new RangeError(`ties: [${i}][${j}] is ${tied} but [${j}][${i}] is ${ties![j][i]}; expected a symmetric table`)
      if (games > 0) out.push({ first: i, second: j, score: (wins[i][j] + tied / 2) / games, weight: games })
    }
  }
  return out
}

/** How comparisons hang together: what a Bradley-Terry fit can and cannot know. */
export interface Connectivity {
  /** Groups of players with no comparison between groups: their strengths cannot be put on one scale. One group is what a fit needs. */
  readonly groups: readonly (readonly number[])[]
  /**
   * Groups within which everybody is linked to everybody by a chain of wins (ties count both ways), the strongest first: between
   * two of them all wins go one way. One such set is what a finite maximum needs.  Ford 1957, doi:10.2307/2308513
   */
  readonly winChains: readonly (readonly number[])[]
}

/** Finds the groups of players that comparisons leave apart or separate. Linear in players and comparisons. */
export function connectivity(comparisons: readonly Comparison[], players: number): Connectivity {
  checkComparisons(comparisons, players)
  const beats: number[][] = Array.from({ length: players }, () => []), loses: number[][] = Array.from({ length: players }, () => [])
  for (const { first, second, score } of comparisons) {
    if (score > 0) { beats[first].push(second); loses[second].push(first) }
    if (score < 1) { beats[second].push(first); loses[first].push(second) }
  }
  const all = Array.from({ length: players }, (_, i) => i)
  // Kosaraju: the order in which a walk along `beats` finishes, reversed, then walks along `loses`.
  const finished = walks(all, beats).flat().reverse()
  return { groups: walks(all, beats.map((b, i) => [...b, ...loses[i]])).map(sorted), winChains: walks(finished, loses).map(sorted) }
}

const sorted = (items: readonly number[]): number[] => [...items].sort((a, b) => a - b)

/** The players each walk reaches that earlier walks did not, in the order in which they are finished (depth first). */
function walks(starts: readonly number[], next: readonly (readonly number[])[]): number[][] {
  const seen = new Set<number>(), out: number[][] = []
  for (const start of starts) {
    if (seen.has(start)) continue
    const done: number[] = [], stack: [number, number][] = [[start, 0]]
    seen.add(start)
    while (stack.length > 0) {
      const top = stack[stack.length - 1], [node, at] = top
      if (at === next[node].length) { done.push(node); stack.pop(); continue }
      top[1]++
      const to = next[node][at]
      if (!seen.has(to)) { seen.add(to); stack.push([to, 0]) }
    }
    out.push(done)
  }
  return out
}
