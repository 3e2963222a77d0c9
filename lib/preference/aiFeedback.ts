import type { Constitution } from '../desk/constitution'
import { CONSTITUTION } from '../desk/constitution'
import { judge, type Fallible } from '../desk/constitutionalCritic'
import type { Prompt } from '../desk/scenarios'
import { decodeTokens } from '../desk/vocabulary'
import type { PreferencePair } from './records'

type Reply = string | ArrayLike<number>
/** Two replies to a prompt that wait for a judge. */
export interface Unjudged { readonly prompt: Prompt; readonly a: Reply; readonly b: Reply }

/** One line of the audit log: which principles decided a label. */
export interface LabelReason { readonly prompt_id: string; readonly decidedBy: readonly string[]; readonly mistaken: boolean }

/** What a judge made of pairs: the judged ones for a reward model, the same as records, the audit log, and how many pairs it could not tell apart. */
export interface AiFeedback {
  readonly judged: readonly { readonly prompt: Prompt; readonly chosen: Reply; readonly rejected: Reply }[]
  readonly pairs: readonly PreferencePair[]
  readonly log: readonly LabelReason[]
  readonly undecided: number
}

/** The name of a constitution in a record's `rubric`: its principles. */
export const rubricOf = (constitution: Constitution): string => `constitution: ${constitution.map(p => p.id).join(', ')}`

/**
 * Preference labels from a judge under a constitution, with no person in the loop (reinforcement learning from AI feedback).  Bai 2022, arXiv:2212.08073; Lee 2023, arXiv:2309.00267
 * Records name the judge, its error rate and the constitution, so that AI labels can always be told from human ones. Pairs without a difference are left out.
 */
export function aiFeedback(unjudged: readonly Unjudged[], options: Fallible, generator?: string): AiFeedback {
  const { constitution = CONSTITUTION, errorRate = 0 } = options, text = (reply: Reply) => typeof reply === 'string' ? reply : decodeTokens(reply)
  const judged: AiFeedback['judged'][number][] = [], pairs: PreferencePair[] = [], log: LabelReason[] = []
  for (const { prompt, a, b } of unjudged) {
    const { choice, decidedBy, mistaken } = judge(prompt, a, b, options)
    if (choice === undefined) continue
    const [chosen, rejected] = choice === 1 ? [a, b] : [b, a]
    judged.push({ prompt, chosen, rejected })
    pairs.push({ prompt_id: prompt.id, prompt: prompt.text, chosen: text(chosen), rejected: text(rejected), label: 1, annotator: `constitutional judge, error rate ${errorRate}`, rubric: rubricOf(constitution), ...generator === undefined ? {} : { generator } })
    log.push({ prompt_id: prompt.id, decidedBy, mistaken })
  }
  return { judged, pairs, log, undecided: unjudged.length - judged.length }
}
