/** Completion, inspection and "is this cell complete": what the editor asks while one types. */
import type * as typescript from '@tslab/typescript-for-tslab'
import { converter } from './compile'
import type { Content } from './protocol'
import { ts } from './typescript'

const { printQuickInfo } = require('tslab/dist/inspect') as typeof import('tslab/dist/inspect')
const { isCompleteCode } = require('tslab/dist/converter') as typeof import('tslab/dist/converter')

/** Jupyter counts positions in Unicode code points, TypeScript in UTF-16 units. */
const toUnits = (code: string, points: number) => Array.from(code).slice(0, points).join('').length
const toPoints = (code: string, units: number) => Array.from(code.slice(0, units)).length

/** What can stand at the cursor, with its kind (for the icon). */
export function complete(declarations: string, code: string, cursor: number): Content {
  const { start, end, candidates, original } = converter.complete(declarations, code, toUnits(code, cursor))
  const kinds = new Map(original?.entries.map(e => [e.name, e.kind]))
  const cursor_start = toPoints(code, start), cursor_end = toPoints(code, end), matches = candidates.slice(0, 500)
  const types = matches.map(text => ({ start: cursor_start, end: cursor_end, text, type: kinds.get(text) ?? '' }))
  return { status: 'ok', matches, cursor_start, cursor_end, metadata: { _jupyter_types_experimental: types } }
}

/** Type and docstring of the name at the cursor, or of the function whose arguments the cursor stands in. */
export function inspect(declarations: string, code: string, cursor: number): Content {
  const at = toUnits(code, cursor), callee = calleeAround(code, at)
  for (const position of [at, at - 1, ...callee === undefined ? [] : [callee]]) {
    const info = position < 0 ? undefined : converter.inspect(declarations, code, position)
    if (info?.displayParts?.length) return { status: 'ok', found: true, data: { 'text/plain': printQuickInfo(info) }, metadata: {} }
  }
  return { status: 'ok', found: false, data: {}, metadata: {} }
}

/** Where the name of the function ends whose brackets enclose `position`. */
function calleeAround(code: string, position: number): number | undefined {
  let found: number | undefined
  const visit = (node: typescript.Node): void => {
    if (node.pos > position || node.end < position) return
    if ((ts.isCallExpression(node) || ts.isNewExpression(node)) && node.expression.end < position) found = node.expression.end - 1
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('cell.ts', code, ts.ScriptTarget.ES2022, true))
  return found
}

/** Whether Enter in a console should run the code or begin another line. */
export function isComplete(code: string): Content {
  const { completed, indent } = isCompleteCode(code)
  return completed ? { status: 'complete' } : { status: 'incomplete', indent: indent ?? '' }
}
