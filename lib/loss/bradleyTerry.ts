import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'

/**
 * Bradley-Terry's negative log-likelihood: −log σ(r_w − r_l) = softplus(r_l − r_w), one value a pair; its gradient with respect
 * to r_w is −σ(r_l − r_w).  Bradley & Terry 1952, doi:10.2307/2334029; as a reward model's loss: Ouyang 2022, arXiv:2203.02155 eq. 1
 * chosen, rejected: rewards (or strengths) of the preferred and the other answer, [B]. Throws RangeError unless both are [B].
 */
export function bradleyTerryLoss(chosen: tfjs.Tensor1D, rejected: tfjs.Tensor1D): tfjs.Tensor1D {
  if (chosen.rank !== 1 || rejected.rank !== 1 || chosen.shape[0] !== rejected.shape[0]) {
    throw new RangeError(`bradleyTerryLoss: expected chosen and rejected of the same shape [B], got [${chosen.shape.join(', ')}] and [${rejected.shape.join(', ')}]`)
  }
  return tf.tidy(() => tf.softplus(tf.sub<tfjs.Tensor1D>(rejected, chosen)))
}
