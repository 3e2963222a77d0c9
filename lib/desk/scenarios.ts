import { Random } from '../tensor/random'
import { CLAIM, DAYS, type Decision, FALSE_CLAIMS, GREETINGS, HIGH_VALUE, type Issue, ISSUE_SHARES, ITEMS, LIMIT, NOTE, type Policy, PRICE, PROBLEM, QUESTION, VALUES, WEEKDAYS } from './text'

/** What a prompt tells about a case; null is what it does not tell. */
export interface Facts {
  readonly issue: Issue
  readonly item: string
  /** Days since the promised delivery (late only). */
  readonly days: number | null
  /** Price in euros. */
  readonly value: number | null
  /** The kind of damage or danger, or the item that came instead. */
  readonly detail: string | null
  /** Days after which the customer says a refund is due; true only at 7. */
  readonly claim: number | null
  /** The customer asks for a date. */
  readonly asks: boolean
  /** The weekday that the desk's calendar gives for the delivery. */
  readonly note: string | null
}

/** A customer's message with its facts; equal ids have equal texts. */
export interface Prompt { readonly id: string; readonly text: string; readonly facts: Facts }

/** What the policy asks for. */
export function rightDecision({ issue, days, value }: Facts): Exclude<Decision, 'stall'> {
  if (issue === 'hazard') return 'escalate'
  if (issue === 'damaged' || issue === 'wrong') return 'replace'
  if (issue === 'late' && days! < LIMIT) return 'wait'
  return value! > HIGH_VALUE ? 'escalate' : 'refund'
}

/** The rules that a case falls under; the first one decides it. */
export function policies(facts: Facts): readonly Policy[] {
  const high = (facts.issue === 'late' || facts.issue === 'lost') && rightDecision(facts) === 'escalate'
  return high ? ['value', facts.issue] : [facts.issue]
}

/** The customer names a limit other than the policy's. */
export const claimsFalsely = ({ claim }: Facts): boolean => claim !== null && claim !== LIMIT

/** The customer asks for a date that the prompt does not tell. */
export const dateUnknown = ({ asks, note }: Facts): boolean => asks && note === null

/** The two facts whose combination the split holds out, and their places in their lists. */
function pair(f: Facts): { names: readonly [string | number, string | number]; places: readonly [number, number] } {
  const item = ITEMS.indexOf(f.item as never)
  switch (f.issue) {
    case 'late': return { names: [f.days!, f.value!], places: [DAYS.indexOf(f.days as never), VALUES.indexOf(f.value as never)] }
    case 'lost': return { names: [f.item, f.value!], places: [item, VALUES.indexOf(f.value as never)] }
    case 'wrong': return { names: [f.item, f.detail!], places: [item, ITEMS.indexOf(f.detail as never)] }
    default: return { names: [f.item, f.detail!], places: [item, Object.keys(PROBLEM[f.issue]).indexOf(f.detail!)] }
  }
}

/** The combination of facts that the split keeps together: days and price when late, otherwise the item and price, damage, danger or what came instead. */
export function combination(facts: Facts): string {
  return [facts.issue, ...pair(facts).names].join(' ')
}

/** Whether a case belongs to the held-out sixth: its combination never occurs in training, though each of its facts does. */
export function isHeldOut(facts: Facts): boolean {
  const [a, b] = pair(facts).places
  return (a + b) % 6 === 4
}

const chance = (random: Random, probability: number): boolean => random.uniform() < probability

/** Facts of a case at random; `issue` fixes the problem. */
export function drawFacts(random: Random, issue?: Issue): Facts {
  const issues = Object.keys(ISSUE_SHARES) as Issue[]
  const kind = issue ?? issues[random.weighted(issues.map(i => ISSUE_SHARES[i]))]
  const parcel = kind === 'late' || kind === 'lost'
  const item = random.choice(ITEMS)
  const facts: Facts = {
    issue: kind, item,
    days: kind === 'late' ? random.choice(DAYS) : null,
    value: parcel || chance(random, 0.3) ? random.choice(VALUES) : null,
    detail: parcel ? null : random.choice(kind === 'wrong' ? ITEMS.filter(i => i !== item) : Object.keys(PROBLEM[kind])),
    claim: parcel && chance(random, 0.7) ? chance(random, 0.25) ? LIMIT : random.choice(FALSE_CLAIMS) : null,
    asks: kind !== 'hazard' && chance(random, 0.5),
    note: null,
  }
  const delivers = ['wait', 'replace'].includes(rightDecision(facts))
  return { ...facts, note: facts.asks && delivers && chance(random, 0.5) ? random.choice(WEEKDAYS) : null }
}

/** A prompt that tells exactly `facts`, worded at random. */
export function wordPrompt(facts: Facts, random: Random): Prompt {
  const { issue, item, days, value, detail, claim, asks, note } = facts, digits: number[] = []
  const pick = (options: readonly string[]): string => { digits.push(random.int(options.length)); return options[digits[digits.length - 1]] }
  const slots: Record<string, unknown> = { item, days, value, detail, claim, weekday: note }
  const text = [
    pick(GREETINGS),
    pick(PROBLEM[issue][issue === 'damaged' || issue === 'hazard' ? detail! : 'any']),
    value === null ? '' : pick(PRICE),
    claim === null ? '' : pick(CLAIM),
    asks && issue !== 'hazard' ? pick(QUESTION[issue]) : '',
    note === null ? '' : NOTE,
  ].filter(s => s !== '').join(' ').replace(/\{(\w+)\}/g, (_, name: string) => String(slots[name]))
  const told = [issue, item, days, detail, value && `${value}e`, claim && `c${claim}`, asks && 'asks', note, digits.join('')]
  return { id: told.filter(x => x !== null && x !== false).join('-'), text, facts }
}

/**
 * `n` distinct prompts of the training part, or of the held-out part: the two share no text and no combination of facts.
 * seed: a number, or a stream to go on with. Throws RangeError when the desk has fewer than `n`.
 */
export function drawPrompts(n: number, seed: number | Random, options: { heldOut?: boolean; issue?: Issue } = {}): Prompt[] {
  const { heldOut = false, issue } = options
  const random = typeof seed === 'number' ? Random.seed(seed).split(heldOut ? 'held-out prompts' : 'prompts') : seed
  const out = new Map<string, Prompt>()
  for (let misses = 0; out.size < n;) {
    const facts = drawFacts(random, issue)
    if (isHeldOut(facts) !== heldOut) continue
    const prompt = wordPrompt(facts, random)
    if (out.has(prompt.id)) misses++; else { out.set(prompt.id, prompt); misses = 0 }
    if (misses > 1000) throw new RangeError(`drawPrompts: asked for ${n} distinct ${heldOut ? 'held-out ' : ''}prompts${issue ? ` of '${issue}'` : ''}, the desk has about ${out.size}`)
  }
  return [...out.values()]
}
