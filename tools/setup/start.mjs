// npm start: sets up what is missing, then opens JupyterLab on the labs.
import './node-version.mjs'
import { spawn } from 'node:child_process'
import path from 'node:path'
import { flags, port } from './flags.mjs'
import { jupyterEnvironment, labFlags } from './jupyter.mjs'
import { pythonOf, root, venv } from './paths.mjs'
import { say } from './say.mjs'
import { fail, setup } from './setup.mjs'

const options = flags('npm start -- [--no-browser] [--port N] [--setup-only] [--no-native]', {
  'no-browser': { type: 'boolean' },
  port: { type: 'string' },
  'setup-only': { type: 'boolean' },
  'no-native': { type: 'boolean' },
})
const wantedPort = options.port && port(options.port)

const from = performance.now()
const { lab } = await setup({ noNative: options['no-native'] }).catch(fail)
say(`ready after ${((performance.now() - from) / 1000).toFixed(1)} s`)

if (!lab) fail('JupyterLab needs Python (see above); everything else is set up.')
if (!options['setup-only']) {
  const args = [...labFlags, `--ServerApp.root_dir=${path.join(root, 'notebooks')}`, ...(wantedPort ? [`--ServerApp.port=${wantedPort}`, '--ServerApp.port_retries=0'] : []), ...(options['no-browser'] ? ['--no-browser'] : [])]
  const child = spawn(pythonOf(venv), ['-m', 'jupyterlab', ...args], { cwd: root, stdio: 'inherit', env: { ...process.env, ...jupyterEnvironment } })
  // Ctrl-C reaches Lab by itself, which asks back; we only wait for its end.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
}
