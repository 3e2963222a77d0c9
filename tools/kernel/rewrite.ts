/** What a cell's JavaScript needs beyond tslab's: awaits that the stop button ends, and `let`s that closures see change. */
import type * as typescript from '@tslab/typescript-for-tslab'
type TS = typeof typescript

/** Characters put into a line (0-based) at a column, which a source map does not know. */
export interface Insertion { line: number; column: number; length: number }
export interface Rewritten { text: string; insertions: Insertion[]; before: typescript.TransformerFactory<typescript.SourceFile> }

/** Names that emitted cells are called with; see stop.ts. */
export const HOLD = '__hold', HOLD_EACH = '__holdEach'

/** Rewrites the ES module that tslab made of a cell, before it becomes CommonJS. */
export function rewrite(ts: TS, javascript: string): Rewritten {
  return { ...exportCaptured(ts, javascript), before: context => file => ts.visitEachChild(file, holdAwaits(ts, context), context) }
}

/** `await x` becomes `await __hold(x)`, `for await (… of y)` becomes `for await (… of __holdEach(y))`. */
function holdAwaits(ts: TS, context: typescript.TransformationContext): typescript.Visitor {
  const { factory } = context
  const call = (name: string, argument: typescript.Expression) => factory.createCallExpression(factory.createIdentifier(name), undefined, [argument])
  const visit: typescript.Visitor = node => {
    const done = ts.visitEachChild(node, visit, context)
    if (ts.isAwaitExpression(done)) return factory.updateAwaitExpression(done, call(HOLD, done.expression))
    if (ts.isForOfStatement(done) && done.awaitModifier) {
      return factory.updateForOfStatement(done, done.awaitModifier, done.initializer, call(HOLD_EACH, done.expression), done.statement)
    }
    return done
  }
  return visit
}

/**
 * tslab exports a cell's declarations in a list at its end, so that a closure keeps reading the cell's own `let`
 * when a later cell assigns to the exported one. Declared with `export let`, both are the same variable.
 */
function exportCaptured(ts: TS, javascript: string): { text: string, insertions: Insertion[] } {
  if (!/^(let|var) /m.test(javascript)) return { text: javascript, insertions: [] }
  const file = ts.createSourceFile('cell.mjs', javascript, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS)
  const captured = namesInFunctions(ts, file), moved = new Set<string>(), insertions: Insertion[] = []
  const edits: { start: number, end: number, by: string }[] = []
  for (const statement of file.statements) {
    if (!ts.isVariableStatement(statement) || statement.modifiers?.length || statement.declarationList.flags & ts.NodeFlags.Const) continue
    const names = statement.declarationList.declarations.flatMap(d => bindings(ts, d.name))
    if (!names.some(name => captured.has(name))) continue
    names.forEach(name => moved.add(name))
    const start = statement.getStart(file), { line, character } = file.getLineAndCharacterOfPosition(start)
    edits.push({ start, end: start, by: 'export ' })
    insertions.push({ line, column: character, length: 'export '.length })
  }
  for (const statement of moved.size ? file.statements : []) {
    if (!ts.isExportDeclaration(statement) || statement.moduleSpecifier || !statement.exportClause || !ts.isNamedExports(statement.exportClause)) continue
    const kept = statement.exportClause.elements.filter(e => !moved.has(e.name.text)).map(e => e.getText(file))
    edits.push({ start: statement.getStart(file), end: statement.end, by: `export { ${kept.join(', ')} };` })
  }
  const text = edits.reverse().reduce((t, { start, end, by }) => t.slice(0, start) + by + t.slice(end), javascript)
  return { text, insertions }
}

function bindings(ts: TS, name: typescript.BindingName): string[] {
  return ts.isIdentifier(name) ? [name.text] : name.elements.flatMap(e => ts.isOmittedExpression(e) ? [] : bindings(ts, e.name))
}

/** Every identifier that stands inside a function or class. */
function namesInFunctions(ts: TS, file: typescript.SourceFile): Set<string> {
  const names = new Set<string>()
  const visit = (node: typescript.Node, inside: boolean): void => {
    if (inside && ts.isIdentifier(node)) names.add(node.text)
    const deeper = inside || ts.isFunctionLike(node) || ts.isClassLike(node)
    ts.forEachChild(node, child => visit(child, deeper))
  }
  visit(file, false)
  return names
}
