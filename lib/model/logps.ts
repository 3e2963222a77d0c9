import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { toTensors } from '../tensor/host'
import { embed } from '../tensor/layers'
import { entropies, gatherLogps, scatter } from '../tensor/logprobs'
import type { Matrix } from './batch'
import type { ModelConfig } from './config'
import { shapeOf } from './config'
import type { ForwardOptions } from './forward'
import { lmHead, trunk } from './forward'
import type { ScoredTensors } from './inputs'
import { arePrepared, scoredInputs } from './inputs'
import type { Params } from './params'

/** Which tokens to score, and how. */
export interface LogpOptions extends ForwardOptions {
  /** [b, t]: 1 where a token is scored. Default: every token whose predecessor is not padding. */
  readonly responseMask?: Matrix
  /** Divides the logits, as in sampling. Default 1. */
  readonly temperature?: number
}

/**
 * Log-probability of every scored token given those before it: column j scores token j + 1, 0 where nothing is scored.
 * tokens [b, t], or {@link scoredInputs} as tensors (of the options then only the temperature counts) → [b, t − 1]. The output head runs on the scored rows only. Throws where no token is scored.
 */
export function tokenLogps(params: Params, config: ModelConfig, tokens: Matrix | ScoredTensors, options: LogpOptions = {}): tfjs.Tensor2D {
  return tf.tidy(() => {
    const { logits, targets, back } = scoredLogits(params, config, tokens, options)
    return back(gatherLogps(logits, targets, options.temperature))
  })
}

/** {@link tokenLogps} together with the entropy of each scored position's distribution (at the same temperature), both [b, t − 1]. */
export function tokenLogpsAndEntropies(params: Params, config: ModelConfig, tokens: Matrix | ScoredTensors, options: LogpOptions = {}): { logps: tfjs.Tensor2D, entropies: tfjs.Tensor2D } {
  return tf.tidy(() => {
    const { logits, targets, back } = scoredLogits(params, config, tokens, options), { temperature = 1 } = options
    return { logps: back(gatherLogps(logits, targets, temperature)), entropies: back(entropies(temperature === 1 ? logits : tf.div(logits, temperature))) }
  })
}

/** Logits of the scored positions only. */
export interface ScoredLogits<T = Int32Array> {
  /** [n, vocabulary], in row-major order of the scored tokens. */
  readonly logits: tfjs.Tensor2D
  /** The n scored tokens. */
  readonly targets: T
  /** Spreads n values over [b, t − 1], 0 elsewhere. */
  readonly back: (values: tfjs.Tensor1D) => tfjs.Tensor2D
  /** Sums n values over the scored tokens: those that only fill the list up (see `fewShapes`) count nothing. */
  readonly total: (values: tfjs.Tensor1D) => tfjs.Scalar
}

/** The logits from which {@link tokenLogps} are taken, for exact KL and the like. Of prepared inputs the targets are a tensor. */
export function scoredLogits(params: Params, config: ModelConfig, tokens: Matrix, options?: LogpOptions): ScoredLogits
export function scoredLogits(params: Params, config: ModelConfig, tokens: ScoredTensors): ScoredLogits<tfjs.Tensor1D>
export function scoredLogits(params: Params, config: ModelConfig, tokens: Matrix | ScoredTensors, options?: LogpOptions): ScoredLogits<Int32Array | tfjs.Tensor1D>
export function scoredLogits(params: Params, config: ModelConfig, tokens: Matrix | ScoredTensors, options: LogpOptions = {}): ScoredLogits<Int32Array | tfjs.Tensor1D> {
  const host = arePrepared(tokens) ? undefined : scoredInputs(config, tokens, options), scored = arePrepared(tokens) ? tokens.scored : undefined
  const logits = tf.tidy(() => {
    const batch = host ? toTensors(host) : tokens as ScoredTensors
    const hidden = tf.reshape(trunk(params, config, batch), [-1, shapeOf(config).width])
    return lmHead(params, config, embed(hidden, batch.sources))
  })
  const indices = (name: 'targets' | 'places') => host ? host[name].data as Int32Array : (tokens as ScoredTensors)[name]
  const real = (values: tfjs.Tensor1D) => host?.scored ? tf.mul<tfjs.Tensor1D>(values, tf.tensor1d(host.scored.data)) : scored ? tf.mul<tfjs.Tensor1D>(values, scored) : values
  const size = (host ?? tokens as ScoredTensors).scoredMask.shape
  return {
    logits, targets: indices('targets'), total: values => tf.sum(real(values)),
    back: values => tf.reshape<tfjs.Rank.R2>(scatter(real(values), indices('places'), size[0] * size[1]), size),
  }
}
