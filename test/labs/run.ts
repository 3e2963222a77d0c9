import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after } from 'mocha'

export const root = path.resolve(__dirname, '../..')
export const venv = path.join(root, '.venv')

/** What a program said and how it ended. */
export interface Ended { readonly code: number | null; readonly out: string }

/** One form of one lab, as --summary writes it. */
export interface LabRecord { readonly lab: string; readonly form: string; readonly passed: boolean; readonly errors: readonly string[]; readonly peak_mb: number; readonly score?: { solved: number; of: number } }

/** Runs a program to its end; both its streams in `out`. */
export function ended(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, PYTHONDONTWRITEBYTECODE: '', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { out += text })
    child.on('error', reject)
    child.on('close', code => resolve({ code, out }))
  })
}

/** npm run labs -- … without setting up again, which npm test has done. */
export const labsCommand = (args: readonly string[]) => [path.join(root, 'tools/labs/labs.mjs'), '--no-setup', ...args]
export const labs = (args: readonly string[], env?: Readonly<Record<string, string>>) => ended(process.execPath, labsCommand(args), env)

/** Runs labs and reads what came of each. */
export async function records(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended & { labs: LabRecord[] }> {
  const file = path.join(scratch(), 'summary.json'), run = await labs([...args, '--summary', file], env)
  if (!existsSync(file)) throw new Error(`labs ${args.join(' ')} wrote no summary:\n${run.out}`)
  const summary = JSON.parse(readFileSync(file, 'utf8')) as { labs: LabRecord[]; passed: number; failed: number }
  if (summary.passed !== summary.labs.filter(l => l.passed).length || summary.passed + summary.failed !== summary.labs.length) throw new Error(`the summary counts wrongly:\n${run.out}`)
  return { ...run, labs: summary.labs }
}

const folders: string[] = []
after(() => folders.forEach(folder => rmSync(folder, { recursive: true, force: true })))

/** A folder that is gone after the tests. */
export function scratch(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'labs-test-'))
  folders.push(folder)
  return folder
}
