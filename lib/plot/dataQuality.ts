import { axis, colours, figure, type Figure, type Trace } from './figure'

/** A share or a coefficient of one annotator, or of two, with its interval. */
export interface QualityEntry { readonly name: string; readonly value: number; readonly low: number; readonly high: number }

/** What the dashboard shows of a log of preferences. */
export interface DataQuality {
  readonly title: string
  /** Rows of the log, and how many have each defect. */
  readonly rows: number
  readonly defects: readonly { readonly name: string; readonly rows: number }[]
  /** Agreement of pairs of annotators beyond chance (kappa). */
  readonly agreement: readonly QualityEntry[]
  /** How often each annotator chooses the reply shown first, and the longer one: shares, 0 to 1. */
  readonly first: readonly QualityEntry[]
  readonly longer: readonly QualityEntry[]
}

/** Where a panel lies, in parts of the figure. */
interface Place { readonly x: readonly [number, number]; readonly y: readonly [number, number] }
const LEFT = [0.11, 0.46], RIGHT = [0.65, 1], TOP = [0.62, 0.94], BOTTOM = [0.06, 0.38]
const PLACES = [{ x: LEFT, y: TOP }, { x: RIGHT, y: TOP }, { x: LEFT, y: BOTTOM }, { x: RIGHT, y: BOTTOM }] as unknown as readonly Place[]

const dots = (entries: readonly QualityEntry[], scale: number, panel: number): Trace => {
  for (const { name, value, low, high } of entries) if (!(low <= value && value <= high)) throw new RangeError(`dataQuality: '${name}': expected low ≤ value ≤ high, got ${low}, ${value}, ${high}`)
  return {
    type: 'scatter', mode: 'markers', showlegend: false, x: entries.map(e => scale * e.value), y: entries.map(e => e.name), xaxis: `x${panel}`, yaxis: `y${panel}`, marker: { color: colours[0], size: 9 },
    error_x: { type: 'data', symmetric: false, array: entries.map(e => scale * (e.high - e.value)), arrayminus: entries.map(e => scale * (e.value - e.low)), color: '#555', thickness: 1.2, width: 4 },
    hovertemplate: '%{y}: %{x:.3~g}<extra></extra>',
  }
}

/**
 * A log's quality at a glance, in four panels: defects in 100 rows, agreement of annotators (the dashed line: 0.6), how often the
 * first reply and how often the longer reply is chosen (the dashed lines: one half). Bars are intervals.
 * Throws RangeError when there are no rows, more defects than rows, or an interval does not contain its value.
 */
export function dataQuality(o: DataQuality): Figure {
  for (const { name, rows } of o.defects) if (!(rows >= 0 && rows <= o.rows) || o.rows < 1) throw new RangeError(`dataQuality: '${name}': expected 0 to ${o.rows} rows, got ${rows}`)
  const headings = ['Defects', 'Agreement of annotators', 'Chooses the first reply', 'Chooses the longer reply']
  const labels = [{ label: 'rows in 100' }, { label: 'Cohen’s kappa', range: [0, 1] as const }, { label: 'choices', unit: '%', range: [0, 100] as const }, { label: 'choices', unit: '%', range: [0, 100] as const }]
  const most = Math.max(1, ...o.defects.map(d => 100 * d.rows / o.rows))
  const figured = figure({
    title: o.title, x: { label: 'rows in 100' }, y: { label: 'defect' }, data: [
      { type: 'bar', orientation: 'h', showlegend: false, x: o.defects.map(d => 100 * d.rows / o.rows), y: o.defects.map(d => d.name), xaxis: 'x', yaxis: 'y', marker: { color: colours[1] }, hovertemplate: '%{y}: %{x:.2f} rows in 100<extra></extra>',
        text: o.defects.map(d => String(d.rows)), textposition: 'outside', cliponaxis: false },
      dots(o.agreement, 1, 2), dots(o.first, 100, 3), dots(o.longer, 100, 4),
    ],
  })
  const layout: Record<string, unknown> = { ...figured.layout, height: 640, margin: { ...(figured.layout!.margin as object), l: 70, r: 20 } }
  PLACES.forEach((place, i) => {
    const n = i === 0 ? '' : String(i + 1)
    layout[`xaxis${n}`] = { ...axis(labels[i]), domain: place.x, anchor: `y${n}`, ...(i === 0 && { range: [0, 1.2 * most] }) }
    layout[`yaxis${n}`] = { ...axis({ label: '' }), title: undefined, type: 'category', autorange: 'reversed', domain: place.y, anchor: `x${n}`, tickfont: { size: 11 } }
  })
  const line = (panel: number, at: number) => ({ type: 'line', xref: `x${panel}`, x0: at, x1: at, yref: `y${panel} domain`, y0: 0, y1: 1, line: { color: '#777', width: 1, dash: 'dash' } })
  layout.shapes = [line(2, 0.6), line(3, 50), line(4, 50)]
  layout.annotations = PLACES.map((place, i) => ({ text: headings[i], showarrow: false, xref: 'paper', x: place.x[0], xanchor: 'left', yref: 'paper', y: place.y[1], yanchor: 'bottom', yshift: 4, font: { size: 14 } }))
  return { ...figured, layout }
}
