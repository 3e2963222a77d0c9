import { expect } from 'chai'
import { allSumTasks } from '../../lib/desk/arithmetic'
import { passAtK } from '../../lib/evaluate/passAtK'
import { sumPolicy, sumPolicyFigures } from '../../lib/exchange/sumPolicy'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { SUM_SFT, sumReplies, sumReward, sumSft } from '../../lib/train/arithmetic'
import { DESK_CONFIG } from '../../lib/train/desk'
import { disposeTraining } from '../../lib/train/training'

describe('data/arithmetic, the policy for sums', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  it('training it again starts with the same losses', async () => {
    const training = sumSft({ steps: 20 }), losses: number[] = []
    for await (const { loss } of training) losses.push(loss)
    disposeTraining(training)
    const { firstLosses, settings } = sumPolicyFigures()
    expect(settings, 'settings that data/arithmetic was made with').to.deep.equal({ ...SUM_SFT })
    expect(losses).to.have.length(firstLosses.length)
    losses.forEach((loss, i) => expect(loss, `step ${i + 1}`).to.be.closeTo(firstLosses[i], 0.002))
  })

  it('is right as often as it states: a start from which there is something to learn', () => {
    const model = sumPolicy(), { samples, seed, ...stated } = sumPolicyFigures().heldOut, tasks = allSumTasks({ heldOut: true })
    expect(model.config).to.deep.equal(DESK_CONFIG)
    const right = Array.from(sumReward(sumReplies(model, tasks, { random: Random.seed(seed), samples }))), mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
    // another processor's rounding may turn a token here and there
    expect(mean(right)).to.be.closeTo(stated['pass@1'], 0.04).and.within(0.3, 0.5)
    const counts = tasks.map((_, i) => right.slice(i * samples, (i + 1) * samples).reduce((a, b) => a + b, 0))
    expect(mean(counts.map(c => passAtK(samples, c, samples)))).to.be.closeTo(stated['pass@16'], 0.04).and.above(0.9)
  })
})
