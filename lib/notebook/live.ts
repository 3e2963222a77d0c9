import type { Figure } from '../plot/figure'
import { inNotebook } from './display'
import { displayId } from './session'
import { showFigure } from './show'

/** A chart that grows while a loop runs. */
export interface LiveChart<T> {
  /** Adds a record and, if the chart is due, draws it again. */
  push(record: T): Promise<void>
  /** Draws the final chart; call it after the loop. */
  done(): Promise<void>
}

/**
 * A chart of the records pushed so far, redrawn in place; `figure` is a pure function of them.
 * Drawing takes about a fifth of the time at most: the pause between two pictures is four times what the last one took,
 * at least `everyMs` and at most 5 s (the first picture takes longer, since it loads plotly.js).
 */
export function live<T>(figure: (records: readonly T[]) => Figure, { everyMs = 700, alt }: { everyMs?: number; alt?: string } = {}): LiveChart<T> {
  const id = displayId(), records: T[] = []
  let shown = false, due = performance.now() + everyMs
  const draw = async (final: boolean) => {
    if (!records.length || (!final && !inNotebook())) return
    const start = performance.now(), now = figure(records)
    // JupyterLab draws an interactive chart once and then leaves it: it comes last
    await showFigure(now, alt, { id, update: shown, still: !final })
    shown = true
    due = performance.now() + Math.max(everyMs, Math.min(5000, 4 * (performance.now() - start)))
  }
  return {
    async push(record) {
      records.push(record)
      if (performance.now() >= due) await draw(false)
    },
    done: () => draw(true),
  }
}
