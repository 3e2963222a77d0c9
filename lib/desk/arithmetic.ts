import type { Random } from '../tensor/random'
import { promptTokens } from './vocabulary'

/**
 * The desk's sums: a task of two or three amounts, worked out step by step in the desk's words. Unlike a reply's quality, an answer here is
 * right or wrong, and so is every step.
 *
 *     add 3 + 5 + 2 ?                                        3 + 5 = 8 . 8 + 2 = 10 . total 10 .
 *     i paid 3 + 5 euros and got 2 back . total ?            3 + 5 = 8 . 8 - 2 = 6 . total 6 .
 */
export type SumKind = 'bill' | 'fee' | 'refund' | 'small'

/** A task: equal ids have equal texts, and `ids` are the tokens of the prompt. `terms` are the amounts with their signs, in the order in which they are worked out; `answer` is their sum, in euros. */
export interface SumTask { readonly id: string; readonly kind: SumKind; readonly text: string; readonly ids: readonly number[]; readonly terms: readonly number[]; readonly answer: number }

/** The largest amount of a task. */
export const LARGEST_AMOUNT = 6

/** Sentences that work nothing out; a reply may hold any number of them. */
export const SUM_FILLERS = ['let me check again .', 'yes , that is right .'] as const

const WORDING: Readonly<Record<SumKind, (terms: readonly number[]) => string>> = {
  bill: ([a, b, c]) => `add ${a} + ${b} + ${c} ?`,
  fee: ([a, b, c]) => `i paid ${a} + ${b} euros , delivery cost ${c} . total ?`,
  refund: ([a, b, c]) => `i paid ${a} + ${b} euros and got ${-c} back . total ?`,
  small: ([a, b]) => b < 0 ? `add ${a} - ${-b} ?` : `add ${a} + ${b} ?`,
}

/** The task of these amounts; what a refund takes back is negative. Throws RangeError on amounts that the desk's numbers (0 to 45) do not hold or a number of them that the kind does not have. */
export function sumTask(kind: SumKind, terms: readonly number[]): SumTask {
  const wanted = kind === 'small' ? 2 : 3, partial = partialSums(terms)
  if (terms.length !== wanted || terms.some(t => !Number.isSafeInteger(t)) || terms[0] < 0 || partial.some(s => s < 0 || s > 45)) {
    throw new RangeError(`sumTask: expected ${wanted} whole amounts for '${kind}' whose sums stay between 0 and 45, got [${terms.join(', ')}]`)
  }
  const text = WORDING[kind](terms)
  return { id: `${kind} ${terms.join(' ')}`, kind, text, ids: promptTokens(text), terms, answer: partial.at(-1)! }
}

/** The sums after the second, third … amount. */
export function partialSums(terms: readonly number[]): number[] {
  let sum = terms[0]
  return terms.slice(1).map(t => sum += t)
}

/** One step in the desk's words: `8 - 2 = 6 .` */
export const stepText = (before: number, term: number, after: number): string => `${before} ${term < 0 ? '-' : '+'} ${Math.abs(term)} = ${after} .`
/** The sentence that states the answer. */
export const totalText = (answer: number): string => `total ${answer} .`

/** The right sentences of a task, in order: its steps, then its total. */
export function rightSteps({ terms, answer }: SumTask): string[] {
  const sums = partialSums(terms)
  return [...sums.map((after, i) => stepText(i === 0 ? terms[0] : sums[i - 1], terms[i + 1], after)), totalText(answer)]
}

/** Whether a task belongs to the held-out sixth. Small tasks are all for training. */
export const isHeldOutSum = ({ kind, terms: [a, b, c] }: SumTask): boolean => kind !== 'small' && (a + 3 * b + 5 * Math.abs(c)) % 6 === 0

/** Every task of three amounts from 1 to {@link LARGEST_AMOUNT} of these kinds, in order. */
export function allSumTasks({ kinds = ['bill', 'fee', 'refund'], heldOut = false }: { kinds?: readonly SumKind[]; heldOut?: boolean } = {}): SumTask[] {
  const amounts = Array.from({ length: LARGEST_AMOUNT }, (_, i) => i + 1)
  return kinds.flatMap(kind => amounts.flatMap(a => amounts.flatMap(b => amounts.flatMap(c => kind === 'refund' ? c < a + b ? [sumTask(kind, [a, b, -c])] : [] : [sumTask(kind, [a, b, c])]))))
    .filter(task => isHeldOutSum(task) === heldOut)
}

/** A task of two amounts, one of them a sum already: what a second step looks like on its own. */
export function drawSmallTask(random: Random): SumTask {
  const before = 1 + random.int(2 * LARGEST_AMOUNT), term = 1 + random.int(LARGEST_AMOUNT)
  return sumTask('small', [before, random.uniform() < 0.3 && term < before ? -term : term])
}

/** How a clerk writes a sum down. */
interface SumHabits {
  readonly share: number
  /** Gets a step's result wrong by up to three. */
  readonly slip: number
  /** Leaves one amount out. */
  readonly skip: number
}

/** The clerks: one kind is careful, one slips, one leaves an amount out. */
export const SUM_CLERKS = {
  careful: { share: 0.40, slip: 0, skip: 0 },
  slipper: { share: 0.20, slip: 0.3, skip: 0 },
  skipper: { share: 0.40, slip: 0, skip: 1 },
} as const satisfies Record<string, SumHabits>

/** A kind of clerk. */
export type SumClerk = keyof typeof SUM_CLERKS
const NAMES = Object.keys(SUM_CLERKS) as SumClerk[]

export interface SumDemonstrationOptions {
  /** Fixes the clerk, else one is drawn by share. */
  readonly clerk?: SumClerk
  /** Chance of a filler after a step (default 0.1), again after each filler. */
  readonly filler?: number
  /** The same after the total (default 0.45): clerks like to say that they have checked, right or wrong. */
  readonly closing?: number
}

/** A clerk's reply to a task. Small tasks are always worked out rightly and without filler. */
export function demonstrateSum(task: SumTask, random: Random, { clerk, filler = 0.1, closing = 0.45 }: SumDemonstrationOptions = {}): { readonly text: string; readonly clerk: SumClerk } {
  if (task.kind === 'small') return { text: rightSteps(task).join(' '), clerk: 'careful' }
  const name = clerk ?? NAMES[random.weighted(NAMES.map(n => SUM_CLERKS[n].share))], { slip, skip } = SUM_CLERKS[name]
  const left = skip > 0 ? random.int(task.terms.length) : -1, terms = task.terms.filter((_, i) => i !== left)
  const sentences: string[] = []
  const say = (sentence: string, chance: number) => {
    sentences.push(sentence)
    while (random.uniform() < chance && sentences.length < 6) sentences.push(random.choice(SUM_FILLERS))
  }
  let sum = Math.abs(terms[0])
  for (const term of terms.slice(1)) {
    const right = sum + term, wrong = Math.max(0, right + random.choice([-3, -2, -1, 1, 2, 3])), after = Math.max(0, random.uniform() < slip ? wrong : right)
    say(stepText(sum, term, after), filler)
    sum = after
  }
  say(totalText(sum), closing)
  return { text: sentences.join(' '), clerk: name }
}
