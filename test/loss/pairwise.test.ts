import { expect } from 'chai'
import type * as tfjs from '@tensorflow/tfjs'
import { bcoPairLoss, apoDownLoss, apoZeroLoss, ncaPairLoss, sppoHardLoss } from '../../lib/loss/absolute'
import { aotLoss, aotUnpairedLoss } from '../../lib/loss/aot'
import { discopopLoss } from '../../lib/loss/discopop'
import { alphaDivergence, forwardKl, jensenShannon, reverseKl } from '../../lib/loss/divergences'
import { dpoLoss, lengthNormalisedDpoLoss, robustDpoLoss } from '../../lib/loss/dpo'
import { exoLoss } from '../../lib/loss/exo'
import { hingeLoss } from '../../lib/loss/hinge'
import { ipoLoss } from '../../lib/loss/ipo'
import type { LogRatioScore, PairLengths, PairLogps } from '../../lib/loss/pairs'
import { lengthDesensitisedWeights, wpoWeight } from '../../lib/loss/weighting'
import { ready, tf } from '../../lib/tensor/backend'
import { goldens } from '../goldens'

interface Config { loss_type: string | string[]; loss_weights?: number[]; beta: number; label_smoothing?: number; discopop_tau?: number; f_divergence_type?: string; f_alpha_divergence_coef?: number; ld_alpha?: number; use_weighting?: boolean }
interface Context { pairs: PairLogps; lengths: PairLengths; sft: () => tfjs.Tensor1D; config: Config }
type Grid = number[][]

const { cases, shared } = goldens('dpo_losses')
const mask = (shared.batch.completion_mask as Grid).map(row => row.slice(1)), B = mask.length / 2
const lengths = { chosen: mask.slice(0, B).map(sum), rejected: mask.slice(B).map(sum) }
function sum(row: readonly number[]): number { return row.reduce((a, b) => a + b, 0) }

const divergences: Record<string, (c: Config) => LogRatioScore> = {
  reverse_kl: () => reverseKl, forward_kl: () => forwardKl, js_divergence: () => jensenShannon,
  alpha_divergence: c => alphaDivergence(c.f_alpha_divergence_coef ?? 0.5),
}

/** What TRL calls each loss, in terms of ours. */
const losses: Record<string, (c: Context) => tfjs.Tensor1D> = {
  sigmoid: ({ pairs, config }) => dpoLoss(pairs, options(config)),
  hinge: ({ pairs, config }) => hingeLoss(pairs, options(config)),
  ipo: ({ pairs, lengths, config }) => ipoLoss(pairs, { ...options(config), lengths }),
  exo_pair: ({ pairs, config }) => exoLoss(pairs, { beta: config.beta, labelSmoothing: config.label_smoothing }),
  nca_pair: ({ pairs, config }) => ncaPairLoss(pairs, config),
  robust: ({ pairs, config }) => robustDpoLoss(pairs, { ...options(config), labelSmoothing: config.label_smoothing }),
  bco_pair: ({ pairs, config }) => bcoPairLoss(pairs, config),
  sppo_hard: ({ pairs, config }) => sppoHardLoss(pairs, config),
  aot: ({ pairs, config }) => aotLoss(pairs, { beta: config.beta, labelSmoothing: config.label_smoothing }),
  aot_unpaired: ({ pairs, config }) => aotUnpairedLoss(pairs, { beta: config.beta, labelSmoothing: config.label_smoothing }),
  apo_zero: ({ pairs, config }) => apoZeroLoss(pairs, config),
  apo_down: ({ pairs, config }) => apoDownLoss(pairs, config),
  discopop: ({ pairs, config }) => discopopLoss(pairs, { ...options(config), tau: config.discopop_tau }),
  sigmoid_norm: ({ pairs, lengths, config }) => lengthNormalisedDpoLoss(pairs, lengths, options(config)),
  sft: ({ sft }) => sft(),
}
const options = (config: Config) => ({ beta: config.beta, divergence: divergences[config.f_divergence_type ?? 'reverse_kl'](config) })

/** Each token's weight in its response's log-prob: its mask, less where LD-DPO discounts a tail. */
function tokenWeights(alpha: number | undefined): Grid {
  return mask.map((row, i) => {
    const own = sum(row), weights = alpha === undefined ? undefined : lengthDesensitisedWeights(own, sum(mask[(i + B) % (2 * B)]), alpha)
    let t = 0
    return row.map(m => m === 0 ? 0 : weights ? weights[t++] : 1)
  })
}

function evaluate(config: Config, policy: Grid, rows: number[]): { losses: number[]; grad: number[][] } {
  const weights = tokenWeights(config.ld_alpha), reference = shared.tokens.ref_token_logps as Grid
  const both = [...rows, ...rows.map(r => r + B)]
  const dot = (grid: Grid, r: number) => sum(grid[r].map((x, t) => x * weights[r][t]))
  const wpo = (r: number) => wpoWeight(...(['policy_token_logps', 'log_sum_sq_probs'] as const).map(name => (shared.tokens[name] as Grid)[r].filter((_, t) => mask[r][t] === 1)) as [number[], number[]])
  const picked = { chosen: rows.map(r => lengths.chosen[r]), rejected: rows.map(r => lengths.rejected[r]) }
  const perPair = (tokens: tfjs.Tensor2D) => {
    const sums = tf.sum(tf.mul(tokens, tf.tensor2d(both.map(r => weights[r]))), 1)
    const chosen = sums.slice([0], [rows.length]) as tfjs.Tensor1D, rejected = sums.slice([rows.length], [rows.length]) as tfjs.Tensor1D
    const pairs = { chosen, rejected, refChosen: rows.map(r => dot(reference, r)), refRejected: rows.map(r => dot(reference, r + B)) }
    const sft = () => {
      const m = tf.tensor2d(rows.map(r => mask[r])), mean = tf.neg(tf.div(tf.sum(tf.mul(tokens.slice([0, 0], [rows.length, -1]), m)), tf.sum(m)))
      return tf.mul<tfjs.Tensor1D>(tf.ones([rows.length]), mean)
    }
    const types = [config.loss_type].flat(), mix = config.loss_weights ?? [1]
    const total = types.map((type, i) => tf.mul<tfjs.Tensor1D>(losses[type]({ pairs, lengths: picked, sft, config }), mix[i])).reduce((a, b) => tf.add(a, b))
    return config.use_weighting ? tf.mul<tfjs.Tensor1D>(total, tf.tensor1d(rows.map(r => wpo(r) * wpo(r + B)))) : total
  }
  return tf.tidy(() => {
    const tokens = tf.tensor2d(both.map(r => policy[r]))
    return { losses: Array.from(perPair(tokens).dataSync()), grad: (tf.grad(x => tf.mean(perPair(x as tfjs.Tensor2D)))(tokens) as tfjs.Tensor2D).arraySync() }
  })
}

describe('loss: DPO and its family', () => {
  before(ready)
  const all = Array.from({ length: B }, (_, i) => i)
  const replayed = cases.filter(c => c.dtype === 'float32' && !/^(model_|tr_dpo|conservative|trl_sigmoid_ignores)/.test(c.name))
  for (const golden of replayed) {
    it(`dpo_losses: ${golden.name}`, () => {
      const config = golden.inputs.config as Config
      const policy = (golden.name.includes('_extreme') ? shared.extreme_policy_token_logps : shared.tokens.policy_token_logps) as Grid
      const { losses, grad } = evaluate(config, policy, all)
      golden.close(sum(losses) / B, 'loss')
      golden.close(grad, 'grad_policy_token_logps')
      if ('losses' in golden.expected) golden.close(losses, 'losses')
    })
  }

  it('dpo_losses: conservative DPO, and where TRL ignores the smoothing', () => {
    const golden = cases.find(c => c.name === 'conservative_sigmoid_smoothing_0.1_float32')!
    const pairs = pairsOf(shared.tokens.policy_token_logps as Grid)
    tf.tidy(() => { golden.close(Array.from(dpoLoss(pairs(), { labelSmoothing: 0.1 }).dataSync()), 'losses') })
    const ignored = cases.find(c => c.name.startsWith('trl_sigmoid_ignores'))!
    tf.tidy(() => { ignored.close(tf.mean(dpoLoss(pairs())).dataSync()[0], 'loss') })
  })

  const pairsOf = (policy: Grid) => (): PairLogps => {
    const logp = (grid: Grid, i: number) => sum(grid[i].map((x, t) => x * mask[i][t])), reference = shared.tokens.ref_token_logps as Grid
    return { chosen: tf.tensor1d(all.map(i => logp(policy, i))), rejected: tf.tensor1d(all.map(i => logp(policy, i + B))), refChosen: all.map(i => logp(reference, i)), refRejected: all.map(i => logp(reference, i + B)) }
  }
  const one = (chosen: number, refChosen: number, rejected: number, refRejected: number): PairLogps =>
    ({ chosen: tf.tensor1d([chosen]), rejected: tf.tensor1d([rejected]), refChosen: [refChosen], refRejected: [refRejected] })

  it('gives the worked examples: 0.659 at margin 0.7, 0.644 at margin 1.0', () => {
    tf.tidy(() => {
      expect(dpoLoss(one(-8.2, -8.5, -9.5, -9.1)).dataSync()[0]).to.be.closeTo(0.659, 5e-4)
      expect(dpoLoss(one(-6.2, -6.5, -7.8, -7.1)).dataSync()[0]).to.be.closeTo(0.644, 5e-4)
      expect(ipoLoss(one(-8, -8, -9, -9)).dataSync()[0]).to.be.closeTo(25, 1e-4)
      expect(dpoLoss(one(-8, -8, -9, -9)).dataSync()[0]).to.be.closeTo(0.6931, 1e-4)
    })
  })

  it('refuses vectors of different lengths, and leaves no tensor behind', () => {
    const pairs = { ...one(-1, -1, -2, -2), refChosen: [1, 2] }, before = tf.memory().numTensors
    expect(() => dpoLoss(pairs)).to.throw(RangeError, 'refChosen [2]')
    expect(() => robustDpoLoss(pairs, { labelSmoothing: 0.5 })).to.throw(RangeError, '0.5')
    expect(() => exoLoss(pairs, { labelSmoothing: 0 })).to.throw(RangeError, '0 < ε')
    for (const loss of Object.values({ dpoLoss, hingeLoss, ipoLoss, bcoPairLoss, ncaPairLoss, sppoHardLoss, apoZeroLoss, apoDownLoss, aotLoss, aotUnpairedLoss, discopopLoss })) {
      loss({ ...pairs, refChosen: [-1] }).dispose()
    }
    expect(tf.memory().numTensors).to.equal(before)
  })
})
