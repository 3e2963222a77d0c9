import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { bradleyTerryLoss } from './bradleyTerry'
import { vector, type Numbers } from './pairs'

export interface RewardModelLossOptions {
  /** How far apart each pair should be at least, [B] (default 0): surer labels, wider margins. */
  readonly margin?: Numbers
  /** Weight of centring (default 0): keeps r_w + r_l near 0, which the pairs alone leave free. */
  readonly centring?: number
}

/**
 * Reward model: −log σ(r_w − r_l − margin) + centring · (r_w + r_l)², one value a pair.  Ouyang 2022, arXiv:2203.02155 eq. 1;
 * margin: Touvron 2023, arXiv:2307.09288 §3.2.2; centring: Eisenstein 2023, arXiv:2312.09244 §2
 * chosen, rejected: rewards [B]. Throws RangeError unless chosen, rejected and margin are all [B] and centring is from 0 on.
 */
export function rewardModelLoss(chosen: tfjs.Tensor1D, rejected: tfjs.Tensor1D, { margin, centring = 0 }: RewardModelLossOptions = {}): tfjs.Tensor1D {
  const margins = margin instanceof tf.Tensor ? margin.size : margin?.length
  if (margins !== undefined && margins !== chosen.size) throw new RangeError(`rewardModelLoss: ${chosen.size} pairs, but ${margins} margins`)
  if (!(centring >= 0 && centring < Infinity)) throw new RangeError(`centring: expected a number from 0 on, got ${centring}`)
  return tf.tidy(() => {
    const loss = bradleyTerryLoss(margin ? tf.sub<tfjs.Tensor1D>(chosen, vector(margin)) : chosen, rejected)
    return centring === 0 ? loss : tf.add<tfjs.Tensor1D>(loss, tf.mul(centring, tf.square(tf.add(chosen, rejected))))
  })
}
