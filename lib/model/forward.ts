import type * as tfjs from '@tensorflow/tfjs'
import { attention, packedAttention } from '../tensor/attention'
import { tf } from '../tensor/backend'
import { embed, layerNorm, linear, rmsNorm } from '../tensor/layers'
import type { Random } from '../tensor/random'
import type { Matrix } from './batch'
import { causalMask, onHost, positionsFrom, sameShape } from './batch'
import { anglesOf, dropout, dropoutMask, gptBlock, llamaBlock } from './blocks'
import type { GptConfig, LlamaConfig, ModelConfig } from './config'
import { shapeOf } from './config'
import type { Params } from './params'

/** How a batch is to be read. */
export interface ForwardOptions {
  /** [b, t]: 1 for a token, 0 for padding, on either side. Default: no padding. */
  readonly mask?: Matrix
  /** [b, t]: default counts the tokens that are not padding. */
  readonly positions?: Matrix
  /** Switches dropout on, at the rates of the configuration. */
  readonly random?: Random
}

/**
 * The trunk: tokens [b, t] → hidden states after the last norm [b, t, width].
 * Throws where the batch is longer than the context, or an id or position has no embedding.
 */
export function trunk(params: Params, config: ModelConfig, tokens: Matrix, options: ForwardOptions = {}): tfjs.Tensor3D {
  return tf.tidy(() => run(params, config, tokens, options))
}

/** The residual stream at every depth, [b, t, width] each: after the embedding, after each block but the last, after the last norm. */
export function hiddenStates(params: Params, config: ModelConfig, tokens: Matrix, options: ForwardOptions = {}): tfjs.Tensor3D[] {
  return tf.tidy(() => {
    const states: tfjs.Tensor3D[] = [], last = run(params, config, tokens, options, x => states.push(x))
    return [...states.slice(0, -1), last]
  })
}

/** Logits [.., vocabulary] of hidden states [.., width]: the output head, which is the token embedding where the two are tied. */
export function lmHead<T extends tfjs.Tensor>(params: Params, config: ModelConfig, hidden: T): T {
  const embedding = config.model_type === 'gpt2' ? 'transformer.wte.weight' : 'model.embed_tokens.weight'
  const { width, vocabulary } = shapeOf(config), weight = params[config.tie_word_embeddings ? embedding : 'lm_head.weight']
  return tf.tidy(() => tf.reshape(linear(tf.reshape(hidden, [-1, width]), weight, undefined, true), [...hidden.shape.slice(0, -1), vocabulary])) as T
}

/** The whole model: tokens [b, t] → hidden [b, t, width] (after the last norm) and logits [b, t, vocabulary]. */
export function forward(params: Params, config: ModelConfig, tokens: Matrix, options: ForwardOptions = {}): { hidden: tfjs.Tensor3D, logits: tfjs.Tensor3D } {
  const hidden = trunk(params, config, tokens, options)
  return { hidden, logits: lmHead(params, config, hidden) }
}

function run(params: Params, config: ModelConfig, tokens: Matrix, options: ForwardOptions, each: (x: tfjs.Tensor3D) => void = () => {}): tfjs.Tensor3D {
  const ids = onHost(tokens, 'tokens'), { rows, columns } = ids, { context, width } = shapeOf(config)
  if (columns > context) throw new RangeError(`tokens: ${columns} columns, but the model's context is ${context}`)
  const mask = options.mask && sameShape(onHost(options.mask, 'mask'), ids, 'mask')
  const positions = options.positions ? sameShape(onHost(options.positions, 'positions'), ids, 'positions').data : positionsFrom(mask, rows, columns)
  const batch: Batch = { ids: ids.data, rows, columns, positions, mask: causalMask(mask, columns), random: options.random }
  const look = (x: tfjs.Tensor2D) => each(tf.reshape(x, [rows, columns, width]))
  const out = config.model_type === 'gpt2' ? gpt(params, config, batch, look) : llama(params, config, batch, look)
  return tf.reshape(out, [rows, columns, width])
}

interface Batch { readonly ids: Int32Array, readonly rows: number, readonly columns: number, readonly positions: Int32Array, readonly mask: tfjs.Tensor4D, readonly random?: Random }

function gpt(params: Params, config: GptConfig, { ids, rows, columns, positions, mask, random }: Batch, look: (x: tfjs.Tensor2D) => void): tfjs.Tensor2D {
  let x = tf.add<tfjs.Tensor2D>(embed(params['transformer.wte.weight'], ids, 'token'), embed(params['transformer.wpe.weight'], positions, 'position'))
  x = dropout(x, config.embd_pdrop, random)
  look(x)
  const { n_layer, n_head, attn_pdrop } = config
  for (let layer = 0; layer < n_layer; layer++) {
    const attend = (qkv: tfjs.Tensor2D) =>
      packedAttention(qkv, [rows, columns], n_head, mask, dropoutMask([rows, n_head, columns, columns], attn_pdrop, random))
    x = gptBlock(x, params, config, layer, attend, random)
    look(x)
  }
  return layerNorm(x, params['transformer.ln_f.weight'], params['transformer.ln_f.bias'], config.layer_norm_epsilon)
}

function llama(params: Params, config: LlamaConfig, { ids, rows, columns, positions, mask }: Batch, look: (x: tfjs.Tensor2D) => void): tfjs.Tensor2D {
  let x = embed(params['model.embed_tokens.weight'], ids, 'token')
  look(x)
  const angles = anglesOf(positions, rows, config)
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    x = llamaBlock(x, [rows, columns], params, config, layer, angles, (q, k, v) => attention(q, k, v, mask))
    look(x)
  }
  return rmsNorm(x, params['model.norm.weight'], config.rms_norm_eps)
}
