import { BOLD, BULLET, CLAIM, GREETINGS, ITEMS, NOTE, OTHER_WORDS, PRICE, PROBLEM, QUESTION, VALUES, WEEKDAYS, HIGH_VALUE } from './text'
import { SENTENCES } from './grammar'

/** Numbers of special tokens: padding, start of the prompt, border between prompt and reply, end of the reply. */
export const PAD = 0, BOS = 1, SEP = 2, EOS = 3

const SPECIAL = ['<pad>', '<bos>', '<sep>', '<eos>']
const LAST_NUMBER = 45

function words(): string[] {
  const texts = [...Object.values(PROBLEM).flatMap(x => Object.values(x).flat()), ...PRICE, ...CLAIM, ...Object.values(QUESTION).flat(), NOTE,
    ...GREETINGS, ...SENTENCES.keys(), ...ITEMS, ...WEEKDAYS, BOLD, BULLET, ...OTHER_WORDS]
  return texts.flatMap(t => t.split(' ')).filter(w => w !== '' && !/^(\d+|\{\w+\})$/.test(w))
}

/** Every token of the desk, by its id: special tokens, the numbers 0 to 45, amounts, then words and signs in code order. */
export const VOCABULARY: readonly string[] = [
  ...SPECIAL,
  ...Array.from({ length: LAST_NUMBER + 1 }, (_, n) => String(n)),
  ...[...VALUES, HIGH_VALUE].filter(v => v > LAST_NUMBER).sort((a, b) => a - b).map(String),
  ...[...new Set(words())].sort((a, b) => a < b ? -1 : 1),
]

const ID = new Map(VOCABULARY.map((word, id) => [word, id]))

/** Token ids of a text whose tokens stand apart by spaces. Throws RangeError that names the first unknown word. */
export function encodeText(text: string): number[] {
  return text.split(/\s+/).filter(w => w !== '').map((word, i) => {
    const id = ID.get(word)
    if (id === undefined) throw new RangeError(`encodeText: word ${i + 1}, '${word}', is not in the desk's vocabulary of ${VOCABULARY.length} tokens (lower case, one space around every word and sign)`)
    return id
  })
}

/** The text of token ids up to the first <eos>; special tokens are left out, or kept on request. Throws RangeError on an id that is none. */
export function decodeTokens(ids: ArrayLike<number>, keepSpecial = false): string {
  const out: string[] = []
  for (let i = 0; i < ids.length && ids[i] !== EOS; i++) {
    const word = VOCABULARY[ids[i]]
    if (word === undefined) throw new RangeError(`decodeTokens: id ${ids[i]} at position ${i} is not below ${VOCABULARY.length}`)
    if (keepSpecial || ids[i] > EOS) out.push(word)
  }
  return out.join(' ')
}

/** A prompt as the model reads it: <bos> text <sep>. */
export const promptTokens = (text: string): number[] => [BOS, ...encodeText(text), SEP]

/** A reply as the model writes it: text <eos>. */
export const replyTokens = (text: string): number[] => [...encodeText(text), EOS]
