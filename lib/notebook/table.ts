import type { Bundle } from './display'
import { html, visible } from './escape'

/** A table's row: column → value. */
export type Row = Readonly<Record<string, unknown>>

/** What danfo.js's frames and series have in common. */
export interface FrameLike { readonly columns: unknown[]; readonly index: unknown[]; readonly values: unknown[] }

/** `caption` stands above the table; `digits` fixes the decimals; more than `maxRows` rows are cut, and the table says so. */
export interface TableOptions { readonly caption?: string; readonly digits?: number; readonly maxRows?: number }

interface Column { readonly name: string; readonly numeric: boolean; readonly cells: string[] }

const isMissing = (v: unknown) => v === null || v === undefined

/** Decimals that give the largest number of a column four digits, and no more than whole numbers need. */
function decimals(values: readonly number[]): number {
  const largest = Math.max(...values.filter(Number.isFinite).map(Math.abs))
  if (values.every(v => Number.isInteger(v) || !Number.isFinite(v))) return 0
  return Math.min(6, Math.max(0, 3 - Math.floor(Math.log10(largest))))
}

function numberText(value: number, digits: number): string {
  if (!Number.isFinite(value)) return String(value)
  const tiny = value !== 0 && Math.abs(value) < 0.5 * 10 ** -digits
  return !tiny ? (value || 0).toFixed(digits) : Math.abs(value) >= 1e-3 ? String(Number(value.toPrecision(2))) : value.toExponential(1)
}

function column(name: string, values: readonly unknown[], digits?: number): Column {
  const numbers = values.filter((v): v is number => typeof v === 'number'), numeric = numbers.length > 0 && values.every(v => typeof v === 'number' || isMissing(v))
  const places = digits !== undefined && numbers.some(v => !Number.isInteger(v)) ? digits : numbers.length ? decimals(numbers) : 0
  const one = (v: unknown): string => isMissing(v) ? '' : typeof v === 'number' ? numberText(v, numeric ? places : digits ?? decimals([v]))
    : ArrayBuffer.isView(v) ? `[${Array.from(v as Float32Array, x => one(x)).join(', ')}]` : Array.isArray(v) ? `[${v.map(one).join(', ')}]`
      : typeof v === 'object' ? JSON.stringify(v) : visible(v)
  return { name: visible(name), numeric, cells: values.map(one) }
}

/** The columns as an HTML table (all text literal) and as aligned plain text. */
function bundle(columns: readonly Column[], total: number, caption?: string): Bundle {
  const count = columns[0]?.cells.length ?? 0, cut = total > count ? `${count} of ${total} rows` : ''
  const style = (c: Column) => `style="text-align:${c.numeric ? 'right' : 'left'}"`
  const rows = Array.from({ length: count }, (_, i) => `<tr>${columns.map(c => `<td ${style(c)}>${html(c.cells[i])}</td>`).join('')}</tr>`)
  // the class names tell MathJax to leave prices in dollars alone
  const table = `<table class="tex2jax_ignore mathjax_ignore">${caption ? `<caption style="text-align:left">${html(caption)}</caption>` : ''}`
    + `<thead><tr>${columns.map(c => `<th ${style(c)}>${html(c.name)}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`
  const flat = (s: string) => s.replace(/\n/g, '⏎')
  const widths = columns.map(c => Math.max(...[c.name, ...c.cells].map(s => [...flat(s)].length)))
  const line = (cell: (c: Column) => string) => columns.map((c, i) => {
    const text = flat(cell(c)), pad = ' '.repeat(widths[i] - [...text].length)
    return c.numeric ? pad + text : text + pad
  }).join('  ').trimEnd()
  const text = [...caption ? [visible(caption)] : [], line(c => c.name), widths.map(w => '─'.repeat(w)).join('  '),
    ...Array.from({ length: count }, (_, i) => line(c => c.cells[i])), ...cut ? [cut] : []]
  return { 'text/html': table + (cut ? `<p>${cut}</p>` : ''), 'text/plain': text.join('\n') }
}

/** Rows as a table; columns in the order in which they first appear. */
export function tableBundle(rows: readonly Row[], { caption, digits, maxRows = 30 }: TableOptions = {}): Bundle {
  const names = [...new Set(rows.flatMap(r => Object.keys(r)))], shown = rows.slice(0, maxRows)
  if (!names.length) return { 'text/html': '<p>(empty table)</p>', 'text/plain': '(empty table)' }
  return bundle(names.map(n => column(n, shown.map(r => r[n]), digits)), rows.length, caption)
}

/** A danfo.js data frame or series as a table with its index. */
export function frameBundle(frame: FrameLike, { caption, digits, maxRows = 30 }: TableOptions = {}): Bundle {
  const rows = frame.values.slice(0, maxRows).map(r => Array.isArray(r) ? r as unknown[] : [r])
  const columns = frame.columns.map((name, i) => column(String(name), rows.map(r => r[i]), digits))
  return bundle([column('', frame.index.slice(0, rows.length).map(String)), ...columns], frame.values.length, caption)
}
