/** From a cell's TypeScript to a function that runs it, and back from a place in that function to the cell's line. */
import vm from 'node:vm'
import { SourceMap } from 'node:module'
import path from 'node:path'
import type { Diagnostic } from 'tslab/dist/converter'
import { emitted, ts, type Maps } from './typescript'
import { HOLD, HOLD_EACH } from './rewrite'

const { createConverter } = require('tslab/dist/converter') as typeof import('tslab/dist/converter')
const { getCodeMetadata } = require('tslab/dist/metadata') as typeof import('tslab/dist/metadata')
/** tslab's compiler: one TypeScript program that is kept up to date from cell to cell. */
export const converter = createConverter({ isJS: false, isBrowser: false })

/** A TypeScript file beside the labs that a cell imports, as JavaScript. */
export interface SideFile { path: string; data: string }
export type Compiled =
  | { ok: false, diagnostics: Diagnostic[] }
  | { ok: true, isAsync: boolean, declarations: string, lastExpression?: string, sideFiles: SideFile[], run?: CellFunction }
/** Runs a cell with the notebook's variables, its `require`, and what its awaits are held by (see stop.ts). */
export type CellFunction = (variables: object, require: unknown, hold: unknown, holdEach: unknown) => unknown

/** How emitted files are called in stack frames: `cell[3]`, or a path. */
interface Origin { maps: Maps; prefix: number; header: number; lines: number; parsed?: [SourceMap, SourceMap] }
const origins = new Map<string, Origin>(), modules = new Set<string>()
/** The name of cell `n` in stack frames. */
export const cellFile = (n: number) => `cell[${n}]`

/** Checks and compiles `source` as cell `n`, after earlier cells left `declarations`. */
export function compile(n: number, source: string, declarations: string): Compiled {
  emitted.clear()
  const { module } = getCodeMetadata(source)
  if (module) { // tslab's `/** @module name */`: a cell that others import
    const diagnostics = converter.addModule(module, source)
    modules.add(`${module}.js`)
    return diagnostics.length ? { ok: false, diagnostics } : { ok: true, isAsync: false, declarations, sideFiles: [] }
  }
  const plain = withoutShorthand(withoutExports(source)), out = converter.convert(declarations, plain)
  if (out.diagnostics.length) return { ok: false, diagnostics: out.diagnostics }
  const isAsync = hasTopLevelAwait(plain), sideFiles = out.sideOutputs ?? []
  for (const { path: file, data } of sideFiles) remember(file, data, 0, modules.has(path.basename(file)) ? 1 : 0)
  const result = { ok: true as const, isAsync, declarations: out.declOutput ?? '', lastExpression: out.lastExpressionVar, sideFiles }
  if (!out.output) return result
  const prefix = `(${isAsync ? 'async ' : ''}function (exports, require, ${HOLD}, ${HOLD_EACH}) { `
  remember(cellFile(n), out.output, prefix.length, 1)
  return { ...result, run: vm.runInThisContext(`${prefix}${out.output}\n})`, { filename: cellFile(n) }) as CellFunction }
}

/** `prefix`: characters before the emitted text, `header`: lines that tslab puts before the source. */
function remember(file: string, javascript: string, prefix: number, header: number) {
  const maps = emitted.get(javascript)
  if (maps) origins.set(file, { maps, prefix, header, lines: javascript.split('\n').length })
}

/** Where a 1-based line and column of an emitted file stand in its TypeScript; null where nothing was written by hand. */
export function trace(file: string, line: number, column: number): { line: number, column: number } | null {
  const origin = origins.get(file)
  if (!origin || line > origin.lines) return null
  const { maps, prefix, header } = origin
  const [commonjs, javascript] = origin.parsed ??= [maps.commonjs, maps.javascript].map(map => new SourceMap(JSON.parse(map))) as [SourceMap, SourceMap]
  const middle = commonjs.findEntry(line - 1, column - 1 - (line === 1 ? prefix : 0))
  if (!('originalLine' in middle)) return null
  const { originalLine, originalColumn } = middle
  const inserted = maps.insertions.filter(i => i.line === originalLine && i.column < originalColumn).reduce((sum, i) => sum + i.length, 0)
  const entry = javascript.findEntry(originalLine, originalColumn - inserted)
  return 'originalLine' in entry && entry.originalLine >= header ? { line: entry.originalLine + 1 - header, column: entry.originalColumn + 1 } : null
}
export const isEmitted = (file: string) => origins.has(file)

const parse = (source: string) => ts.createSourceFile('cell.ts', `export {};${source}`, ts.ScriptTarget.ES2022, true)

/** tslab exports all of a cell's declarations itself and does not take `export` before one: blanks of the same length instead. */
function withoutExports(source: string): string {
  if (!/\bexport\b/.test(source)) return source
  const shift = 'export {};'.length
  return parse(source).statements.reduce((text, statement) => {
    const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined
    const word = modifiers?.find(m => m.kind === ts.SyntaxKind.ExportKeyword)
    if (!word || modifiers!.some(m => m.kind === ts.SyntaxKind.DefaultKeyword)) return text
    const start = word.getStart() - shift
    return text.slice(0, start) + ' '.repeat('export'.length) + text.slice(start + 'export'.length)
  }, source)
}

/**
 * tslab does not find an earlier cell's variable in `{ name }`: `{ name: name }` instead, where this cell does not declare it.
 * Columns to its right on the same line come out later by as much in messages.
 */
function withoutShorthand(source: string): string {
  if (!/[{,]\s*[\w$]+\s*[,}]/.test(source)) return source
  const shift = 'export {};'.length, declared = new Set<string>(), found: { name: string, end: number }[] = []
  const visit = (node: import('@tslab/typescript-for-tslab').Node): void => {
    const name = (node as { name?: import('@tslab/typescript-for-tslab').Node }).name
    if (ts.isShorthandPropertyAssignment(node)) found.push({ name: node.name.text, end: node.name.end - shift })
    else if (name && ts.isIdentifier(name) && !ts.isPropertyAccessExpression(node) && !ts.isPropertyAssignment(node)) declared.add(name.text)
    ts.forEachChild(node, visit)
  }
  visit(parse(source))
  return found.filter(({ name }) => !declared.has(name)).reverse().reduce((text, { name, end }) => `${text.slice(0, end)}: ${name}${text.slice(end)}`, source)
}

function hasTopLevelAwait(source: string): boolean {
  if (!/\bawait\b/.test(source)) return false
  let found = false
  const visit = (node: import('@tslab/typescript-for-tslab').Node): void => {
    if (found || ts.isFunctionLike(node)) return
    if (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier)) found = true
    else ts.forEachChild(node, visit)
  }
  visit(parse(source))
  return found
}
