import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import type { Random } from '../tensor/random'
import type { GptConfig, LlamaConfig, ModelConfig } from './config'
import { shapeOf } from './config'

/** A model's weights: float32 tensors under their Hugging Face names. Nobody changes one in place: an update step makes new ones. */
export type Params = Readonly<Record<string, tfjs.Tensor>>

/** A model: what it is and its weights. */
export interface LanguageModel { readonly config: ModelConfig; readonly params: Params }

/** Name → shape of every weight of a model (without a scalar head); GPT-2's matrices are [in, out], Llama's [out, in]. */
export function parameterShapes(config: ModelConfig): Record<string, number[]> {
  return config.model_type === 'gpt2' ? gptShapes(config) : llamaShapes(config)
}

function gptShapes({ vocab_size, n_positions, n_embd: d, n_layer, n_inner, tie_word_embeddings }: GptConfig): Record<string, number[]> {
  const shapes: Record<string, number[]> = { 'transformer.wte.weight': [vocab_size, d], 'transformer.wpe.weight': [n_positions, d] }
  for (let i = 0; i < n_layer; i++) {
    const h = `transformer.h.${i}`
    Object.assign(shapes, {
      [`${h}.ln_1.weight`]: [d], [`${h}.ln_1.bias`]: [d],
      [`${h}.attn.c_attn.weight`]: [d, 3 * d], [`${h}.attn.c_attn.bias`]: [3 * d],
      [`${h}.attn.c_proj.weight`]: [d, d], [`${h}.attn.c_proj.bias`]: [d],
      [`${h}.ln_2.weight`]: [d], [`${h}.ln_2.bias`]: [d],
      [`${h}.mlp.c_fc.weight`]: [d, n_inner], [`${h}.mlp.c_fc.bias`]: [n_inner],
      [`${h}.mlp.c_proj.weight`]: [n_inner, d], [`${h}.mlp.c_proj.bias`]: [d],
    })
  }
  Object.assign(shapes, { 'transformer.ln_f.weight': [d], 'transformer.ln_f.bias': [d] })
  if (!tie_word_embeddings) shapes['lm_head.weight'] = [vocab_size, d]
  return shapes
}

function llamaShapes(config: LlamaConfig): Record<string, number[]> {
  const { vocab_size, hidden_size: d, intermediate_size: f, num_hidden_layers, num_attention_heads, num_key_value_heads, head_dim } = config
  const shapes: Record<string, number[]> = { 'model.embed_tokens.weight': [vocab_size, d] }
  for (let i = 0; i < num_hidden_layers; i++) {
    const h = `model.layers.${i}`, keys = num_key_value_heads * head_dim, queries = num_attention_heads * head_dim
    Object.assign(shapes, {
      [`${h}.input_layernorm.weight`]: [d],
      [`${h}.self_attn.q_proj.weight`]: [queries, d], [`${h}.self_attn.k_proj.weight`]: [keys, d],
      [`${h}.self_attn.v_proj.weight`]: [keys, d], [`${h}.self_attn.o_proj.weight`]: [d, queries],
      [`${h}.post_attention_layernorm.weight`]: [d],
      [`${h}.mlp.gate_proj.weight`]: [f, d], [`${h}.mlp.up_proj.weight`]: [f, d], [`${h}.mlp.down_proj.weight`]: [d, f],
    })
  }
  shapes['model.norm.weight'] = [d]
  if (!config.tie_word_embeddings) shapes['lm_head.weight'] = [vocab_size, d]
  return shapes
}

/**
 * Fresh weights: normal(0, initializer_range), GPT-2's residual projections divided by √(2 layers), norms 1, biases 0.
 * Every weight draws from a stream split by its name, so that adding one does not move the others.
 */
export function initParams(config: ModelConfig, random: Random): Params {
  const out: Record<string, tfjs.Tensor> = {}, residual = 1 / Math.sqrt(2 * shapeOf(config).layers)
  for (const [name, shape] of Object.entries(parameterShapes(config))) {
    if (shape.length === 1) { out[name] = name.endsWith('.bias') ? tf.zeros(shape) : tf.ones(shape); continue }
    const std = config.initializer_range * (config.model_type === 'gpt2' && name.endsWith('c_proj.weight') ? residual : 1)
    const stream = random.split(name)
    out[name] = tf.tensor(Float32Array.from({ length: shape[0] * shape[1] }, () => std * stream.normal()), shape)
  }
  return out
}

/** Throws where a weight of the model is missing, has another shape or is not float32; names in `more` are allowed besides (a head). */
export function checkParams(params: Params, config: ModelConfig, more: readonly string[] = ['score.weight', 'score.bias']): void {
  const shapes = parameterShapes(config)
  for (const [name, shape] of Object.entries(shapes)) {
    const weight = params[name] as tfjs.Tensor | undefined
    if (!weight) throw new Error(`${name}: missing; a ${config.model_type} model of this configuration needs it, shape [${shape.join(', ')}]`)
    if (weight.shape.join() !== shape.join()) throw new Error(`${name}: expected shape [${shape.join(', ')}], got [${weight.shape.join(', ')}]`)
    if (weight.dtype !== 'float32') throw new Error(`${name}: expected float32, got ${weight.dtype}`)
  }
  for (const name of Object.keys(params)) {
    if (!(name in shapes) && !more.includes(name)) throw new Error(`${name}: no weight of this ${config.model_type} configuration`)
  }
}

/** How many numbers a record of weights holds. */
export function countParams(params: Params): number {
  return Object.values(params).reduce((n, weight) => n + weight.size, 0)
}

/** A record of its own with the same values, for a reference model or a snapshot. */
export function cloneParams(params: Params): Params {
  return Object.fromEntries(Object.entries(params).map(([name, weight]) => [name, weight.clone()]))
}

/** Frees a record's tensors. */
export function disposeParams(params: Params): void {
  for (const weight of Object.values(params)) weight.dispose()
}
