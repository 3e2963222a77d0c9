import { readFileSync } from 'node:fs'
import type { GptConfig, LlamaConfig, ModelConfig } from '../../lib/model/config'
import { gptConfig, llamaConfig } from '../../lib/model/config'
import type { Params } from '../../lib/model/params'
import { readSafetensors, unstore } from '../../lib/model/safetensors'
import { tf } from '../../lib/tensor/backend'
import { goldens, goldensPath } from '../goldens'

/** The tensors of a safetensors file among the goldens, by name. */
export function tensorsOf(file: string): ReadonlyMap<string, { shape: readonly number[], data: Float32Array }> {
  const { tensors } = readSafetensors(new Uint8Array(readFileSync(goldensPath(file))))
  return new Map([...tensors].map(([name, stored]) => [name, { shape: stored.shape, data: unstore(stored, name) as Float32Array }]))
}

/** A model of the goldens: 'gpt2', 'gpt2_ref', 'llama', 'llama_tied', or with another weights file ('gpt2_reward'). */
export function goldenModel(name: string): { config: ModelConfig, params: Params } {
  const configs = goldens('sequence_logprobs').file.configs as Record<string, Record<string, unknown>>
  const raw = configs[name] ?? configs[name.split('_')[0]]
  const config = raw.model_type === 'gpt2' ? gptConfig(raw as unknown as GptConfig)
    : llamaConfig({ ...raw, rope_theta: (raw.rope_parameters as LlamaConfig).rope_theta } as LlamaConfig)
  const params = Object.fromEntries([...tensorsOf(`models/${name}.safetensors`)].map(([key, { shape, data }]) => [key, tf.tensor(data, [...shape])]))
  return { config, params }
}
