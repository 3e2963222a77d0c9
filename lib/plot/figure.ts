/** A trace as Plotly.js takes it (https://plotly.com/javascript/reference/). */
export type Trace = Record<string, unknown>

/** A Plotly figure as plain data; nothing in lib/plot draws. */
export interface Figure { readonly data: readonly Trace[]; readonly layout?: Readonly<Record<string, unknown>> }

/** What an axis shows; `unit` is written behind the label, e.g. 'nats', 'steps', '%' ('' for pure numbers). */
export interface Axis { readonly label: string; readonly unit?: string; readonly range?: readonly [number, number]; readonly log?: boolean }

/** The eight colours of Okabe and Ito, told apart by colour-blind readers; yellow is last, since it is faint on white. */
export const colours = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000', '#F0E442'] as const

const dashes = ['solid', 'dash', 'dot', 'dashdot', 'longdash', 'longdashdot'] as const
const markers = ['circle', 'square', 'diamond', 'triangle-up', 'x', 'cross', 'star', 'triangle-down'] as const
const patterns = ['', '/', 'x', '\\'] as const

/** Colour, dash, marker and bar pattern of series i (0-based), so that no two series differ by colour alone. */
export function seriesStyle(i: number): { colour: string; dash: string; marker: string; pattern: string } {
  return { colour: colours[i % colours.length], dash: dashes[i % dashes.length], marker: markers[i % markers.length], pattern: patterns[i % patterns.length] }
}

/** A hex colour (#rrggbb) with an opacity between 0 and 1, for bands. */
export function fade(colour: string, opacity: number): string {
  const [r, g, b] = [1, 3, 5].map(i => parseInt(colour.slice(i, i + 2), 16))
  return `rgba(${r},${g},${b},${opacity})`
}

const axisLayout = {
  automargin: true, showline: true, linecolor: '#555', ticks: 'outside', tickcolor: '#555', gridcolor: '#e6e6e6', zeroline: false,
}

/** What every chart of the labs has: white ground, a legend above the plot that is never cut off, room for long labels. */
export const baseLayout: Readonly<Record<string, unknown>> = {
  height: 400,
  font: { family: 'DejaVu Sans, Verdana, sans-serif', size: 13, color: '#222' },
  paper_bgcolor: '#fff', plot_bgcolor: '#fff', colorway: colours,
  margin: { l: 70, r: 30, t: 90, b: 60 },
  legend: { orientation: 'h', x: 0, xanchor: 'left', y: 1.02, yanchor: 'bottom' },
  xaxis: axisLayout, yaxis: axisLayout,
  hovermode: 'closest',
}

/** `text` broken with <br> into lines of at most `width` characters, at blanks. */
export function wrap(text: string, width = 56): string {
  const lines: string[] = []
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines.join('<br>')
}

/** An axis of the labs: label with its unit in brackets, range, log scale. */
export function axis({ label, unit = '', range, log = false }: Axis): Record<string, unknown> {
  return { ...axisLayout, title: { text: unit ? `${label} (${unit})` : label, standoff: 12 }, ...(range && { range: [...range] }), ...(log && { type: 'log' }) }
}

/** Rows of a legend above a chart of the usual width, at 8.5 pixels a character and 50 a key. */
function legendRows(data: readonly Trace[]): number {
  const keys = data.filter(t => t.showlegend !== false && typeof t.name === 'string').map(t => 50 + 8.5 * (t.name as string).length)
  return keys.length < 2 ? 0 : Math.ceil(keys.reduce((a, b) => a + b, 0) / 500)
}

/**
 * A chart of the labs: traces under a title that states what they show.
 * Throws RangeError when the title or an axis label is empty: a chart without them cannot be read.
 */
export function figure(o: { title: string; x: Axis; y: Axis; data: readonly Trace[]; layout?: Record<string, unknown> }): Figure {
  if (!o.title.trim()) throw new RangeError('figure: expected a title that states the finding, got none')
  for (const [name, a] of [['x', o.x], ['y', o.y]] as const) if (!a.label.trim()) throw new RangeError(`figure '${o.title}': axis ${name} has no label`)
  const title = wrap(o.title), lines = title.split('<br>').length
  return {
    data: o.data,
    layout: {
      ...baseLayout,
      // plotly sets the first of several lines an em higher
      title: { text: title, x: 0, xref: 'paper', xanchor: 'left', y: 1, yref: 'container', yanchor: 'top', pad: { t: lines > 1 ? 30 : 14 }, font: { size: 16 } },
      margin: { l: 70, r: 30, t: 36 + 21 * lines + 26 * legendRows(o.data), b: 60 },
      xaxis: axis(o.x), yaxis: axis(o.y), ...o.layout,
    },
  }
}
