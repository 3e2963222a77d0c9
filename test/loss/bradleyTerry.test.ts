import { expect } from 'chai'
import { bradleyTerryLoss } from '../../lib/loss/bradleyTerry'
import { logWinProbability, winProbability } from '../../lib/preference/bradleyTerry'
import { ready, tf } from '../../lib/tensor/backend'

describe('loss/bradleyTerry', () => {
  before(() => ready())

  it('is −log σ of the margin, finite for margins where log(σ) would underflow', () => {
    tf.tidy(() => {
      const margins = [1.5, -1.5, 0, 20, -100, -1000, 1000]
      const loss = bradleyTerryLoss(tf.tensor1d(margins), tf.zeros([margins.length])).dataSync()
      margins.forEach((margin, i) => expect(loss[i]).to.be.closeTo(-logWinProbability(margin), 1e-6 * Math.max(1, Math.abs(margin))))
    })
  })

  it('has the gradient −σ(r_l − r_w), and the opposite for the rejected answer', () => {
    tf.tidy(() => {
      const chosen = tf.tensor1d([2, 0.5, -3, 0]), rejected = tf.tensor1d([0.5, 2, 1, 0])
      const gradients = tf.grads((w, l) => tf.sum(bradleyTerryLoss(w as typeof chosen, l as typeof chosen)))([chosen, rejected])
      const want = [-1.5, 1.5, 4, 0].map(winProbability)
      gradients[0].dataSync().forEach((g, i) => expect(g).to.be.closeTo(-want[i], 1e-6))
      gradients[1].dataSync().forEach((g, i) => expect(g).to.be.closeTo(want[i], 1e-6))
    })
  })

  it('refuses other shapes and leaves no tensor behind', () => {
    const a = tf.tensor1d([1, 2]), b = tf.tensor1d([1, 2, 3]), wide = tf.ones([2, 1]), before = tf.memory().numTensors
    expect(() => bradleyTerryLoss(a, b)).to.throw(RangeError, 'got [2] and [3]')
    expect(() => bradleyTerryLoss(wide as never, a)).to.throw(RangeError, 'got [2, 1] and [2]')
    bradleyTerryLoss(a, a).dispose()
    expect(tf.memory().numTensors).to.equal(before)
    tf.dispose([a, b, wide])
  })
})
