import { expect } from 'chai'
import type * as tfjs from '@tensorflow/tfjs'
import { apoZeroUnpairedLoss, ktoLoss, ktoReferencePoint } from '../../lib/loss/kto'
import { cpoLoss, orpoLoss, referenceFreeIpoLoss, simpoLoss, slicLoss } from '../../lib/loss/referenceFree'
import { ready, tf } from '../../lib/tensor/backend'
import { goldens, type Golden } from '../goldens'

interface Config { beta: number; loss_type: string; simpo_gamma?: number; alpha?: number; label_smoothing?: number; desirable_weight?: number; undesirable_weight?: number }
type Loss = (chosen: tfjs.Tensor1D, rejected: tfjs.Tensor1D) => tfjs.Tensor1D

const ours: Record<string, (c: Config) => Loss> = {
  sigmoid: c => (w, l) => cpoLoss(w, l, { beta: c.beta, labelSmoothing: c.label_smoothing }),
  hinge: c => (w, l) => slicLoss(w, l, c),
  ipo: c => (w, l) => referenceFreeIpoLoss(w, l, c),
  simpo: c => (w, l) => simpoLoss(w, l, { beta: c.beta, gamma: c.simpo_gamma ?? 0.5, labelSmoothing: c.label_smoothing }),
  alphapo: c => (w, l) => simpoLoss(w, l, { beta: c.beta, gamma: c.simpo_gamma ?? 0.5, alpha: c.alpha }),
}

/** Values and the gradient of their mean with respect to both vectors. */
function evaluate(loss: Loss, chosen: number[], rejected: number[]) {
  return tf.tidy(() => {
    const inputs = [tf.tensor1d(chosen), tf.tensor1d(rejected)]
    const [gradChosen, gradRejected] = tf.grads((w, l) => tf.mean(loss(w as tfjs.Tensor1D, l as tfjs.Tensor1D)))(inputs)
    return { losses: Array.from(loss(inputs[0], inputs[1]).dataSync()), gradChosen: Array.from(gradChosen.dataSync()), gradRejected: Array.from(gradRejected.dataSync()) }
  })
}

describe('loss: without a reference', () => {
  before(ready)
  const replayed = goldens('reference_free_losses').cases.filter(c => c.dtype === 'float32' && !c.name.startsWith('model_'))
  for (const golden of replayed) {
    it(`reference_free_losses: ${golden.name}`, () => {
      if (golden.name.startsWith('orpo')) return checkOrpo(golden)
      const config = golden.inputs.config as Config
      const got = evaluate(ours[config.loss_type](config), golden.inputs.chosen_logps as number[], golden.inputs.rejected_logps as number[])
      golden.close(got.losses, 'losses')
      golden.close(got.gradChosen, 'grad_chosen_logps')
      golden.close(got.gradRejected, 'grad_rejected_logps')
    })
  }

  /** TRL reports β log σ(log odds ratio), to be subtracted; ours is without β and with the sign of a loss. */
  function checkOrpo(golden: Golden): void {
    const { beta, chosen_average_logps, rejected_average_logps } = golden.inputs as { beta: number; chosen_average_logps: number[]; rejected_average_logps: number[] }
    const got = evaluate(orpoLoss, chosen_average_logps, rejected_average_logps)
    golden.close(got.losses.map(x => -beta * x), 'losses')
    golden.close(got.gradChosen.map(x => beta * x), 'grad_chosen')
    golden.close(got.gradRejected.map(x => beta * x), 'grad_rejected')
  }

  it('refuses vectors that do not match', () => {
    tf.tidy(() => {
      expect(() => simpoLoss(tf.tensor1d([1]), tf.tensor1d([1, 2]))).to.throw(RangeError, 'one shape')
      expect(() => orpoLoss(tf.tensor1d([]), tf.tensor1d([]))).to.throw(RangeError, 'one shape')
    })
  })
})

describe('loss: KTO', () => {
  before(ready)
  const file = goldens('kto_losses'), mask = (file.shared.completion_mask as number[][]).map(row => row.slice(1))
  const sums = (grid: number[][]) => grid.map((row, i) => row.reduce((s, x, t) => s + x * mask[i][t], 0))
  for (const golden of file.cases.filter(c => c.dtype === 'float32' && !c.name.startsWith('model_'))) {
    it(`kto_losses: ${golden.name}`, () => {
      const { config, labels, policy_token_logps, ref_token_logps, kl_policy_token_logps, kl_ref_token_logps } = golden.inputs as Record<string, number[][]> & { config: Config; labels: number[] }
      // the mismatched rows come with their own padding, already 0
      const kl = config.loss_type === 'kto' ? ktoReferencePoint(kl_policy_token_logps.map(r => r.reduce((a, b) => a + b, 0)), kl_ref_token_logps.map(r => r.reduce((a, b) => a + b, 0))) : 0
      const options = { beta: config.beta, desirableWeight: config.desirable_weight, undesirableWeight: config.undesirable_weight }
      tf.tidy(() => {
        const loss = (tokens: tfjs.Tensor2D) => {
          const logp = tf.sum<tfjs.Tensor1D>(tf.mul(tokens, tf.tensor2d(mask)), 1), thumbs = { logp, logpRef: sums(ref_token_logps), liked: labels.map(l => l === 1) }
          return tf.mean(config.loss_type === 'kto' ? ktoLoss(thumbs, kl, options) : apoZeroUnpairedLoss(thumbs, options))
        }
        const tokens = tf.tensor2d(policy_token_logps)
        golden.close(loss(tokens).dataSync()[0], 'loss')
        golden.close((tf.grad(x => loss(x as tfjs.Tensor2D))(tokens) as tfjs.Tensor2D).arraySync(), 'grad_policy_token_logps')
        if (config.loss_type === 'kto') golden.close(kl, 'metrics.kl')
      })
    })
  }

  it('is one half where policy and reference agree, whatever the label', () => {
    tf.tidy(() => {
      const thumbs = { logp: tf.tensor1d([-3, -9]), logpRef: [-3, -9], liked: [true, false] }
      expect(Array.from(ktoLoss(thumbs, 0).dataSync())).to.deep.equal([0.5, 0.5])
      expect(() => ktoLoss({ ...thumbs, liked: [true] }, 0)).to.throw(RangeError, 'liked [1]')
    })
    expect(ktoReferencePoint([-5], [-3])).to.equal(0)
    expect(() => ktoReferencePoint([], [])).to.throw(RangeError)
  })
})
