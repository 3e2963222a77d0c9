// Where things are in this clone. Everything that set-up makes lies below `root`.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'

export const root = path.resolve(import.meta.dirname, '../..')
export const cache = path.join(root, '.cache')
export const venv = path.join(root, '.venv')
export const oracle = path.join(root, '.venv-oracle')
export const author = path.join(root, '.venv-author')
export const native = path.join(root, '.native')
export const windows = process.platform === 'win32'

/** The Python of a virtual environment. */
export const pythonOf = environment => path.join(environment, windows ? 'Scripts/python.exe' : 'bin/python')

/** A file of this folder. */
export const here = name => path.join(import.meta.dirname, name)

export const sha256 = text => createHash('sha256').update(text).digest('hex')

/** The text of a file, or undefined where there is none. */
export const read = file => existsSync(file) ? readFileSync(file, 'utf8') : undefined

/** Writes a file whole: under a temporary name first, and not at all when it says the same already. */
export function write(file, text) {
  if (read(file) === text) return
  mkdirSync(path.dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}.tmp`
  writeFileSync(temporary, text)
  renameSync(temporary, file)
}

/** The version of the GNU C library, or undefined where there is another (musl) or another system. */
export function glibc() {
  // Without this, Node.js looks up the names of all machines that it is connected to.
  process.report.excludeNetwork = true
  return process.report.getReport().header.glibcVersionRuntime
}
