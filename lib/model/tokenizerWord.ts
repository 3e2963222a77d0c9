import { checkIds, configFile, specialIds } from './tokenizerFiles'
import type { Tokenizer, TokenizerOptions } from './tokenizerFiles'

/**
 * One token a word, words apart by white space: the id of a word is its place in `vocabulary`. A word that is not there becomes `unk`
 * where that is given, and else encode throws RangeError naming it. Special tokens need no space around them.
 * Throws Error where a word is empty, has white space in it or comes twice, or a special token is no word of the vocabulary.
 */
export function wordTokenizer(vocabulary: readonly string[], options: TokenizerOptions = {}): Tokenizer {
  const ids = new Map<string, number>()
  vocabulary.forEach((word, id) => {
    if (word === '' || /\p{White_Space}/u.test(word)) throw new Error(`wordTokenizer: word ${id}, '${word}', is empty or has white space in it`)
    if (ids.has(word)) throw new Error(`wordTokenizer: '${word}' comes twice, as ${ids.get(word)} and ${id}`)
    ids.set(word, id)
  })
  const { roles, all } = specialIds(vocabulary, options), special = [...all].sort((a, b) => vocabulary[b].length - vocabulary[a].length)
  const escaped = special.map(id => vocabulary[id].replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
  const apart = new RegExp(escaped.length ? `(${escaped.join('|')})|\\p{White_Space}+` : '()\\p{White_Space}+', 'u')
  const encoder = new TextEncoder()
  return {
    vocabulary, special: roles, chatTemplate: options.chatTemplate,
    encode: text => text.split(apart).filter(Boolean).map((word, i) => {
      const id = ids.get(word) ?? roles.unk
      if (id === undefined) throw new RangeError(`encode: word ${i + 1}, '${word}', is not in the vocabulary of ${vocabulary.length} words; give wordTokenizer an unk token to allow such words`)
      return id
    }),
    decode(tokens, { skipSpecial = false } = {}) {
      checkIds(tokens, vocabulary)
      return Array.from(tokens).filter(id => !skipSpecial || !all.has(id)).map(id => vocabulary[id]).join(' ')
    },
    bytes(tokens) {
      checkIds(tokens, vocabulary)
      return Array.from(tokens, (id, i) => encoder.encode(i ? ` ${vocabulary[id]}` : vocabulary[id]))
    },
    files: {
      'tokenizer.json': {
        version: '1.0', truncation: null, padding: null,
        added_tokens: [...all].sort((a, b) => a - b).map(id => ({ id, content: vocabulary[id], single_word: false, lstrip: false, rstrip: false, normalized: false, special: true })),
        normalizer: null, pre_tokenizer: { type: 'WhitespaceSplit' }, post_processor: null, decoder: null,
        model: { type: 'WordLevel', vocab: Object.fromEntries(vocabulary.map((word, id) => [word, id])), unk_token: options.unk ?? 'there is none' },
      },
      'tokenizer_config.json': configFile(options),
    },
  }
}
