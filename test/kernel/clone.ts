/** A small clone of this repository for the kernel's tests: the kernel from its sources, and a library whose faults are known. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import ts from 'typescript'
import { killAll, repository, startKernel, type Client } from './client'

const library = {
  'index.ts': `export * from './loss/dpo'
export * from './train/loop'
`,
  'loss/dpo.ts': `/** A pair of summed log-probabilities. */
export interface Pair { chosen: number; rejected: number }

/**
 * DPO: −log σ(β·margin), one value a pair.
 * @param beta how far the policy may leave the reference
 */
export function dpo(pairs: readonly Pair[], beta: number): number[] {
  if (!(beta > 0)) {
    throw new RangeError(\`beta: expected a positive number, got \${beta}\`)
  }
  return pairs.map(p => Math.log1p(Math.exp(-beta * (p.chosen - p.rejected))))
}
export const version: string = 'first'
`,
  'train/loop.ts': `/** Fails at a step, after it has waited. */
export async function trainUntil(step: number): Promise<void> {
  for (let i = 0; ; i++) {
    await new Promise(resolve => setTimeout(resolve, 1))
    if (i === step) throw new Error('loss: not finite at step ' + i)
  }
}
/** One record a step, for ever. */
export async function* steps(): AsyncGenerator<{ step: number }, void, undefined> {
  for (let step = 0; ; step++) {
    await Promise.resolve()
    yield { step }
  }
}
`,
}

function build(file: string, source: string, out: string, declarations: boolean) {
  mkdirSync(path.dirname(out), { recursive: true })
  const compilerOptions: ts.CompilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true, sourceMap: true, isolatedDeclarations: true, declaration: true }
  const { outputText, sourceMapText } = ts.transpileModule(source, { fileName: path.basename(file), compilerOptions })
  const map = JSON.parse(sourceMapText!) as { sources: string[] }
  map.sources = [path.relative(path.dirname(out), file)]
  writeFileSync(`${out}.map`, JSON.stringify(map))
  writeFileSync(out, outputText)
  if (declarations) writeFileSync(out.replace(/\.js$/, '.d.ts'), ts.transpileDeclaration(source, { fileName: path.basename(file), compilerOptions }).outputText)
}

/** Writes and builds one file of the clone's library. */
export function writeLibrary(clone: string, name: string, source: string) {
  const file = path.join(clone, 'lib', name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, source)
  build(file, source, path.join(clone, 'lib', 'dist', name.replace(/\.ts$/, '.js')), true)
}

/** Makes the clone, in a folder whose name has a space, and returns its path. */
export function makeClone(): string {
  const clone = path.join(realpathSync(mkdtempSync(path.join(tmpdir(), 'rlhf-'))), 'a clone'), kernel = path.join(repository, 'tools', 'kernel')
  mkdirSync(path.join(clone, 'node_modules'), { recursive: true })
  mkdirSync(path.join(clone, 'notebooks', 'solutions'), { recursive: true })
  for (const name of ['tslab', '@tslab', 'zeromq', '@types']) symlinkSync(path.join(repository, 'node_modules', name), path.join(clone, 'node_modules', name), 'dir')
  symlinkSync(path.join(clone, 'lib'), path.join(clone, 'node_modules', 'rlhf-labs'), 'dir')
  for (const file of readdirSync(kernel).filter(f => f.endsWith('.ts'))) {
    build(path.join(kernel, file), readFileSync(path.join(kernel, file), 'utf8'), path.join(clone, 'tools', 'kernel', 'dist', file.replace(/\.ts$/, '.js')), false)
  }
  for (const [name, source] of Object.entries(library)) writeLibrary(clone, name, source)
  writeFileSync(path.join(clone, 'lib', 'package.json'), JSON.stringify({ name: 'rlhf-labs', version: '0.0.0', main: 'dist/index.js', types: 'dist/index.d.ts' }))
  return clone
}

let clone: string | undefined, kernel: Promise<Client> | undefined
/** The clone that the tests share. */
export const theClone = () => clone ??= makeClone()
/** The kernel that the tests share; it is started in a folder outside the clone. */
export const theKernel = () => kernel ??= startKernel({ root: theClone(), cwd: tmpdir() })
after(async () => {
  await (await kernel)?.shutdown()
  killAll()
  if (clone && existsSync(clone)) rmSync(path.dirname(clone), { recursive: true })
  clone = kernel = undefined
})
