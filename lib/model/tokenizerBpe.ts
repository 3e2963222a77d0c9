import { Tokenizer as Engine } from '@huggingface/tokenizers'
import { z } from 'zod'
import { checkIds, configFile, specialIds } from './tokenizerFiles'
import type { Tokenizer, TokenizerOptions } from './tokenizerFiles'

const normalizer = z.looseObject({ type: z.enum(['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase']) })
const byteLevel = z.looseObject({ type: z.literal('ByteLevel'), add_prefix_space: z.literal(false), use_regex: z.boolean().default(true) })
const split = z.looseObject({ type: z.literal('Split'), pattern: z.strictObject({ Regex: z.string() }), behavior: z.literal('Isolated'), invert: z.literal(false) })
const absent = z.literal('').nullish()

/** What of a byte-level BPE tokenizer.json the engine computes as tokenizers does; a post-processor only adds special tokens, which we never do. */
const bpeSchema = z.looseObject({
  normalizer: normalizer.nullish(),
  pre_tokenizer: z.union([byteLevel, z.looseObject({ type: z.literal('Sequence'), pretokenizers: z.tuple([split, byteLevel]) })]),
  decoder: z.looseObject({ type: z.literal('ByteLevel') }),
  model: z.looseObject({
    type: z.literal('BPE'), dropout: z.null().optional(), unk_token: z.null().optional(), byte_fallback: z.literal(false).optional(),
    continuing_subword_prefix: absent, end_of_word_suffix: absent,
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  }),
})

/** The character that stands for each byte in the files of byte-level BPE: printable ones for themselves, the rest from U+0100 on.  Radford 2019 */
const BYTE_OF = new Map<string, number>()
for (let byte = 0, next = 256; byte < 256; byte++) {
  const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173)
  BYTE_OF.set(String.fromCodePoint(printable ? byte : next++), byte)
}

/**
 * Byte-level BPE (GPT-2's, Llama 3's …) from the contents of a tokenizer.json, run by @huggingface/tokenizers.
 * Throws Error naming the field where the file asks for something else, or a merge has no id.
 */
export function bpeTokenizer(file: unknown, vocabulary: readonly string[], options: TokenizerOptions): Tokenizer {
  const parsed = bpeSchema.safeParse(file)
  if (!parsed.success) throw new Error(`no byte-level BPE that is supported: ${z.prettifyError(parsed.error)}`)
  const ids = new Map(vocabulary.map((token, id) => [token, id]))
  parsed.data.model.merges.forEach((merge, i) => {
    const [a, b, ...more] = typeof merge === 'string' ? merge.split(' ') : merge
    for (const part of [a, b, `${a}${b}`]) if (more.length || !ids.has(part)) throw new Error(`model.merges[${i}]: '${part}' is not in model.vocab`)
  })
  for (const character of BYTE_OF.keys()) if (!ids.has(character)) throw new Error(`model.vocab lacks '${character}', the token of byte ${BYTE_OF.get(character)}`)
  const { roles, all } = specialIds(vocabulary, options), isAdded = new Set((file as { added_tokens?: { content: string }[] }).added_tokens?.map(t => t.content))
  for (const token of vocabulary) if (!isAdded.has(token) && [...token].some(c => !BYTE_OF.has(c))) throw new Error(`model.vocab: '${token}' is no string of byte-level BPE`)
  const engine = new Engine({ ...file as object, post_processor: null }, {}), encoder = new TextEncoder(), decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const bytes = (tokens: ArrayLike<number>) => {
    checkIds(tokens, vocabulary)
    return Array.from(tokens, id => {
      const token = vocabulary[id]
      return isAdded.has(token) ? encoder.encode(token) : Uint8Array.from([...token].map(c => BYTE_OF.get(c)!))
    })
  }
  return {
    vocabulary, special: roles, chatTemplate: options.chatTemplate, bytes,
    encode: text => engine.encode(text, { add_special_tokens: false }).ids,
    decode(tokens, { skipSpecial = false } = {}) {
      const parts = bytes(skipSpecial ? Array.from(tokens).filter(id => !all.has(id)) : tokens), whole = new Uint8Array(parts.reduce((n, part) => n + part.length, 0))
      let at = 0
      for (const part of parts) { whole.set(part, at); at += part.length }
      return decoder.decode(whole)
    },
    files: { 'tokenizer.json': file, 'tokenizer_config.json': configFile(options) },
  }
}
