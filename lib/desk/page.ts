import { Random } from '../tensor/random'
import { exemplars } from './demonstrations'
import { prettify } from './grammar'
import { gold, type Gold } from './reward'
import { drawPrompts, type Prompt, wordPrompt } from './scenarios'

const signed = (x: number): string => `${x < 0 ? '-' : '+'}${Math.abs(x).toFixed(2)}`

/** The total and the parts that are not zero, as one line: "+3.70 = decision +2.00, policy +1.00, …". */
export function goldLine({ total, parts }: Gold): string {
  const told = Object.entries(parts).filter(([, x]) => Math.abs(x) > 1e-9).map(([name, x]) => `${name} ${signed(x)}`)
  return `${signed(total)} = ${told.join(', ') || 'nothing'}`
}

const indented = (text: string): string => prettify(text).split('\n').map(line => `    ${line}`).join('\n')

/** A plain-text page for a person to judge: `n` prompts, each with a good, a mediocre and a bad reply and what the true reward says of them. */
export function deskPage(n = 10, seed = 0): string {
  const random = Random.seed(seed).split('desk page')
  return drawPrompts(n, seed).map((prompt, i) => {
    const replies = Object.entries(exemplars(prompt, random.split(i)))
    const scored = replies.map(([name, text]) => `  ${name}  ${goldLine(gold(prompt, text))}\n${indented(text)}`)
    return `${i + 1}. ${prettify(prompt.text)}\n${scored.join('\n')}`
  }).join('\n\n') + '\n'
}

/** The worked context: a customer 10 days late under "refund after seven calendar days without delivery", a right answer A and a fluent wrong answer B. */
export function workedExample(): { readonly prompt: Prompt; readonly a: string; readonly b: string } {
  const facts = { issue: 'late', item: 'lamp', days: 10, value: 80, detail: null, claim: null, asks: false, note: null } as const
  return {
    prompt: wordPrompt(facts, Random.seed(0)),
    a: 'we will refund you in full . we refund after 7 calendar days without delivery . i can start the payment now .',
    b: 'thank you for your message . we know how important this is . please wait another week . i can trace your parcel now .',
  }
}
