import { expect } from 'chai'
import { drawPrompts } from '../../lib/desk/scenarios'
import { EOS } from '../../lib/desk/vocabulary'
import { pearson } from '../../lib/evaluate/correlation'
import { deskPolicy } from '../../lib/exchange/deskPolicy'
import { deskScorer, deskScorerFigures } from '../../lib/exchange/deskScorer'
import { disposeParams } from '../../lib/model/params'
import { modelReward, standardiseReward, applyReward } from '../../lib/reward/reward'
import { distinctNgrams } from '../../lib/rollout/distinct'
import { rollout } from '../../lib/rollout/rollout'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { deskPpo, deskPrompts, deskTruth } from '../../lib/train/deskPpo'
import type { DeskPrompt } from '../../lib/train/deskPpo'
import { disposeTraining } from '../../lib/train/training'

describe('train/deskPpo and data/reward', () => {
  before(ready)

  it('the reward model of data/reward tells good replies of the policy from bad ones, as its figures say', () => {
    const policy = deskPolicy(), scorer = deskScorer(), prompts = deskPrompts(drawPrompts(160, 77, { heldOut: true })), { heldOut } = deskScorerFigures()
    const replies = rollout(policy, prompts, { random: Random.seed(3), maxNewTokens: 48, stopTokens: [EOS] }), scores = applyReward(modelReward<DeskPrompt>(scorer), replies).map(r => r.reward)
    const truth = replies.map(r => deskTruth([r])['gold/reward']), r = pearson(scores, truth).statistic
    // the standard error of a correlation of 0.73 over 160 replies is 0.04: four of them
    expect(r).to.be.within(heldOut.pearson - 0.16, heldOut.pearson + 0.16)
    const standard = applyReward(standardiseReward(modelReward<DeskPrompt>(() => scorer), replies), replies).map(x => x.reward), mean = standard.reduce((a, b) => a + b) / standard.length
    expect(mean).to.be.closeTo(0, 1e-6)
    expect(standard.reduce((sum, s) => sum + (s - mean) ** 2, 0) / standard.length).to.be.closeTo(1, 1e-6)
    for (const { params } of [policy, scorer]) disposeParams(params)
  })

  it('trains the desk\'s policy and tells its truth beside PPO\'s figures', async () => {
    const policy = deskPolicy(), value = deskScorer(), before = tf.memory().numTensors
    const training = deskPpo({ policy, value, reward: modelReward(value), prompts: deskPrompts(drawPrompts(8, 1)), iterations: 2, batchSize: 4, minibatches: 2, maxNewTokens: 12 })
    for await (const m of training) {
      expect(m).to.include.keys('gold/reward', 'gold/words', 'gold/gibberish', 'gold/distinct_2', 'objective/kl', 'policy/approxkl_avg')
      expect(m['completions/mean_length']).to.be.at.most(12)
    }
    disposeTraining(training)
    expect(tf.memory().numTensors).to.equal(before)
    for (const { params } of [policy, value]) disposeParams(params)
  })

  it('counts different n-grams inside responses', () => {
    expect(distinctNgrams([[1, 2, 3, 4]])).to.equal(1)
    expect(distinctNgrams([[1, 2, 1, 2, 1]])).to.equal(0.5)
    expect(distinctNgrams([[1, 2, 1, 2, 1], [7]])).to.equal(0.5)
    expect(distinctNgrams([[5, 5, 5]], 1)).to.be.closeTo(1 / 3, 1e-12)
    expect(() => distinctNgrams([[7]])).to.throw(RangeError, 'at least 2')
    expect(() => standardiseReward(all => all.map(() => 1), [{ prompt: { ids: [1] }, tokens: [2], logpOld: new Float32Array(1), stopped: true }])).to.throw(RangeError, 'no scale')
  })
})
