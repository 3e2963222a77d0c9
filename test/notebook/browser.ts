import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import { chromium, type Browser } from 'playwright-core'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

function executable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch { return false }
}

/** The browser that tests look through: the environment's CHROMIUM, or one on the PATH. Throws an error that says what to install. */
export function browserPath(env: NodeJS.ProcessEnv = process.env): string {
  if (env.CHROMIUM) {
    if (executable(env.CHROMIUM)) return env.CHROMIUM
    throw new Error(`CHROMIUM=${env.CHROMIUM} is no program: give the path of a Chromium or Chrome`)
  }
  const found = (env.PATH ?? '').split(path.delimiter).flatMap(folder => names.map(name => path.join(folder, name))).find(executable)
  if (!found) throw new Error('no Chromium on the PATH: install it (Debian, Ubuntu: apt install chromium; Fedora: dnf install chromium; macOS: brew install --cask chromium, then set CHROMIUM to its path)')
  return found
}

/** Opens it without a window. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: browserPath(), args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] })
}
