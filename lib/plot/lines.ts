import { axis, fade, figure, seriesStyle, type Axis, type Figure, type Trace } from './figure'

/** Numbers of a series; null leaves a gap. */
export type Values = ArrayLike<number | null>

/** A line: y over x, with an optional band from `low` to `high` (an interval) around it. */
export interface Line { readonly name: string; readonly x: Values; readonly y: Values; readonly low?: Values; readonly high?: Values; readonly points?: boolean }

/** A dashed grey line that stands for a known value (a ceiling, a published figure), labelled in the chart. */
export interface Reference { readonly value: number; readonly label: string; readonly along?: 'x' | 'y' }

function sameLength(line: Line): void {
  for (const key of ['y', 'low', 'high'] as const) {
    const v = line[key]
    if (v && v.length !== line.x.length) throw new RangeError(`lines: '${line.name}' has ${line.x.length} x and ${v.length} ${key}`)
  }
  if (!line.low !== !line.high) throw new RangeError(`lines: '${line.name}' has only one edge of its band, expected low and high`)
}

/**
 * Lines over a common axis, each with its own colour, dash and, with few points, marker; bands for intervals.
 * Throws RangeError when the arrays of a line differ in length.
 */
export function lines(o: { title: string; x: Axis; y: Axis; lines: readonly Line[]; references?: readonly Reference[] }): Figure {
  const data = o.lines.flatMap((line, i): Trace[] => {
    sameLength(line)
    const { colour, dash, marker } = seriesStyle(i), points = line.points ?? line.x.length <= 12
    const edge = { type: 'scatter', mode: 'lines', x: line.x, line: { width: 0, color: colour }, showlegend: false, hoverinfo: 'skip', legendgroup: line.name }
    return [
      ...(line.low && line.high ? [{ ...edge, name: `${line.name}, low`, y: line.low }, { ...edge, name: `${line.name}, high`, y: line.high, fill: 'tonexty', fillcolor: fade(colour, 0.18) }] : []),
      { type: 'scatter', mode: points ? 'lines+markers' : 'lines', name: line.name, legendgroup: line.name, x: line.x, y: line.y, line: { color: colour, dash, width: 2 }, marker: { symbol: marker, size: 7, color: colour },
        hovertemplate: `${o.x.label} %{x:.4~g}, ${o.y.label} %{y:.4~g}`,
        // the labs' runner takes a gap for a lost number unless the trace says so
        ...(Array.from(line.y).includes(null) && { meta: { allowGaps: true } }) },
    ]
  })
  const references = o.references ?? []
  return figure({
    ...o, data,
    layout: {
      showlegend: o.lines.length > 1, xaxis: axis(o.x), yaxis: axis(o.y),
      shapes: references.map(r => ({ type: 'line', line: { color: '#777', width: 1, dash: 'dash' }, ...(r.along === 'y'
        ? { xref: 'x', x0: r.value, x1: r.value, yref: 'paper', y0: 0, y1: 1 } : { xref: 'paper', x0: 0, x1: 1, yref: 'y', y0: r.value, y1: r.value }) })),
      annotations: references.map(r => ({ text: r.label, showarrow: false, font: { size: 11, color: '#555' }, ...(r.along === 'y'
        ? { xref: 'x', x: r.value, yref: 'paper', y: 1, xanchor: 'left', yanchor: 'top' } : { xref: 'paper', x: 1, yref: 'y', y: r.value, xanchor: 'right', yanchor: 'bottom' }) })),
    },
  })
}
