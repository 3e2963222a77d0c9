import type { Random } from '../tensor/random'
import { type ActKind, BOLD, BULLET, FALSE_CLAIMS, LIMIT, SAY, WEEKDAYS } from './text'

/** One sentence of a reply by what it does: `slot` is the decision, policy, number of days or weekday it names, or ''. */
export interface Act { readonly kind: ActKind | 'gibberish'; readonly slot: string }

/** A reply taken apart. `words` leaves out punctuation and markup; `repeats` counts sentences said before, word for word. */
export interface ParsedReply {
  readonly acts: readonly Act[]
  readonly words: number
  readonly marks: number
  readonly repeats: number
}

/** How the sentences of a reply are set: plain, the decision in bold, or a list from the decision on. */
export type Markup = 'plain' | 'bold' | 'list'

const MARKS = new Set<string>([BOLD, BULLET]), ENDS = new Set(['.', '?', '!']), PUNCTUATION = new Set(['.', '?', '!', ',', ':', ';'])

/** What may stand in the slot `pattern` of a sentence of this kind. */
function fillings(kind: ActKind, pattern: string): readonly string[] {
  if (pattern === '{weekday}') return WEEKDAYS
  if (pattern === '{n}') return [...FALSE_CLAIMS, ...(kind === 'agree' ? [LIMIT] : [])].map(String)
  return [pattern]
}

const fill = (template: string, slot: string): string => template.replace(/\{(n|weekday)\}/, slot)

/** Every sentence the desk may say, with its act. */
export const SENTENCES: ReadonlyMap<string, Act> = new Map((Object.keys(SAY) as ActKind[]).flatMap(kind =>
  Object.entries(SAY[kind]).flatMap(([pattern, templates]) =>
    fillings(kind, pattern).flatMap(slot => templates.map(template => [fill(template, slot), { kind, slot }] as const)))))

const WORDINGS = new Map<string, string[]>()
for (const [sentence, { kind, slot }] of SENTENCES) WORDINGS.set(`${kind} ${slot}`, [...WORDINGS.get(`${kind} ${slot}`) ?? [], sentence])

/** Every sentence that performs an act. Throws RangeError when the grammar has none. */
export function wordings(act: Act): readonly string[] {
  const found = WORDINGS.get(`${act.kind} ${act.slot}`)
  if (!found) throw new RangeError(`reply: no sentence does '${act.kind}' with '${act.slot}'; see SAY in lib/desk/text.ts`)
  return found
}

/** Short for an act. */
export const act = (kind: ActKind, slot: string | number = ''): Act => ({ kind, slot: String(slot) })

/**
 * The text of a reply that performs `acts` in order, each worded at random, in words not yet used while there are any.
 * Markup 'bold' wraps the first decision (the first sentence without one), 'list' puts a bullet before it and all that follow.
 */
export function renderReply(acts: readonly Act[], random: Random, markup: Markup = 'plain'): string {
  const sentences: string[] = []
  for (const a of acts) {
    const all = wordings(a), unused = all.filter(s => !sentences.includes(s))
    sentences.push(random.choice(unused.length ? unused : all))
  }
  const from = Math.max(0, acts.findIndex(a => a.kind === 'decide'))
  if (markup === 'bold' && sentences.length) sentences[from] = `${BOLD} ${sentences[from]} ${BOLD}`
  return sentences.map((s, i) => markup === 'list' && i >= from ? `${BULLET} ${s}` : s).join(' ')
}

/** Takes a reply apart: a sentence that the grammar does not know, or that does not end, is gibberish. */
export function parseReply(text: string): ParsedReply {
  const acts: Act[] = [], seen = new Set<string>()
  let current: string[] = [], words = 0, marks = 0, repeats = 0
  const close = () => {
    const sentence = current.join(' ')
    if (seen.has(sentence)) repeats++
    seen.add(sentence)
    acts.push(SENTENCES.get(sentence) ?? { kind: 'gibberish', slot: '' })
    current = []
  }
  for (const token of text.split(/\s+/)) {
    if (token === '') continue
    if (MARKS.has(token)) { marks++; continue }
    if (!PUNCTUATION.has(token)) words++
    current.push(token)
    if (ENDS.has(token)) close()
  }
  if (current.length) close()
  return { acts, words, marks, repeats }
}

/** A desk text as a person would write it: capitals, punctuation joined to its word, one line for each item of a list. */
export function prettify(text: string): string {
  const joined = text.replace(/\*\* (.*?) \*\*/g, '**$1**').replace(/ ([.,?!:;])/g, '$1').replace(/(^| )- /g, '\n- ').trim()
  const days = new RegExp(`\\b(${WEEKDAYS.join('|')})\\b`, 'g')
  const capital = (s: string) => s[0].toUpperCase() + s.slice(1)
  return joined.replace(/(^(?:- )?|[.?!]\s*(?:\*\*)?\s*|\n- |\*\*)([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase())
    .replace(/\bi\b/g, 'I').replace(days, capital)
}
