// An interval for any of these: bootstrap(items, krippendorffAlpha, random) of ./bootstrap, which draws the items anew.

/** How far apart two ratings are, 0 for equal ones; `frequencies` says how often each value was given (for the ordinal distance). */
export type Distance = (a: number, b: number, frequencies: ReadonlyMap<number, number>) => number

const ordinal: Distance = (a, b, frequencies) => {
  const [low, high] = a < b ? [a, b] : [b, a]
  let between = -((frequencies.get(a) ?? 0) + (frequencies.get(b) ?? 0)) / 2
  for (const [value, count] of frequencies) if (value >= low && value <= high) between += count
  return a === b ? 0 : between ** 2
}

/** The usual distances. */
export const distances = {
  /** Labels without order: 0 or 1. */
  nominal: ((a, b) => a === b ? 0 : 1) as Distance,
  /** Ranks only: (how many ratings lie between a and b, half of those at a and at b)². */
  ordinal,
  /** (a − b)²: Krippendorff's interval metric, the quadratic weights of Cohen's kappa. */
  interval: ((a, b) => (a - b) ** 2) as Distance,
  /** ((a − b)/(a + b))², for values with a true zero. */
  ratio: ((a, b) => a === b ? 0 : ((a - b) / (a + b)) ** 2) as Distance,
  /** |a − b|: the linear weights of Cohen's kappa. */
  linear: ((a, b) => Math.abs(a - b)) as Distance,
} as const

/** A rating, or null where an annotator gave none. */
export type Rating = number | null

const checkLabels = (a: readonly number[], b: readonly number[]): void => {
  if (a.length !== b.length || a.length === 0) throw new RangeError(`agreement: expected two annotators' labels of the same items, got ${a.length} and ${b.length}`)
  for (const labels of [a, b]) labels.forEach((v, item) => { if (!Number.isFinite(v)) throw new RangeError(`agreement: item ${item}: expected a number as label, got ${v}`) })
}

/** How often annotator a said row while b said column; rows and columns are the labels in ascending order. */
export function confusion(a: readonly number[], b: readonly number[]): { labels: number[]; counts: number[][] } {
  checkLabels(a, b)
  const labels = [...new Set([...a, ...b])].sort((x, y) => x - y), at = new Map(labels.map((label, i) => [label, i])), counts = labels.map(() => labels.map(() => 0))
  a.forEach((label, item) => { counts[at.get(label)!][at.get(b[item])!]++ })
  return { labels, counts }
}

/**
 * Cohen's kappa of two annotators: 1 − Σ d·observed / Σ d·expected from their own label frequencies; `distances.linear` and
 * `distances.interval` give the linearly and quadratically weighted kappas.  Cohen 1960, doi:10.1177/001316446002000104
 * 1 is perfect, 0 what chance gives, NaN where both always give the same one label (chance alone would agree).
 */
export function cohenKappa(a: readonly number[], b: readonly number[], distance: Distance = distances.nominal): number {
  const { labels, counts } = confusion(a, b), n = a.length, frequencies = new Map<number, number>()
  const rows = counts.map(row => row.reduce((x, y) => x + y, 0)), columns = labels.map((_, j) => counts.reduce((sum, row) => sum + row[j], 0))
  labels.forEach((label, i) => frequencies.set(label, rows[i] + columns[i]))
  let observed = 0, expected = 0
  labels.forEach((x, i) => labels.forEach((y, j) => {
    const d = distance(x, y, frequencies)
    observed += d * counts[i][j]
    expected += d * rows[i] * columns[j] / n
  }))
  return 1 - observed / expected
}

/** How many annotators gave each label, [items][labels], labels ascending, from ratings [items][annotators] without gaps. */
export function labelCounts(ratings: readonly (readonly number[])[]): number[][] {
  const labels = [...new Set(ratings.flat())].sort((x, y) => x - y)
  return ratings.map(row => labels.map(label => row.filter(v => v === label).length))
}

function observedAgreement(counts: readonly (readonly number[])[]): number {
  const raters = counts[0]?.reduce((a, b) => a + b, 0) ?? 0
  if (raters < 2) throw new RangeError(`agreement: expected counts [items][labels] of at least 2 annotators an item, got ${raters}`)
  counts.forEach((row, item) => {
    const total = row.reduce((a, b) => a + b, 0)
    if (row.length !== counts[0].length || total !== raters) throw new RangeError(`agreement: item ${item}: expected ${raters} ratings over ${counts[0].length} labels, got ${total} over ${row.length}; krippendorffAlpha allows gaps`)
  })
  return counts.reduce((sum, row) => sum + row.reduce((s, c) => s + c * (c - 1), 0) / (raters * (raters - 1)), 0) / counts.length
}

/** Fleiss' kappa of any number of annotators from counts [items][labels]: chance from the labels' overall frequencies.  Fleiss 1971, doi:10.1037/h0031619 */
export function fleissKappa(counts: readonly (readonly number[])[]): number {
  const observed = observedAgreement(counts), total = counts.flat().reduce((a, b) => a + b, 0)
  const expected = counts[0].reduce((sum, _, j) => sum + (counts.reduce((s, row) => s + row[j], 0) / total) ** 2, 0)
  return (observed - expected) / (1 - expected)
}

/** Randolph's free-marginal kappa: as Fleiss', but chance is 1/labels. Say how many labels there are where some never occur. */
export function randolphKappa(counts: readonly (readonly number[])[], labels = counts[0]?.length): number {
  const expected = 1 / labels
  return (observedAgreement(counts) - expected) / (1 - expected)
}

/**
 * Krippendorff's alpha: 1 − observed/expected disagreement over all pairs of ratings of an item; any number of annotators, gaps
 * allowed (null), any distance. ratings: [items][annotators]; items with fewer than two ratings say nothing and are left out.
 * NaN where all ratings are equal.  Krippendorff 2011, "Computing Krippendorff's alpha-reliability"
 */
export function krippendorffAlpha(ratings: readonly (readonly Rating[])[], distance: Distance = distances.nominal): number {
  const items = ratings.map(row => row.filter((v): v is number => v !== null)).filter(row => row.length > 1), frequencies = new Map<number, number>()
  if (items.length === 0) throw new RangeError('krippendorffAlpha: no item has two ratings')
  for (const v of items.flat()) {
    if (!Number.isFinite(v)) throw new RangeError(`krippendorffAlpha: expected numbers, or null for none, got ${v}`)
    frequencies.set(v, (frequencies.get(v) ?? 0) + 1)
  }
  const total = items.reduce((sum, row) => sum + row.length, 0)
  let observed = 0, expected = 0
  for (const row of items) for (const [i, a] of row.entries()) for (const [j, b] of row.entries()) if (i !== j) observed += distance(a, b, frequencies) / (row.length - 1)
  for (const [a, n] of frequencies) for (const [b, m] of frequencies) expected += distance(a, b, frequencies) * n * m / (total - 1)
  return 1 - observed / expected
}
