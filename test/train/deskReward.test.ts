import { expect } from 'chai'
import { FAIR, choiceProbability } from '../../lib/desk/annotators'
import { isHeldOut } from '../../lib/desk/scenarios'
import { deskPolicy } from '../../lib/exchange/deskPolicy'
import { pairAccuracy } from '../../lib/reward/rewardModel'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { DESK_REWARD, deskComparisons, deskRewardModel, deskScores, judgeComparisons, rewardPairs } from '../../lib/train/deskReward'
import { disposeTraining } from '../../lib/train/training'

describe('train/deskReward', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  it('draws pairs of different replies, the same for the same seed, apart from the held-out ones', () => {
    const pairs = deskComparisons(200, 3), held = deskComparisons(50, 3, { heldOut: true })
    expect(pairs.every(p => p.a !== p.b)).to.equal(true)
    expect(deskComparisons(200, 3)).to.deep.equal(pairs)
    expect(deskComparisons(200, 4)).to.not.deep.equal(pairs)
    expect([pairs.some(p => isHeldOut(p.prompt.facts)), held.every(p => isHeldOut(p.prompt.facts))]).to.deep.equal([false, true])
  })

  it('judges as often as the annotator\'s probabilities say', () => {
    const shown = deskComparisons(800, 5), judged = judgeComparisons(shown, FAIR, Random.seed(1))
    judged.forEach((j, i) => expect([j.chosen, j.rejected]).to.have.members([shown[i].a, shown[i].b]))
    const expected = shown.reduce((sum, { prompt, a, b }) => sum + choiceProbability(prompt, a, b, FAIR), 0)
    expect(judged.filter((j, i) => j.chosen === shown[i].a).length).to.be.within(expected - 60, expected + 60)
  })

  it('learns from a few hundred pairs what holds for held-out prompts, and leaves the policy as it is', async () => {
    const policy = deskPolicy(), before = policy.params['transformer.wte.weight'].dataSync().slice()
    const pairs = rewardPairs(judgeComparisons(deskComparisons(512, 0), FAIR, Random.seed(0))), tensors = tf.memory().numTensors
    const training = deskRewardModel({ model: policy, pairs })
    let steps = 0, first = NaN
    for await (const m of training) { if (++steps === 1) first = m.loss }
    expect(steps).to.equal(512 / DESK_REWARD.batchSize)
    expect(first, 'a head of 0 knows nothing').to.be.closeTo(Math.log(2), 1e-6)
    const held = judgeComparisons(deskComparisons(300, 9, { heldOut: true }), FAIR, Random.seed(2)), model = { config: policy.config, params: training.state.models.reward }
    const [chosen, rejected] = (['chosen', 'rejected'] as const).map(k => deskScores(model, held.map(h => h.prompt), held.map(h => h[k])))
    expect(pairAccuracy(chosen, rejected)).to.be.above(0.57)
    expect(policy.params['transformer.wte.weight'].dataSync()).to.deep.equal(before)
    disposeTraining(training)
    expect(tf.memory().numTensors).to.equal(tensors)
    expect(() => deskScores(model, [], ['hello'])).to.throw(RangeError, '0 prompts, but 1 replies')
  })
})
