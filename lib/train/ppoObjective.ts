import type * as tfjs from '@tensorflow/tfjs'
import type { AdvantageEstimate } from '../advantage/shaped'
import { clippedPolicyLoss } from '../loss/clipped'
import { clippedValueLoss } from '../loss/value'
import type { ModelConfig } from '../model/config'
import { shapeOf } from '../model/config'
import { lmHead, trunk } from '../model/forward'
import { headScores } from '../model/heads'
import { batchInputs, scoredInputs } from '../model/inputs'
import type { BatchInputs, ScoredInputs } from '../model/inputs'
import type { Params } from '../model/params'
import type { Response } from '../rollout/evaluate'
import { padResponses } from '../rollout/evaluate'
import { tf } from '../tensor/backend'
import { hostTensor } from '../tensor/host'
import type { HostTensor, OnDevice } from '../tensor/host'
import { embed } from '../tensor/layers'
import { entropies, gatherLogps } from '../tensor/logprobs'
import { meanPerToken } from '../tensor/masked'

type Grid = HostTensor<[number, number]>
/** What the policy's loss needs of a minibatch: its tokens, and numbers for the n response tokens, one response after the other, [1, n]. */
export type PolicyInputs = { readonly batch: ScoredInputs, readonly logpOld: Grid, readonly advantages: Grid, readonly counted: Grid }
/** What the value loss needs: the tokens, and numbers at their positions, [b, t]; `aimed` is 1 where there is a return. */
export type ValueInputs = { readonly valueBatch: BatchInputs, readonly valuesOld: Grid, readonly returns: Grid, readonly aimed: Grid }

/** Some rollouts with their estimates. */
export interface Minibatch { readonly rollouts: readonly (Response & { readonly logpOld: Float32Array })[]; readonly estimates: readonly AdvantageEstimate[] }

/** A minibatch as the policy's loss takes it; fewShapes as in BatchOptions; whole: its trunk serves the value, too, which looks at the last column. */
export function policyInputs(config: ModelConfig, { rollouts, estimates }: Minibatch, fewShapes: boolean | number = true, whole = false): PolicyInputs {
  const { tokens, mask, responseMask } = padResponses(rollouts), batch = scoredInputs(config, tokens, { mask, responseMask, fewShapes, whole }), n = batch.sources.shape[0]
  const list = (rows: readonly Float32Array[]) => {
    const data = new Float32Array(n)
    rows.reduce((at, row) => { data.set(row, at); return at + row.length }, 0)
    return hostTensor(data, [1, n])
  }
  return { batch, logpOld: list(rollouts.map(r => r.logpOld)), advantages: list(estimates.map(e => e.advantages)), counted: list(rollouts.map(r => new Float32Array(r.tokens.length).fill(1))) }
}

/** A minibatch as the value loss takes it; fewShapes as in BatchOptions. */
export function valueInputs(config: ModelConfig, { rollouts, estimates }: Minibatch, fewShapes: boolean | number = true): ValueInputs {
  const { tokens, mask } = padResponses(rollouts), valueBatch = batchInputs(config, tokens, { mask, fewShapes }), [rows, columns] = valueBatch.ids.shape
  const grid = (of: (e: AdvantageEstimate) => Float32Array) => {
    const data = new Float32Array(rows * columns)
    rollouts.forEach(({ prompt }, i) => data.set(of(estimates[i]), i * columns + prompt.ids.length - 1))
    return hostTensor(data, [rows, columns])
  }
  return { valueBatch, valuesOld: grid(e => e.valuesOld), returns: grid(e => e.returns), aimed: grid(e => new Float32Array(e.returns.length).fill(1)) }
}

/** What the objectives need besides weights and inputs; the same at every step. */
export interface PpoSettings {
  readonly temperature: number
  readonly clip: number
  readonly clipValue: number
  readonly valueCoefficient: number
}

/** Reported beside the policy's loss: new log-probs and entropies at response tokens, [n]. */
export type PolicyAux = { readonly policyLoss: tfjs.Tensor, readonly logp: tfjs.Tensor, readonly entropy: tfjs.Tensor }
/** Reported beside the value loss: new values, [b, t]. */
export type ValueAux = { readonly valueLoss: tfjs.Tensor, readonly values: tfjs.Tensor }

const flat = (hidden: tfjs.Tensor3D, config: ModelConfig) => tf.reshape<tfjs.Rank.R2>(hidden, [-1, shapeOf(config).width])

function policyTerm(weights: Params, config: ModelConfig, hidden: tfjs.Tensor2D, { batch, logpOld, advantages, counted }: OnDevice<PolicyInputs>, { temperature, clip }: PpoSettings): { loss: tfjs.Scalar, aux: PolicyAux } {
  const logits = lmHead(weights, config, embed(hidden, batch.sources)), logp = gatherLogps(logits, batch.targets, temperature)
  const loss = meanPerToken(clippedPolicyLoss(tf.reshape(logp, [1, -1]), { logpOld, advantages, mask: counted }, { clip }), counted)
  return { loss, aux: { policyLoss: loss, logp, entropy: entropies(temperature === 1 ? logits : tf.div(logits, temperature)) } }
}

function valueTerm(weights: Params, hidden: tfjs.Tensor2D, { valueBatch, valuesOld, returns, aimed }: OnDevice<ValueInputs>, { clipValue, valueCoefficient }: PpoSettings): { loss: tfjs.Scalar, aux: ValueAux } {
  const values = tf.reshape<tfjs.Rank.R2>(headScores(weights, hidden), valueBatch.ids.shape), valueLoss = meanPerToken(clippedValueLoss(values, { valuesOld, returns }, { clip: clipValue }), aimed)
  return { loss: tf.mul(valueLoss, valueCoefficient), aux: { valueLoss, values } }
}

/** PPO's loss of the policy: the mean of {@link clippedPolicyLoss} over the response tokens of a minibatch.  Schulman 2017, arXiv:1707.06347 eq. 7 */
export const policyObjective = (config: ModelConfig, settings: PpoSettings) => (weights: Params, inputs: OnDevice<PolicyInputs>) =>
  policyTerm(weights, config, flat(trunk(weights, config, inputs.batch), config), inputs, settings)

/** c_v times the mean of {@link clippedValueLoss} over the positions with a return; for a value model with a trunk of its own. */
export const valueObjective = (config: ModelConfig, settings: PpoSettings) => (weights: Params, inputs: OnDevice<ValueInputs>) =>
  valueTerm(weights, flat(trunk(weights, config, inputs.valueBatch), config), inputs, settings)

/** Both losses added, for a policy whose trunk carries the value head too: one pass through the trunk.  Schulman 2017, arXiv:1707.06347 eq. 9 */
export const sharedObjective = (config: ModelConfig, settings: PpoSettings) => (weights: Params, inputs: OnDevice<PolicyInputs & ValueInputs>) => {
  const hidden = flat(trunk(weights, config, inputs.batch), config)
  const policy = policyTerm(weights, config, hidden, inputs, settings), value = valueTerm(weights, hidden, inputs, settings)
  return { loss: tf.add<tfjs.Scalar>(policy.loss, value.loss), aux: { ...policy.aux, ...value.aux } }
}
