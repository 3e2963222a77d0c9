/**
 * The TypeScript that tslab brings (5.0, patched by its author for notebooks), with two functions replaced before
 * tslab's converter loads it: cells are checked as strictly as the library, and the way from emitted JavaScript
 * back to the cell is kept.
 */
import { statSync } from 'node:fs'
import type * as typescript from '@tslab/typescript-for-tslab'
import { rewrite, type Insertion } from './rewrite'

const original = require('@tslab/typescript-for-tslab') as typeof typescript
/** The compiler; what is defined here stands in for the original's. */
export const ts = Object.create(original, { __esModule: { value: true } }) as typeof typescript
require.cache[require.resolve('@tslab/typescript-for-tslab')]!.exports = ts

/** How a line and column of emitted CommonJS lead to the TypeScript: through two source maps (as JSON) and what was inserted between. */
export interface Maps { commonjs: string; javascript: string; insertions: readonly Insertion[] }
/** Of each file emitted since the last cell began: its text to its maps. */
export const emitted = new Map<string, Maps>()

const strict: typescript.CompilerOptions = {
  strict: true, noImplicitOverride: true, noFallthroughCasesInSwitch: true,
  disableTopLevelAwait: false, inlineSourceMap: true, types: ['node'],
}
const inlineMap = /\n?\/\/# sourceMappingURL=data:application\/json;base64,([\w+/=]+)\s*$/

/** Files that cells depend on and that may change: the built library, TypeScript files beside it. With their age when last looked at, and whom to tell. */
export const watched = new Map<string, { time: number, callbacks: Set<typescript.FileWatcherCallback> }>()
/** When a file was written; 0 when it is not there. */
export const timeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
function watchFile(file: string, callback: typescript.FileWatcherCallback): typescript.FileWatcher {
  if (file.includes('/node_modules/')) return { close() {} }
  const watch = watched.get(file) ?? { time: timeOf(file), callbacks: new Set() }
  watched.set(file, watch)
  watch.callbacks.add(callback)
  return { close: () => { watch.callbacks.delete(callback) } }
}

const replace = (name: string, value: unknown) => Object.defineProperty(ts, name, { value })
replace('sys', Object.assign(Object.create(original.sys), { watchFile, watchDirectory: () => ({ close() {} }) }))
replace('createWatchCompilerHost', (files: string[], options: typescript.CompilerOptions, ...rest: unknown[]) =>
  (original.createWatchCompilerHost as unknown as (...a: unknown[]) => unknown)(files, { ...options, ...strict }, ...rest))
replace('transpileModule', (javascript: string, options: typescript.TranspileOptions) => {
  const map = inlineMap.exec(javascript)
  if (!map) return original.transpileModule(javascript, options)
  const { text, insertions, before } = rewrite(original, javascript.replace(inlineMap, ''))
  const out = original.transpileModule(text, { ...options, compilerOptions: { ...options.compilerOptions, sourceMap: true }, transformers: { before: [before] } })
  const outputText = out.outputText.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, '')
  emitted.set(outputText, { commonjs: out.sourceMapText!, javascript: Buffer.from(map[1], 'base64').toString(), insertions })
  return { ...out, outputText }
})
