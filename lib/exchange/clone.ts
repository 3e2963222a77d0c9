import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A path inside the clone of the course, wherever the library was started from. Throws Error outside a clone. */
export function clonePath(...parts: readonly string[]): string {
  for (let folder = __dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'notebooks')) && existsSync(join(folder, 'data'))) return join(folder, ...parts)
    if (folder === dirname(folder)) throw new Error(`clonePath: no folder above ${__dirname} holds notebooks/ and data/; run from a clone of RLHF Labs`)
  }
}
