import { z } from 'zod'

/** The special tokens that Hugging Face's files name by what they do. */
export const ROLES = ['pad', 'bos', 'eos', 'sep', 'unk'] as const
/** A special token a role. */
export type SpecialTokens = { readonly [role in typeof ROLES[number]]?: string }

/** Special tokens by role, further ones, and the chat template (Jinja) that belongs to them. */
export interface TokenizerOptions extends SpecialTokens { readonly additional?: readonly string[]; readonly chatTemplate?: string }

/** Parsed contents of the files, under their names. */
export interface TokenizerFiles { readonly 'tokenizer.json': unknown; readonly 'tokenizer_config.json'?: unknown }

/** Text to token ids and back; ids are 0 to vocabulary.length − 1. */
export interface Tokenizer {
  /** The token of every id, as the tokenizer's own files write it. */
  readonly vocabulary: readonly string[]
  /** Ids of the special tokens by role, where there are such. */
  readonly special: { readonly [role in typeof ROLES[number]]?: number }
  /** Jinja template of chats, where there is one. */
  readonly chatTemplate?: string
  /** Ids of a text; special tokens written in the text become their ids, none is added. Throws RangeError where the text cannot be written. */
  encode(text: string): number[]
  /** Text of ids, special tokens left out on request. Throws RangeError that names an id without a token and its place. */
  decode(ids: ArrayLike<number>, options?: { readonly skipSpecial?: boolean }): string
  /** Bytes of UTF-8 (of the text decode gives) that each id stands for; an id may be part of a character. */
  bytes(ids: ArrayLike<number>): Uint8Array[]
  /** What to write into a folder, so that transformers' AutoTokenizer reads it. */
  readonly files: TokenizerFiles
}

/** Word → id; not z.record, which drops a word '__proto__' and takes a second for 100,000 words. */
export const vocabSchema = z.custom<Record<string, number>>(value => typeof value === 'object' && value !== null && !Array.isArray(value)
  && Object.values(value).every(id => Number.isSafeInteger(id) && id >= 0), 'expected a record of word to id, an integer from 0 on')

export const addedTokenSchema = z.looseObject({
  id: z.int().min(0), content: z.string().min(1), special: z.boolean(),
  single_word: z.literal(false).default(false), lstrip: z.boolean().default(false), rstrip: z.boolean().default(false), normalized: z.boolean().default(false),
})

/** tokenizer_config.json for transformers. */
export function configFile({ additional = [], chatTemplate, ...special }: TokenizerOptions): Record<string, unknown> {
  return {
    tokenizer_class: 'PreTrainedTokenizerFast', clean_up_tokenization_spaces: false,
    ...Object.fromEntries(ROLES.flatMap(role => special[role] === undefined ? [] : [[`${role}_token`, special[role]]])),
    ...(additional.length ? { additional_special_tokens: additional } : {}),
    ...(chatTemplate === undefined ? {} : { chat_template: chatTemplate }),
  }
}

/** Id of every role's token, and of all special tokens. Throws Error that names a special token without an id. */
export function specialIds(vocabulary: readonly string[], { additional = [], chatTemplate: _, ...special }: TokenizerOptions): { roles: Tokenizer['special'], all: ReadonlySet<number> } {
  const id = (word: string, field: string) => {
    const at = vocabulary.indexOf(word)
    if (at < 0) throw new Error(`${field}: '${word}' is not in the vocabulary of ${vocabulary.length} tokens`)
    return at
  }
  const roles = Object.fromEntries(ROLES.flatMap(role => special[role] === undefined ? [] : [[role, id(special[role], `${role}_token`)]]))
  return { roles, all: new Set([...Object.values(roles), ...additional.map(word => id(word, 'additional special token'))]) }
}

/** Throws RangeError at the first id that has no token. */
export function checkIds(ids: ArrayLike<number>, vocabulary: readonly string[]): void {
  for (let i = 0; i < ids.length; i++) {
    if (!Number.isInteger(ids[i]) || ids[i] < 0 || ids[i] >= vocabulary.length) throw new RangeError(`decode: id ${ids[i]} at position ${i}; ids are 0 to ${vocabulary.length - 1}`)
  }
}
