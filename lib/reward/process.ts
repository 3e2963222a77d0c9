import type { SumTask } from '../desk/arithmetic'
import { partialSums, stepText, totalText } from '../desk/arithmetic'
import { EOS, VOCABULARY } from '../desk/vocabulary'
import { numbersIn } from './verifier'

/** What a sentence of a worked-out sum does: works something out, states the total, or neither. */
export type StepKind = 'step' | 'total' | 'filler'

/** One sentence of a reply. */
export interface JudgedStep {
  readonly text: string
  readonly kind: StepKind
  /** Index of its last token in the reply. */
  readonly end: number
  /** Everything up to and including this sentence is right; a filler changes nothing. */
  readonly right: boolean
  /** It is the next thing that had to be said: a right step or the right total, for the first time. */
  readonly progress: boolean
}

/**
 * The step verifier: judges each sentence of a worked-out sum. A step is right where it is the next one due (these operands, this result, by
 * value), the total where all steps are done; after the first wrong sentence everything is wrong.  Lightman 2023, arXiv:2305.20050 §2.5
 * reply: tokens, or text. A sentence that does not end is judged as it stands; special tokens are no part of any.
 */
export function judgeSteps(task: SumTask, reply: string | ArrayLike<number>): JudgedStep[] {
  const words = typeof reply === 'string' ? reply.split(/\s+/).filter(w => w !== '') : Array.from(reply, id => VOCABULARY[id])
  const sums = partialSums(task.terms), due = [...sums.map((after, i) => stepText(i === 0 ? task.terms[0] : sums[i - 1], task.terms[i + 1], after)), totalText(task.answer)]
  const out: JudgedStep[] = []
  let right = true, done = 0, from = 0
  words.forEach((word, end) => {
    const last = end === words.length - 1 || words[end + 1] === VOCABULARY[EOS]
    if (word === VOCABULARY[EOS] || (!/^[.!?]$/.test(word) && !last)) return
    const sentence = words.slice(from, end + 1), text = sentence.join(' ')
    from = end + 1
    const kind: StepKind = sentence.includes('=') ? 'step' : sentence.includes('total') ? 'total' : 'filler'
    const progress = kind !== 'filler' && right && done < due.length && saysTheSame(text, due[done])
    if (progress) done++
    else if (kind !== 'filler') right = false
    out.push({ text, kind, end, right, progress })
  })
  return out
}

/** Equal but for the way in which numbers are written. */
function saysTheSame(a: string, b: string): boolean {
  const [x, y] = [a, b].map(text => ({ numbers: numbersIn(text), signs: text.replace(/[\d.,]+/g, ' ').split(/\s+/).filter(w => /^([-−+=]|total)$/.test(w)).join(' ') }))
  return x.signs === y.signs && x.numbers.length === y.numbers.length && x.numbers.every((n, i) => n === y.numbers[i])
}

/** A place in a response (index of a token) and whether all is right up to there. */
export interface StepLabel { readonly at: number; readonly label: number }

/** Labels of a reply for a process reward model: at the last token of each sentence whether all is right so far, at <eos> whether all is right and done. */
export function stepLabels(task: SumTask, reply: ArrayLike<number>): StepLabel[] {
  const steps = judgeSteps(task, reply), labels = steps.map(({ end, right }) => ({ at: end, label: Number(right) })), last = reply.length - 1
  const done = steps.some(s => s.kind === 'total' && s.progress) && steps.every(s => s.right)
  return reply[last] === EOS ? [...labels, { at: last, label: Number(done) }] : labels
}

/** Share of a reply's sentences that work nothing out. */
export function fillerShare(task: SumTask, reply: string | ArrayLike<number>): number {
  const steps = judgeSteps(task, reply)
  return steps.length === 0 ? 0 : steps.filter(s => s.kind === 'filler').length / steps.length
}
