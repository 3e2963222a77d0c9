import { display } from './display'
import { html } from './escape'
import { session, type Level } from './session'
import { tableBundle } from './table'

const levels: readonly Level[] = ['foundational', 'intermediate', 'advanced']
const states = { solved: '✓ solved', wrong: '✗ not right yet', unsolved: '○ not solved yet' } as const

/** Shows what the exercises checked so far in this notebook came to, by the rubric's levels; tools read it from the output as `application/vnd.rlhf-labs.score+json`. */
export function score(): void {
  const all = [...session.exercises.values()], solved = all.filter(e => e.state === 'solved').length
  const summary = all.length ? `${solved} of ${all.length} exercises solved` : 'No exercise has been checked yet.'
  const byLevel = levels.map(level => ({ level, of: all.filter(e => e.level === level) })).filter(l => l.of.length)
    .map(l => `${l.level} ${l.of.filter(e => e.state === 'solved').length}/${l.of.length}`).join(', ')
  const caption = byLevel ? `${summary} (${byLevel})` : summary
  const table = tableBundle(all.map(e => ({ exercise: e.id, level: e.level, state: states[e.state] })), { caption, maxRows: Infinity })
  display(all.length ? { ...table, 'application/vnd.rlhf-labs.score+json': { solved, of: all.length, exercises: all } }
    : { 'text/plain': summary, 'text/html': `<p>${html(summary)}</p>` })
}
