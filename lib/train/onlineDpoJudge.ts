import type { PromptTokens } from '../rollout/evaluate'
import { winProbability } from '../preference/bradleyTerry'
import type { Random } from '../tensor/random'

/** Two different responses to one prompt, as sampled. */
export interface SampledPair<P extends PromptTokens = PromptTokens> { readonly prompt: P; readonly a: readonly number[]; readonly b: readonly number[] }

/** What a judge says: who won each pair, 1 `a`, 0 `b`, ½ a tie; and the scores, where it has them. */
export interface Verdicts { readonly wins: ArrayLike<number>; readonly scores?: { readonly a: ArrayLike<number>; readonly b: ArrayLike<number> } }

/** Compares responses. Whatever is random in it is drawn from `random`. */
export type Judge<P extends PromptTokens = PromptTokens> = (pairs: readonly SampledPair<P>[], random: Random) => Verdicts | Promise<Verdicts>

/** A judge that prefers the higher score (a reward model's, a program's). Equal scores are a tie. score: responses → one number each. */
export function scoreJudge<P extends PromptTokens>(score: (prompts: readonly P[], responses: readonly (readonly number[])[]) => ArrayLike<number>): Judge<P> {
  const judge: Judge<P> = pairs => {
    const prompts = pairs.map(p => p.prompt), all = score([...prompts, ...prompts], [...pairs.map(p => p.a), ...pairs.map(p => p.b)]), n = pairs.length
    if (all.length !== 2 * n) throw new RangeError(`scoreJudge: expected ${2 * n} scores, got ${all.length}`)
    const [a, b] = [0, n].map(from => Float64Array.from({ length: n }, (_, i) => all[from + i]))
    return { wins: a.map((s, i) => s > b[i] ? 1 : s < b[i] ? 0 : 0.5), scores: { a, b } }
  }
  return Object.assign(judge, { settings: { judge: 'score', score } })
}

/**
 * A judge that knows P(a is preferred): an annotator, or a preference model. By default it draws its verdict from that probability, as an annotator does;
 * with `draw: false` it says what is more probable, ½ being a tie. Throws RangeError on what is no probability.
 */
export function probabilityJudge<P extends PromptTokens>(probability: (pairs: readonly SampledPair<P>[]) => ArrayLike<number>, { draw = true }: { draw?: boolean } = {}): Judge<P> {
  const judge: Judge<P> = (pairs, random) => {
    const p = Float64Array.from(probability(pairs)), bad = p.findIndex(x => !(x >= 0 && x <= 1))
    if (p.length !== pairs.length || bad >= 0) throw new RangeError(`probabilityJudge: expected ${pairs.length} probabilities, got ${bad >= 0 ? `${p[bad]} for pair ${bad}` : p.length}`)
    return { wins: p.map(x => draw ? Number(random.uniform() < x) : x > 0.5 ? 1 : x < 0.5 ? 0 : 0.5) }
  }
  return Object.assign(judge, { settings: { judge: 'probability', draw, probability } })
}

/**
 * P(a is preferred) by a preference model, a scalar head that reads prompt and both responses: σ(s(x, a, b) − s(x, b, a)), [n].
 * Asking in both orders makes it blind to the order. Unlike a reward model it need not rank: a may beat b, b beat c, and c beat a.  Munos 2023, arXiv:2312.00886
 * score: [prompt, shown first, shown second] → one number each.
 */
export function preferenceProbability<P extends PromptTokens>(score: (prompts: readonly P[], first: readonly (readonly number[])[], second: readonly (readonly number[])[]) => ArrayLike<number>) {
  return (pairs: readonly SampledPair<P>[]): Float64Array => {
    const prompts = pairs.map(p => p.prompt), a = pairs.map(p => p.a), b = pairs.map(p => p.b), n = pairs.length
    const scores = score([...prompts, ...prompts], [...a, ...b], [...b, ...a])
    return Float64Array.from({ length: n }, (_, i) => winProbability(scores[i] - scores[n + i]))
  }
}
