import { expect } from 'chai'
import { drawPrompts } from '../../lib/desk/scenarios'
import { bestOfPool, poolCurve, replyPool } from '../../lib/evaluate/pool'
import { deskPolicy } from '../../lib/exchange/deskPolicy'
import { disposeParams } from '../../lib/model/params'
import { Random } from '../../lib/tensor/random'

describe('a pool of replies', () => {
  it('best-of-n by the true reward rises with n, best-of-1 is the policy, and the best of all is the best', () => {
    const policy = deskPolicy(), pool = replyPool(policy, drawPrompts(12, 0), 6, Random.seed(1)), gold = pool.replies.map(r => r.gold)
    disposeParams(policy.params)
    const curve = poolCurve(pool, gold, gold, [1, 2, 6]), mean = (k: number) => curve.reduce((s, row) => s + row[k], 0) / 12
    expect(mean(0)).to.be.closeTo(gold.reduce((a, b) => a + b, 0) / gold.length, 1e-9)
    expect(mean(1)).to.be.above(mean(0))
    bestOfPool(pool, gold).forEach((best, i) => {
      expect(best.gold).to.equal(Math.max(...gold.slice(6 * i, 6 * i + 6)))
      expect(curve[i][2]).to.be.closeTo(best.gold, 1e-9)
      expect(pool.asked[6 * i + 5]).to.equal(pool.prompts[i])
    })
    expect(() => bestOfPool(pool, [1])).to.throw(RangeError, '72 replies, got 1')
    expect(() => replyPool(policy, [], 0, Random.seed(0))).to.throw(RangeError, 'samples')
  })
})
