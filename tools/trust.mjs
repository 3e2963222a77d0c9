// npm run trust [-- words]: tries what the project promises at full size (half an hour), before a release; with words only the
// promises whose text has them. Its quick half is part of npm test.
import './setup/node-version.mjs'
import { spawn } from 'node:child_process'
import path from 'node:path'
import { jupyterEnvironment } from './setup/jupyter.mjs'
import { root } from './setup/paths.mjs'
import { fail, setup } from './setup/setup.mjs'

await setup().catch(fail)
const mocha = spawn(process.execPath, [path.join(root, 'node_modules/mocha/bin/mocha.js'), '--reporter', 'spec', 'test/trust/trust.test.ts'], { cwd: root, stdio: 'inherit', env: { ...process.env, ...jupyterEnvironment, RLHF_TRUST: 'full', RLHF_TRUST_ONLY: process.argv.slice(2).join(' ') } })
mocha.on('close', code => { process.exitCode = code ?? 1 })
