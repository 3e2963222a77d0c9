/** GPT-2's layout: the fields of config.json that decide shapes and numbers, with Hugging Face's names. */
export interface GptConfig {
  readonly model_type: 'gpt2'
  readonly vocab_size: number
  /** Longest sequence: rows of the position table. */
  readonly n_positions: number
  readonly n_embd: number
  readonly n_layer: number
  readonly n_head: number
  /** Width of the feed-forward layer; 4 n_embd unless given. */
  readonly n_inner: number
  readonly activation_function: 'gelu_new'
  readonly layer_norm_epsilon: number
  readonly initializer_range: number
  /** True: logits use the token embedding; false: `lm_head.weight` of its own. */
  readonly tie_word_embeddings: boolean
  /** Dropout of embeddings, attention weights and residual branches; only where `forward` is given `random`. */
  readonly embd_pdrop: number
  readonly attn_pdrop: number
  readonly resid_pdrop: number
}

/** Llama's layout: rotary positions, RMSNorm, SwiGLU, grouped-query attention. */
export interface LlamaConfig {
  readonly model_type: 'llama'
  readonly vocab_size: number
  readonly max_position_embeddings: number
  readonly hidden_size: number
  readonly intermediate_size: number
  readonly num_hidden_layers: number
  readonly num_attention_heads: number
  readonly num_key_value_heads: number
  readonly head_dim: number
  readonly hidden_act: 'silu'
  readonly rms_norm_eps: number
  readonly rope_theta: number
  readonly initializer_range: number
  readonly tie_word_embeddings: boolean
}

/** Either layout; `model_type` tells which. */
export type ModelConfig = GptConfig | LlamaConfig

type Sizes<C, K extends keyof C> = Pick<C, K> & Partial<C>

/**
 * A GPT-2 configuration: sizes required, the rest GPT-2's defaults, dropout off.
 * Throws RangeError where a size is no positive integer or n_embd is not a multiple of n_head.
 */
export function gptConfig(sizes: Sizes<GptConfig, 'vocab_size' | 'n_positions' | 'n_embd' | 'n_layer' | 'n_head'>): GptConfig {
  const config: GptConfig = {
    model_type: 'gpt2', n_inner: 4 * sizes.n_embd, activation_function: 'gelu_new', layer_norm_epsilon: 1e-5,
    initializer_range: 0.02, tie_word_embeddings: true, embd_pdrop: 0, attn_pdrop: 0, resid_pdrop: 0, ...sizes,
  }
  positive(config, ['vocab_size', 'n_positions', 'n_embd', 'n_layer', 'n_head', 'n_inner'])
  multiple(config, 'n_embd', 'n_head')
  for (const field of ['embd_pdrop', 'attn_pdrop', 'resid_pdrop'] as const) {
    if (!(config[field] >= 0 && config[field] < 1)) throw new RangeError(`${field}: expected a probability below 1, got ${config[field]}`)
  }
  return config
}

/**
 * A Llama configuration: sizes required, the rest Llama's defaults (as many key-value heads as heads).
 * Throws RangeError where a size is no positive integer, heads do not divide or the head width is odd.
 */
export function llamaConfig(sizes: Sizes<LlamaConfig, 'vocab_size' | 'max_position_embeddings' | 'hidden_size' | 'intermediate_size' | 'num_hidden_layers' | 'num_attention_heads'>): LlamaConfig {
  const config: LlamaConfig = {
    model_type: 'llama', num_key_value_heads: sizes.num_attention_heads, head_dim: sizes.hidden_size / sizes.num_attention_heads,
    hidden_act: 'silu', rms_norm_eps: 1e-6, rope_theta: 10000, initializer_range: 0.02, tie_word_embeddings: false, ...sizes,
  }
  positive(config, ['vocab_size', 'max_position_embeddings', 'hidden_size', 'intermediate_size', 'num_hidden_layers', 'num_attention_heads', 'num_key_value_heads', 'head_dim'])
  multiple(config, 'num_attention_heads', 'num_key_value_heads')
  if (config.head_dim % 2) throw new RangeError(`head_dim: rotary positions need an even width, got ${config.head_dim}`)
  return config
}

/** What both layouts have, under one name each. */
export interface Shape {
  readonly layers: number
  readonly width: number
  readonly heads: number
  readonly keyValueHeads: number
  readonly headWidth: number
  readonly context: number
  readonly vocabulary: number
}

/** The sizes of a model of either layout. */
export function shapeOf(config: ModelConfig): Shape {
  if (config.model_type === 'gpt2') {
    return {
      layers: config.n_layer, width: config.n_embd, heads: config.n_head, keyValueHeads: config.n_head,
      headWidth: config.n_embd / config.n_head, context: config.n_positions, vocabulary: config.vocab_size,
    }
  }
  return {
    layers: config.num_hidden_layers, width: config.hidden_size, heads: config.num_attention_heads, keyValueHeads: config.num_key_value_heads,
    headWidth: config.head_dim, context: config.max_position_embeddings, vocabulary: config.vocab_size,
  }
}

function positive<C>(config: C, fields: readonly (keyof C & string)[]): void {
  for (const field of fields) {
    const value = config[field]
    if (!Number.isSafeInteger(value) || (value as number) < 1) throw new RangeError(`${field}: expected a positive integer, got ${value}`)
  }
}

function multiple<C>(config: C, whole: keyof C & string, part: keyof C & string): void {
  if ((config[whole] as number) % (config[part] as number)) throw new RangeError(`${whole}: expected a multiple of ${part} = ${config[part]}, got ${config[whole]}`)
}
