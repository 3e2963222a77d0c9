/** Errors as a reader needs them: name, message, and where in the TypeScript. */
import { readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import path from 'node:path'
import util from 'node:util'
import type { Diagnostic } from 'tslab/dist/converter'
import { isEmitted, trace } from './compile'
import type { Failure } from './protocol'

const sources: string[] = []
/** Keeps the source of cell `n`, to quote from. */
export function keepSource(n: number, source: string) { sources[n] = source }

/** Two lines before the place, the line itself with a caret, one line after. */
function excerpt(source: string, line: number, column: number): string[] {
  const first = Math.max(1, line - 2)
  return source.split('\n').slice(first - 1, line + 1).flatMap((text, i) => {
    const number = first + i, quoted = `${number === line ? '→' : ' '} ${String(number).padStart(3)} | ${text}`
    return number === line ? [quoted, `      | ${' '.repeat(column - 1)}^`] : [quoted]
  })
}

const builtMaps = new Map<string, SourceMap | undefined>()
/** Forgets the source maps of files built again. */
export function forgetMaps() { builtMaps.clear() }
/** A place in a built file of this repository, as one in its source: `lib/<room>/x.ts:line:column`. */
function sourcePlace(root: string, file: string, line: number, column: number): string {
  const relative = (f: string) => path.relative(root, f).replaceAll('\\', '/')
  if (isEmitted(file)) {
    const at = trace(file, line, column)
    return `${relative(file).replace(/\.js$/, '.ts')}${at ? `:${at.line}:${at.column}` : ''}`
  }
  if (!builtMaps.has(file)) {
    let map: SourceMap | undefined
    try { if (!file.includes('node_modules')) map = new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8'))) } catch { /* not built from anything */ }
    builtMaps.set(file, map)
  }
  const entry = builtMaps.get(file)?.findEntry(line - 1, column - 1)
  return entry && 'originalSource' in entry
    ? `${relative(path.resolve(path.dirname(file), entry.originalSource))}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
    : `${relative(file)}:${line}:${column}`
}

const FRAME = /^\s+at (?:async )?(?:(.+?) \()?(?:file:\/\/)?(.+?):(\d+):(\d+)\)?$/
/** Stack frames of node itself, of this kernel and of tslab are nobody's business. */
const isOurs = (file: string) => !path.isAbsolute(file) || file.startsWith(__dirname + path.sep) || file.includes(`${path.sep}node_modules${path.sep}tslab`)

function frames(root: string, stack: string): string[] {
  const lines: string[] = []
  let quoted = false, others = 0
  for (const frame of stack.split('\n')) {
    const match = FRAME.exec(frame)
    if (!match) continue
    const [, who, file, line, column] = match, cell = /^cell\[(\d+)\]$/.exec(file)?.[1]
    if (cell) {
      const at = trace(file, Number(line), Number(column))
      if (!at) continue
      const inside = who && !/^(eval|Object\.)/.test(who) ? ` (${who.replace(/^Proxy\./, '')})` : ''
      lines.push(`    at cell [${cell}], line ${at.line}, column ${at.column}${inside}`)
      if (!quoted) lines.push(...excerpt(sources[Number(cell)], at.line, at.column))
      quoted = true
    } else if (!isOurs(file) && others++ < 8) lines.push(`    at ${who ?? 'top level'} (${sourcePlace(root, file, Number(line), Number(column))})`)
  }
  return lines
}

/** What was thrown, as Jupyter shows it; `title` says how it came here, when nobody threw it to the cell directly. */
export function describe(root: string, thrown: unknown, title?: string): Failure {
  try { return describeDeep(root, thrown, title, 0) } catch { // its own getters throw
    return { ename: 'Thrown', evalue: 'a value that cannot be shown', traceback: ['Thrown: a value that cannot be shown'] }
  }
}

function describeDeep(root: string, thrown: unknown, title: string | undefined, depth: number): Failure {
  const isError = thrown instanceof Error || util.types.isNativeError(thrown)
  const ename = isError ? String(thrown.name) : 'Thrown', evalue = isError ? String(thrown.message).replace(/\nRequire stack:\n- [^]*$/, '') : util.inspect(thrown)
  const traceback = [...title ? [title] : [], `${ename}: ${evalue}`]
  if (isError && typeof thrown.stack === 'string') traceback.push(...frames(root, thrown.stack))
  const causes = isError ? [thrown.cause, ...thrown instanceof AggregateError ? thrown.errors as unknown[] : []].filter(c => c !== undefined) : []
  if (depth < 4) for (const cause of causes.slice(0, 8)) traceback.push(...describeDeep(root, cause, 'Caused by:', depth + 1).traceback)
  return { ename, evalue, traceback }
}

/** What the compiler says of cell `n`, as an error. */
export function describeDiagnostics(n: number, diagnostics: readonly Diagnostic[]): Failure {
  const [first] = diagnostics, place = (d: Diagnostic) => `${d.fileName ? `${d.fileName}, ` : ''}line ${d.start.line + 1}`
  const traceback = diagnostics.slice(0, 20).flatMap(d => [
    `TS${d.code} at ${place(d)}, column ${d.start.character + 1}: ${d.messageText}`,
    ...d.fileName ? [] : excerpt(sources[n], d.start.line + 1, d.start.character + 1),
  ])
  return { ename: 'TypeScriptError', evalue: `${first.messageText} (TS${first.code}, ${place(first)})`, traceback: ['TypeScript did not accept this cell:', ...traceback] }
}
