// Virtual environments below the clone: with uv where it is, else with Python's own venv and pip.
import { rmSync } from 'node:fs'
import path from 'node:path'
import { cache, here, pythonOf, read, root, sha256, venv, windows, write } from './paths.mjs'
import { must, mustInstall, run, SetupError } from './say.mjs'

const oldest = '3.10'

/** The first Python on the path that is new enough, as a command line; undefined when there is none. */
export async function findPython() {
  for (const command of [['python3'], ['python'], ...['3.14', '3.13', '3.12', '3.11', '3.10'].map(v => [`python${v}`]), ...(windows ? [['py', '-3']] : [])]) {
    const { code } = await run(command[0], [...command.slice(1), '-c', `import sys; sys.exit(sys.version_info < (${oldest.replace('.', ', ')}))`])
    if (code === 0) return command
  }
  return undefined
}

/** A working uv: the one on the path, or the one that an earlier set-up fetched. */
async function findUv() {
  for (const uv of ['uv', path.join(cache, 'uv/bin/uv')]) {
    if ((await run(uv, ['--version'])).code === 0) return uv
  }
  return undefined
}

/** Makes an empty environment: by uv, by Python's venv, or by a uv that pip fetches. */
async function create(environment, note) {
  rmSync(environment, { recursive: true, force: true })
  const uv = await findUv()
  if (uv) {
    await must(uv, ['venv', '--quiet', '--python', `>=${oldest}`, environment], { hint: `uv found no Python ${oldest} or newer: install one from https://www.python.org/downloads/` })
    return
  }
  const python = await findPython()
  if (!python) throw new SetupError(`No Python ${oldest} or newer: install it from https://www.python.org/downloads/ (Debian, Ubuntu: sudo apt install python3 python3-venv), or uv from https://docs.astral.sh/uv/`)
  const [command, ...args] = python
  const made = await run(command, [...args, '-m', 'venv', environment])
  if (made.code === 0) return
  rmSync(environment, { recursive: true, force: true })
  // Debian splits venv off Python; pip may be there all the same, and can fetch uv, which needs neither.
  note('python3-venv is missing, fetching uv')
  const fetched = await run(command, [...args, '-m', 'pip', 'install', '--quiet', '--require-hashes', '--target', path.join(cache, 'uv'), '-r', here('requirements-uv.txt')])
  if (fetched.code !== 0 || !await findUv()) throw new SetupError('Python has no venv: sudo apt install python3-venv, then start again')
  await create(environment, note)
}

const pipInstall = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input']
const hasPip = async (command, args = []) => (await run(command, [...args, '-c', 'import pip'])).code === 0

/** Installs requirements into an environment. */
export async function install(folder, args) {
  const python = pythonOf(folder)
  if (await hasPip(python)) return await mustInstall(python, [...pipInstall, ...args])
  const uv = await findUv()
  if (!uv) throw new SetupError(`${path.relative(root, folder)} was made by uv, which is gone: remove it and start again`)
  return await mustInstall(uv, ['pip', 'install', '--quiet', '--python', python, ...args])
}

/** Unpacks packages below a folder, for whichever platform the flags name (pip and uv spell them differently). */
export async function installTo(target, args, { pip = [], uv = [] } = {}) {
  for (const [python, ...first] of [[pythonOf(venv)], await findPython() ?? []]) {
    if (python && await hasPip(python, first)) return await mustInstall(python, [...first, ...pipInstall, '--target', target, ...args, ...pip])
  }
  const found = await findUv()
  if (!found) throw new SetupError('neither pip nor uv is here: install python3-pip (Debian, Ubuntu: sudo apt install python3-pip)')
  return await mustInstall(found, ['pip', 'install', '--quiet', '--target', target, ...args, ...uv])
}

/**
 * Makes `folder` an environment that holds what the requirements say (files with checksums; other entries are only compared).
 * Resolves to a line that says what was done. A changed file is installed over what is there, so that without a network the
 * old state stays usable; a moved clone, an interrupted installation or a Python that is gone make it start from nothing.
 */
export async function environment(folder, requirements, note, extra = async () => {}) {
  const mark = path.join(folder, 'installed-by-setup')
  const wanted = JSON.stringify({ folder, requirements: sha256(requirements.map(file => read(here(file)) ?? file).join('\0')) })
  const have = read(mark)
  const works = have?.startsWith(`{"folder":${JSON.stringify(folder)},`) && (await run(pythonOf(folder), ['-c', ''])).code === 0
  if (works && have === wanted) return 'up to date'
  if (!works) await create(folder, note)
  note('installing')
  // A locked file names every package; what needs PyTorch must not look for it before `extra` has brought it.
  for (const file of requirements.filter(name => name.endsWith('.txt'))) await install(folder, ['--require-hashes', '--no-deps', '-r', here(file)])
  await extra()
  write(mark, wanted)
  return `${works ? 'brought up to date' : 'made'} from ${requirements[0]}`
}

/** Jupyter's environment. */
export const jupyter = note => environment(venv, ['requirements.txt'], note)

/** Whether JupyterLab can start, up to date or not. */
export const hasLab = async () => (await run(pythonOf(venv), ['-c', 'import jupyterlab'])).code === 0
