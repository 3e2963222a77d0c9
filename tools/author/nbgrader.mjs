// npm run nbgrader -- …: nbgrader with the labs' kernel, in the folder the command was given in.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { authorProgram, authorPython } from '../setup/author.mjs'
import { jupyterEnvironment } from '../setup/jupyter.mjs'
import { venv } from '../setup/paths.mjs'
import { alone, fail, setup } from '../setup/setup.mjs'

const args = process.argv.slice(2).filter(arg => arg !== '--no-setup')
if (!process.argv.includes('--no-setup')) {
  const { lab } = await setup().catch(fail)
  if (!lab) fail('the labs run in Jupyter, which needs Python (see above)')
}
await alone(authorPython).catch(fail)

// nbgrader calls programs of its own environment by name; the kernel lives in the labs'.
const PATH = [path.dirname(authorProgram('nbgrader')), process.env.PATH].join(path.delimiter)
const env = { ...process.env, ...jupyterEnvironment, PATH, JUPYTER_PATH: path.join(venv, 'share/jupyter'), JUPYTER_PREFER_ENV_PATH: '0' }
const child = spawn(authorProgram('nbgrader'), args, { cwd: process.env.INIT_CWD, stdio: 'inherit', env })
child.on('error', error => fail(`nbgrader cannot be started (${error.message}); it needs Python 3.11 or newer`))
child.on('close', code => { process.exitCode = code ?? 1 })
