import { baseLayout, seriesStyle } from '../../lib/plot/figure'
import type { Figure, Trace } from '../../lib/plot/figure'

/** A run's name and its records in order. */
export interface Run { readonly name: string; readonly records: readonly (Readonly<Record<string, unknown>> & { readonly step: number })[] }

const COLUMNS = 2
export const WIDTH = 900
/** Of a chart with so many panels, in pixels. */
export const HEIGHT = (panels: number): number => 120 + 220 * Math.ceil(panels / COLUMNS)
const NOT_SHOWN = new Set(['step', 'epoch', 'episode', 'num_tokens'])
/** More points than this are averaged in blocks. */
const MOST_POINTS = 400

const isFigure = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

/** The metrics to draw: those asked for, else all that every run has; at most 24. Throws Error on a name that no run has, or where nothing is common. */
export function metricsOf(runs: readonly Run[], named?: readonly string[]): string[] {
  const of = ({ records }: Run) => [...new Set(records.flatMap(r => Object.keys(r).filter(key => isFigure(r[key]))))]
  const all = runs.map(of), unknown = named?.find(name => !all.some(names => names.includes(name)))
  if (unknown !== undefined) throw new Error(`no run has the metric '${unknown}'; there are: ${[...new Set(all.flat())].join(', ')}`)
  const found = named ?? all[0].filter(name => !NOT_SHOWN.has(name) && all.every(names => names.includes(name))).slice(0, 24)
  if (found.length === 0) throw new Error(`the runs have no metric in common; name some with --metrics: ${[...new Set(all.flat())].join(', ')}`)
  return [...found]
}

/** (step, value) where a run has the metric, averaged in blocks where there are very many. */
function series({ records }: Run, metric: string): { x: number[], y: number[] } {
  const points = records.flatMap(r => isFigure(r[metric]) ? [[r.step, r[metric]] as const] : []), block = Math.ceil(points.length / MOST_POINTS)
  const blocks = Array.from({ length: Math.ceil(points.length / block) || 0 }, (_, i) => points.slice(i * block, (i + 1) * block))
  const mean = (of: readonly (readonly [number, number])[], at: 0 | 1) => of.reduce((sum, p) => sum + p[at], 0) / of.length
  return { x: blocks.map(b => mean(b, 0)), y: blocks.map(b => mean(b, 1)) }
}

/** Mean of a metric over the last tenth of a run; undefined where it has none. */
export function lastValues({ records }: Run, metric: string): number | undefined {
  const values = records.map(r => r[metric]).filter(isFigure), last = values.slice(-Math.ceil(values.length / 10))
  return last.length ? last.reduce((a, b) => a + b, 0) / last.length : undefined
}

/** One panel a metric, one line a run. */
export function comparison(runs: readonly Run[], metrics: readonly string[]): Figure {
  const panel = (i: number) => i === 0 ? '' : String(i + 1), rows = Math.ceil(metrics.length / COLUMNS)
  const data = metrics.flatMap((metric, i) => runs.map((run, r): Trace => {
    const { colour, dash } = seriesStyle(r)
    return { type: 'scatter', mode: 'lines', ...series(run, metric), name: run.name, legendgroup: run.name, showlegend: i === 0, xaxis: `x${panel(i)}`, yaxis: `y${panel(i)}`, line: { color: colour, dash, width: 1.5 }, hovertemplate: `step %{x:.0f}, ${metric} %{y:.4~g}` }
  }))
  const axes = Object.fromEntries(metrics.flatMap((_, i) => [[`xaxis${panel(i)}`, { title: { text: i >= metrics.length - COLUMNS ? 'step' : '' } }], [`yaxis${panel(i)}`, { automargin: true }]]))
  return {
    data,
    layout: {
      ...baseLayout, ...axes, title: { text: runs.map(r => r.name).join(' and ') }, height: HEIGHT(metrics.length), grid: { rows, columns: COLUMNS, pattern: 'independent', ygap: 0.35 }, legend: { orientation: 'h', y: 1.02, yanchor: 'bottom' },
      annotations: metrics.map((metric, i) => ({ text: metric, xref: `x${panel(i)} domain`, yref: `y${panel(i)} domain`, x: 0, y: 1, xanchor: 'left', yanchor: 'bottom', showarrow: false, font: { size: 12 } })),
    },
  }
}
