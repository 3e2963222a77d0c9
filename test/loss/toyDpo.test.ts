import { expect } from 'chai'
import type * as tfjs from '@tensorflow/tfjs'
import { dpoLoss } from '../../lib/loss/dpo'
import { ready, tf } from '../../lib/tensor/backend'
import { valueAndGrads } from '../../lib/tensor/gradients'
import { gatherLogps } from '../../lib/tensor/logprobs'
import { goldens } from '../goldens'

type Weights = Readonly<Record<string, tfjs.Tensor>>
type Grid = number[][]

/** Summed response log-probs of a model that is an embedding and a linear layer: a token depends on the one before it only. */
function responseLogps(weights: Weights, ids: Grid, completion: Grid): tfjs.Tensor1D {
  const T = ids[0].length - 1, previous = ids.flatMap(row => row.slice(0, -1)), next = ids.flatMap(row => row.slice(1))
  const hidden = tf.gather(weights['embedding.weight'] as tfjs.Tensor2D, tf.tensor1d(previous, 'int32'))
  const logits = tf.add<tfjs.Tensor2D>(tf.matMul(hidden, weights['projection.weight'], false, true), weights['projection.bias'])
  const mask = tf.tensor2d(completion.map(row => row.slice(1)))
  return tf.sum<tfjs.Tensor1D>(tf.mul(tf.reshape(gatherLogps(logits, next), [ids.length, T]), mask), 1)
}

describe('loss: DPO of a two-matrix language model', () => {
  before(ready)
  // the float64 case starts from the same weights; tensors are float32, so it is held to the float32 tolerance
  for (const name of ['toy_dpo_float32', 'toy_dpo_float64']) {
    it(`toy_dpo: ${name}`, () => tf.tidy(() => {
      const single = goldens('toy_dpo').case('toy_dpo_float32'), { inputs, expected } = goldens('toy_dpo').case(name)
      const { input_ids: ids, completion_mask: completion } = inputs.batch as { input_ids: Grid; completion_mask: Grid }, B = ids.length / 2
      const tensors = (weights: Record<string, number[] | Grid>) => Object.fromEntries(Object.entries(weights).map(([k, v]) => [k, tf.tensor(v)]))
      const ref = responseLogps(tensors(inputs.reference_weights as Record<string, Grid>), ids, completion).arraySync()
      const { value, grads, aux } = valueAndGrads(policy => {
        const logps = responseLogps(policy, ids, completion), chosen = logps.slice([0], [B]), rejected = logps.slice([B], [B])
        return { loss: tf.mean<tfjs.Scalar>(dpoLoss({ chosen, rejected, refChosen: ref.slice(0, B), refRejected: ref.slice(B) }, { beta: inputs.beta as number })), aux: { chosen, rejected } }
      }, tensors(inputs.policy_weights as Record<string, Grid>))
      single.close(value.dataSync()[0], 'loss')
      single.close(aux.chosen.arraySync(), 'chosen_logps')
      single.close(aux.rejected.arraySync(), 'rejected_logps')
      single.close(ref.slice(0, B), 'ref_chosen_logps')
      single.close(ref.slice(B), 'ref_rejected_logps')
      for (const [weight, grad] of Object.entries(grads)) single.close(grad.arraySync(), `grads.${weight}`)
      const sum = Object.values(grads).reduce((s, grad) => s + tf.sum(tf.abs(grad)).dataSync()[0], 0)
      single.close(sum, 'grad_abs_sum')
      expect(sum).to.be.closeTo(expected.grad_abs_sum as number, 1e-4)
    }))
  }
})
