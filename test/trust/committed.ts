import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { homedir, hostname, userInfo } from 'node:os'
import path from 'node:path'
import { one, sum, type Promised } from './promise'

const root = path.resolve(__dirname, '../..'), own = 'test/trust/committed.ts'
/** The most bytes of a file: what is larger was made, not written. */
const LARGEST = 1 << 20
const literal = (text: string) => new RegExp(`(?<![\\w/])${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w])`)

/** What no tracked file may hold, each with an example that must be found. */
const PATTERNS: readonly (readonly [string, RegExp, string])[] = [
  ['a folder of a user', /(?<![\w.])\/(?:home|Users)\/[a-z][\w.-]*\/|[A-Z]:\\{1,2}Users\\/, 'at /home/ann/labs/x.ts'],
  ['the folder of root', /(?<![\w.])\/root\/[\w.]/, 'at /root/labs'],
  ['a temporary folder', /(?<![\w.])\/(?:tmp|var\/folders|private\/var)\/[\w.-]/, 'read /tmp/lab-3x1'],
  ['a key of a cloud', /\bAKIA[0-9A-Z]{16}\b|\bASIA[0-9A-Z]{16}\b/, `AKIA${'A1'.repeat(8)}`],
  ['a token of a forge or hub', /\bgh[pousr]_\w{30,}|\bgithub_pat_\w{30,}|\bglpat-[\w-]{20,}|\bhf_[A-Za-z]{30,}|\bsk-[\w-]{32,}|\bnpm_\w{30,}|\bxox[abp]-[\w-]{20,}/, `ghp_${'a1'.repeat(18)}`],
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/, '-----BEGIN OPENSSH PRIVATE KEY-----'],
  ['the token of a Jupyter server', /[?&]token=[0-9a-f]{32,}/, `http://localhost:8888/lab?token=${'0a'.repeat(24)}`],
]

/** This machine's own names, which no output may hold, where they are not words that any text may hold. */
function here(): (readonly [string, RegExp, string])[] {
  const names = [homedir(), userInfo().username, hostname(), root].filter(name => name.length > 4 && !/^(admin|debian|runner|ubuntu|localhost|vagrant|\/root)$/.test(name))
  return names.map(name => [`a name of this machine (${name})`, literal(name), `by ${name}, it`] as const)
}

/** Only outputs, not code or prose, of a notebook; other files whole. */
function outputsOf(file: string): string {
  const text = readFileSync(path.join(root, file), 'utf8')
  if (!file.endsWith('.ipynb')) return text
  const notebook = JSON.parse(text) as { cells: { outputs?: object[] }[]; metadata: object }
  return JSON.stringify([notebook.metadata, notebook.cells.map(cell => cell.outputs ?? [])], (key, value: unknown) => key === 'image/png' ? '' : value)
}

export const committed: Promised = {
  what: 'no tracked file holds a secret or a path of a machine, no output or data file its names, and none is larger than 1 MB',
  try() {
    const names = here(), patterns = [...PATTERNS, ...names]
    const sees = patterns.map(([what, pattern, example]) => one(`finds ${what}`, () => { if (!pattern.test(example)) throw new Error(`does not see ${example}`) }))
    const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0').filter(file => file && file !== own && existsSync(path.join(root, file)))
    const clean = files.map(file => one(file, () => {
      const { size } = statSync(path.join(root, file))
      if (size > LARGEST) throw new Error(`${size} bytes; a file may have ${LARGEST}`)
      const text = outputsOf(file), found = (/^(notebooks|data)\//.test(file) ? patterns : PATTERNS).map(([what, pattern]) => ({ what, at: pattern.exec(text) })).find(({ at }) => at)
      if (found) throw new Error(`${found.what}: …${text.slice(Math.max(0, found.at!.index - 40), found.at!.index + 60)}…`)
    }))
    return Promise.all([...sees, ...clean]).then(sum)
  },
}
