import type * as tfjs from '@tensorflow/tfjs'
import { attention, packedAttention } from '../tensor/attention'
import { tf } from '../tensor/backend'
import { embed, layerNorm, linear, rmsNorm } from '../tensor/layers'
import { toTensors } from '../tensor/host'
import type { Matrix } from './batch'
import { dropped, gptBlock, llamaBlock } from './blocks'
import type { GptConfig, LlamaConfig, ModelConfig } from './config'
import { shapeOf } from './config'
import type { BatchOptions, BatchTensors } from './inputs'
import { arePrepared, asVector, batchInputs } from './inputs'
import type { Params } from './params'

/** How a batch is to be read. */
export type ForwardOptions = BatchOptions

/** Token ids [b, t], or the batch that {@link batchInputs} made of them, as tensors: then it says all and options say nothing. */
export type Tokens = Matrix | BatchTensors

/**
 * The trunk: tokens [b, t] → hidden states after the last norm [b, t, width].
 * Throws where the batch is longer than the context, or an id or position has no embedding.
 */
export function trunk(params: Params, config: ModelConfig, tokens: Tokens, options: ForwardOptions = {}): tfjs.Tensor3D {
  return tf.tidy(() => run(params, config, tokens, options))
}

/** The residual stream at every depth, [b, t, width] each: after the embedding, after each block but the last, after the last norm. */
export function hiddenStates(params: Params, config: ModelConfig, tokens: Tokens, options: ForwardOptions = {}): tfjs.Tensor3D[] {
  return tf.tidy(() => {
    const states: tfjs.Tensor3D[] = [], last = run(params, config, tokens, options, x => states.push(x))
    return [...states.slice(0, -1), last]
  })
}

/** The output head's weights [vocabulary, width]: the token embedding where the two are tied. */
export const headWeight = (params: Params, config: ModelConfig): tfjs.Tensor2D =>
  params[config.tie_word_embeddings ? config.model_type === 'gpt2' ? 'transformer.wte.weight' : 'model.embed_tokens.weight' : 'lm_head.weight'] as tfjs.Tensor2D

/** Logits [.., vocabulary] of hidden states [.., width]: the output head, which is the token embedding where the two are tied. */
export function lmHead<T extends tfjs.Tensor>(params: Params, config: ModelConfig, hidden: T): T {
  const { width, vocabulary } = shapeOf(config), weight = headWeight(params, config)
  return tf.tidy(() => tf.reshape(linear(tf.reshape(hidden, [-1, width]), weight, undefined, true), [...hidden.shape.slice(0, -1), vocabulary])) as T
}

/** The whole model: tokens [b, t] → hidden [b, t, width] (after the last norm) and logits [b, t, vocabulary]. */
export function forward(params: Params, config: ModelConfig, tokens: Tokens, options: ForwardOptions = {}): { hidden: tfjs.Tensor3D, logits: tfjs.Tensor3D } {
  const hidden = trunk(params, config, tokens, options)
  return { hidden, logits: lmHead(params, config, hidden) }
}

function run(params: Params, config: ModelConfig, tokens: Tokens, options: ForwardOptions, each: (x: tfjs.Tensor3D) => void = () => {}): tfjs.Tensor3D {
  const batch = arePrepared(tokens) ? tokens : toTensors(batchInputs(config, tokens, options)), [rows, columns] = batch.ids.shape, { width } = shapeOf(config)
  const look = (x: tfjs.Tensor2D) => each(tf.reshape(x, [rows, columns, width]))
  const out = config.model_type === 'gpt2' ? gpt(params, config, batch, look) : llama(params, config, batch, look)
  return tf.reshape(out, [rows, columns, width])
}

function gpt(params: Params, config: GptConfig, { ids, positions, mask, dropout = {} }: BatchTensors, look: (x: tfjs.Tensor2D) => void): tfjs.Tensor2D {
  const [rows, columns] = ids.shape, { n_layer, n_head } = config
  let x = tf.add<tfjs.Tensor2D>(embed(params['transformer.wte.weight'], asVector(ids)), embed(params['transformer.wpe.weight'], asVector(positions)))
  x = dropped(x, dropout.embedding)
  look(x)
  for (let layer = 0; layer < n_layer; layer++) {
    const attend = (qkv: tfjs.Tensor2D) => packedAttention(qkv, [rows, columns], n_head, mask, dropout[`${layer}.attention`])
    x = gptBlock(x, params, config, layer, attend, { attended: dropout[`${layer}.attended`], inner: dropout[`${layer}.inner`] })
    look(x)
  }
  return layerNorm(x, params['transformer.ln_f.weight'], params['transformer.ln_f.bias'], config.layer_norm_epsilon)
}

function llama(params: Params, config: LlamaConfig, { ids, mask, angles }: BatchTensors, look: (x: tfjs.Tensor2D) => void): tfjs.Tensor2D {
  if (!angles) throw new Error('llama: the batch was prepared for another configuration; it has no rotary angles')
  let x = embed(params['model.embed_tokens.weight'], asVector(ids))
  look(x)
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    x = llamaBlock(x, ids.shape, params, config, layer, angles, (q, k, v) => attention(q, k, v, mask))
    look(x)
  }
  return rmsNorm(x, params['model.norm.weight'], config.rms_norm_eps)
}
