// jsdom has no layout; plotly.js asks for few boxes, and only text decides them. Numbers are DejaVu Sans's, in ems.

interface Box { left: number; top: number; right: number; bottom: number }
type Matrix = readonly [number, number, number, number, number, number]

const ASCENT = 0.93, DESCENT = 0.24

/** The width of a text in ems, by kinds of characters, rounded up. */
export function textWidth(text: string): number {
  let ems = 0
  for (const c of text) ems += /[iIjl.,:;'|!() \-[\]frt]/.test(c) ? 0.4 : /[mwMW@%—]/.test(c) ? 0.98 : /[A-Z]/.test(c) ? 0.7 : c > '\u2e80' ? 1 : 0.63
  return ems
}

function fontSize(element: Element | null): number {
  for (let e = element; e; e = e.parentElement) {
    const size = parseFloat((e as Partial<SVGElement>).style?.fontSize ?? '')
    if (size) return size
  }
  return 12
}

const attribute = (e: Element, name: string) => parseFloat(e.getAttribute(name) ?? '') || 0

function union(boxes: readonly Box[]): Box | undefined {
  if (!boxes.length) return undefined
  return {
    left: Math.min(...boxes.map(b => b.left)), top: Math.min(...boxes.map(b => b.top)),
    right: Math.max(...boxes.map(b => b.right)), bottom: Math.max(...boxes.map(b => b.bottom)),
  }
}

function textBox(text: Element): Box | undefined {
  const size = fontSize(text), anchor = (text as SVGElement).style?.textAnchor || text.getAttribute('text-anchor') || 'start'
  const rows = [...text.querySelectorAll('tspan.line')]
  return union((rows.length ? rows : [text]).filter(r => r.textContent).map(row => {
    const width = size * textWidth(row.textContent ?? ''), x = attribute(row.hasAttribute('x') ? row : text, 'x')
    const y = attribute(row.hasAttribute('y') ? row : text, 'y') + size * attribute(row, 'dy')
    const left = anchor === 'middle' ? x - width / 2 : anchor === 'end' ? x - width : x
    return { left, right: left + width, top: y - ASCENT * size, bottom: y + DESCENT * size }
  }))
}

/** translate, rotate and matrix, which are all that plotly.js writes. */
function matrices(transform: string | null): Matrix[] {
  return [...(transform ?? '').matchAll(/(translate|rotate|matrix|scale)\(([^)]*)\)/g)].map(([, kind, list]): Matrix => {
    const [a, b = 0, c = 0, d = 0, e = 0, f = 0] = list.split(/[\s,]+/).map(Number)
    if (kind === 'translate') return [1, 0, 0, 1, a, b]
    if (kind === 'matrix') return [a, b, c, d, e, f]
    if (kind === 'scale') return [a, 0, 0, b || a, 0, 0]
    const cos = Math.cos(a * Math.PI / 180), sin = Math.sin(a * Math.PI / 180)
    return [cos, sin, -sin, cos, b - cos * b + sin * c, c - sin * b - cos * c]
  })
}

function transformed(box: Box, transform: string | null): Box {
  let corners = [[box.left, box.top], [box.right, box.top], [box.left, box.bottom], [box.right, box.bottom]]
  for (const [a, b, c, d, e, f] of matrices(transform).reverse()) corners = corners.map(([x, y]) => [a * x + c * y + e, b * x + d * y + f])
  const xs = corners.map(p => p[0]), ys = corners.map(p => p[1])
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) }
}

function localBox(element: Element): Box | undefined {
  if (element.tagName === 'text') return textBox(element)
  if (element.tagName === 'rect') {
    const left = attribute(element, 'x'), top = attribute(element, 'y')
    return { left, top, right: left + attribute(element, 'width'), bottom: top + attribute(element, 'height') }
  }
  return union([...element.children].map(outerBox).filter(b => b !== undefined))
}

function outerBox(element: Element): Box | undefined {
  const box = localBox(element)
  return box && transformed(box, element.getAttribute('transform'))
}

const rectangle = (box: Box = { left: 0, top: 0, right: 0, bottom: 0 }) => ({ ...box, x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top })

/** What getBBox returns: the box without the element's own transform. */
export const bBox = (element: Element) => rectangle(localBox(element))

/** What getBoundingClientRect returns, as far as plotly.js compares such boxes: with the element's own transform. */
export const clientRect = (element: Element) => rectangle(outerBox(element))

/** A path's corners; curves count as the straight lines between their ends. */
function corners(path: Element): [number, number][] {
  let x = 0, y = 0, startX = 0, startY = 0
  return [...(path.getAttribute('d') ?? '').matchAll(/([a-z])([^a-z]*)/gi)].flatMap(([, command, list]): [number, number][] => {
    const n = (list.match(/-?[\d.]+(?:e[-+]?\d+)?/gi) ?? []).map(Number), relative = command === command.toLowerCase(), kind = command.toUpperCase()
    if (kind === 'Z') return [[x, y] = [startX, startY]]
    const size = { H: 1, V: 1, C: 6, S: 4, Q: 4, A: 7 }[kind] ?? 2, ends: [number, number][] = []
    for (let i = 0; i + size <= n.length; i += size) {
      const dx = kind === 'V' ? undefined : kind === 'H' ? n[i] : n[i + size - 2], dy = kind === 'H' ? undefined : n[i + size - 1]
      x = dx === undefined ? x : relative ? x + dx : dx
      y = dy === undefined ? y : relative ? y + dy : dy
      if (kind === 'M' && i === 0) [startX, startY] = [x, y]
      ends.push([x, y])
    }
    return ends
  })
}

/** What getTotalLength returns. */
export function pathLength(path: Element): number {
  return corners(path).reduce((sum, [x, y], i, all) => i ? sum + Math.hypot(x - all[i - 1][0], y - all[i - 1][1]) : 0, 0)
}

/** What getPointAtLength returns. */
export function pointAt(path: Element, length: number): { x: number; y: number } {
  const all = corners(path)
  let left = Math.max(0, length)
  for (let i = 1; i < all.length; i++) {
    const [x0, y0] = all[i - 1], [x1, y1] = all[i], step = Math.hypot(x1 - x0, y1 - y0)
    if (left <= step && step > 0) return { x: x0 + (x1 - x0) * left / step, y: y0 + (y1 - y0) * left / step }
    left -= step
  }
  const [x, y] = all.at(-1) ?? [0, 0]
  return { x, y }
}
