/** The notebook's variables: what cells declare, kept between them. */
import { createRequire } from 'node:module'
import Module from 'node:module'
import path from 'node:path'
import { ts } from './typescript'
import type { SideFile } from './compile'

const values: Record<string, unknown> = {}
/** The `exports` of every cell. TypeScript defines named imports as fixed getters there; here they are values, so that a cell can run twice. */
export const variables = new Proxy(values, {
  set: (target, name: string, value) => { target[name] = value; return true },
  defineProperty: (target, name: string, as) => { if (name !== '__esModule') target[name] = as.get ? as.get() as unknown : as.value; return true },
})

/** Takes a variable out, such as the one that holds a cell's last expression. */
export function take(name: string): unknown {
  const value = values[name]
  delete values[name]
  return value
}

/** The declarations (as a .d.ts) that a cell which threw really made: variables never reached are forgotten, types stay. */
export function reached(declarations: string): string {
  const file = ts.createSourceFile('cell.d.ts', declarations, ts.ScriptTarget.ES2022, true)
  const has = (name: { text: string } | undefined) => !name || values[name.text] !== undefined
  const kept = file.statements.flatMap(statement => {
    if (ts.isVariableStatement(statement)) {
      const { declarations: all, flags } = statement.declarationList, list = all.filter(d => has(d.name as { text: string }))
      return list.length ? [`declare ${flags & ts.NodeFlags.Const ? 'const' : 'let'} ${list.map(d => d.getText(file)).join(', ')};`] : []
    }
    if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement) || ts.isEnumDeclaration(statement)) return has(statement.name) ? [statement.getText(file)] : []
    if (ts.isImportDeclaration(statement)) {
      const { name, namedBindings, isTypeOnly } = statement.importClause ?? {}
      const names = [name, ...(namedBindings && ts.isNamespaceImport(namedBindings) ? [namedBindings.name] : namedBindings?.elements.map(e => e.name) ?? [])]
      return isTypeOnly || names.some(n => n && has(n)) ? [statement.getText(file)] : []
    }
    return [statement.getText(file)]
  })
  return kept.join('\n') + '\n'
}

const sideFiles = new Map<string, string>(), loaded = new Map<string, Module>()
/** Takes in TypeScript files beside the labs, compiled; what was loaded of an older version is loaded anew. */
export function addSideFiles(files: readonly SideFile[]) {
  for (const { path: file, data } of files) { sideFiles.set(file, data); loaded.delete(file) }
}

/** `require` as in a file of `folder`, which also finds the files of {@link addSideFiles}. */
export function requireFrom(folder: string): NodeJS.Require {
  const plain = createRequire(path.join(folder, 'cell.js'))
  const withSideFiles = (id: string): unknown => {
    const file = path.posix.join(folder, id) + (path.extname(id) ? '' : '.js'), code = sideFiles.get(file)
    if (code === undefined) return plain(id)
    let module = loaded.get(file)
    if (!module) {
      module = new Module(file)
      loaded.set(file, module)
      module.filename = file
      module.require = requireFrom(path.dirname(file))
      ;(module as unknown as { _compile(code: string, file: string): void })._compile(code, file)
    }
    return module.exports
  }
  return Object.assign(withSideFiles, plain)
}
