import type * as tfjs from '@tensorflow/tfjs'
import { z } from 'zod'
import { tf } from '../tensor/backend'
import { gptConfig, llamaConfig, shapeOf } from './config'
import type { ModelConfig } from './config'
import { parameterShapes } from './params'
import type { Params } from './params'
import { FormatError, store, unstore, writeSafetensors } from './safetensors'
import type { Safetensors, Stored } from './safetensors'
import type { Tokenizer } from './tokenizerFiles'

const size = z.int().min(1), probability = z.number().min(0).lt(1)
/** Fields that change what a model computes must be absent or what this library computes. */
const only = <T extends boolean | number | string>(value: T) => z.literal(value).nullish()
const common = { initializer_range: z.number().positive().optional(), quantization_config: z.null().optional() }

const gptSchema = z.looseObject({
  ...common, model_type: z.literal('gpt2'), vocab_size: size, n_positions: size, n_embd: size, n_layer: size, n_head: size, n_inner: size.nullish(),
  activation_function: z.literal('gelu_new').default('gelu_new'), layer_norm_epsilon: z.number().positive().default(1e-5),
  tie_word_embeddings: z.boolean().default(true), embd_pdrop: probability.default(0.1), attn_pdrop: probability.default(0.1), resid_pdrop: probability.default(0.1),
  scale_attn_weights: only(true), scale_attn_by_inverse_layer_idx: only(false), add_cross_attention: only(false),
})
const rope = z.looseObject({ rope_type: only('default'), type: only('default'), rope_theta: z.number().positive().optional(), partial_rotary_factor: only(1) }).nullish()
const llamaSchema = z.looseObject({
  ...common, model_type: z.literal('llama'), vocab_size: size, max_position_embeddings: size, hidden_size: size, intermediate_size: size,
  num_hidden_layers: size, num_attention_heads: size, num_key_value_heads: size.nullish(), head_dim: size.nullish(),
  hidden_act: z.literal('silu').default('silu'), rms_norm_eps: z.number().positive().default(1e-6), rope_theta: z.number().positive().nullish(),
  rope_parameters: rope, rope_scaling: rope, tie_word_embeddings: z.boolean().default(false),
  attention_bias: only(false), mlp_bias: only(false), attention_dropout: only(0), pretraining_tp: only(1),
})

/**
 * The contents of a config.json of GPT-2's or Llama's layout. Throws Error that names file and field where a size is missing or no
 * positive integer, or where the model needs what this library does not compute (another architecture, activation, scaled rotary positions …).
 */
export function readConfig(json: unknown, from = 'config.json'): ModelConfig {
  const type = z.looseObject({ model_type: z.enum(['gpt2', 'llama']) }).safeParse(json)
  if (!type.success) throw new Error(`${from}: only gpt2 and llama models are supported: ${z.prettifyError(type.error)}`)
  const parse = <T>(schema: z.ZodType<T>): T => {
    const parsed = schema.safeParse(json)
    if (!parsed.success) throw new Error(`${from}: no ${type.data.model_type} model that is supported: ${z.prettifyError(parsed.error)}`)
    return parsed.data
  }
  try {
    if (type.data.model_type === 'gpt2') {
      const c = parse(gptSchema), { vocab_size, n_positions, n_embd, n_layer, n_head, activation_function, layer_norm_epsilon, tie_word_embeddings, embd_pdrop, attn_pdrop, resid_pdrop } = c
      return gptConfig({
        vocab_size, n_positions, n_embd, n_layer, n_head, n_inner: c.n_inner ?? 4 * n_embd, activation_function, layer_norm_epsilon,
        tie_word_embeddings, embd_pdrop, attn_pdrop, resid_pdrop, initializer_range: c.initializer_range ?? 0.02,
      })
    }
    const c = parse(llamaSchema), { vocab_size, max_position_embeddings, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, hidden_act, rms_norm_eps, tie_word_embeddings } = c
    return llamaConfig({
      vocab_size, max_position_embeddings, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, hidden_act, rms_norm_eps, tie_word_embeddings,
      num_key_value_heads: c.num_key_value_heads ?? num_attention_heads, head_dim: c.head_dim ?? hidden_size / num_attention_heads,
      rope_theta: c.rope_parameters?.rope_theta ?? c.rope_theta ?? 10000, initializer_range: c.initializer_range ?? 0.02,
    })
  } catch (error) {
    if (error instanceof RangeError) throw new Error(`${from}: ${error.message}`, { cause: error })
    throw error
  }
}

/** The contents of config.json for transformers; a record with `score.weight` is written as a sequence classifier of one label (a reward model). */
export function writeConfig(config: ModelConfig, params: Params, special: Tokenizer['special'] = {}): Record<string, unknown> {
  const family = config.model_type === 'gpt2' ? 'GPT2' : 'Llama', scored = 'score.weight' in params
  return {
    architectures: [`${family}${scored ? 'ForSequenceClassification' : config.model_type === 'gpt2' ? 'LMHeadModel' : 'ForCausalLM'}`],
    ...config,
    ...(config.model_type === 'gpt2' ? { scale_attn_weights: true } : {
      rope_parameters: { rope_theta: config.rope_theta, rope_type: 'default' }, attention_bias: false, mlp_bias: false, attention_dropout: 0,
    }),
    bos_token_id: special.bos ?? null, eos_token_id: special.eos ?? null, pad_token_id: special.pad ?? null,
    torch_dtype: 'float32', ...(scored ? { id2label: { 0: 'reward' }, label2id: { reward: 0 } } : {}),
  }
}

/** Buffers that older files hold beside the weights: causal masks, rotary frequencies. */
const BUFFER = /\.attn\.(bias|masked_bias)$|\.rotary_emb\.inv_freq$/

/**
 * The weights of a model from its file or shards, as float32 tensors under their full names. GPT-2 files without the prefix
 * `transformer.` are understood; a tied output head that is stored as well is dropped if it equals the embedding.
 * Throws FormatError naming the tensor where one is missing, has another shape, is no floating-point one, is not finite or is too many.
 */
export function readParams(files: readonly Safetensors[], config: ModelConfig, from = 'model.safetensors'): Params {
  const fail = (what: string): never => { throw new FormatError(`${from}: ${what}`) }
  const stored = new Map<string, Stored>()
  for (const { tensors } of files) {
    const bare = config.model_type === 'gpt2' && ![...tensors.keys()].some(name => name.startsWith('transformer.'))
    for (const [name, tensor] of tensors) {
      const full = bare && !/^(lm_head|score)\./.test(name) ? `transformer.${name}` : name
      if (BUFFER.test(name)) continue
      if (stored.has(full)) fail(`tensor '${full}' is in two shards`)
      stored.set(full, tensor)
    }
  }
  const { layers } = shapeOf(config), perLayer = config.model_type === 'gpt2' ? 12 : 9
  if (layers * perLayer > stored.size) fail(`config.json says ${layers} layers, which are ${layers * perLayer} tensors; there are ${stored.size}`)
  dropTiedHead(stored, config, fail)
  const shapes = parameterShapes(config), { width } = shapeOf(config)
  if (stored.has('score.weight')) shapes['score.weight'] = [1, width]
  for (const [name, { offset }] of stored) if (!Object.hasOwn(shapes, name)) fail(`tensor '${name}' at byte ${offset} is no weight of this ${config.model_type} configuration`)
  const values = Object.entries(shapes).map(([name, shape]): [string, number[], Float32Array] => {
    const tensor = stored.get(name) ?? fail(`tensor '${name}' of shape [${shape.join(', ')}] is missing`)
    if (tensor.shape.join() !== shape.join()) fail(`tensor '${name}' at byte ${tensor.offset}: expected shape [${shape.join(', ')}], got [${tensor.shape.join(', ')}]`)
    const numbers = unstore(tensor, name, from)
    if (!(numbers instanceof Float32Array)) return fail(`tensor '${name}' at byte ${tensor.offset}: expected floating-point weights, got ${tensor.dtype}`)
    const bad = numbers.findIndex(v => !Number.isFinite(v))
    if (bad >= 0) fail(`tensor '${name}' at byte ${tensor.offset}: element ${bad} is ${numbers[bad]}; a model with such a weight gives no number`)
    return [name, shape, numbers]
  })
  return Object.fromEntries(values.map(([name, shape, numbers]) => [name, tf.tensor(numbers, shape)]))
}

function dropTiedHead(stored: Map<string, Stored>, config: ModelConfig, fail: (what: string) => never): void {
  const head = stored.get('lm_head.weight'), embedding = config.model_type === 'gpt2' ? 'transformer.wte.weight' : 'model.embed_tokens.weight'
  if (!head || !config.tie_word_embeddings) return
  const other = stored.get(embedding), same = other?.dtype === head.dtype && other.bytes.length === head.bytes.length && other.bytes.every((b, i) => b === head.bytes[i])
  if (!same) fail(`tensor 'lm_head.weight' at byte ${head.offset} differs from '${embedding}', but config.json has tie_word_embeddings`)
  stored.delete('lm_head.weight')
}

/** A record of tensors as a safetensors file, bits unchanged. Throws Error on a tensor that is neither float32 nor int32. */
export function paramsToSafetensors(params: Params, metadata: Readonly<Record<string, string>> = { format: 'pt' }): Uint8Array<ArrayBuffer> {
  return writeSafetensors(Object.entries(params).map(([name, tensor]) => [name, storeTensor(tensor, name)]), metadata)
}

function storeTensor(tensor: tfjs.Tensor, name: string): Stored {
  if (tensor.dtype !== 'float32' && tensor.dtype !== 'int32') throw new Error(`${name}: expected float32 or int32, got ${tensor.dtype}`)
  return store(tensor.dataSync<'float32' | 'int32'>(), tensor.shape)
}
