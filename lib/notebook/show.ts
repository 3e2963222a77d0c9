import { baseLayout, type Figure } from '../plot/figure'
import { display, inNotebook, type Bundle, type DisplayOptions } from './display'
import { visible } from './escape'
import { plainFigure, toPNG } from './picture'
import { frameBundle, tableBundle, type FrameLike, type Row, type TableOptions } from './table'

/** `alt` says in words what a figure shows, for readers who do not see it. */
export interface ShowOptions extends TableOptions { readonly alt?: string }

/** The width of a static picture, which fits beside JupyterLab's file browser. */
const WIDTH = 640

const text = (title: unknown): string => typeof title === 'string' ? title : (title as { text?: string } | undefined)?.text ?? ''

/** A figure in words: its title, its axes, its series. */
export function describeFigure({ data, layout = {} }: Figure): string {
  const axis = (name: string) => text((layout[name] as { title?: unknown } | undefined)?.title)
  const names = data.filter(t => t.showlegend !== false).map(t => t.name).filter(n => typeof n === 'string')
  const parts = [text(layout.title) || 'untitled', axis('xaxis') && `x: ${axis('xaxis')}`, axis('yaxis') && `y: ${axis('yaxis')}`, names.length && `series: ${names.join(', ')}`]
  return visible(`Figure: ${parts.filter(Boolean).join('; ')}`).replaceAll('<br>', ' ')
}

/** Publishes a figure: interactive where the front end runs Plotly, a picture everywhere else; with `still`, as a picture only. */
export async function showFigure(figure: Figure, alt = describeFigure(figure), { still = false, ...options }: DisplayOptions & { still?: boolean } = {}): Promise<void> {
  const plain = plainFigure({ ...figure, layout: { ...baseLayout, ...figure.layout } })
  if (!inNotebook()) return display({ 'text/plain': alt })
  const { width = WIDTH, height = 400 } = plain.layout as { width?: number; height?: number }
  const png = await toPNG(plain, width, height)
  const data: Bundle = {
    ...(!still && { 'application/vnd.plotly.v1+json': { ...plain, config: { responsive: true, displaylogo: false } } }),
    'image/png': png.toString('base64'),
    'text/plain': visible(alt),
  }
  display(data, { ...options, metadata: { ...options.metadata, 'image/png': { width, height, alt: visible(alt) } } })
}

const isFrame = (v: object): v is FrameLike => 'columns' in v && 'index' in v && 'values' in v

/**
 * Shows a Plotly figure, a danfo.js data frame or an array of rows; text from data appears literally.
 * Throws TypeError on anything else, RangeError when a figure holds NaN or an infinite number.
 */
export async function show(what: Figure | FrameLike | readonly Row[], options: ShowOptions = {}): Promise<void> {
  if (Array.isArray(what)) return display(tableBundle(what as readonly Row[], options))
  if (what && typeof what === 'object') {
    if (isFrame(what)) return display(frameBundle(what, options))
    if (Array.isArray((what as Figure).data)) return showFigure(what as Figure, options.alt)
  }
  throw new TypeError(`show: expected a figure {data, layout}, a data frame or an array of rows, got ${what === null ? 'null' : typeof what}`)
}
