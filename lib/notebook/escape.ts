// Text from data reaches three readers: HTML, Plotly (which reads a little HTML and TeX of its own) and a terminal.

/** `value` as text in which no control character is left but the newline and the tab. */
export function visible(value: unknown): string {
  // eslint-disable-next-line no-control-regex
  return String(value).replace(/\r\n?/g, '\n').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}

/** `value` as HTML text that shows it literally; safe in attributes in double quotes, and no TeX for MathJax. */
export function html(value: unknown): string {
  return visible(value).replace(/[&<>"'`]/g, c => `&#${c.charCodeAt(0)};`)
}

/** Inert tags that figures use themselves: line breaks, and the end of hover labels. */
const allowed = /<br>|<\/?extra>/g

/** `value` as Plotly text that shows it literally: no links, no styles, no TeX; only <br> and <extra></extra> keep their meaning. */
export function plotlyText(value: string): string {
  const escape = (s: string) => s.replace(/[&<>$]/g, c => `&#${c.charCodeAt(0)};`)
  let out = '', at = 0
  for (const m of value.matchAll(allowed)) {
    out += escape(visible(value.slice(at, m.index))) + m[0]
    at = m.index + m[0].length
  }
  return out + escape(visible(value.slice(at)))
}
