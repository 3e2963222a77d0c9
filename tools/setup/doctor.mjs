// npm run doctor: the facts about this machine on one screen. Exits with 1 when something is broken or a GPU stands idle.
import './node-version.mjs'
import { createRequire } from 'node:module'
import { existsSync, statfsSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { addonState, addonTensorflow } from './binding.mjs'
import { installed } from './npm.mjs'
import { glibc, pythonOf, read, root, venv } from './paths.mjs'
import { findPython } from './python.mjs'
import { run } from './say.mjs'

const problems = []
const row = (name, text) => console.log(`${name.padEnd(16)}${text}`)
/** A row whose fact is missing or bad, with what to do about it. */
const bad = (name, text, remedy) => {
  row(name, `✗ ${text}`)
  problems.push(`${name}: ${remedy}`)
}
const firstLine = async (command, ...args) => {
  const { code, out, tail } = await run(command, args)
  return code === 0 ? (out || tail).trim().split('\n')[0] : undefined
}

async function machine() {
  const libc = glibc()
  row('system', `${os.type()} ${os.release()} ${process.arch}${libc ? `, glibc ${libc}` : ''}`)
  row('processor', `${os.availableParallelism()} × ${os.cpus()[0]?.model ?? 'unknown'}, ${(os.totalmem() / 2 ** 30).toFixed(0)} GB memory`)
  const { bavail, bsize } = statfsSync(root)
  const free = bavail * bsize / 2 ** 30
  if (free < 2) bad('disk', `${free.toFixed(1)} GB free`, 'set-up needs 2 GB (a GPU build 9 GB)')
  else row('disk', `${free.toFixed(0)} GB free`)
  row('node', `${process.version}, npm ${await firstLine('npm', '--version') ?? 'not on the path'}`)
}

async function packages() {
  const fits = existsSync(path.join(root, 'node_modules')) && installed()
  if (fits) row('npm packages', 'as locked')
  else bad('npm packages', 'differ from the lock file', 'npm start installs them')
  const python = await findPython()
  row('python', python ? await firstLine(python[0], ...python.slice(1), '--version') : 'none on the path')
  const lab = await firstLine(pythonOf(venv), '-m', 'jupyterlab', '--version')
  if (lab) row('JupyterLab', `${lab} in .venv`)
  else bad('JupyterLab', 'not installed', 'npm start installs it into .venv')
  const spec = read(path.join(venv, 'share/jupyter/kernels/tslab/kernel.json'))
  const main = spec && JSON.parse(spec).argv.find(argument => argument.endsWith('main.js'))
  if (main && existsSync(main)) row('kernel', 'tslab in .venv')
  else bad('kernel', main ? 'not built' : 'not installed', 'npm start builds and installs it')
}

async function gpu() {
  const list = await firstLine('nvidia-smi', '--query-gpu=name,driver_version,memory.total', '--format=csv,noheader')
  row('GPU', list ?? 'nvidia-smi finds none')
  return list !== undefined
}

/** Each backend's probe and the choice; tells whether the choice runs on a GPU. */
function backends() {
  const file = path.join(root, 'lib/dist/tensor/backend/choose.js')
  if (!existsSync(file)) {
    bad('backends', 'the library is not built', 'npm start builds it')
    return false
  }
  const { choose, inform, survey } = createRequire(import.meta.url)(file)
  for (const probe of survey()) row(probe.name, probe.ok ? `✓ ${probe.version} on ${probe.device}, ${probe.threads} thread${probe.threads > 1 ? 's' : ''}` : `– ${probe.reason}`)
  try {
    const info = inform(choose())
    row('labs run on', info.label)
    row('why', info.why)
    if (info.faster) row('faster', info.faster)
    return info.device === 'GPU'
  } catch (error) {
    bad('labs run on', error.message, 'see above')
    return false
  }
}

await machine()
await packages()
for (const variant of ['cpu', 'gpu']) {
  const state = addonState(variant)
  row(`addon (${variant})`, { 'no package': 'npm package not installed', missing: 'none', stock: "the npm package's own", ours: `built here against TensorFlow ${addonTensorflow(variant)}`, outdated: 'built here from other sources: npm start builds it again' }[state])
}
const present = await gpu()
if (!backends() && present) problems.push('GPU: there is one and the labs do not use it: npm run native -- --gpu, then environment.md ("GPU")')
console.log(problems.length === 0 ? '\nAll is well.' : `\n${problems.length === 1 ? 'One problem' : `${problems.length} problems`}:\n${problems.map(problem => `  ${problem}`).join('\n')}`)
process.exit(problems.length === 0 ? 0 : 1)
