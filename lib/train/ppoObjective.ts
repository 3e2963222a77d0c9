import type * as tfjs from '@tensorflow/tfjs'
import type { AdvantageEstimate } from '../advantage/shaped'
import { clippedPolicyLoss } from '../loss/clipped'
import { clippedValueLoss } from '../loss/value'
import type { ModelConfig } from '../model/config'
import { shapeOf } from '../model/config'
import { lmHead, trunk } from '../model/forward'
import { headScores } from '../model/heads'
import type { Params } from '../model/params'
import type { Response } from '../rollout/evaluate'
import { padResponses } from '../rollout/evaluate'
import { tf } from '../tensor/backend'
import { embed } from '../tensor/layers'
import { entropies, gatherLogps } from '../tensor/logprobs'
import { meanPerToken } from '../tensor/masked'

/** Places among the b·t positions of a padded batch, with what was known there: n numbers each, one row after the other. */
export interface PpoBatch {
  readonly tokens: readonly Int32Array[]
  readonly mask: readonly Int32Array[]
  /** Positions whose hidden state gives a response token, and that token. */
  readonly sources: Int32Array
  readonly targets: Int32Array
  readonly logpOld: Float32Array
  readonly advantages: Float32Array
  /** Positions whose value is trained. */
  readonly valueSources: Int32Array
  readonly valuesOld: Float32Array
  readonly returns: Float32Array
}

/** Everything that an update needs of some rollouts and their estimates, padded to one length. */
export function ppoBatch(rollouts: readonly (Response & { readonly logpOld: Float32Array })[], estimates: readonly AdvantageEstimate[]): PpoBatch {
  const { tokens, mask } = padResponses(rollouts), columns = tokens[0].length
  const places = (length: (i: number) => number) => Int32Array.from(rollouts.flatMap(({ prompt }, i) => Array.from({ length: length(i) }, (_, t) => i * columns + prompt.ids.length - 1 + t)))
  const joined = (rows: readonly Float32Array[]) => Float32Array.from(rows.flatMap(row => Array.from(row)))
  return {
    tokens, mask,
    sources: places(i => rollouts[i].tokens.length), targets: Int32Array.from(rollouts.flatMap(r => r.tokens)),
    logpOld: joined(rollouts.map(r => r.logpOld)), advantages: joined(estimates.map(e => e.advantages)),
    valueSources: places(i => estimates[i].returns.length), valuesOld: joined(estimates.map(e => e.valuesOld)), returns: joined(estimates.map(e => e.returns)),
  }
}

/** What the objectives need besides weights and batch; the same at every step. */
export interface PpoConfig {
  readonly config: ModelConfig
  readonly valueConfig: ModelConfig
  readonly temperature: number
  readonly clip: number
  readonly clipValue: number
  readonly valueCoefficient: number
}

/** A loss with what is reported of it, in tensors without gradient. */
export interface Objective<A> { readonly loss: tfjs.Scalar; readonly aux: A }
/** New log-probs and entropies at response tokens, [n]. */
export type PolicyAux = Readonly<Record<'policyLoss' | 'logp' | 'entropy', tfjs.Tensor>>
/** New values, [m]. */
export type ValueAux = Readonly<Record<'valueLoss' | 'values', tfjs.Tensor>>

const hiddenOf = (weights: Params, config: ModelConfig, { tokens, mask }: PpoBatch) =>
  tf.reshape<tfjs.Rank.R2>(trunk(weights, config, tokens, { mask }), [-1, shapeOf(config).width])
const row = (x: tfjs.Tensor1D) => tf.reshape<tfjs.Rank.R2>(x, [1, -1])
const mean = (x: tfjs.Tensor2D) => meanPerToken(x, tf.onesLike(x))

function policyTerm(weights: Params, hidden: tfjs.Tensor2D, { sources, targets, logpOld, advantages }: PpoBatch, { config, temperature, clip }: PpoConfig): Objective<PolicyAux> {
  const logits = lmHead(weights, config, embed(hidden, sources)), logp = gatherLogps(logits, targets, temperature)
  const loss = mean(clippedPolicyLoss(row(logp), { logpOld: [logpOld], advantages: [advantages], mask: [] }, { clip }))
  return { loss, aux: { policyLoss: loss, logp, entropy: entropies(temperature === 1 ? logits : tf.div(logits, temperature)) } }
}

function valueTerm(weights: Params, hidden: tfjs.Tensor2D, { valueSources, valuesOld, returns }: PpoBatch, { clipValue, valueCoefficient }: PpoConfig): Objective<ValueAux> {
  const values = headScores(weights, embed(hidden, valueSources)), valueLoss = mean(clippedValueLoss(row(values), { valuesOld: [valuesOld], returns: [returns] }, { clip: clipValue }))
  return { loss: tf.mul(valueLoss, valueCoefficient), aux: { valueLoss, values } }
}

/** PPO's loss of the policy: the mean of {@link clippedPolicyLoss} over the response tokens of a batch.  Schulman 2017, arXiv:1707.06347 eq. 7 */
export const policyObjective = (weights: Params, batch: PpoBatch, settings: PpoConfig): Objective<PolicyAux> =>
  policyTerm(weights, hiddenOf(weights, settings.config, batch), batch, settings)

/** c_v times the mean of {@link clippedValueLoss} over the positions with a return; for a value model with a trunk of its own. */
export const valueObjective = (weights: Params, batch: PpoBatch, settings: PpoConfig): Objective<ValueAux> =>
  valueTerm(weights, hiddenOf(weights, settings.valueConfig, batch), batch, settings)

/** Both losses added, for a policy whose trunk carries the value head too: one pass through the trunk.  Schulman 2017, arXiv:1707.06347 eq. 9 */
export function sharedObjective(weights: Params, batch: PpoBatch, settings: PpoConfig): Objective<PolicyAux & ValueAux> {
  const hidden = hiddenOf(weights, settings.config, batch), policy = policyTerm(weights, hidden, batch, settings), value = valueTerm(weights, hidden, batch, settings)
  return { loss: tf.add(policy.loss, value.loss), aux: { ...policy.aux, ...value.aux } }
}
