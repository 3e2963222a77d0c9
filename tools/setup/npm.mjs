// The npm packages, exactly as the lock file says.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { read, root } from './paths.mjs'
import { mustInstall, SetupError } from './say.mjs'

/**
 * Whether node_modules holds what the lock file says: npm's own record of the last completed installation is compared with
 * it, package by package. Optional packages may be missing (other platforms' binaries).
 */
export function installed(folder = root) {
  const lock = JSON.parse(read(path.join(folder, 'package-lock.json')))
  const record = read(path.join(folder, 'node_modules/.package-lock.json'))
  if (!record) return false
  const { packages } = JSON.parse(record)
  return Object.entries(lock.packages).every(([name, wanted]) => {
    if (!name.startsWith('node_modules/')) return true
    const have = packages[name]
    if (!have) return wanted.optional === true || wanted.peer === true
    return have.version === wanted.version && existsSync(path.join(folder, name))
  })
}

/** Installs the packages where they differ from the lock file. */
export async function npmPackages() {
  if (installed()) return 'as locked'
  const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm']
  await mustInstall(npm[0], [...npm.slice(1), 'ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root })
  if (!installed()) throw new SetupError('npm ci ended well, but node_modules still differs from package-lock.json: npm ls shows where')
  return 'installed from the lock file'
}
