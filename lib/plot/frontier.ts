import { figure, seriesStyle, type Figure } from './figure'

/** A policy on a frontier: its KL to the reference (nats), its mean reward, and what made it (e.g. 'β 0.5'); `show` writes that beside it. */
export interface FrontierPoint { readonly kl: number; readonly reward: number; readonly label: string; readonly show?: boolean }

/** One curve of a frontier. */
export interface FrontierCurve { readonly name: string; readonly points: readonly FrontierPoint[] }

/**
 * Reward over KL(π‖π_ref), a point a policy, a curve a way to make policies; a dashed line marks the KL `peak`, where given. value: what stands on the other axis (default 'mean reward').
 * Throws RangeError on a curve without points or a KL below 0 (by more than rounding).
 */
export function frontier(o: { title: string; curves: readonly FrontierCurve[]; value?: string; unit?: string; peak?: { kl: number; label: string } }): Figure {
  const data = o.curves.map(({ name, points }, i) => {
    if (points.length === 0) throw new RangeError(`frontier: '${name}' has no point`)
    const below = points.find(p => !(p.kl >= -1e-9))
    if (below) throw new RangeError(`frontier: '${name}', ${below.label}: expected a KL of at least 0, got ${below.kl}`)
    const { colour, dash, marker } = seriesStyle(i)
    return {
      type: 'scatter', mode: points.some(p => p.show) ? 'lines+markers+text' : 'lines+markers', name, x: points.map(p => p.kl), y: points.map(p => p.reward), customdata: points.map(p => p.label),
      text: points.map(p => p.show ? p.label : ''), textposition: 'top center', textfont: { size: 11, color: colour }, cliponaxis: false,
      line: { color: colour, dash, width: 2 }, marker: { symbol: marker, size: 7, color: colour }, hovertemplate: '%{customdata}: KL %{x:.3~g}, reward %{y:.3~g}',
    }
  })
  return figure({
    title: o.title, x: { label: 'KL(π‖π_ref)', unit: 'nats' }, y: { label: o.value ?? 'mean reward', unit: o.unit ?? '' }, data,
    layout: o.peak ? {
      shapes: [{ type: 'line', xref: 'x', x0: o.peak.kl, x1: o.peak.kl, yref: 'paper', y0: 0, y1: 1, line: { color: '#777', width: 1, dash: 'dash' } }],
      annotations: [{ text: o.peak.label, showarrow: false, font: { size: 11, color: '#555' }, xref: 'x', x: o.peak.kl, yref: 'paper', y: 0, xanchor: 'left', yanchor: 'bottom', xshift: 3 }],
    } : {},
  })
}
