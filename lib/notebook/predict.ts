import { brief } from './compare'
import { display } from './display'
import { html, visible } from './escape'
import { verdict } from './exercise'
import { session } from './session'

const letter = (i: number) => String.fromCharCode(65 + i)

/** The letter of an option given by its letter or its text. Throws RangeError on anything else. */
function chosen(id: string, options: readonly string[], value: string): string {
  const i = options.findIndex((o, j) => o === value || letter(j) === value.toUpperCase())
  if (i < 0) throw new RangeError(`prediction ${id}: expected one of ${options.map((o, j) => `${letter(j)} (${o})`).join(', ')}, got ${brief(value)}`)
  return letter(i)
}

/**
 * Asks for a prediction before an experiment; `answer` is the reader's, as letter or text of an option, undefined while they have not chosen.
 * Throws RangeError when the answer is none of the options.
 */
export function predict(id: string, question: string, options: readonly string[], answer?: string): void {
  const answered = answer === undefined ? undefined : chosen(id, options, answer)
  session.predictions.set(id, { id, question, options, answer: answered })
  const last = answered === undefined ? 'Put the letter of your prediction at the end of the call and run the cell again.' : `You predict ${answered}.`
  display({
    'text/plain': visible([question, ...options.map((o, i) => `  ${letter(i)}  ${o}`), last].join('\n')),
    'text/html': `<div style="border-left:4px solid #0072B2;padding:2px 10px"><b>${html(question)}</b><br>${options.map((o, i) => `${letter(i)} &nbsp;${html(o)}`).join('<br>')}<br><i>${html(last)}</i></div>`,
  })
}

/** Says what the experiment showed (`actual`: letter or text of an option) beside the prediction. Throws when nothing with this id was asked. */
export function reveal(id: string, actual: string): void {
  const asked = session.predictions.get(id)
  if (!asked) throw new Error(`reveal ${id}: no such prediction; run the cell with predict('${id}', …) first`)
  const is = chosen(id, asked.options, actual), result = `${is} (${asked.options[is.charCodeAt(0) - 65]})`
  session.predictions.set(id, { ...asked, actual: is })
  if (asked.answer === undefined) verdict('unsolved', `It is ${result}. You made no prediction.`)
  else if (asked.answer === is) verdict('solved', `It is ${result}, as you predicted.`)
  else verdict('wrong', `It is ${result}; you predicted ${asked.answer}. What did you overlook?`)
}
