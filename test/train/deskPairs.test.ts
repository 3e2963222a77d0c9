import { expect } from 'chai'
import { FAIR } from '../../lib/desk/annotators'
import { drawPrompts } from '../../lib/desk/scenarios'
import { EOS } from '../../lib/desk/vocabulary'
import { deskPolicy } from '../../lib/exchange/deskPolicy'
import { trlDpoRuns } from '../../lib/exchange/trlRuns'
import { disposeParams } from '../../lib/model/params'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { deskSequence } from '../../lib/train/desk'
import { deskPreferences, deskThumbs, preferencePairs, sampledComparisons } from '../../lib/train/deskPairs'
import { deskComparisons, judgeComparisons } from '../../lib/train/deskReward'
import { dpo } from '../../lib/train/dpo'
import { disposeTraining } from '../../lib/train/training'
import { goldens } from '../goldens'
import { all } from './preferences'

describe('train/deskPairs', () => {
  before(ready)

  it('cuts judged replies into prompt and responses as the models read them', () => {
    const judged = judgeComparisons(deskComparisons(20, 1), FAIR, Random.seed(2)), pairs = preferencePairs(judged)
    pairs.forEach((pair, i) => {
      expect([...pair.prompt.ids, ...pair.chosen]).to.deep.equal(deskSequence(judged[i].prompt, judged[i].chosen).ids)
      expect([...pair.prompt.ids, ...pair.rejected]).to.deep.equal(deskSequence(judged[i].prompt, judged[i].rejected).ids)
      expect([pair.chosen.at(-1), pair.rejected.at(-1), pair.prompt.facts]).to.deep.equal([EOS, EOS, judged[i].prompt.facts])
    })
    const [thumb] = deskThumbs([{ prompt: judged[0].prompt, reply: judged[0].chosen, liked: true }])
    expect(thumb).to.deep.equal({ prompt: pairs[0].prompt, tokens: pairs[0].chosen, liked: true })
  })

  it('samples two different replies a prompt, the same ones again for the same stream', () => {
    const policy = deskPolicy(), prompts = drawPrompts(6, 3), draw = () => sampledComparisons(policy, prompts, { random: Random.seed(4), maxNewTokens: 6 }), shown = draw()
    expect(shown.length).to.be.within(1, 6)
    shown.forEach(({ a, b }) => expect(a).to.not.deep.equal(b))
    expect(draw()).to.deep.equal(shown)
    disposeParams(policy.params)
  })

  it('counts steps and lets the rate fall to a tenth', () => {
    const { steps, batchSize, schedule } = deskPreferences(100, { epochs: 2, lr: 1e-3 })
    expect([steps, batchSize]).to.deep.equal([8, 32])
    expect(schedule(7)).to.equal(1e-3)
    const long = deskPreferences(3200, { lr: 1e-3 })
    expect(long.schedule(10)).to.equal(1e-3)
    expect(long.schedule(100)).to.be.closeTo(1e-4, 1e-9)
  })

  it('data/trl is the golden run', async () => {
    const { toy, options, losses } = trlDpoRuns(), golden = goldens('training_runs').case('dpo_adamw_20_steps'), before = tf.memory().numTensors, training = dpo({ ...options, steps: 3 })
    golden.close(losses, 'losses')
    goldens('toy_dpo').case('toy_dpo_float32').close(toy.loss, 'loss')
    ;(await all(training)).forEach((m, t) => expect(m.loss).to.be.closeTo(losses[t], 1e-4))
    disposeTraining(training)
    expect(tf.memory().numTensors).to.equal(before)
    for (const model of [options.model, options.reference]) disposeParams(model.params)
  })
})
