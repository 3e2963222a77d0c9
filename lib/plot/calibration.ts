import type { CalibrationBin } from '../evaluate/calibration'
import { figure, seriesStyle, type Figure } from './figure'

/** The bins of one forecaster (evaluate/calibration's calibrationBins). */
export interface CalibrationCurve { readonly name: string; readonly bins: readonly CalibrationBin[] }

/**
 * Calibration curves: how often it happened over what was forecast, a point a bin with its 95% Wilson interval; the dashed
 * diagonal is perfect calibration. Throws RangeError when a curve has no bin.
 */
export function calibration(o: { title: string; curves: readonly CalibrationCurve[]; event?: string }): Figure {
  const curves = o.curves.map(({ name, bins }, i) => {
    if (bins.length === 0) throw new RangeError(`calibration: '${name}' has no bin`)
    const { colour, dash, marker } = seriesStyle(i)
    return {
      type: 'scatter', mode: 'lines+markers', name, cliponaxis: false, x: bins.map(b => 100 * b.predicted), y: bins.map(b => 100 * b.observed), customdata: bins.map(b => b.count),
      error_y: { type: 'data', symmetric: false, array: bins.map(b => 100 * (b.high - b.observed)), arrayminus: bins.map(b => 100 * (b.observed - b.low)), color: colour, thickness: 1, width: 3 },
      line: { color: colour, dash, width: 1.5 }, marker: { symbol: marker, size: 8, color: colour }, hovertemplate: 'forecast %{x:.0f}%, happened %{y:.0f}% of %{customdata}<extra>%{fullData.name}</extra>',
    }
  })
  return figure({
    title: o.title, x: { label: `forecast probability of ${o.event ?? 'the event'}`, unit: '%', range: [0, 100] }, y: { label: 'how often it happened', unit: '%', range: [0, 100] },
    data: [{ type: 'scatter', mode: 'lines', name: 'perfect calibration', x: [0, 100], y: [0, 100], line: { color: '#777', width: 1, dash: 'dash' }, hoverinfo: 'skip' }, ...curves],
    layout: { height: 480 },
  })
}
