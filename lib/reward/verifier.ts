import type { SumTask } from '../desk/arithmetic'
import { decodeTokens, EOS } from '../desk/vocabulary'
import type { PromptTokens, Response } from '../rollout/evaluate'

/** A program that tells whether a reply solves a task: 1 or 0. */
export type Verifier<T> = (task: T, reply: string) => number

/** A number as people write it: sign, currency before or after, thousands apart by comma or blank, decimals after a point or comma. */
const NUMBER = /(?<![\w.,])([-−+]?)(?:(?:€|\$|£|eur)\s?)?(\d{1,3}(?:[, ]\d{3})+(?!\d)|\d+)(?:([.,])(\d+))?(?![\w]|[.,]\d)/giu

/** Every number in a text by its value: '7', '07', '7.00', '7,00', '€7', '7 euro' and '+7' are all 7; '1,000' is 1000. A date or version like 1.2.3 is none. */
export function numbersIn(text: string): number[] {
  return [...text.matchAll(NUMBER)].map(([, sign, whole, , decimals = '']) => {
    const value = Number(`${whole.replace(/[, ]/g, '')}.${decimals || '0'}`)
    return value === 0 ? 0 : sign === '-' || sign === '−' ? -value : value
  })
}

/**
 * The answer that a reply states: the number in its only sentence with 'total'. Undefined where there is no such sentence, more than one,
 * or one with no number or several: a reply that names many answers has given none.
 */
export function statedTotal(reply: string): number | undefined {
  const [, ...after] = reply.toLowerCase().split(/\btotal\b/)
  if (after.length !== 1) return undefined
  const sentence = after[0].split(/\s[.!?;](?=\s|$)|[.!?;](?=\s|$)/)[0], numbers = numbersIn(sentence)
  return numbers.length === 1 ? numbers[0] : undefined
}

/** The outcome verifier: 1 where the reply states the task's answer once, by value, else 0. How it got there does not count. */
export const verifySum: Verifier<SumTask> = (task, reply) => Number(statedTotal(reply) === task.answer)

/**
 * A verifier that can be fooled: it looks for the answer's digits anywhere in the reply. '12' passes for 1, a reply that names every number
 * always passes, and '07' and 'seven' fail.
 */
export const fooledVerifier: Verifier<SumTask> = (task, reply) => Number(reply.includes(String(task.answer)))

/** A verifier of text as a reward of the desk's sampled tokens: 0 besides where the reply was cut off before its <eos>. */
export const verifierReward = <P extends PromptTokens>(verifier: Verifier<P>) => (responses: readonly Response<P>[]): number[] => responses.map(({ prompt, tokens }) =>
  tokens[tokens.length - 1] === EOS ? verifier(prompt, decodeTokens(tokens, true)) : 0)
