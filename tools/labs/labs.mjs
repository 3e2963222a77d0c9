// npm run labs: makes sure that set-up was done, then hands over to the Python tools beside this file.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { jupyterEnvironment } from '../setup/jupyter.mjs'
import { pythonOf, root, venv } from '../setup/paths.mjs'

if (!existsSync(pythonOf(venv)) || !existsSync(path.join(venv, 'share/jupyter/kernels/tslab'))) {
  console.error('not set up yet: npm start -- --setup-only')
  process.exit(2)
}

const { PYTHONDONTWRITEBYTECODE: _, ...env } = process.env // compiled modules save a second in every worker
const tools = spawn(pythonOf(venv), [path.join(root, 'tools/labs/main.py'), ...process.argv.slice(2)], { stdio: 'inherit', env: { ...env, ...jupyterEnvironment } })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => { if (signal !== 'SIGINT' || !process.stdin.isTTY) tools.kill(signal) })
tools.on('error', error => {
  console.error(`${pythonOf(venv)} cannot be started: ${error.message}`)
  process.exitCode = 2
})
tools.on('close', (code, signal) => { process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1) })
