import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { z } from 'zod'
import type { ModelConfig } from '../model/config'
import { paramsToSafetensors, readConfig, readParams, writeConfig } from '../model/huggingface'
import { checkParams } from '../model/params'
import type { Params } from '../model/params'
import { readSafetensors } from '../model/safetensors'
import { readTokenizer } from '../model/tokenizer'
import { ROLES } from '../model/tokenizerFiles'
import type { Tokenizer } from '../model/tokenizerFiles'
import { writeAtomic } from '../train/atomic'

/** A model with its tokenizer, where it has one. */
export interface PretrainedModel { readonly config: ModelConfig; readonly params: Params; readonly tokenizer?: Tokenizer }

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) })

/**
 * Reads a Hugging Face folder of GPT-2's or Llama's layout: config.json, model.safetensors or its shards by model.safetensors.index.json,
 * and tokenizer.json where there is one. Throws Error that names the file and the field or tensor for anything that is missing,
 * malformed, not supported or not finite.
 */
export function loadModel(folder: string): PretrainedModel {
  const config = readConfig(readJson(join(folder, 'config.json')), join(folder, 'config.json'))
  const tokenizer = existsSync(join(folder, 'tokenizer.json')) ? loadTokenizer(folder) : undefined
  checkVocabulary(config, tokenizer, folder)
  const files = weightFiles(folder).map(path => readSafetensors(readFileSync(path), path))
  return { config, params: readParams(files, config, folder), tokenizer }
}

/** Reads tokenizer.json with the special tokens of tokenizer_config.json or special_tokens_map.json and the chat template from its file or the former. */
export function loadTokenizer(folder: string): Tokenizer {
  const optional = (name: string) => existsSync(join(folder, name)) ? readJson(join(folder, name)) as Record<string, unknown> : {}
  const map = optional('special_tokens_map.json'), config = optional('tokenizer_config.json'), template = join(folder, 'chat_template.jinja')
  const roles = Object.fromEntries(ROLES.map(role => [`${role}_token`, config[`${role}_token`] ?? map[`${role}_token`]]))
  const chat = existsSync(template) ? { chat_template: readFileSync(template, 'utf8') } : {}
  return readTokenizer({ 'tokenizer.json': readJson(join(folder, 'tokenizer.json')), 'tokenizer_config.json': { ...config, ...roles, ...chat } }, join(folder, 'tokenizer.json'))
}

/**
 * Writes a folder that {@link loadModel} and transformers (AutoModelForCausalLM or, with a scalar head, AutoModelForSequenceClassification,
 * and AutoTokenizer) read, weights bit for bit. Every file is written under a temporary name and renamed, config.json last.
 * Throws Error where weights and configuration do not belong together, or the head has a bias, which transformers does not know.
 */
export function saveModel(folder: string, { config, params, tokenizer }: PretrainedModel): void {
  checkParams(params, config, ['score.weight'])
  checkVocabulary(config, tokenizer, folder)
  const write = (name: string, content: unknown) => writeAtomic(join(folder, name), content instanceof Uint8Array ? content : `${JSON.stringify(content, null, 2)}\n`)
  write('model.safetensors', paramsToSafetensors(params))
  for (const [name, content] of Object.entries(tokenizer?.files ?? {})) write(name, content)
  const { bos, eos, pad } = tokenizer?.special ?? {}
  write('generation_config.json', { bos_token_id: bos ?? null, eos_token_id: eos ?? null, pad_token_id: pad ?? null })
  write('config.json', writeConfig(config, params, tokenizer?.special))
}

function checkVocabulary(config: ModelConfig, tokenizer: Tokenizer | undefined, folder: string): void {
  const tokens = tokenizer?.vocabulary.length ?? 0
  if (tokens > config.vocab_size) throw new Error(`${folder}: the tokenizer has ${tokens} tokens, the model's vocab_size is ${config.vocab_size}`)
}

function weightFiles(folder: string): string[] {
  const single = join(folder, 'model.safetensors'), index = `${single}.index.json`
  if (existsSync(single)) return [single]
  if (!existsSync(index)) throw new Error(`${folder}: no model.safetensors and no model.safetensors.index.json; other formats (pytorch_model.bin) run code when read and are not supported: save again with safe_serialization`)
  const parsed = indexSchema.safeParse(readJson(index))
  if (!parsed.success) throw new Error(`${index}: ${z.prettifyError(parsed.error)}`)
  const names = [...new Set(Object.values(parsed.data.weight_map))]
  return names.map(name => {
    if (basename(name) !== name || !name.endsWith('.safetensors')) throw new Error(`${index}: weight_map: '${name}' is no safetensors file of this folder`)
    if (!existsSync(join(folder, name))) throw new Error(`${index}: weight_map: ${name} does not exist`)
    return join(folder, name)
  })
}

function readJson(path: string): unknown {
  if (!existsSync(path)) throw new Error(`${path} does not exist; a model's folder has config.json and model.safetensors`)
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) { throw new Error(`${path}: no JSON: ${(error as Error).message}`, { cause: error }) }
}
