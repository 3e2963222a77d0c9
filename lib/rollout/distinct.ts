/**
 * Share of different n-grams among all n-grams of a response: 1 where nothing repeats. Mean over responses of at least n tokens; repetitive text lowers it.
 * distinct-n of Li 2016, arXiv:1510.03055, inside each response instead of over all. Throws RangeError where no response has n tokens.
 */
export function distinctNgrams(responses: readonly ArrayLike<number>[], n = 2): number {
  const shares = responses.filter(r => r.length >= n).map(r => {
    const grams = Array.from({ length: r.length - n + 1 }, (_, i) => Array.from({ length: n }, (_, k) => r[i + k]).join())
    return new Set(grams).size / grams.length
  })
  if (shares.length === 0) throw new RangeError(`distinctNgrams: no response of at least ${n} tokens`)
  return shares.reduce((a, b) => a + b, 0) / shares.length
}
