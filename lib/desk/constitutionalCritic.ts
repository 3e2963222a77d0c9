import type { Random } from '../tensor/random'
import { actsOf, CONSTITUTION, type Constitution, type Principle } from './constitution'
import { SENTENCES, wordings, type Act } from './grammar'
import type { Prompt } from './scenarios'

/** One verdict of a critic: whether it says that the reply breaks the principle, and whether that is true. */
export interface Critique { readonly principle: string; readonly violated: boolean; readonly truly: boolean }

/** How good a critic, reviser or judge is: each of its verdicts or edits goes wrong with this probability (0 to 1). A dial of the experiment. */
export interface Fallible { readonly constitution?: Constitution; readonly errorRate?: number; readonly random: Random }

const rate = (errorRate: number): number => {
  if (!(errorRate >= 0 && errorRate <= 1)) throw new RangeError(`errorRate: expected a number from 0 to 1, got ${errorRate}`)
  return errorRate
}

/** A critic's verdict on every principle; each is turned round with probability `errorRate`. */
export function critique(prompt: Prompt, reply: string | ArrayLike<number>, { constitution = CONSTITUTION, errorRate = 0, random }: Fallible): Critique[] {
  const acts = actsOf(reply), wrong = rate(errorRate)
  return constitution.map(p => {
    const truly = p.check(prompt.facts, acts)
    return { principle: p.id, violated: random.uniform() < wrong ? !truly : truly, truly }
  })
}

/** One line of the audit log: which principle changed which answer, and whether the answer had broken it. */
export interface Revision { readonly prompt_id: string; readonly principle: string; readonly before: string; readonly after: string; readonly justified: boolean }

const ALL = [...SENTENCES.keys()]

/** The acts as text: a sentence that was there keeps its words, a new one is worded at random. */
function word(acts: readonly Act[], sentences: ReadonlyMap<Act, string>, random: Random): string {
  return acts.map(a => sentences.get(a) ?? random.choice(wordings(a))).join(' ')
}

/** The sentences of a plain text beside their acts, as objects that keep their identity through edits. */
function withSentences(text: string): { acts: Act[]; sentences: Map<Act, string> } {
  const parts = text.match(/[^.?!]+(?:[.?!]|$)/g)?.map(s => s.trim()).filter(s => s !== '') ?? [], acts = parts.map(s => ({ ...SENTENCES.get(s) ?? { kind: 'gibberish' as const, slot: '' } }))
  return { acts, sentences: new Map(acts.map((a, i) => [a, parts[i]])) }
}

/**
 * A reviser's answer to the critiques: for each principle said to be broken it edits the reply so that it is kept, and logs the change.
 * With probability `errorRate` an edit goes wrong: a sentence drawn at random stands at its end instead. Markup is dropped.
 * Returns the revised text and the audit log, one line a principle that changed something.
 */
export function revise(prompt: Prompt, reply: string, critiques: readonly Critique[], { constitution = CONSTITUTION, errorRate = 0, random }: Fallible): { readonly text: string; readonly log: readonly Revision[] } {
  const wrong = rate(errorRate), log: Revision[] = []
  let text = reply.replace(/(^| )(\*\*|-)(?= |$)/g, ' ').replace(/\s+/g, ' ').trim()
  for (const { principle: id, violated, truly } of critiques) {
    if (!violated) continue
    const principle = constitution.find(p => p.id === id)
    if (!principle) throw new RangeError(`revise: the constitution has no principle '${id}'`)
    const { acts, sentences } = withSentences(text)
    const after = random.uniform() < wrong ? `${text} ${random.choice(ALL)}`.trim() : word(principle.mend(prompt.facts, acts), sentences, random)
    if (after !== text) log.push({ prompt_id: prompt.id, principle: id, before: text, after, justified: truly })
    text = after
  }
  return { text, log }
}

/** The judge's choice: 1 for `a`, 0 for `b`, undefined where the constitution sees no difference; `decidedBy`: the principles that only one of them breaks. */
export interface Verdict { readonly choice: 0 | 1 | undefined; readonly decidedBy: readonly string[]; readonly mistaken: boolean }

/** What a reply costs under a constitution: the summed weights of the principles that it breaks. */
export const penalty = (broken: readonly Principle[]): number => broken.reduce((sum, p) => sum + p.weight, 0)

/**
 * Chooses the reply that costs less under the constitution; with probability `errorRate` the other one, so that 0.5 is a coin.
 * It sees nothing but the principles: what none of them names cannot move it.
 */
export function judge(prompt: Prompt, a: string | ArrayLike<number>, b: string | ArrayLike<number>, { constitution = CONSTITUTION, errorRate = 0, random }: Fallible): Verdict {
  const wrong = rate(errorRate), [brokenA, brokenB] = [a, b].map(reply => { const acts = actsOf(reply); return constitution.filter(p => p.check(prompt.facts, acts)) })
  const difference = penalty(brokenB) - penalty(brokenA)
  if (Math.abs(difference) < 1e-9) return { choice: undefined, decidedBy: [], mistaken: false }
  const mistaken = random.uniform() < wrong, better = difference > 0
  const decidedBy = constitution.filter(p => brokenA.includes(p) !== brokenB.includes(p)).map(p => p.id)
  return { choice: better !== mistaken ? 1 : 0, decidedBy, mistaken }
}
