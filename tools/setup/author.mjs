// .venv-author: what authors and teachers use beside the labs (nbgrader, nbdime, the site's builder). Made when first asked for.
import './node-version.mjs'
import path from 'node:path'
import { author, pythonOf } from './paths.mjs'
import { environment } from './python.mjs'
import { step } from './say.mjs'

/** Makes the environment where it is not up to date and resolves to its Python. */
export async function authorPython() {
  await step('author tools', note => environment(author, ['requirements-author.txt'], note))
  return pythonOf(author)
}

/** A program of that environment. */
export const authorProgram = name => path.join(path.dirname(pythonOf(author)), name)

if (process.argv[1] === import.meta.filename) console.log(await authorPython())
