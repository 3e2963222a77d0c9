import type * as tfjs from '@tensorflow/tfjs'
import { ktoLoss, ktoReferencePoint } from '../loss/kto'
import type { ModelConfig } from '../model/config'
import { scoredInputs } from '../model/inputs'
import type { ScoredInputs } from '../model/inputs'
import { scoredLogits } from '../model/logps'
import { adamw } from '../model/optimiser'
import type { LanguageModel, Params } from '../model/params'
import { constantSchedule } from '../model/schedules'
import type { Response } from '../rollout/evaluate'
import { tf } from '../tensor/backend'
import { hostRows } from '../tensor/host'
import type { HostTensor, OnDevice } from '../tensor/host'
import { jitWorks } from '../tensor/jit'
import { entropies, gatherLogps } from '../tensor/logprobs'
import { Random } from '../tensor/random'
import { batchesByLength } from './batches'
import type { EpochOptions } from './options'
import { checkResponse, referenceLogps, responseBatch, responseLength, sequenceLogps, sumByRow } from './responses'
import { startState, training } from './training'
import type { Training } from './training'
import { update } from './update'

/** A response that somebody liked or disliked. */
export interface Thumb extends Response { readonly liked: boolean }

/** What a reference says of thumbs: log-probs of each response after its own prompt, and of each prompt's mismatched response (see mismatchedResponses). */
export interface ThumbReference { readonly matched: Float32Array; readonly mismatched: Float32Array }

/** Batches of 32 thumbs of similar length, within which prompts and responses are mismatched, and a rate of 1e-4 unless said otherwise. */
export interface KtoTrainerOptions extends EpochOptions {
  /** What to train; its weights stay as they are, the trained ones are `training.state.models.policy`. */
  readonly model: LanguageModel
  readonly thumbs: readonly Thumb[]
  /** The frozen reference, or its log-probs (thumbReference with the same batchSize). Default: `model` as given. Its weights must stay until the first record. */
  readonly reference?: LanguageModel | ThumbReference
  readonly beta?: number
  /** Weights of liked and disliked responses (default 1 each). Where one kind is rarer, balancedKtoWeights makes up for it. */
  readonly desirableWeight?: number
  readonly undesirableWeight?: number
  /** False: the reference point is 0 instead of the KL estimate, which is APO-zero on single responses and saves two forward passes (default true). */
  readonly klTerm?: boolean
}

/** One record a step, named as TRL's KTOTrainer names them; of the step's thumbs, before the update. Figures of a kind that the step has none of are missing. */
export interface KtoMetrics {
  /** From 1. */
  readonly step: number
  readonly loss: number
  /** The reference point z0: mean log π/π_ref of mismatched responses, at least 0. */
  readonly kl: number
  /** Means of β log π(y)/π_ref(y) over liked (chosen) and disliked (rejected) responses. */
  readonly 'rewards/chosen'?: number
  readonly 'rewards/rejected'?: number
  readonly 'rewards/margins'?: number
  readonly 'logps/chosen'?: number
  readonly 'logps/rejected'?: number
  readonly 'logits/chosen'?: number
  readonly 'logits/rejected'?: number
  /** Mean entropy at response tokens, nats. */
  readonly entropy: number
  /** Before clipping. */
  readonly grad_norm: number
  readonly learning_rate: number
  readonly epoch: number
}

/**
 * Each prompt with a response that was given to another: the one before it in its block of `block` thumbs (the first takes the last),
 * skipping those of the same prompt. Throws where all prompts of the data are the same.
 */
export function mismatchedResponses(thumbs: readonly Response[], block: number): Response[] {
  const key = thumbs.map(({ prompt }) => prompt.ids.join()), before = (i: number, from: number, size: number) => {
    for (let k = 1; k < size; k++) {
      const j = from + (i - from - k + size) % size
      if (key[j] !== key[i]) return j
    }
    return undefined
  }
  return thumbs.map(({ prompt }, i) => {
    const start = i - i % block, other = before(i, start, Math.min(block, thumbs.length - start)) ?? before(i, 0, thumbs.length)
    if (other === undefined) throw new Error('kto: all thumbs have the same prompt, so there is no mismatched response to estimate the KL from; add prompts, or set klTerm to false')
    return { prompt, tokens: thumbs[other].tokens }
  })
}

/** A reference's log-probs of thumbs, computed once for as many runs as you like with this batchSize. */
export async function thumbReference(model: LanguageModel, thumbs: readonly Thumb[], batchSize = 32): Promise<ThumbReference> {
  return logpsOf(model, thumbs, mismatchedResponses(thumbs, batchSize))
}

/**
 * Kahneman-Tversky optimisation, from single responses that were liked or disliked: minimises the mean of {@link ktoLoss}, whose reference
 * point is estimated at every step from mismatched prompts and responses, without gradient.  Ethayarajh 2024, arXiv:2402.01306
 */
export function kto(options: KtoTrainerOptions): Training<KtoMetrics> {
  const { model: { config, params }, thumbs, batchSize = 32, klTerm = true, optimiser = adamw({ lr: 1e-4, maxGradNorm: 1 }), shuffle = true } = options
  const schedule = options.schedule ?? constantSchedule({ lr: 1e-4 }), perEpoch = Math.ceil(thumbs.length / batchSize), steps = options.steps ?? perEpoch
  const { beta = 0.1, desirableWeight = 1, undesirableWeight = 1, reference: given = options.model } = options, settings = { beta, desirableWeight, undesirableWeight }
  const objective = objectiveOf(config, settings)
  check(options, batchSize, settings)
  const others = klTerm ? mismatchedResponses(thumbs, batchSize) : []
  if (klTerm) others.forEach((r, i) => checkResponse(`kto: thumb ${i} with the response of another`, r, config))
  return training(startState('kto', { policy: params }, { policy: optimiser.init(params) }, Random.seed(options.seed ?? 0)), async function* (own) {
    if (own.state.step >= steps) return
    const reference = 'params' in given ? await logpsOf(given, thumbs, others) : given, places = thumbs.map((_, i) => i)
    while (own.state.step < steps) {
      const { state } = own, t = state.step, random = Random.resume(state.random), epoch = Math.floor(t / perEpoch), first = (t % perEpoch) * batchSize
      const order = shuffle ? batchesByLength(places, batchSize, i => responseLength(thumbs[i]), random.split(`epoch ${epoch}`)) : places, rows = order.slice(first, first + batchSize)
      const kl = klTerm ? referencePoint(state.models.policy, config, rows.map(i => others[i]), Float32Array.from(rows, i => reference.mismatched[i])) : 0
      const mine = rows.map(i => thumbs[i]), { tokens, mask, responseMask, weights } = responseBatch(mine), batch = scoredInputs(config, tokens, { mask, responseMask, random: random.split(`step ${t}`), fewShapes: jitWorks() })
      const logpRef = Float32Array.from(rows, i => reference.matched[i]), inputs: Inputs = { batch, weights: hostRows(weights, batch.scoredMask.shape[1]), logpRef, liked: Float32Array.from(mine, r => Number(r.liked)), kl }
      const learning_rate = schedule(t), { loss, gradNorm, aux } = update(state, { role: 'policy', optimiser, learningRate: learning_rate, objective, inputs })
      state.step = t + 1
      yield { step: t + 1, loss, kl, ...describe(aux.logp, aux.report, inputs, responseMask, beta), grad_norm: gradNorm, learning_rate, epoch: (t + 1) / perEpoch }
    }
  }, options)
}

interface Inputs { readonly batch: ScoredInputs; readonly weights: HostTensor<[number, number]>; readonly logpRef: Float32Array; readonly liked: Float32Array; readonly kl: number }
interface Settings { readonly beta: number; readonly desirableWeight: number; readonly undesirableWeight: number }

async function logpsOf(model: LanguageModel, thumbs: readonly Thumb[], others: readonly Response[]): Promise<ThumbReference> {
  const logps = await referenceLogps(model, [...thumbs, ...others])
  return { matched: logps.slice(0, thumbs.length), mismatched: logps.slice(thumbs.length) }
}

/** z0 of a batch under the policy as it is now. */
function referencePoint(params: Params, config: ModelConfig, others: readonly Response[], logpRef: Float32Array): number {
  return ktoReferencePoint(sequenceLogps({ config, params }, others), logpRef)
}

const objectiveOf = (config: ModelConfig, settings: Settings) => (params: Params, { batch, weights, logpRef, liked, kl }: OnDevice<Inputs>) => {
  const { logits, targets, back } = scoredLogits(params, config, batch), logp = tf.sum<tfjs.Tensor1D>(tf.mul(back(gatherLogps(logits, targets)), weights), 1)
  return { loss: tf.mean<tfjs.Scalar>(ktoLoss({ logp, logpRef, liked }, kl, settings)), aux: { logp, report: tf.stack([tf.mean(logits, 1), entropies(logits)]) } }
}

function describe(logps: Float32Array, report: Float32Array, { logpRef, liked }: Inputs, responseMask: readonly Int32Array[], beta: number) {
  const tokens = sumByRow(report, 2, responseMask, responseMask), total = (k: number, of: readonly number[]) => of.reduce((sum, i) => sum + tokens[i][k], 0)
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length, all = Array.from(liked.keys())
  const side = (name: 'chosen' | 'rejected', of: number[]) => of.length === 0 ? {} : {
    [`rewards/${name}`]: mean(of.map(i => beta * (logps[i] - logpRef[i]))), [`logps/${name}`]: mean(of.map(i => logps[i])), [`logits/${name}`]: total(0, of) / total(2, of),
  }
  const both: Partial<KtoMetrics> = { ...side('chosen', all.filter(i => liked[i])), ...side('rejected', all.filter(i => !liked[i])) }
  const { 'rewards/chosen': w, 'rewards/rejected': l } = both
  return { ...both, ...w !== undefined && l !== undefined ? { 'rewards/margins': w - l } : {}, entropy: total(1, all) / total(2, all) }
}

function check({ model, thumbs, steps = 1, reference, klTerm = true }: KtoTrainerOptions, batchSize: number, settings: Settings): void {
  for (const [name, value] of Object.entries({ steps, batchSize })) {
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name}: expected a positive integer, got ${value}`)
  }
  for (const [name, value] of Object.entries(settings)) if (!(value > 0 && value < Infinity)) throw new RangeError(`${name}: expected a positive number, got ${value}`)
  if (thumbs.length === 0) throw new Error('kto: no thumbs')
  thumbs.forEach((thumb, i) => checkResponse(`kto: thumb ${i}`, thumb, model.config))
  if (reference && !('params' in reference) && (reference.matched.length !== thumbs.length || klTerm && reference.mismatched.length !== thumbs.length)) {
    throw new RangeError(`reference: expected log-probs of ${thumbs.length} thumbs, got ${reference.matched.length} matched and ${reference.mismatched.length} mismatched`)
  }
}
