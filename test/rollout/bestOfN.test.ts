import { expect } from 'chai'
import { gptConfig } from '../../lib/model/config'
import { initParams } from '../../lib/model/params'
import { sampleBestOf } from '../../lib/rollout/bestOfN'
import type { Scorer } from '../../lib/rollout/bestOfN'
import { stepBeam } from '../../lib/rollout/beam'
import { responseLogps } from '../../lib/rollout/evaluate'
import { rollout } from '../../lib/rollout/rollout'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'

const config = gptConfig({ vocab_size: 8, n_positions: 16, n_embd: 8, n_layer: 1, n_head: 2 }), STOP = 2, STEP = 3
const prompts = [[1, 4], [1, 5, 6], [1]].map(ids => ({ ids })), count = (token: number): Scorer => r => r.map(x => x.tokens.filter(t => t === token).length)
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length

describe('rollout/bestOfN and rollout/beam', () => {
  before(ready)
  let policy: { config: typeof config, params: ReturnType<typeof initParams> }
  before(() => { policy = { config, params: initParams(config, Random.seed(0)) } })
  const common = (seed: number) => ({ random: Random.seed(seed), maxNewTokens: 8, stopTokens: [STOP] })

  it('best of n is the highest-scoring of the same n samples, the first of equals', () => {
    const all = rollout(policy, prompts, { ...common(1), samples: 6 }), chosen = sampleBestOf(policy, prompts, { ...common(1), n: 6, score: count(5) })
    chosen.forEach((c, i) => {
      const own = all.slice(6 * i, 6 * i + 6), scores = own.map(r => r.tokens.filter(t => t === 5).length)
      expect(c.tokens).to.deep.equal(own[scores.indexOf(Math.max(...scores))].tokens)
      expect(c.score).to.equal(Math.max(...scores))
      expect(c.sampledTokens).to.equal(own.reduce((sum, r) => sum + r.tokens.length, 0))
      expect(c.prompt).to.equal(prompts[i])
    })
  })

  it('more samples find higher scores', () => {
    const score = (n: number) => mean(Array.from({ length: 8 }, (_, seed) => mean(sampleBestOf(policy, prompts, { ...common(seed), n, score: count(5) }).map(c => c.score))))
    const [one, four, sixteen] = [1, 4, 16].map(score)
    expect(four).to.be.above(one + 0.3)
    expect(sixteen).to.be.above(four + 0.3)
  })

  const beam = { stepTokens: [STEP], candidates: 6, keep: 2, expand: 3 }

  it('a beam of one begins nothing anew: it is a sample, in steps, with the log-probs of its tokens', () => {
    const seen: number[] = [], score: Scorer = rollouts => { rollouts.forEach(r => seen.push(r.tokens.length)); return rollouts.map(() => 0) }
    const [one] = stepBeam(policy, [prompts[0]], { ...common(4), stepTokens: [STEP], candidates: 1, keep: 1, expand: 1, score })
    expect(one.sampledTokens).to.equal(one.tokens.length)
    expect(seen.at(-1)).to.equal(one.tokens.length)
    const logps: Float32Array[] = []
    stepBeam(policy, prompts, { ...common(5), ...beam, score: r => { logps.push(...r.map((x, i) => x.logpOld.map((l, t) => l - responseLogps(policy, r)[i][t]))); return r.map(() => 0) } })
    expect(Math.max(...logps.flatMap(l => [...l]).map(Math.abs))).to.be.below(1e-4)
  })

  it('keeps what scores best, ends where a stop token or the length does, and outgrows nothing', () => {
    const chosen = stepBeam(policy, prompts, { ...common(6), ...beam, score: count(5) })
    for (const c of chosen) {
      expect(c.tokens.length).to.be.at.most(8)
      expect(c.stopped).to.equal(c.tokens.at(-1) === STOP)
      expect(c.tokens.slice(0, -1)).to.not.include(STOP)
      expect(c.score).to.equal(c.tokens.filter(t => t === 5).length)
    }
    const plain = mean(Array.from({ length: 6 }, (_, s) => mean(rollout(policy, prompts, common(s)).map(r => r.tokens.filter(t => t === 5).length))))
    expect(mean(Array.from({ length: 6 }, (_, s) => mean(stepBeam(policy, prompts, { ...common(s), ...beam, score: count(5) }).map(c => c.score)))), 'better than a sample').to.be.above(plain + 0.3)
  })

  it('dropping early what begins badly costs fewer tokens than best of n', () => {
    const score: Scorer = r => r.map(x => -x.tokens.filter(t => t === 6).length)
    const cost = (f: (seed: number) => readonly { readonly sampledTokens: number }[]) => mean([0, 1, 2, 3].flatMap(seed => f(seed).map(c => c.sampledTokens)))
    expect(cost(s => stepBeam(policy, prompts, { ...common(s), stepTokens: [STEP, 4, 5, 6, 7], candidates: 12, keep: 3, expand: 1, score }))).to.be.below(0.7 * cost(s => sampleBestOf(policy, prompts, { ...common(s), n: 12, score })))
  })

  it('repeats itself, keeps no tensor, and says what it cannot do', () => {
    const run = (seed: number) => stepBeam(policy, prompts, { ...common(seed), ...beam, score: count(5) }).map(c => c.tokens), before = tf.memory().numTensors
    expect(run(3)).to.deep.equal(run(3))
    expect(run(3)).to.not.deep.equal(run(4))
    expect(tf.memory().numTensors).to.equal(before)
    const bad = (more: object) => () => stepBeam(policy, prompts, { ...common(0), ...beam, score: count(5), ...more })
    expect(bad({ keep: 7 })).to.throw(RangeError, 'at most the 6 candidates')
    expect(bad({ expand: 0 })).to.throw(RangeError, 'expand')
    expect(bad({ score: (r: readonly unknown[]) => r.map(() => NaN) })).to.throw(RangeError, 'NaN')
    expect(() => sampleBestOf(policy, prompts, { ...common(0), n: 2, score: () => [1] })).to.throw(RangeError, 'expected 6 numbers, got 1')
  })
})
