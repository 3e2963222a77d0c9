import { brief, difference, settle } from './compare'
import { display } from './display'
import { html, visible } from './escape'
import { session, type ExerciseResult, type Level } from './session'

/** What `todo` throws: the exercise has no answer yet. */
export class NotSolved extends Error {
  override readonly name = 'NotSolved'
  constructor() { super('this exercise is not solved yet: replace `return todo()` by your own code and run the cell again') }
}

/** Stands where an answer belongs; throws NotSolved. */
export function todo(): never { throw new NotSolved() }

/** `hint`: what to think of next; `tolerance`: relative and absolute, for numbers; `level`: the rubric's level. */
export interface CheckOptions { readonly hint: string; readonly tolerance?: number; readonly level?: Level }

const look = {
  solved: { mark: '✓', colour: '#009E73' }, wrong: { mark: '✗', colour: '#D55E00' }, unsolved: { mark: '○', colour: '#0072B2' },
} as const

/** Shows one line with a coloured edge; text from data appears literally. */
export function verdict(state: keyof typeof look, text: string): void {
  const { mark, colour } = look[state], line = `${mark} ${visible(text)}`
  display({ 'text/plain': line, 'text/html': `<div style="border-left:4px solid ${colour};padding:2px 10px"><span style="color:${colour}"><b>${mark}</b></span> ${html(text)}</div>` })
}

function copy<T>(args: T): T {
  try { return structuredClone(args) } catch { return args }
}

const list = (args: readonly unknown[]) => args.map(a => brief(a, 60)).join(', ')

/** What is wrong with an attempt, or undefined when every case agrees. */
function judge(attempt: (...args: never[]) => unknown, reference: (...args: never[]) => unknown, cases: readonly (readonly unknown[])[], tolerance: number): NotSolved | string | undefined {
  for (const args of cases) {
    const expected = settle(reference(...copy(args) as never[]))
    if (expected instanceof Promise) throw new TypeError('check: the reference returns a promise; check an ordinary function')
    let got: unknown
    try { got = settle(attempt(...copy(args) as never[])) } catch (error) {
      return error instanceof NotSolved ? error : `with (${list(args)}) it threw ${error instanceof Error ? `${error.name}: ${error.message}` : brief(error)}.`
    }
    const d = difference(got, expected, tolerance)
    if (d) return `with (${list(args)}) it gave ${brief(d.got)}${d.path && ` at ${d.path}`}, expected ${brief(d.expected)}.${got === undefined ? ' Is a return missing?' : ''}`
  }
  return undefined
}

/**
 * Checks an exercise: runs `attempt` on every list of arguments and compares with `reference` (numbers, lists, records, tensors).
 * Says in one line how it went, records it for the score, and never throws on an attempt; returns `attempt` when it is right, else `reference`, so that the lab goes on.
 * Under nbgrader it says so on standard error too where the exercise is not solved, which takes the cell's points. Throws RangeError when there is no case to check.
 */
export function check<F extends (...args: never[]) => unknown>(
  id: string, attempt: F, reference: (...args: Parameters<F>) => ReturnType<F>, cases: readonly Readonly<Parameters<F>>[],
  { hint, tolerance = 1e-5, level = 'foundational' }: CheckOptions,
): F {
  if (!cases.length) throw new RangeError(`check ${id}: expected at least one case`)
  const wrong = judge(attempt, reference, cases, tolerance)
  const state: ExerciseResult['state'] = wrong === undefined ? 'solved' : wrong instanceof NotSolved ? 'unsolved' : 'wrong'
  session.exercises.set(id, { id, level, state })
  if (state === 'solved') verdict(state, `${id} solved: ${cases.length === 1 ? 'the case agrees' : `all ${cases.length} cases agree`}.`)
  else verdict(state, `${id} ${state === 'unsolved' ? 'not solved yet.' : `not right yet: ${wrong as string}`} Hint: ${hint} The lab goes on with the library's version.`)
  // nbgrader gives a cell's points unless it failed or wrote to standard error; to throw would take the checked function from the cells below
  if (state !== 'solved' && process.env.NBGRADER_EXECUTION) console.error(`${id}: no point`)
  return state === 'solved' ? attempt : reference as F
}
