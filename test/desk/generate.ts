import fc from 'fast-check'
import { Random } from '../../lib/tensor/random'
import { demonstrate, STYLES, type Style } from '../../lib/desk/demonstrations'
import { type Act, SENTENCES } from '../../lib/desk/grammar'
import { drawFacts, type Prompt, wordPrompt } from '../../lib/desk/scenarios'
import { type Issue, ISSUE_SHARES } from '../../lib/desk/text'

/** Prompts of every issue, training and held out. */
export const anyPrompt: fc.Arbitrary<Prompt> = fc.tuple(fc.nat(), fc.constantFrom(...Object.keys(ISSUE_SHARES) as Issue[])).map(([seed, issue]) => {
  const random = Random.seed(seed)
  return wordPrompt(drawFacts(random, issue), random)
})

/** Any sentence of the desk. */
export const anySentence: fc.Arbitrary<string> = fc.constantFrom(...SENTENCES.keys())

/** Acts in any order, sensible or not. */
export const anyActs: fc.Arbitrary<Act[]> = fc.array(fc.constantFrom(...SENTENCES.values()), { maxLength: 12 })

/** Replies made of known sentences, unknown words and markup, sensible or not. */
export const anyReply: fc.Arbitrary<string> = fc.array(
  fc.oneof({ weight: 8, arbitrary: anySentence }, { weight: 1, arbitrary: fc.constantFrom('**', '-', '.', 'refund lamp .', 'we will', '<pad>') }), { maxLength: 10 },
).map(parts => parts.join(' '))

/** A prompt with a reply that a clerk might write to it. */
export const demonstrated: fc.Arbitrary<{ prompt: Prompt; text: string }> = fc.tuple(anyPrompt, fc.nat(), fc.constantFrom(...Object.keys(STYLES) as Style[]))
  .map(([prompt, seed, style]) => ({ prompt, text: demonstrate(prompt, Random.seed(seed), { style }).text }))
