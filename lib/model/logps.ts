import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { embed } from '../tensor/layers'
import { entropies, gatherLogps, scatter } from '../tensor/logprobs'
import type { Matrix } from './batch'
import { onHost, sameShape } from './batch'
import type { ModelConfig } from './config'
import { shapeOf } from './config'
import type { ForwardOptions } from './forward'
import { lmHead, trunk } from './forward'
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
 * tokens [b, t] → [b, t − 1]. The output head runs on the scored rows only. Throws where no token is scored.
 */
export function tokenLogps(params: Params, config: ModelConfig, tokens: Matrix, options: LogpOptions = {}): tfjs.Tensor2D {
  return tf.tidy(() => {
    const { logits, targets, back } = scoredLogits(params, config, tokens, options)
    return back(gatherLogps(logits, targets, options.temperature))
  })
}

/** {@link tokenLogps} together with the entropy of each scored position's distribution (at the same temperature), both [b, t − 1]. */
export function tokenLogpsAndEntropies(params: Params, config: ModelConfig, tokens: Matrix, options: LogpOptions = {}): { logps: tfjs.Tensor2D, entropies: tfjs.Tensor2D } {
  return tf.tidy(() => {
    const { logits, targets, back } = scoredLogits(params, config, tokens, options), { temperature = 1 } = options
    return { logps: back(gatherLogps(logits, targets, temperature)), entropies: back(entropies(temperature === 1 ? logits : tf.div(logits, temperature))) }
  })
}

/** Logits of the scored positions only. */
export interface ScoredLogits {
  /** [n, vocabulary], in row-major order of the scored tokens. */
  readonly logits: tfjs.Tensor2D
  /** The n scored tokens. */
  readonly targets: Int32Array
  /** Spreads n values over [b, t − 1], 0 elsewhere. */
  readonly back: (values: tfjs.Tensor1D) => tfjs.Tensor2D
}

/** The logits from which {@link tokenLogps} are taken, for exact KL and the like. */
export function scoredLogits(params: Params, config: ModelConfig, tokens: Matrix, options: LogpOptions = {}): ScoredLogits {
  const ids = onHost(tokens, 'tokens'), { rows, columns } = ids
  const mask = options.mask && sameShape(onHost(options.mask, 'mask'), ids, 'mask')
  const response = options.responseMask && sameShape(onHost(options.responseMask, 'responseMask'), ids, 'responseMask')
  const sources: number[] = [], places: number[] = [], targets: number[] = []
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j + 1 < columns; j++) {
      const at = i * columns + j
      if (response ? response.data[at + 1] === 0 : mask && (mask.data[at] === 0 || mask.data[at + 1] === 0)) continue
      sources.push(at)
      places.push(i * (columns - 1) + j)
      targets.push(ids.data[at + 1])
    }
  }
  if (sources.length === 0) throw new Error(`responseMask: no token of [${rows}, ${columns}] is scored; a response needs a token after the first column`)
  const back = (values: tfjs.Tensor1D) => tf.reshape<tfjs.Rank.R2>(scatter(values, Int32Array.from(places), rows * (columns - 1)), [rows, columns - 1])
  const logits = tf.tidy(() => {
    const hidden = tf.reshape(trunk(params, config, tokens, options), [-1, shapeOf(config).width])
    return lmHead(params, config, embed(hidden, Int32Array.from(sources)))
  })
  return { logits, targets: Int32Array.from(targets), back }
}
