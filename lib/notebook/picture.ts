import { readFileSync } from 'node:fs'
import type { Figure } from '../plot/figure'
import { heatmapCanvas, type HeatmapCanvas } from './canvas'
import { plotlyText } from './escape'
import { indexedPng } from './png'
import { bBox, clientRect, pathLength, pointAt } from './svg-layout'

type Draw = (figure: Figure, width: number, height: number) => Promise<string>
const drawing = new Map<string, Promise<Draw>>()

/** The types of traces that the cartesian bundle of plotly.js draws (it would draw others as lines): it loads in a third of the time of the whole. */
const cartesian = new Set(['scatter', 'bar', 'box', 'violin', 'histogram', 'heatmap', 'contour', 'histogram2d', 'histogram2dcontour', 'pie', 'image', 'scatterternary'])
/** The types that the whole of plotly.js draws without WebGL and without fetching maps. */
const others = new Set(['scatterpolar', 'barpolar', 'sunburst', 'treemap', 'icicle', 'sankey', 'waterfall', 'funnel', 'candlestick', 'ohlc', 'indicator'])
const typeOf = ({ type = 'scatter' }: Figure['data'][number]) => String(type)

/** plotly.js in jsdom, with the measurements that a page without layout cannot make; loaded on first use. */
function plotlyInJsdom(bundle: string): Draw {
  const { JSDOM, VirtualConsole } = require('jsdom') as typeof import('jsdom')
  const { window } = new JSDOM('<!doctype html><body></body>', { runScripts: 'outside-only', pretendToBeVisual: true, virtualConsole: new VirtualConsole() })
  Object.assign(window.URL, { createObjectURL: () => 'blob:none', revokeObjectURL: () => {} })
  const canvases = new WeakMap<HTMLCanvasElement, HeatmapCanvas>()
  Object.assign(window.HTMLCanvasElement.prototype, {
    getContext(this: HTMLCanvasElement) {
      if (!canvases.has(this)) canvases.set(this, heatmapCanvas(this.width, this.height))
      return canvases.get(this)
    },
    toDataURL(this: HTMLCanvasElement) { return canvases.get(this)?.toDataURL() ?? '' },
  })
  Object.assign(window.SVGElement.prototype, {
    getBBox(this: Element) { return bBox(this) },
    getComputedTextLength(this: Element) { return bBox(this).width },
    getTotalLength(this: Element) { return pathLength(this) },
    getPointAtLength(this: Element, length: number) { return pointAt(this, length) },
  })
  window.Element.prototype.getBoundingClientRect = function () { return clientRect(this) as DOMRect }
  window.eval(readFileSync(require.resolve(bundle), 'utf8'))
  const plotly = (window as unknown as { Plotly: { toImage(f: Figure, o: object): Promise<string> } }).Plotly
  return async (figure, width, height) => {
    const uri = await plotly.toImage(figure, { format: 'svg', width, height })
    const svg = decodeURIComponent(uri.slice(uri.indexOf(',') + 1))
    // resvg reads no quotes in url('#pattern'), and smooths a heatmap's cells unless told not to in SVG's own words
    return svg.replace(/url\('(#[\w-]+)'\)/g, 'url($1)').replace(/image-rendering: ?[\w-]+/g, 'image-rendering: optimizeSpeed')
  }
}

/**
 * A figure as JSON-able data: typed arrays as arrays, six digits, texts literal for Plotly.
 * Throws RangeError naming trace and place when a number is NaN or infinite (null leaves a gap), TypeError when a trace has no static picture.
 */
export function plainFigure(figure: Figure): Figure {
  const plain = (value: unknown, path: string): unknown => {
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) throw new RangeError(`figure: ${path} is ${value}; a chart cannot show it (null leaves a gap)`)
      return Number.isInteger(value) ? value : Number(value.toPrecision(6))
    }
    if (typeof value === 'string') return /format$/.test(path) ? value : plotlyText(value)
    if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>, (v, i) => plain(v, `${path}[${i}]`))
    if (Array.isArray(value)) return value.map((v, i) => plain(v, `${path}[${i}]`))
    if (value instanceof Date) return value.toISOString()
    if (value && typeof value === 'object') {
      return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined && typeof v !== 'function').map(([k, v]) => [k, plain(v, `${path}.${k}`)]))
    }
    return value
  }
  for (const type of figure.data.map(typeOf)) {
    if (!cartesian.has(type) && !others.has(type)) throw new TypeError(`figure: a trace of type '${type}' has no static picture; expected one of ${[...cartesian, ...others].join(', ')}`)
  }
  const data = figure.data.map((trace, i) => plain(trace, typeof trace.name === 'string' ? `trace '${trace.name}'` : `trace ${i}`)) as Figure['data']
  return { data, layout: plain(figure.layout ?? {}, 'layout') as Figure['layout'] }
}

/** A plain figure as an SVG picture of `width` × `height` pixels. */
export async function toSVG(figure: Figure, width = 640, height = 400): Promise<string> {
  const bundle = figure.data.every(trace => cartesian.has(typeOf(trace))) ? 'plotly.js-cartesian-dist-min' : 'plotly.js-dist'
  if (!drawing.has(bundle)) drawing.set(bundle, Promise.resolve(bundle).then(plotlyInJsdom))
  return (await drawing.get(bundle)!)(figure, width, height)
}

/**
 * A plain figure as a PNG picture, drawn with the fonts that the package brings.
 * One pixel a unit: JupyterLab shows the picture at its own size until the pointer is over it, and would cut a larger one.
 */
export async function toPNG(figure: Figure, width = 640, height = 400): Promise<Buffer> {
  const { Resvg } = require('@resvg/resvg-js') as typeof import('@resvg/resvg-js')
  const font = (name: string) => require.resolve(`dejavu-fonts-ttf/ttf/${name}.ttf`)
  const picture = new Resvg(await toSVG(figure, width, height), {
    font: { loadSystemFonts: false, fontFiles: [font('DejaVuSans'), font('DejaVuSans-Bold')], defaultFontFamily: 'DejaVu Sans' },
  }).render()
  return indexedPng(picture.pixels, picture.width, picture.height) ?? picture.asPng()
}
