import type { Message } from '../model/chat'

/** A text, or the turns of a chat. */
export type Conversation = string | readonly Message[]

const same = (a: string | Message, b: string | Message): boolean =>
  typeof a === 'string' || typeof b === 'string' ? a === b : a.role === b.role && a.content === b.content

/**
 * Finds the prompt that two whole conversations share and takes it off both: their longest common beginning, in code points or in turns.
 * A space before the difference goes to the answers, since tokenizers join it to the word that follows. As TRL's extract_prompt.
 * Throws RangeError where both are the same (nothing was preferred) or differ from the start (there is no prompt).
 */
export function extractPrompt<T extends Conversation>({ chosen, rejected }: { readonly chosen: T, readonly rejected: T }): { prompt: T, chosen: T, rejected: T } {
  if (typeof chosen !== typeof rejected) throw new TypeError('extractPrompt: one of chosen and rejected is a text, the other a list of messages')
  const [w, l] = [chosen, rejected].map(c => Array.from<string | Message>(c)), shorter = Math.min(w.length, l.length)
  let at = w.findIndex((part, i) => i >= shorter || !same(part, l[i]))
  if (at < 0 && l.length > w.length) at = w.length
  if (at < 0) throw new RangeError('extractPrompt: chosen and rejected are the same; nothing was preferred')
  // where one is the whole beginning of the other, its last part must be its answer: an answer is never empty
  if (at === shorter) at--
  else if (w[at - 1] === ' ') at--
  if (at <= 0) throw new RangeError('extractPrompt: chosen and rejected differ from the start, so that they share no prompt')
  const part = (parts: (string | Message)[]) => (typeof chosen === 'string' ? (parts as string[]).join('') : parts) as T
  return { prompt: part(w.slice(0, at)), chosen: part(w.slice(at)), rejected: part(l.slice(at)) }
}

/** A single answer as TRL has it for KTO; `label` is true for a good one. */
export interface UnpairedAnswer<T> { readonly prompt: T; readonly completion: T; readonly label: boolean }

/** Pairs as single answers: all chosen ones as good, then all rejected ones as bad. As TRL's unpair_preference_dataset. */
export function unpair<T>(pairs: readonly { readonly prompt: T, readonly chosen: T, readonly rejected: T }[]): UnpairedAnswer<T>[] {
  return [
    ...pairs.map(({ prompt, chosen }) => ({ prompt, completion: chosen, label: true })),
    ...pairs.map(({ prompt, rejected }) => ({ prompt, completion: rejected, label: false })),
  ]
}
