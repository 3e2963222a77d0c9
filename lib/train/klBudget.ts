/**
 * Passes a training's records on until the mean KL to the reference over the last `window` of them exceeds `budget` (nats a response); that record is the last.
 * What was trained stays in `training.state`.  Gao 2022, arXiv:2210.10760: beyond some KL the true reward falls while the proxy goes on rising
 */
export async function* withinKl<M extends { readonly 'objective/kl': number }>(training: AsyncIterable<M>, { budget, window = 4 }: { readonly budget: number, readonly window?: number }): AsyncGenerator<M, void, void> {
  if (!(budget > 0)) throw new RangeError(`budget: expected a positive number of nats, got ${budget}`)
  if (!Number.isSafeInteger(window) || window < 1) throw new RangeError(`window: expected a positive integer, got ${window}`)
  const recent: number[] = []
  for await (const metrics of training) {
    yield metrics
    recent.push(metrics['objective/kl'])
    if (recent.length > window) recent.shift()
    if (recent.reduce((a, b) => a + b, 0) / recent.length > budget) return
  }
}
