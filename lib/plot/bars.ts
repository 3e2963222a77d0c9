import { figure, seriesStyle, type Axis, type Figure } from './figure'
import type { Values } from './lines'

/** Makes the tiles of the diagonal patterns 12 pixels wide, so that no seams show in static pictures. */
const TILE = 6 * Math.SQRT2

/** A set of bars, one a category; `error` is half the height of the error bar. */
export interface Bars { readonly name: string; readonly y: Values; readonly error?: Values }

/**
 * Bars side by side over the same categories, told apart by colour and pattern.
 * Throws RangeError unless every set has one value a category.
 */
export function bars(o: { title: string; x: Axis; y: Axis; categories: readonly string[]; bars: readonly Bars[]; text?: (value: number) => string }): Figure {
  const data = o.bars.map((b, i) => {
    if (b.y.length !== o.categories.length) throw new RangeError(`bars: '${b.name}' has ${b.y.length} values for ${o.categories.length} categories`)
    const { colour, pattern } = seriesStyle(i)
    return {
      type: 'bar', name: b.name, x: o.categories, y: b.y, hovertemplate: '%{x}: %{y:.4~g}<extra></extra>', marker: { color: colour, pattern: { shape: pattern, fillmode: 'overlay', fgcolor: '#fff', size: TILE } },
      ...(b.error && { error_y: { type: 'data', array: b.error, color: '#333' } }),
      ...(o.text && { text: Array.from(b.y, v => v === null ? '' : o.text!(v)), textposition: 'outside', cliponaxis: false }),
    }
  })
  const wide = o.categories.reduce((pixels, c) => pixels + 8.5 * (c.length + 2), 0) > 500
  const figured = figure({ ...o, data })
  return { ...figured, layout: { ...figured.layout, barmode: 'group', showlegend: o.bars.length > 1, xaxis: { ...(figured.layout!.xaxis as object), type: 'category', tickangle: wide ? -30 : 0 } } }
}
