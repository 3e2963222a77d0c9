import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A line of the rubric with the exercises that prove it. */
export interface RubricLine { readonly level: string; readonly can: string; readonly solved: number; readonly of: number; readonly state: string; readonly exercises: readonly { readonly id: string; readonly title: string; readonly state: string }[] }

/** What `npm run score` said of the notebooks, or why it could not. */
export interface RubricScore { readonly lines: readonly RubricLine[]; readonly note: string }

interface Scores { readonly students: readonly { readonly solved: number; readonly of: number; readonly rubric: readonly RubricLine[]; readonly notes: readonly string[] }[] }

function cloneRoot(): string {
  for (let folder = __dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'tools', 'labs', 'labs.mjs'))) return folder
    if (folder === dirname(folder)) throw new Error('rubricScore: this is no clone of RLHF Labs')
  }
}

/**
 * Runs `npm run score` on your own notebooks, as they are saved: executes every one that you have changed, confined, and says of each line of the rubric which
 * exercises prove it and how they stand. seconds: gives up after so long, since many solved labs take minutes. What hinders it is told in `note`; it does not throw for that.
 */
export async function rubricScore({ seconds = 90 }: { readonly seconds?: number } = {}): Promise<RubricScore> {
  const none = (why: string): RubricScore => ({ lines: [], note: why })
  if (process.env.RLHF_SCORING) return none('not run, since this notebook is being scored itself')
  const folder = mkdtempSync(join(tmpdir(), 'rlhf-score-')), root = cloneRoot()
  try {
    const said = await ended(process.execPath, [join(root, 'tools', 'labs', 'labs.mjs'), 'score', '--no-setup', '--out', folder], root, seconds)
    if (said !== undefined) return none(said)
    const [own] = (JSON.parse(readFileSync(join(folder, 'scores.json'), 'utf8')) as Scores).students
    return { lines: own.rubric, note: [`${own.solved} of ${own.of} exercises solved in the notebooks as saved`, ...own.notes].join('; ') }
  } finally { rmSync(folder, { recursive: true, force: true }) }
}

/** Undefined when the command did its work in time, else what it said. */
function ended(command: string, args: readonly string[], cwd: string, seconds: number): Promise<string | undefined> {
  return new Promise(resolve => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: seconds * 1000, killSignal: 'SIGTERM' }), said: Buffer[] = []
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => said.push(part))
    child.on('error', error => { resolve(`npm run score cannot be started: ${error.message}`) })
    child.on('close', (code, signal) => {
      if (code === 0) resolve(undefined)
      else resolve(signal || code === 130 ? `npm run score was not done after ${seconds} s: run it in a terminal` : `npm run score failed: ${Buffer.concat(said).toString().trim().split('\n').at(-1)}`)
    })
  })
}
