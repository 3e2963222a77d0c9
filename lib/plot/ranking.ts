import { axis, colours, figure, type Axis, type Figure } from './figure'

/** One entry of a ranking with its interval. */
export interface Ranked { readonly name: string; readonly value: number; readonly low: number; readonly high: number }

/**
 * A ranking as dots with their intervals, the highest value on top; a dashed line marks `mean`, where given.
 * Throws RangeError when an interval does not contain its value, or a name stands twice.
 */
export function ranking(o: { title: string; x: Axis; entries: readonly Ranked[]; mean?: { value: number; label: string } }): Figure {
  const entries = [...o.entries].sort((a, b) => a.value - b.value), names = entries.map(e => e.name)
  for (const { name, value, low, high } of entries) if (!(low <= value && value <= high)) throw new RangeError(`ranking: '${name}': expected low ≤ value ≤ high, got ${low}, ${value}, ${high}`)
  if (new Set(names).size !== names.length) throw new RangeError(`ranking: the name '${names.find((n, i) => names.indexOf(n) !== i)}' stands twice`)
  const figured = figure({
    title: o.title, x: o.x, y: { label: 'rank' }, data: [{
      type: 'scatter', mode: 'markers', name: o.x.label, x: entries.map(e => e.value), y: names, marker: { color: colours[0], size: 8 }, showlegend: false,
      error_x: { type: 'data', symmetric: false, array: entries.map(e => e.high - e.value), arrayminus: entries.map(e => e.value - e.low), color: '#555', thickness: 1.2, width: 3 },
      hovertemplate: '%{y}: %{x:.2f} (+%{error_x.array:.2f} / −%{error_x.arrayminus:.2f})<extra></extra>',
    }],
  })
  const lines = o.mean ? { shapes: [{ type: 'line', xref: 'x', x0: o.mean.value, x1: o.mean.value, yref: 'paper', y0: 0, y1: 1, line: { color: '#777', width: 1, dash: 'dash' } }],
    annotations: [{ text: o.mean.label, showarrow: false, font: { size: 11, color: '#555' }, xref: 'x', x: o.mean.value, yref: 'paper', y: 0, xanchor: 'left', yanchor: 'bottom', xshift: 3 }] } : {}
  const yaxis = { ...axis({ label: '' }), title: undefined, type: 'category', range: [-0.7, entries.length - 0.3], tickfont: { size: 11 }, dtick: 1 }
  return { ...figured, layout: { ...figured.layout, height: 140 + 19 * entries.length, yaxis, ...lines } }
}
