import { expect } from 'chai'
import fc from 'fast-check'
import { Random } from '../../lib/tensor/random'
import type { SamplingOptions, Scores } from '../../lib/tensor/sampling'
import { argMax, biasSequences, checkSampling, filterScores, forbidEarlyStop, forbidRepeats, keepEpsilon, keepEta, keepMinP, keepTopK, keepTopP, keepTypical, penaliseRepetition, sampleToken, softmax } from '../../lib/tensor/sampling'
import type { Golden } from '../goldens'
import { goldens } from '../goldens'

const file = goldens('sampling'), { logits, input_ids: histories } = file.shared as { logits: number[][], input_ids: number[][] }

/** Applies a filter to each of the shared rows and compares; row 3 has ties, where only the number of kept tokens is defined. */
function compare(golden: Golden, filter: (scores: Scores, ids: number[]) => void): void {
  const rows = logits.map((row, i) => { const scores = Float64Array.from(row); filter(scores, histories[i]); return scores })
  const { logits: want, probabilities, kept } = golden.expected as { logits: number[][], probabilities: number[][], kept: boolean[][] }
  rows.forEach((row, i) => {
    if (i === 3) { expect(row.filter(Number.isFinite).length).to.equal(kept[i].filter(Boolean).length); return }
    expect(Array.from(row, Number.isFinite)).to.deep.equal(kept[i])
    row.forEach((x, j) => { if (kept[i][j]) expect(x).to.be.closeTo(want[i][j], 1e-5 + 1e-4 * Math.abs(want[i][j])) })
    softmax(row).forEach((p, j) => expect(p).to.be.closeTo(probabilities[i][j], 1e-5 + 1e-4 * probabilities[i][j]))
  })
}

const single = (filter: (scores: Scores, ids: number[], a: Record<string, never>) => void) => (golden: Golden) =>
  compare(golden, (scores, ids) => filter(scores, ids, (golden.inputs as { arguments: Record<string, never> }).arguments))

describe('tensor/sampling', () => {
  file.each({
    'temperature_*': single((s, ids, a) => filterScores(s, ids, { temperature: a.temperature })),
    'top_k_*': single((s, _, a) => keepTopK(s, a.top_k)),
    'top_p_*': single((s, _, a) => keepTopP(s, a.top_p, a.min_tokens_to_keep)),
    'min_p_*': single((s, _, a) => keepMinP(s, a.min_p)),
    'typical_0.5': single((s, _, a) => keepTypical(s, a.mass)),
    'epsilon_0.05': single((s, _, a) => keepEpsilon(s, a.epsilon)),
    'eta_0.05': single((s, _, a) => keepEta(s, a.epsilon)),
    'repetition_penalty_*': single((s, ids, a) => penaliseRepetition(s, ids, a.penalty)),
    'no_repeat_*': single((s, ids, a) => forbidRepeats(s, ids, a.ngram_size)),
    'bad_words': single((s, ids, a) => biasSequences(s, ids, (a.bad_words_ids as number[][]).map(w => [w, -Infinity]))),
    'sequence_bias': single((s, ids, a) => biasSequences(s, ids, a.sequence_bias)),
    'min_new_tokens': single((s, ids, a) => forbidEarlyStop(s, ids.length - a.prompt_length_to_skip, a.min_new_tokens, a.eos_token_id)),
    'chain_*': golden => {
      const c = (golden.inputs as { config: Record<string, number> }).config
      const options: SamplingOptions = {
        temperature: c.temperature, topK: c.top_k || undefined, topP: c.top_p, minP: c.min_p,
        repetitionPenalty: c.repetition_penalty, noRepeatNgram: c.no_repeat_ngram_size,
      }
      checkSampling(options)
      compare(golden, (scores, ids) => filterScores(scores, ids, options))
    },
  })

  it('draws each token as often as its probability says', () => {
    const scores = [0.3, -1, 2, -Infinity, 1], p = softmax(scores), random = Random.seed(5), n = 40_000
    const counts = new Array<number>(5).fill(0)
    for (let i = 0; i < n; i++) counts[sampleToken(scores, random)]++
    // chi-square with 3 degrees of freedom: 16.3 is its 99.9% quantile
    const chi = counts.reduce((sum, count, i) => sum + (p[i] ? (count - n * p[i]) ** 2 / (n * p[i]) : 0), 0)
    expect(chi).to.be.below(16.3)
    expect(counts[3]).to.equal(0)
  })

  it('never draws what was filtered out, and always keeps the best token', () => {
    const score = fc.integer({ min: -200, max: 200 }).map(x => x / 10)
    fc.assert(fc.property(fc.array(score, { minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 5 }), fc.double({ min: 0.01, max: 1, noNaN: true }), fc.nat(), (row, topK, p, seed) => {
      const scores = Float64Array.from(row)
      filterScores(scores, [], { temperature: 0.7, topK, topP: p, minP: p / 2 })
      expect(scores[argMax(row)]).to.be.greaterThan(-Infinity)
      expect(scores[sampleToken(scores, Random.seed(seed))]).to.be.greaterThan(-Infinity)
    }))
  })

  it('refuses options outside their range and scores without a distribution', () => {
    const bad: SamplingOptions[] = [{ temperature: -1 }, { temperature: NaN }, { topK: 0 }, { topK: 1.5 }, { topP: 0 }, { topP: 1.1 }, { minP: -0.1 }, { repetitionPenalty: 0 }, { noRepeatNgram: 0 }]
    for (const options of bad) expect(() => checkSampling(options)).to.throw(RangeError, Object.keys(options)[0])
    expect(() => sampleToken([NaN, 1], Random.seed(0))).to.throw('no distribution')
    expect(() => sampleToken([1, NaN], Random.seed(0))).to.throw('no distribution')
    expect(() => sampleToken([-Infinity, -Infinity], Random.seed(0))).to.throw('no distribution')
  })
})
