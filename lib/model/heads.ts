import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { toTensors } from '../tensor/host'
import { embed, linear } from '../tensor/layers'
import type { Random } from '../tensor/random'
import type { Matrix } from './batch'
import type { ModelConfig } from './config'
import { shapeOf } from './config'
import type { ForwardOptions, Tokens } from './forward'
import { trunk } from './forward'
import type { SequenceTensors } from './inputs'
import { arePrepared, sequenceInputs } from './inputs'
import type { Params } from './params'

/**
 * The record with a scalar head `score.weight` [1, width] besides: a reward or value model that shares the trunk's tensors
 * (clone the record first for a trunk of its own). Weights normal(0, 1/√(width + 1)) from `random`, as in Stiennon 2020, arXiv:2009.01325; 0 without it.
 */
export function withScoreHead(params: Params, config: ModelConfig, random?: Random): Params {
  const { width } = shapeOf(config), std = random ? 1 / Math.sqrt(width + 1) : 0
  return { ...params, 'score.weight': tf.tensor2d(Float32Array.from({ length: width }, () => random ? std * random.normal() : 0), [1, width]) }
}

/** The scalar head on hidden states: score · hidden (+ `score.bias` where there is one), [n, width] → [n]. */
export function headScores(params: Params, hidden: tfjs.Tensor2D): tfjs.Tensor1D {
  if (!('score.weight' in params)) throw new Error('score.weight: missing; give the model a scalar head with withScoreHead')
  return tf.reshape<tfjs.Rank.R1>(linear(hidden, params['score.weight'], params['score.bias'], true), [-1])
}

/**
 * A reward for each sequence: the scalar head at its last token that is not padding. tokens [b, t], or {@link sequenceInputs} as tensors → [b].
 * Throws where a row is all padding.
 */
export function sequenceScores(params: Params, config: ModelConfig, tokens: Matrix | SequenceTensors, options: ForwardOptions = {}): tfjs.Tensor1D {
  return tf.tidy(() => {
    const batch = arePrepared(tokens) ? tokens : toTensors(sequenceInputs(config, tokens, options))
    const hidden = tf.reshape(trunk(params, config, batch), [-1, shapeOf(config).width])
    return headScores(params, embed(hidden, batch.last))
  })
}

/** A value at every position, from the tokens up to it: tokens [b, t] → [b, t]. What stands at padding has no meaning. */
export function tokenValues(params: Params, config: ModelConfig, tokens: Tokens, options: ForwardOptions = {}): tfjs.Tensor2D {
  return tf.tidy(() => {
    const hidden = trunk(params, config, tokens, options), [b, t, width] = hidden.shape
    return tf.reshape<tfjs.Rank.R2>(headScores(params, tf.reshape(hidden, [b * t, width])), [b, t])
  })
}
