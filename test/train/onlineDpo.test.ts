import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { dpoLoss } from '../../lib/loss/dpo'
import { ipoLoss } from '../../lib/loss/ipo'
import { gptConfig } from '../../lib/model/config'
import { tokenLogps } from '../../lib/model/logps'
import { adamw, sgd } from '../../lib/model/optimiser'
import { initParams } from '../../lib/model/params'
import type { Params } from '../../lib/model/params'
import { constantSchedule } from '../../lib/model/schedules'
import type { PromptTokens } from '../../lib/rollout/evaluate'
import { responseLogps } from '../../lib/rollout/evaluate'
import { ready, tf } from '../../lib/tensor/backend'
import { valueAndGrads } from '../../lib/tensor/gradients'
import { Random } from '../../lib/tensor/random'
import { judgedPairs, onlineDpo } from '../../lib/train/onlineDpo'
import type { OnlineDpoMetrics, OnlineDpoOptions } from '../../lib/train/onlineDpo'
import { preferenceProbability, probabilityJudge, scoreJudge } from '../../lib/train/onlineDpoJudge'
import type { Judge, SampledPair } from '../../lib/train/onlineDpoJudge'
import { run } from '../../lib/train/run'
import { disposeTraining } from '../../lib/train/training'

const config = gptConfig({ vocab_size: 8, n_positions: 12, n_embd: 16, n_layer: 1, n_head: 2, initializer_range: 0.1 }), EOS = 2, LIKED = 5
const prompts = Array.from({ length: 24 }, (_, i) => ({ ids: [1, 3 + i % 5, 3 + Math.floor(i / 5)] }))
const liked = (tokens: readonly number[]) => tokens.filter(t => t === LIKED).length / tokens.length
const likes = scoreJudge((_, responses) => responses.map(liked))
const fresh = () => ({ config, params: initParams(config, Random.seed(2)) })
const options = (more: Partial<OnlineDpoOptions> = {}): OnlineDpoOptions => ({ policy: fresh(), prompts, judge: likes, maxNewTokens: 6, stopTokens: [EOS], batchSize: 12, ...more })
const weights = (params: Params) => Object.values(params).map(w => [...w.dataSync()])
async function all<M>(training: AsyncIterable<M>): Promise<M[]> {
  const out: M[] = []
  for await (const metrics of training) out.push(metrics)
  return out
}
const failure = (o: Partial<OnlineDpoOptions>) => all(onlineDpo(options(o))).then(() => 'no error', (e: Error) => e.message)

describe('train/onlineDpo', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  it('learns what the judge likes, from a scorer, from probabilities and with IPO', async () => {
    const annotator = probabilityJudge(pairs => pairs.map(({ a, b }) => 1 / (1 + Math.exp(-10 * (liked(a) - liked(b))))))
    const fast = { iterations: 30, schedule: constantSchedule({ lr: 5e-3 }), measure: (samples: readonly { tokens: readonly number[] }[]) => ({ liked: samples.reduce((s, r) => s + liked(r.tokens), 0) / samples.length }) }
    for (const more of [{}, { judge: annotator }, { loss: ipoLoss }, { moving: { every: 5, mix: 0.5 } }]) {
      const records = await all(onlineDpo<PromptTokens, 'liked'>({ ...options(more), ...fast }))
      expect(records[0].liked).to.be.below(0.3)
      expect(records.at(-1)!.liked).to.be.above(0.6)
    }
  })

  it('takes the step of the papers: at the reference DPO\'s gradient is −β/2 and IPO\'s −1/β times that of the margin', async () => {
    const lr = 0.1, beta = 0.25
    for (const [loss, factor] of [[dpoLoss, -beta / 2], [ipoLoss, -1 / beta]] as const) {
      const seen: SampledPair[] = [], judge: Judge = (pairs, random) => { seen.push(...pairs); return likes(pairs, random) }
      const policy = fresh(), training = onlineDpo(options({ policy, judge, loss, beta, iterations: 1, temperature: 0.7, optimiser: sgd({ lr }), schedule: constantSchedule({ lr }) }))
      const [record] = await all(training), triples = seen.filter(p => liked(p.a) !== liked(p.b)).map(({ prompt, a, b }) => ({ prompt, ...liked(a) > liked(b) ? { w: a, l: b } : { w: b, l: a } }))
      expect(record['pairs/ties']).to.equal(seen.length - triples.length)
      const want = Object.fromEntries(Object.entries(policy.params).map(([name, w]) => [name, [...w.dataSync()]]))
      for (const { prompt, w, l } of triples) {
        for (const [response, sign] of [[w, 1], [l, -1]] as const) {
          const ids = [...prompt.ids, ...response], responseMask = [ids.map((_, i) => Number(i >= prompt.ids.length))]
          const { grads } = valueAndGrads(params => ({ loss: tf.sum(tokenLogps(params, config, [ids], { responseMask, temperature: 0.7 })).asScalar() }), policy.params)
          for (const [name, g] of Object.entries(grads)) g.dataSync().forEach((x, i) => { want[name][i] -= lr * factor * sign * x / triples.length })
        }
      }
      for (const [name, got] of Object.entries(training.state.models.policy)) got.dataSync().forEach((x, i) => expect(x, `${name}[${i}]`).to.be.closeTo(want[name][i], 2e-5))
    }
  })

  it('reports what TRL does of samples and pairs', async () => {
    const seen: SampledPair[][] = [], judge: Judge = (pairs, random) => { seen.push([...pairs]); return likes(pairs, random) }
    const policy = fresh(), reference = { config, params: initParams(config, Random.seed(9)) }, beta = 0.3
    const [m] = await all(onlineDpo(options({ policy, reference, judge, beta, iterations: 1 }))), [pairs] = seen
    const sums = (model: typeof policy, side: 'a' | 'b') => responseLogps(model, pairs.map(p => ({ prompt: p.prompt, tokens: p[side] }))).map(row => row.reduce((x, y) => x + y, 0))
    const [pa, pb, ra, rb] = [sums(policy, 'a'), sums(policy, 'b'), sums(reference, 'a'), sums(reference, 'b')], mean = (v: number[]) => v.reduce((x, y) => x + y, 0) / v.length
    const decided = pairs.map((p, i) => ({ s: liked(p.a) - liked(p.b), a: pa[i] - ra[i], b: pb[i] - rb[i], la: pa[i], lb: pb[i] })).filter(x => x.s !== 0)
    const chosen = decided.map(x => x.s > 0 ? x.a : x.b), rejected = decided.map(x => x.s > 0 ? x.b : x.a)
    const near = (name: keyof OnlineDpoMetrics, want: number) => expect(m[name], name).to.be.closeTo(want, 1e-4)
    near('rewards/chosen', beta * mean(chosen))
    near('rewards/rejected', beta * mean(rejected))
    near('rewards/margins', beta * (mean(chosen) - mean(rejected)))
    near('rewards/accuracies', mean(chosen.map((c, i) => Number(c > rejected[i]))))
    near('logps/chosen', mean(decided.map(x => x.s > 0 ? x.la : x.lb)))
    near('objective/scores_margin', mean(decided.map(x => Math.abs(x.s))))
    near('loss', mean(chosen.map((c, i) => Math.log1p(Math.exp(-beta * (c - rejected[i]))))))
    if (m['pairs/identical'] === 0) {
      near('objective/kl', mean([...pa.map((p, i) => p - ra[i]), ...pb.map((p, i) => p - rb[i])]))
      near('objective/entropy', -mean([...pa, ...pb]))
      near('objective/non_score_reward', -beta * m['objective/kl'])
      near('val/contain_eos_token', mean(pairs.flatMap(p => [p.a, p.b]).map(t => Number(t.at(-1) === EOS))))
    }
    expect(m.labels).to.equal(pairs.length)
    expect(m['pairs/identical']).to.equal(12 - pairs.length)
  })

  it('keeps the reference, or lets it follow; its models stay the caller\'s', async () => {
    const policy = fresh(), before = weights(policy.params), frozen = onlineDpo(options({ policy, iterations: 3 }))
    await all(frozen)
    expect(Object.keys(frozen.state.models)).to.deep.equal(['policy'])
    const first = onlineDpo(options({ policy, iterations: 2, moving: { every: 2, mix: 0.25 } })), records = await all(first)
    expect(weights(policy.params)).to.deep.equal(before)
    const [p, r] = [first.state.models.policy, first.state.models.reference].map(weights)
    r.forEach((row, i) => row.forEach((x, j) => expect(x).to.be.closeTo(0.25 * p[i][j] + 0.75 * before[i][j], 1e-6)))
    expect(records[0]['objective/kl']).to.be.closeTo(0, 1e-5)
    const hard = await all(onlineDpo(options({ policy, iterations: 4, moving: { every: 1, mix: 1 } })))
    for (const m of hard) expect(m['objective/kl'], 'a reference that is always the policy').to.be.closeTo(0, 1e-5)
  })

  it('goes on from a checkpoint bit for bit, with a moving reference, a drawing judge and dropout', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'online-dpo-')), dropping = { ...config, resid_pdrop: 0.1 }
    const training = () => onlineDpo(options({
      policy: { config: dropping, params: initParams(config, Random.seed(2)) }, judge: probabilityJudge(pairs => pairs.map(({ a, b }) => 0.5 + (liked(a) - liked(b)) / 2)),
      iterations: 7, epochs: 2, minibatches: 2, moving: { every: 2, mix: 0.5 }, optimiser: adamw({ lr: 1e-3, maxGradNorm: 1 }), schedule: t => 1e-3 / (1 + t), seed: 5,
    }))
    const to = (name: string) => ({ log: join(folder, `${name}.jsonl`), checkpoint: join(folder, name), every: 3 })
    try {
      await all(run(training(), to('whole')))
      for await (const m of run(training(), to('broken'))) if (m.step === 4) break
      await all(run(training(), to('broken')))
      const read = (name: string) => [readFileSync(join(folder, `${name}.jsonl`)), readFileSync(join(folder, name, 'step-000000007.safetensors'))]
      const [whole, broken] = [read('whole'), read('broken')]
      whole.forEach((bytes, i) => expect(bytes.equals(broken[i])).to.equal(true))
    } finally { rmSync(folder, { recursive: true }) }
  })

  it('keeps no tensor but its state, and repeats itself', async () => {
    const policy = fresh(), given = options({ policy, iterations: 5, moving: { every: 1, mix: 0.5 }, seed: 3 }), start = tf.memory().numTensors, counts: number[] = [], records: OnlineDpoMetrics[] = []
    const training = onlineDpo(given)
    for await (const m of training) { counts.push(tf.memory().numTensors); records.push(m) }
    expect(new Set(counts).size).to.equal(1)
    disposeTraining(training)
    expect(tf.memory().numTensors).to.equal(start)
    const again = onlineDpo(given), other = onlineDpo({ ...given, seed: 4 })
    expect(await all(again)).to.deep.equal(records)
    expect(await all(other)).to.not.deep.equal(records)
  })

  it('leaves out equal samples and ties, and stops where nothing is left, or a number is none', async () => {
    const peaked = fresh(), sure = { ...peaked.params, 'transformer.ln_f.bias': tf.mul(tf.gather(peaked.params['transformer.wte.weight'], 4), 500) }
    expect(await failure({ policy: { config, params: sure } })).to.match(/none of the 12 pairs of iteration 1 has two different responses/)
    expect(await failure({ judge: scoreJudge((_, r) => r.map(() => 1)) })).to.match(/of which the judge prefers one/)
    expect(await failure({ judge: () => ({ wins: [1] }) })).to.match(/expected \d+ verdicts, got 1/)
    expect(await failure({ judge: pairs => ({ wins: pairs.map(() => 0.7) }) })).to.match(/expected 1, 0 or ½ as verdict of pair 0, got 0.7/)
    expect(await failure({ judge: probabilityJudge(pairs => pairs.map(() => NaN)) })).to.match(/probabilities, got NaN for pair 0/)
    expect(await failure({ loss: pairs => tf.mul(pairs.chosen, Infinity) })).to.match(/loss is not finite at step 1/)
    for (const [more, name] of [[{ prompts: [] }, 'no prompts'], [{ temperature: 0 }, 'temperature'], [{ beta: 0 }, 'beta'], [{ minibatches: 13 }, 'minibatches'], [{ epochs: 0 }, 'epochs'], [{ moving: { every: 1, mix: 0 } }, 'moving.mix']] as const) {
      expect(() => onlineDpo(options(more)), name).to.throw(name)
    }
    expect(() => onlineDpo(options({ maxNewTokens: 10 })).next()).to.not.throw()
    expect(await failure({ maxNewTokens: 10 })).to.match(/exceed the context of 12/)
  })

  it('makes the pairs of an iteration alone, for a trainer of pairs', async () => {
    const policy = fresh(), seen: SampledPair[] = [], sampling = { maxNewTokens: 6, stopTokens: [EOS], random: Random.seed(1) }
    const pairs = await judgedPairs(policy, prompts, (p, random) => { seen.push(...p); return likes(p, random) }, sampling)
    expect(pairs.length).to.equal(seen.filter(p => liked(p.a) !== liked(p.b)).length)
    for (const { prompt, chosen, rejected } of pairs) {
      expect(prompts).to.include(prompt)
      expect(liked(chosen)).to.be.above(liked(rejected))
    }
    expect(await judgedPairs(policy, prompts, likes, sampling)).to.deep.equal(pairs)
  })

  it('asks a preference model in both orders', () => {
    const pairs = [{ prompt: prompts[0], a: [5, 5], b: [6] }, { prompt: prompts[1], a: [6], b: [5, 5] }]
    const biased = preferenceProbability((_, first, second) => first.map((f, i) => 3 + liked(f) - liked(second[i])))(pairs)
    expect(biased[0]).to.be.closeTo(1 / (1 + Math.exp(-2)), 1e-9)
    expect(biased[0] + biased[1], 'a taste for the first place cancels').to.be.closeTo(1, 1e-12)
  })
})
