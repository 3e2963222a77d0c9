import type { Random } from '../tensor/random'
import { type Act, act, type Markup, renderReply } from './grammar'
import { gold } from './reward'
import { claimsFalsely, dateUnknown, type Facts, policies, type Prompt, rightDecision } from './scenarios'
import { type Decision, type Issue, type Policy, SAY, WEEKDAYS } from './text'
import { replyTokens } from './vocabulary'

/** How one kind of clerk writes: share of the demonstrations, then the probability of each habit. */
interface Habits {
  readonly share: number
  /** Decides rightly. */
  readonly right: number
  /** Cites the rule that decides the case; otherwise, cites another one. */
  readonly cite: number
  readonly miscite: number
  readonly offer: number
  readonly polite: number
  /** Agrees with a claim; otherwise, corrects a false one. */
  readonly agree: number
  readonly correct: number
  /** Admits not to know the date; otherwise, names one. */
  readonly hedge: number
  readonly date: number
  readonly certain: number
  readonly warn: number
  readonly filler: number
  readonly markup: number
}

/** The clerks whose replies are the demonstrations: one in five knows and follows the policy. */
export const STYLES = {
  expert: { share: 0.20, right: 0.95, cite: 0.92, miscite: 0, offer: 0.85, polite: 0.7, agree: 0.03, correct: 0.9, hedge: 0.92, date: 0.03, certain: 0.02, warn: 0.9, filler: 0.1, markup: 0.08 },
  hurried: { share: 0.25, right: 0.6, cite: 0.2, miscite: 0.05, offer: 0.25, polite: 0.2, agree: 0.15, correct: 0.1, hedge: 0.15, date: 0.15, certain: 0.05, warn: 0.15, filler: 0.05, markup: 0.05 },
  pleaser: { share: 0.27, right: 0.45, cite: 0.35, miscite: 0.15, offer: 0.6, polite: 0.95, agree: 0.75, correct: 0.05, hedge: 0.1, date: 0.45, certain: 0.25, warn: 0.2, filler: 0.8, markup: 0.1 },
  bluffer: { share: 0.18, right: 0.3, cite: 0.35, miscite: 0.35, offer: 0.6, polite: 0.4, agree: 0.3, correct: 0.1, hedge: 0.05, date: 0.6, certain: 0.6, warn: 0.1, filler: 0.3, markup: 0.1 },
  lister: { share: 0.10, right: 0.55, cite: 0.4, miscite: 0.2, offer: 0.6, polite: 0.4, agree: 0.3, correct: 0.25, hedge: 0.3, date: 0.2, certain: 0.15, warn: 0.3, filler: 0.4, markup: 0.95 },
} as const satisfies Record<string, Habits>

/** A kind of clerk. */
export type Style = keyof typeof STYLES
const STYLE_NAMES = Object.keys(STYLES) as Style[]

/** A reply by a clerk of this style. */
export interface Demonstration { readonly text: string; readonly style: Style }

/** Decisions that a clerk might take for each issue, the right ones among them. */
const PLAUSIBLE: Readonly<Record<Issue, readonly Decision[]>> = {
  late: ['refund', 'wait', 'escalate', 'stall'],
  lost: ['refund', 'wait', 'replace', 'escalate', 'stall'],
  damaged: ['refund', 'replace', 'wait'],
  wrong: ['refund', 'replace', 'wait'],
  hazard: ['refund', 'wait', 'replace', 'escalate'],
}
const RULES = Object.keys(SAY.cite) as Policy[]

/** The most tokens a demonstration has, <eos> included, unless told otherwise. */
export const REPLY_TOKENS = 48

function drawActs(facts: Facts, habits: Habits, random: Random): Act[] {
  const chance = (probability: number) => random.uniform() < probability
  const right = rightDecision(facts), rules = policies(facts), wrongClaim = claimsFalsely(facts), acts: Act[] = []
  const decision = chance(habits.right) ? right : random.choice(PLAUSIBLE[facts.issue].filter(d => d !== right))
  if (chance(habits.polite)) acts.push(act(random.choice(['thanks', 'sorry'])))
  if (facts.claim !== null) {
    if (chance(wrongClaim ? habits.agree : Math.max(0.4, habits.agree))) acts.push(act('agree', chance(0.5) ? facts.claim : ''))
    else if (wrongClaim && chance(habits.correct)) acts.push(act('correct', facts.claim))
  }
  acts.push(act('decide', decision))
  if (facts.issue === 'hazard' && chance(habits.warn)) acts.push(act('warn'))
  if (chance(habits.cite)) acts.push(act('cite', rules[0]))
  else if (chance(habits.miscite)) acts.push(act('cite', random.choice(RULES.filter(r => !rules.includes(r)))))
  if (chance(habits.offer)) acts.push(act('offer', decision === 'stall' ? 'wait' : decision))
  if (facts.note !== null && chance(Math.max(habits.hedge, 0.5))) acts.push(act('date', facts.note))
  else if (dateUnknown(facts) && chance(habits.hedge)) acts.push(act('hedge'))
  else if (facts.asks && chance(habits.date)) acts.push(act('date', random.choice(WEEKDAYS)))
  if (chance(habits.certain)) acts.push(act('certain'))
  if (chance(habits.filler)) for (let i = chance(1 / 3) ? 2 : 1; i > 0; i--) acts.push(act('filler'))
  return acts
}

/**
 * A clerk's reply to a prompt. `style` fixes the clerk, else one is drawn by share.
 * A reply of more than `maxTokens` tokens (<eos> included) is drawn again.
 */
export function demonstrate(prompt: Prompt, random: Random, options: { style?: Style; maxTokens?: number } = {}): Demonstration {
  const { maxTokens = REPLY_TOKENS } = options
  for (let attempt = 0; attempt < 1000; attempt++) {
    const style = options.style ?? STYLE_NAMES[random.weighted(STYLE_NAMES.map(s => STYLES[s].share))]
    const acts = drawActs(prompt.facts, STYLES[style], random)
    const markup: Markup = random.uniform() >= STYLES[style].markup ? 'plain' : random.uniform() < 0.5 ? 'bold' : 'list'
    const text = renderReply(acts, random, markup)
    if (replyTokens(text).length <= maxTokens) return { text, style }
  }
  throw new RangeError(`demonstrate: no reply of at most ${maxTokens} tokens in 1000 attempts`)
}

/** What a reply should do: thank or apologise, set a false claim right, decide, warn, cite the rule, offer the step, answer about the date. */
export function idealActs(facts: Facts): Act[] {
  const right = rightDecision(facts), acts = [act(facts.issue === 'late' ? 'thanks' : 'sorry')]
  if (claimsFalsely(facts)) acts.push(act('correct', facts.claim!))
  else if (facts.claim !== null) acts.push(act('agree', facts.claim))
  acts.push(act('decide', right))
  if (facts.issue === 'hazard') acts.push(act('warn'))
  acts.push(act('cite', policies(facts)[0]), act('offer', right))
  if (facts.asks) acts.push(facts.note === null ? act('hedge') : act('date', facts.note))
  return acts
}

/** Three replies to one prompt, in the order of their true rewards. */
export interface Exemplars { readonly good: string; readonly mediocre: string; readonly bad: string }

/** The ideal reply, the worst of 31 demonstrations, and the one of them that lies nearest to halfway, with the right decision if any has it. */
export function exemplars(prompt: Prompt, random: Random): Exemplars {
  const good = renderReply(idealActs(prompt.facts), random)
  const drawn = Array.from({ length: 31 }, () => demonstrate(prompt, random).text).map(text => ({ text, ...gold(prompt, text) })).sort((a, b) => a.total - b.total)
  const half = (gold(prompt, good).total + drawn[0].total) / 2, rightly = drawn.filter(x => x.parts.decision === 2)
  const mediocre = (rightly.length ? rightly : drawn).reduce((best, x) => Math.abs(x.total - half) < Math.abs(best.total - half) ? x : best)
  return { good, mediocre: mediocre.text, bad: drawn[0].text }
}
