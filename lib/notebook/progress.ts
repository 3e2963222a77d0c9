import { setImmediate as turn } from 'node:timers/promises'
import { display, inNotebook } from './display'
import { html, visible } from './escape'
import { displayId } from './session'

/** `total`: how many items there will be, where it is known; `note`: a few words on the last item (keep clock times out of it). */
export interface ProgressOptions<T> { readonly total?: number; readonly note?: (item: T) => string }

const EVERY_MS = 200, TURN_MS = 50

function numbersTo(n: number): number[] {
  if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`progress: expected a count, got ${n}`)
  return Array.from({ length: n }, (_, i) => i)
}

/**
 * Passes on the items of a generator or array, or counts 0..n-1, and shows in one line how far it is.
 * Leaves a line without times, so that a repeated run gives the same output; gives the event loop a turn every 50 ms, so that Stop works.
 */
export async function* progress<T = number>(source: number | Iterable<T> | AsyncIterable<T>, label = 'step', options: ProgressOptions<T> = {}): AsyncGenerator<T> {
  const items = typeof source === 'number' ? numbersTo(source) as Iterable<T> : source
  const total = options.total ?? (Array.isArray(items) ? items.length : undefined)
  const id = displayId(), start = performance.now()
  let count = 0, note = '', shown = false, drawn = -Infinity, turned = start, complete = false

  const draw = () => {
    drawn = performance.now()
    const seconds = (drawn - start) / 1000, left = total && count ? seconds / count * (total - count) : 0
    const line = visible(`${label}: ${count}${total === undefined ? '' : ` of ${total}`}, ${seconds.toFixed(0)} s${left >= 1 ? `, about ${left.toFixed(0)} s left` : ''}${note && `  ${note}`}`)
    const bar = total === undefined ? '<progress></progress>' : `<progress value="${count}" max="${total}" style="width:14em;vertical-align:middle"></progress>`
    if (inNotebook()) display({ 'text/plain': line, 'text/html': `${bar} <code>${html(line)}</code>` }, { id, update: shown })
    else if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`)
    shown = true
  }

  try {
    for await (const item of items) {
      count++
      if (options.note) note = options.note(item)
      if (performance.now() - drawn >= EVERY_MS) draw()
      yield item
      if (performance.now() - turned >= TURN_MS) {
        await turn()
        turned = performance.now()
      }
    }
    complete = true
  } finally {
    const of = total === undefined || (complete && count === total) ? '' : ` of ${total}`
    const line = visible(`${complete ? '✓' : '■'} ${label}: ${complete ? '' : 'stopped after '}${count}${of}${note && `  ${note}`}`)
    if (!inNotebook() && process.stderr.isTTY) process.stderr.write('\r\u001b[K')
    display({ 'text/plain': line, 'text/html': `<code>${html(line)}</code>` }, { id, update: shown && inNotebook() })
  }
}
