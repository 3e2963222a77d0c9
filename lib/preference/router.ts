import { z } from 'zod'
import type { Interval } from './bootstrap'
import { type Feedback, feedbackSchema, type Rate } from './feedback'
import { positionBias } from './position'

/** A way from feedback to a policy that {@link chooseMethod} knows. */
export type Method = 'DPO' | 'IPO' | 'KTO' | 'ORPO' | 'SimPO' | 'GRPO' | 'Online DPO'

/** What {@link chooseMethod} compares figures with. */
export const ROUTER = {
  /** Fewer comparisons, thumbs or tasks than this decide nothing: the 95% interval of a share of 100 is 20 points wide. */
  least: 100,
  /** Labels are nearly deterministic when the share of second judgements that agree is surely above this. */
  deterministic: 0.95,
  /** Preferences lean on length when the share of comparisons won by the longer reply is surely above this. */
  lengthy: 0.6,
} as const

/** A share that the answer rests on, with its exact 95% interval. */
export interface Evidence { readonly name: string; readonly count: number; readonly of: number; readonly share: number; readonly interval: Interval }

/** An answer and why. */
export interface MethodChoice {
  /** Null where the log supports no method. */
  readonly method: Method | null
  /** A baseline is what to run first and to beat; a candidate is to be compared with one. */
  readonly standing: 'baseline' | 'candidate' | 'none'
  /** The two as one phrase: 'DPO baseline'. */
  readonly answer: string
  readonly reasons: readonly string[]
  /** What to watch, or to repair before training. */
  readonly cautions: readonly string[]
  /** Why the log does not carry the answer; empty where it does. */
  readonly insufficient: readonly string[]
  /** What was not measured and could change the answer, and how to measure it. */
  readonly unknown: readonly string[]
  readonly figures: readonly Evidence[]
}

const percent = (x: number): string => `${(100 * x).toFixed(1)}%`
const n = (x: number): string => x.toLocaleString('en')

function figure(name: string, { count, of }: Rate): Evidence | undefined {
  if (of === 0) return undefined
  const { share, interval } = positionBias(count, of)
  return { name, count, of, share, interval }
}

const say = ({ name, count, of, share, interval }: Evidence): string => `${name}: ${percent(share)} (${n(count)} of ${n(of)}, 95% interval ${percent(interval[0])} to ${percent(interval[1])})`

interface Notes { readonly reasons: string[]; readonly cautions: string[]; readonly insufficient: string[]; readonly unknown: string[] }

/**
 * Which method to begin with, given what the feedback is, with reasons in measured figures. feedback: a description (see {@link feedbackSchema}),
 * or what `describeFeedback` and `feedbackOfFile` read off the rows. The first that applies:
 *
 *     tasks that a program checks, policy sampled while training → GRPO candidate        Shao 2024, arXiv:2402.03300
 *     no pairs, but a judge of fresh samples                     → Online DPO candidate  Guo 2024, arXiv:2402.04792
 *     no pairs, thumbs only                                      → KTO candidate         Ethayarajh 2024, arXiv:2402.01306
 *     pairs, one stage from a base model                         → ORPO candidate        Hong 2024, arXiv:2403.07691
 *     pairs, no reference affordable                             → SimPO candidate       Meng 2024, arXiv:2405.14734
 *     pairs, labels nearly deterministic                         → IPO candidate         Azar 2023, arXiv:2310.12036
 *     pairs                                                      → DPO baseline          Rafailov 2023, arXiv:2305.18290
 *
 * Outcome and process reward models are no answer: they score, and one of these optimises. Throws Error that names the field of a description that is wrong.
 */
export function chooseMethod(feedback: z.input<typeof feedbackSchema>): MethodChoice {
  const parsed = feedbackSchema.safeParse(feedback)
  if (!parsed.success) throw new Error(`chooseMethod: ${z.prettifyError(parsed.error)}`)
  const log: Feedback = parsed.data, notes: Notes = { reasons: [], cautions: [], insufficient: [], unknown: [] }
  const agreement = log.agreement && figure('second judgements that agree with the first', log.agreement), longer = log.longer && figure('comparisons won by the longer reply', log.longer)
  const figures = [agreement, longer].filter(f => f !== undefined)
  const answer = (method: Method | null, standing: MethodChoice['standing']): MethodChoice => ({ method, standing, answer: method ? `${method} ${standing}` : 'none', ...notes, figures })
  if (log.checkable > 0 && log.online) return answer(...checkable(log, notes))
  if (log.checkable > 0) notes.cautions.push(`${n(log.checkable)} tasks can be checked, but the policy cannot be sampled while it trains; sample answers once and check them, and they are judged replies`)
  if (log.pairs === 0) return answer(...withoutPairs(log, notes))
  return answer(...withPairs(log, notes, agreement, longer))
}

type Answer = [Method | null, MethodChoice['standing']]

const few = (notes: Notes, count: number, what: string): void => {
  if (count < ROUTER.least) notes.insufficient.push(`only ${n(count)} ${what}; collect at least ${ROUTER.least} before trusting any measurement on them`)
}

function checkable(log: Feedback, notes: Notes): Answer {
  notes.reasons.push(`a program checks the answers to ${n(log.checkable)} prompts and the policy can be sampled while it trains, so every sample gets a true reward and no label is needed`)
  few(notes, log.checkable, 'prompts with a checkable answer')
  notes.unknown.push('how often the policy already solves the tasks: groups in which all answers are right, or all wrong, teach nothing, so measure pass@1 first (20% to 80% is a good start)')
  if (log.pairs > 0) notes.cautions.push(`the ${n(log.pairs)} pairs are left for what the program cannot check`)
  return ['GRPO', 'candidate']
}

function withoutPairs(log: Feedback, notes: Notes): Answer {
  const { up, down } = log.thumbs, all = up + down
  if (log.judge && log.online) {
    notes.reasons.push('there is no pair in the log, but a judge can compare fresh samples of the policy while it trains: the pairs are made on the way, and always about what the policy says now')
    if (all > 0) notes.cautions.push(`${n(all)} judged replies can warm the policy up with KTO before`)
    return ['Online DPO', 'candidate']
  }
  if (all === 0) {
    notes.insufficient.push('the log holds no pair, no judged reply and no checkable task; collect comparisons of two replies to the same prompt, which say most for each label')
    return [null, 'none']
  }
  notes.reasons.push(`the log holds ${n(all)} single replies with a thumb (${n(up)} up, ${n(down)} down) and no pair; KTO needs no pairs`)
  if (up === 0 || down === 0) {
    notes.insufficient.push(`every thumb points ${up === 0 ? 'down' : 'up'}: nothing tells liked from disliked replies`)
    return [null, 'none']
  }
  few(notes, Math.min(up, down), up < down ? 'thumbs up' : 'thumbs down')
  const ratio = Math.max(up, down) / Math.min(up, down)
  if (ratio > 4 / 3) notes.cautions.push(`thumbs are ${ratio.toFixed(1)} to 1 in favour of ${up > down ? 'up' : 'down'}: give each thumb ${up < down ? 'up' : 'down'} ${ratio.toFixed(1)} times the weight, so that both sides weigh the same`)
  if (log.singleStage) notes.cautions.push('one stage is wanted, but ORPO needs pairs; KTO from a base model is possible where the model is large')
  if (!log.reference) notes.cautions.push('KTO compares with a reference: compute its log-probs once before training, then it need not stay in memory')
  return ['KTO', 'candidate']
}

function withPairs(log: Feedback, notes: Notes, agreement?: Evidence, longer?: Evidence): Answer {
  const { thumbs: { up, down } } = log
  notes.reasons.push(`the log holds ${n(log.pairs)} comparisons of two replies to the same prompt`)
  few(notes, log.pairs, 'distinct comparisons')
  if (up + down > 0) notes.cautions.push(`the ${n(up + down)} thumbs are not used; KTO could take them, and each pair as one thumb up and one down`)
  if (log.same > 0) notes.cautions.push(`${n(log.same)} rows have two replies that say the same: drop them`)
  if (log.copies > 0) notes.cautions.push(`${n(log.copies)} rows repeat a judgement of the same annotator: drop them, or they count twice`)
  if (log.judge && log.online) notes.cautions.push('a judge can compare fresh samples as well: Online DPO on the same number of labels is the candidate to compare with')
  const sure = readAgreement(notes, agreement, log.anonymous), lengthy = readLength(notes, longer)
  if (agreement && agreement.of >= 20 && agreement.interval[1] <= 0.5) {
    notes.insufficient.push(`${say(agreement)}: a coin agrees as often, so the labels say nothing yet; repair the instructions to the annotators and ask again`)
    return [null, 'none']
  }
  if (agreement && agreement.of >= 20 && agreement.interval[0] <= 0.5) notes.insufficient.push(`${say(agreement)}: this may be a coin; have more comparisons judged twice, and look at the instructions`)
  if (log.singleStage) {
    notes.reasons.push('imitation and preference are to be learnt in one stage: ORPO adds the preference to the likelihood of the chosen replies, and holds no reference')
    return ['ORPO', 'candidate']
  }
  if (!log.reference) {
    notes.reasons.push(`no reference can be held: SimPO needs none${lengthy ? ', and it divides log-probs by length, which answers the lean on length' : ''}`)
    if (!lengthy) notes.cautions.push('log-probs of the reference can also be computed once before training: then DPO needs no second model in memory')
    return ['SimPO', 'candidate']
  }
  if (sure) {
    notes.reasons.push('labels are nearly deterministic: on them the margin of DPO grows without end, while that of IPO aims at 1/(2β)')
    return ['IPO', 'candidate']
  }
  notes.reasons.push('pairs are at hand and a reference can be held: DPO is the baseline that the others have to beat')
  return ['DPO', 'baseline']
}

/** Notes what the agreement tells; true when labels are surely nearly deterministic. */
function readAgreement(notes: Notes, agreement: Evidence | undefined, anonymous: number): boolean {
  if (!agreement) {
    notes.unknown.push(`whether labels are nearly deterministic (then IPO): no comparison was judged twice; have ${ROUTER.least} of them judged again`)
    return false
  }
  notes.reasons.push(`${say(agreement)}; ${percent(1 - agreement.share)} are contradicted`)
  if (anonymous > 0) notes.cautions.push(`${n(anonymous)} of the repeated comparisons name no annotator: a copied row looks like a judgement that agrees`)
  if (agreement.interval[0] <= ROUTER.deterministic && agreement.interval[1] > ROUTER.deterministic) {
    notes.unknown.push(`whether labels are nearly deterministic (then IPO): the interval reaches from ${percent(agreement.interval[0])} to ${percent(agreement.interval[1])}, across ${percent(ROUTER.deterministic)}; have more comparisons judged twice`)
  }
  return agreement.interval[0] > ROUTER.deterministic
}

/** Notes what the lengths tell; true when preferences surely lean on length. */
function readLength(notes: Notes, longer: Evidence | undefined): boolean {
  if (!longer) {
    notes.unknown.push('whether preferences lean on length: the log says nothing of the lengths of decided comparisons')
    return false
  }
  notes.reasons.push(say(longer))
  const lengthy = longer.interval[0] > ROUTER.lengthy
  if (lengthy) notes.cautions.push('the longer reply wins surely more often than 6 times in 10: watch the length of replies in training, and evaluate with length controlled')
  return lengthy
}

/** A choice for a person: the answer, then the reasons and what is missing, one a line. */
export function explainChoice({ answer, reasons, cautions, insufficient, unknown }: MethodChoice): string {
  const part = (mark: string, lines: readonly string[]) => lines.map(line => `  ${mark} ${line}`)
  return [`${answer}${insufficient.length ? ' (evidence is insufficient)' : ''}`, ...part('because', reasons), ...part('insufficient:', insufficient), ...part('unknown:', unknown), ...part('note:', cautions)].join('\n')
}

/** Descriptions of the six typical logs, by name. */
export const FEEDBACK_CASES = {
  paired_offline_feedback: { pairs: 2000, online: false },
  binary_offline_feedback: { thumbs: { up: 500, down: 2500 }, online: false },
  online_checkable_reward: { checkable: 1000 },
  single_stage: { pairs: 2000, singleStage: true },
  length_sensitive_no_reference: { pairs: 2000, reference: false, longer: { count: 1364, of: 2000 } },
  near_deterministic: { pairs: 2000, agreement: { count: 497, of: 500 } },
} as const satisfies Record<string, z.input<typeof feedbackSchema>>
