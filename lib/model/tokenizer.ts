import { z } from 'zod'
import { bpeTokenizer } from './tokenizerBpe'
import { addedTokenSchema, ROLES, vocabSchema } from './tokenizerFiles'
import type { SpecialTokens, Tokenizer, TokenizerFiles } from './tokenizerFiles'
import { wordTokenizer } from './tokenizerWord'

const fileSchema = z.looseObject({
  added_tokens: z.array(addedTokenSchema).default([]),
  normalizer: z.looseObject({ type: z.string() }).nullish(),
  pre_tokenizer: z.looseObject({ type: z.string() }).nullish(),
  model: z.looseObject({ type: z.string(), vocab: vocabSchema }),
})
const role = z.union([z.string(), z.looseObject({ content: z.string() }).transform(t => t.content)]).nullish()
const configSchema = z.looseObject({ pad_token: role, bos_token: role, eos_token: role, sep_token: role, unk_token: role, chat_template: z.string().nullish() })

/**
 * The tokenizer in the files of a Hugging Face folder, parsed: word-level (words apart by white space) or byte-level BPE.
 * Throws Error naming file and field for anything else, for ids that are not 0, 1, 2 … and for special tokens without an id.
 */
export function readTokenizer(files: TokenizerFiles, from = 'tokenizer.json'): Tokenizer {
  const parsed = fileSchema.safeParse(files['tokenizer.json']), config = configSchema.safeParse(files['tokenizer_config.json'] ?? {})
  if (!parsed.success) throw new Error(`${from}: no tokenizer: ${z.prettifyError(parsed.error)}`)
  if (!config.success) throw new Error(`${from}: tokenizer_config.json: ${z.prettifyError(config.error)}`)
  const { model, added_tokens, pre_tokenizer, normalizer } = parsed.data
  const vocabulary = vocabularyOf(model.vocab, added_tokens, from)
  const special: SpecialTokens = Object.fromEntries(ROLES.map(name => [name, config.data[`${name}_token`] ?? undefined]).filter(([, token]) => token !== undefined))
  const roles = Object.values(special), additional = added_tokens.filter(t => t.special && !roles.includes(t.content)).map(t => t.content)
  const options = { ...special, additional, chatTemplate: config.data.chat_template ?? undefined }
  if (model.type === 'WordLevel') {
    if (pre_tokenizer?.type !== 'WhitespaceSplit' || normalizer) throw new Error(`${from}: a WordLevel model needs pre_tokenizer WhitespaceSplit and no normalizer, got ${pre_tokenizer?.type} and ${normalizer?.type}`)
    const unk = typeof model.unk_token === 'string' && vocabulary.includes(model.unk_token) ? model.unk_token : undefined
    if (special.unk !== unk) throw new Error(`${from}: tokenizer_config.json names unk_token ${special.unk}, model.unk_token is ${unk}`)
    return named(from, () => wordTokenizer(vocabulary, options))
  }
  if (model.type === 'BPE') return named(from, () => bpeTokenizer(files['tokenizer.json'], vocabulary, options))
  throw new Error(`${from}: model.type ${model.type} is not supported, expected WordLevel or BPE`)
}

/** What `make` returns; its errors get the file's name in front. */
function named<T>(from: string, make: () => T): T {
  try {
    return make()
  } catch (error) { throw new Error(`${from}: ${(error as Error).message}`, { cause: error }) }
}

function vocabularyOf(vocab: Record<string, number>, added: readonly z.infer<typeof addedTokenSchema>[], from: string): string[] {
  const size = new Set([...Object.values(vocab), ...added.map(t => t.id)]).size, words: string[] = Array.from({ length: size })
  const put = (word: string, id: number, field: string) => {
    if (id >= size) throw new Error(`${from}: ${field}: '${word}' has id ${id}; ${size} tokens need the ids 0 to ${size - 1}`)
    if (words[id] !== undefined && words[id] !== word) throw new Error(`${from}: ${field}: '${word}' and '${words[id]}' both have id ${id}`)
    words[id] = word
  }
  for (const [word, id] of Object.entries(vocab)) put(word, id, 'model.vocab')
  for (const { content, id } of added) {
    if (Object.hasOwn(vocab, content) && vocab[content] !== id) throw new Error(`${from}: added_tokens: '${content}' has id ${id}, in model.vocab it has ${vocab[content]}`)
    put(content, id, 'added_tokens')
  }
  return words
}

/**
 * Tokens of prompt + response and how many of them are the prompt's: what a loss masks. Tokens may straddle the border ('low' + 'er' may be
 * one token), and then a model trained on the whole never sees the prompt that it is given later; so this throws Error, naming the first
 * token that differs, unless the prompt's own tokens are a prefix. End prompts with a special token, or put the space before the response.
 */
export function promptAndResponse(tokenizer: Tokenizer, prompt: string, response: string): { ids: number[], promptLength: number } {
  const alone = tokenizer.encode(prompt), ids = tokenizer.encode(prompt + response)
  const at = alone.findIndex((id, i) => ids[i] !== id)
  if (at >= 0) {
    const show = (list: readonly number[]) => list.length > at ? `'${tokenizer.vocabulary[list[at]]}'` : 'no token'
    throw new Error(`promptAndResponse: token ${at} is ${show(alone)} in the prompt alone and ${show(ids)} with the response: a token straddles the border. `
      + 'End the prompt with a special token, or move white space from its end to the start of the response')
  }
  return { ids, promptLength: alone.length }
}
