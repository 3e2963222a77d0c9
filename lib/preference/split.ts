import { Random } from '../tensor/random'
import type { PreferencePair } from './records'

/** A data set in two parts. */
export interface Split { readonly train: readonly PreferencePair[]; readonly eval: readonly PreferencePair[] }

/** Groups of pairs that share a prompt: the same prompt_id, or the same prompt under another id. */
function groups(pairs: readonly PreferencePair[]): PreferencePair[][] {
  const parent = new Map<string, string>()
  const root = (key: string): string => {
    let top = key
    while (parent.get(top) !== undefined && parent.get(top) !== top) top = parent.get(top)!
    parent.set(key, top)
    return top
  }
  const keys = (pair: PreferencePair): [string, string] => [`id ${pair.prompt_id}`, `text ${pair.prompt.trim()}`]
  for (const pair of pairs) {
    const [id, text] = keys(pair)
    parent.set(root(text), root(id))
  }
  const out = new Map<string, PreferencePair[]>()
  for (const pair of pairs) {
    const key = root(keys(pair)[0]), group = out.get(key)
    if (group) group.push(pair); else out.set(key, [pair])
  }
  return [...out.values()]
}

/**
 * Splits by prompt, so that no prompt is in both parts, not even under another id.
 * holdOut: the prompt_ids to evaluate on, or the share of pairs (0 to 1): whole groups are drawn by `seed` until it is reached.
 * Throws RangeError when either part would be empty or an id is unknown.
 */
export function groupSplit(pairs: readonly PreferencePair[], holdOut: readonly string[] | number, seed = 0): Split {
  const all = groups(pairs)
  let chosen: PreferencePair[][]
  if (typeof holdOut === 'number') {
    if (!(holdOut > 0 && holdOut < 1)) throw new RangeError(`groupSplit: expected a share between 0 and 1, got ${holdOut}`)
    chosen = []
    let left = Math.round(holdOut * pairs.length)
    for (const group of Random.seed(seed).split('group split').shuffle(all)) {
      if (left <= 0) break
      chosen.push(group)
      left -= group.length
    }
  } else {
    const wanted = new Set(holdOut), known = new Set(pairs.map(p => p.prompt_id)), unknown = holdOut.filter(id => !known.has(id))
    if (unknown.length) throw new RangeError(`groupSplit: no pair has prompt_id ${unknown.map(id => `'${id}'`).join(', ')}`)
    chosen = all.filter(group => group.some(p => wanted.has(p.prompt_id)))
  }
  const held = new Set(chosen.flat()), split = { train: pairs.filter(p => !held.has(p)), eval: pairs.filter(p => held.has(p)) }
  if (!split.train.length || !split.eval.length) throw new RangeError(`groupSplit: ${all.length} group(s) of prompts leave ${split.train.length} pairs to train and ${split.eval.length} to evaluate on`)
  return split
}

/** Splits row by row and so lets prompts leak from training into evaluation: only to show what that does. share: of the rows to evaluate on. */
export function rowSplit(pairs: readonly PreferencePair[], share: number, seed = 0): Split {
  if (!(share > 0 && share < 1)) throw new RangeError(`rowSplit: expected a share between 0 and 1, got ${share}`)
  const order = Random.seed(seed).split('row split').shuffle(pairs), n = Math.round(share * pairs.length)
  return { train: order.slice(n), eval: order.slice(0, n) }
}

/** The prompt_ids that both parts have, or whose prompt the other part has under another id; sorted. */
export function promptOverlap({ train, eval: held }: Split): string[] {
  const ids = new Set(train.map(p => p.prompt_id)), texts = new Set(train.map(p => p.prompt.trim()))
  return [...new Set(held.filter(p => ids.has(p.prompt_id) || texts.has(p.prompt.trim())).map(p => p.prompt_id))].sort()
}

/** A split as one line: `eval_pairs=2 train_pairs=1 prompt_overlap=[]`. */
export function splitLine(split: Split): string {
  return `eval_pairs=${split.eval.length} train_pairs=${split.train.length} prompt_overlap=[${promptOverlap(split).map(id => `'${id}'`).join(', ')}]`
}
