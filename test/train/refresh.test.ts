import { expect } from 'chai'
import { FAIR } from '../../lib/desk/annotators'
import { drawPrompts } from '../../lib/desk/scenarios'
import { deskPolicy } from '../../lib/exchange/deskPolicy'
import { withScoreHead } from '../../lib/model/heads'
import { modelReward } from '../../lib/reward/reward'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import type { DeskPrompt } from '../../lib/train/deskPpo'
import { deskPpo, deskPrompts } from '../../lib/train/deskPpo'
import { deskRewardModel, deskScores, judgeComparisons, rewardPairs } from '../../lib/train/deskReward'
import { withinKl } from '../../lib/train/klBudget'
import { contestedPairs, refreshing } from '../../lib/train/refresh'
import { disposeTraining } from '../../lib/train/training'

const records = async function* (n: number) { for (let step = 1; step <= n; step++) { await ready(); yield { step, 'objective/kl': step } } }

describe('refreshing a scorer', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  it('pairs favourites of the scorer with what it likes least', () => {
    const policy = deskPolicy(), scorer = { config: policy.config, params: withScoreHead(policy.params, policy.config, Random.seed(3)) }
    const prompts = drawPrompts(6, 2), pairs = contestedPairs(policy, scorer, { prompts, samples: 4, random: Random.seed(1) })
    const scores = (['a', 'b'] as const).map(k => deskScores(scorer, pairs.map(p => p.prompt), pairs.map(p => p[k])))
    expect(pairs.length).to.be.within(10, 12)
    pairs.forEach((_, i) => expect(scores[0][i]).to.be.at.least(scores[1][i]))
    for (const prompt of prompts) {
      const own = pairs.flatMap((p, i) => p.prompt.id === prompt.id ? [i] : []), first = own[0]
      for (const i of own) { expect(scores[0][first]).to.be.at.least(scores[0][i]); expect(scores[1][first]).to.be.at.most(scores[1][i]) }
    }
    expect(() => contestedPairs(policy, scorer, { prompts, samples: 3, random: Random.seed(1) })).to.throw(RangeError, 'even number of samples, got 3')
  })

  it('waits for the refresh between two records, and composes with a budget', async () => {
    const seen: string[] = []
    for await (const m of refreshing(records(5), { every: 2, refresh: async ({ step }) => { await ready(); seen.push(`refresh after ${step}`) } })) seen.push(`record ${m.step}`)
    expect(seen).to.deep.equal(['record 1', 'record 2', 'refresh after 2', 'record 3', 'record 4', 'refresh after 4', 'record 5'])
    const kept: number[] = [], at: number[] = []
    for await (const m of withinKl(refreshing(records(9), { every: 1, refresh: ({ step }) => { at.push(step) } }), { budget: 2.9, window: 1 })) kept.push(m.step)
    expect([kept, at]).to.deep.equal([[1, 2, 3], [1, 2]])
    const wrong = refreshing(records(1), { every: 0, refresh: () => {} })
    expect(await wrong.next().then(() => '', (e: Error) => e.message)).to.contain('every: expected a positive integer, got 0')
  })

  it('a PPO run climbs the scorer that was put in its place meanwhile', async () => {
    const policy = deskPolicy(), prompts = drawPrompts(40, 4), head = withScoreHead(policy.params, policy.config), free: (() => void)[] = []
    const first = { config: policy.config, params: withScoreHead(policy.params, policy.config, Random.seed(1)) }, byPrompt: number[] = [], means: number[] = []
    let scorer = first, labels = 0
    const read = modelReward<DeskPrompt>(() => scorer)
    const run = deskPpo({
      policy, value: { config: policy.config, params: head }, prompts: deskPrompts(prompts), iterations: 2, batchSize: 8, minibatches: 1,
      reward: rollouts => {
        const scores = deskScores(scorer, rollouts.map(r => r.prompt), rollouts.map(r => r.tokens))
        byPrompt.push(scores.reduce((a, b) => a + b, 0) / scores.length)
        return read(rollouts)
      },
    })
    const refresh = async () => {
      const pairs = contestedPairs({ config: policy.config, params: run.state.models.policy }, scorer, { prompts: prompts.slice(0, 16), samples: 4, random: Random.seed(5) })
      labels += pairs.length
      const next = deskRewardModel({ model: policy, pairs: rewardPairs(judgeComparisons(pairs, FAIR, Random.seed(6))) })
      for await (const m of next) expect(m.loss).to.be.above(0)
      scorer = { config: policy.config, params: next.state.models.reward }
      free.push(() => disposeTraining(next))
    }
    for await (const m of refreshing(run, { every: 1, refresh })) means.push(m['objective/scores'])
    expect([means.length, scorer === first]).to.deep.equal([2, false])
    expect(labels).to.be.within(20, 64)
    // the first iteration is paid by the first scorer, the second by the one trained in between
    means.forEach((m, i) => expect(m).to.be.closeTo(byPrompt[i], 1e-4))
    expect(Math.abs(means[1] - means[0])).to.be.above(1e-3)
    disposeTraining(run)
    free.forEach(f => f())
  })
})
