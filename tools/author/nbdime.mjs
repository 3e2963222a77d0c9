// npm run nbdime: tells this clone's git to show and merge notebooks cell by cell (see .gitattributes). `npm run nbdime -- --off` undoes it.
import { flags } from '../setup/flags.mjs'
import { authorProgram, authorPython } from '../setup/author.mjs'
import { root } from '../setup/paths.mjs'
import { must, run, say } from '../setup/say.mjs'
import { alone, fail } from '../setup/setup.mjs'

const options = flags('npm run nbdime -- [--off]', { off: { type: 'boolean' } })
const git = async args => await must('git', ['config', '--local', ...args], { cwd: root, hint: 'This needs a clone made by git.' })
const quoted = name => `'${authorProgram(name).replaceAll("'", String.raw`'\''`)}'`

try {
  if (options.off) {
    for (const section of ['diff.jupyternotebook', 'merge.jupyternotebook']) await run('git', ['config', '--local', '--remove-section', section], { cwd: root })
    say('git shows and merges notebooks as text again')
  } else {
    await alone(authorPython)
    await git(['diff.jupyternotebook.command', `${quoted('git-nbdiffdriver')} diff`])
    await git(['merge.jupyternotebook.driver', `${quoted('git-nbmergedriver')} merge %O %A %B %L %P`])
    await git(['merge.jupyternotebook.name', 'notebooks, cell by cell'])
    say('git shows and merges notebooks cell by cell; after a merge: npm run labs -- build NN')
  }
} catch (error) { fail(error) }
