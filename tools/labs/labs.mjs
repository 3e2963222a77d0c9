// npm run labs: sets up what is missing, then hands over to the Python tools beside this file. --no-setup takes what is there.
import '../setup/node-version.mjs'
import { spawn } from 'node:child_process'
import path from 'node:path'
import { jupyterEnvironment } from '../setup/jupyter.mjs'
import { pythonOf, root, venv } from '../setup/paths.mjs'
import { fail, setup } from '../setup/setup.mjs'

const args = process.argv.slice(2).filter(arg => arg !== '--no-setup')
if (!process.argv.includes('--no-setup')) {
  const { lab } = await setup().catch(fail)
  if (!lab) fail('the labs run in Jupyter, which needs Python (see above)')
}

const { PYTHONDONTWRITEBYTECODE: _, ...env } = process.env // compiled modules save a second in every worker
const tools = spawn(pythonOf(venv), [path.join(root, 'tools/labs/main.py'), ...args], { stdio: 'inherit', env: { ...env, ...jupyterEnvironment } })
// Ctrl-C at a terminal reaches the tools by itself
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => { if (signal !== 'SIGINT' || !process.stdin.isTTY) tools.kill(signal) })
tools.on('error', error => fail(`${pythonOf(venv)} cannot be started: ${error.message}`))
tools.on('close', (code, signal) => { process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1) })
