import { expect } from 'chai'
import { combineRewards, penaliseLength, penaliseMissingEos, scaleReward, applyReward } from '../../lib/reward/reward'
import type { Reward } from '../../lib/reward/reward'
import type { Rollout } from '../../lib/rollout/rollout'

const rollouts: Rollout[] = [[5, 6, 7, 1], [5], [8, 9]].map((tokens, i) => ({ prompt: { ids: [3] }, tokens, logpOld: new Float32Array(tokens.length), stopped: i === 0 }))
const firstToken: Reward = all => all.map(r => r.tokens[0])
const scores = (reward: Reward) => applyReward(reward, rollouts).map(r => r.reward)

describe('reward/reward', () => {
  it('wraps: what each piece adds is a part, and parts sum to the score', () => {
    const reward = penaliseMissingEos(penaliseLength(scaleReward(firstToken, { mean: 5, std: 2 }), { per: 0.1, beyond: 1 }), 3), scored = applyReward(reward, rollouts)
    expect(scored.map(r => r.rewardParts)).to.deep.equal([
      { reward: 0, length: -0.1 * 3, missing_eos: 0 }, { reward: 0, length: -0, missing_eos: -3 }, { reward: 1.5, length: -0.1, missing_eos: -3 },
    ])
    for (const { reward: score, rewardParts } of scored) expect(Object.values(rewardParts!).reduce((a, b) => a + b, 0)).to.be.closeTo(score, 1e-12)
    expect(scored[0]).to.include({ prompt: rollouts[0].prompt, tokens: rollouts[0].tokens })
    expect(applyReward(firstToken, rollouts)[0]).to.not.have.property('rewardParts')
  })

  it('scales after penalties too, and sums weighted rewards', () => {
    const scaled = applyReward(scaleReward(penaliseLength(firstToken, { per: 1 }), { mean: 1, std: 2 }), rollouts)
    expect(scaled.map(r => r.reward)).to.deep.equal([0, 1.5, 2.5])
    expect(scaled[0].rewardParts).to.deep.equal({ reward: 2, length: -2 })
    const both = combineRewards({ first: { reward: firstToken, weight: 2 }, length: { reward: all => all.map(r => r.tokens.length) } })
    expect(scores(both)).to.deep.equal([14, 11, 18])
    expect(applyReward(both, rollouts)[2].rewardParts).to.deep.equal({ first: 16, length: 2 })
  })

  it('asks the reward function anew for every batch, so that a scorer can be replaced while a policy trains', () => {
    const scorer = { bonus: 0 }, reward = penaliseLength(all => all.map(() => scorer.bonus), { per: 0 })
    expect(scores(reward)).to.deep.equal([0, 0, 0])
    scorer.bonus = 2
    expect(scores(reward)).to.deep.equal([2, 2, 2])
  })

  it('refuses scores that are missing or not finite, naming the rollout', () => {
    expect(() => scores(() => [1, 2])).to.throw(RangeError, 'reward: expected 3 scores')
    expect(() => scores(() => [1, NaN, 2])).to.throw(RangeError, 'rollout 1 is NaN')
    expect(() => scores(() => ({ scores: [1, 1, 1], parts: { style: [0, 0, Infinity] } }))).to.throw(RangeError, 'style: the score of rollout 2')
    expect(() => scaleReward(firstToken, { std: 0 })).to.throw(RangeError, 'std')
    expect(() => combineRewards({})).to.throw(RangeError, 'no rewards')
  })
})
