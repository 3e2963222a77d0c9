import type { LanguageModel } from '../model/params'
import type { Random } from '../tensor/random'
import { best, scoresOf } from './bestOfN'
import type { Chosen, Scorer } from './bestOfN'
import type { PromptTokens } from './evaluate'
import { rollout } from './rollout'
import type { Rollout, RolloutOptions } from './rollout'

export interface BeamOptions<P extends PromptTokens> extends Omit<RolloutOptions, 'samples' | 'reference' | 'value'> {
  readonly random: Random
  readonly stopTokens: readonly number[]
  /** Tokens that end a step, such as a full stop. */
  readonly stepTokens: readonly number[]
  /** Scores beginnings of responses, whole steps each; finished ones too. */
  readonly score: Scorer<P>
  /** First steps sampled for each prompt. */
  readonly candidates: number
  /** Beginnings kept after each step, finished ones among them. */
  readonly keep: number
  /** Continuations of each beginning that is kept. */
  readonly expand: number
}

interface Beginning<P extends PromptTokens> extends Rollout<P> { readonly score: number }

/**
 * Step-wise beam search: samples first steps, keeps those that score best, continues each, and so on; the best finished response wins (the
 * best of all where none is finished within `maxNewTokens`). With `candidates` = keep · expand it is the usual beam search, with `expand` 1
 * best-of-n that drops what begins badly.  Snell 2024, arXiv:2408.03314 §5
 * Changes no weight. Throws RangeError on counts below 1 or keep above candidates, on a score that is no number, or as {@link rollout}.
 */
export function stepBeam<P extends PromptTokens>(policy: LanguageModel, prompts: readonly P[], options: BeamOptions<P>): Chosen<P>[] {
  const { score, stepTokens, stopTokens, candidates, keep, expand, maxNewTokens, random, ...sampling } = options, stops = new Set(stopTokens)
  for (const [name, n] of Object.entries({ candidates, keep, expand })) if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`${name}: expected a positive integer, got ${n}`)
  if (keep > candidates) throw new RangeError(`keep: expected at most the ${candidates} candidates, got ${keep}`)
  const spent = prompts.map(() => 0)
  let beams: Beginning<P>[][] = prompts.map(prompt => Array.from({ length: candidates }, () => ({ prompt, tokens: [], logpOld: new Float32Array(), score: 0, stopped: false })))
  for (let step = 0; ; step++) {
    const open = beams.flatMap((beam, i) => beam.filter(b => !b.stopped && b.tokens.length < maxNewTokens).flatMap(b => Array.from({ length: step === 0 ? 1 : expand }, () => ({ i, from: b }))))
    if (open.length === 0) break
    const longer: { i: number, rollout: Rollout<P> }[] = [], stream = random.split(`step ${step}`)
    // those with equally much room left go together, so that no response outgrows maxNewTokens
    for (const room of [...new Set(open.map(o => maxNewTokens - o.from.tokens.length))].sort((a, b) => b - a)) {
      const some = open.filter(o => maxNewTokens - o.from.tokens.length === room)
      const sampled = rollout(policy, some.map(({ from }) => ({ ids: [...from.prompt.ids, ...from.tokens] })), { ...sampling, maxNewTokens: room, stopTokens: [...stopTokens, ...stepTokens], random: stream })
      sampled.forEach(({ tokens, logpOld }, k) => {
        const { i, from } = some[k]
        spent[i] += tokens.length
        longer.push({ i, rollout: { prompt: from.prompt, tokens: [...from.tokens, ...tokens], logpOld: Float32Array.from([...from.logpOld, ...logpOld]), stopped: stops.has(tokens[tokens.length - 1]) } })
      })
    }
    const scores = scoresOf(score, longer.map(l => l.rollout)), next: Beginning<P>[][] = beams.map(beam => beam.filter(b => b.stopped || b.tokens.length >= maxNewTokens))
    longer.forEach(({ i, rollout: one }, k) => next[i].push({ ...one, score: scores[k] }))
    beams = next.map(beam => [...beam].sort((a, b) => b.score - a.score).slice(0, keep))
  }
  return beams.map((beam, i) => {
    const finished = beam.some(b => b.stopped) ? beam.filter(b => b.stopped) : beam, { prompt, tokens, score: own, stopped } = finished[best(finished.map(b => b.score))]
    return { prompt, tokens, score: own, stopped, sampledTokens: spent[i] }
  })
}
