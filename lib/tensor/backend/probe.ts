import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { addonOf, facts, packageFolder, packageOf, root, type BackendName } from './candidates'
import type { Description } from './load'

/** What came of trying a backend in a process of its own. */
export type Probe = { readonly name: BackendName, readonly ok: true } & Description | { readonly name: BackendName, readonly ok: false, readonly reason: string }

/** What a probe may be told: tests give it another program, another cache, other variables. */
export interface ProbeOptions { readonly env?: NodeJS.ProcessEnv, readonly cache?: string, readonly program?: readonly string[], readonly timeout?: number }

/** Where probes are kept, below the clone. */
export const cacheFile = path.join(root, '.cache/backend.json')

// From source (tests) the child needs the same loader as we do.
const ours = [...(__filename.endsWith('.ts') ? ['--require', require.resolve('tsx/cjs')] : []), path.join(__dirname, `probe-main${path.extname(__filename)}`)]

/** Why a process that gave no answer ended, in words. */
function ending(signal: NodeJS.Signals | null, status: number | null): string {
  if (signal === 'SIGILL') return 'crashed (SIGILL): its library needs processor instructions (AVX) that are missing here'
  return signal ? `crashed (${signal})` : `ended with code ${status} before it could answer`
}

/** What a finished child says of a backend. */
function verdict(name: BackendName, { stdout, signal, status }: SpawnSyncReturns<string>): Probe {
  const no = (reason: string): Probe => ({ name, ok: false, reason })
  let answer: Description & { error?: string }
  try {
    answer = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  } catch {
    return no(ending(signal, status))
  }
  if (answer.error) return no(firstLine(answer.error))
  if (signal ?? status) return no(ending(signal, status))
  if (name === 'tensorflow-gpu' && answer.device !== 'GPU') return no(`TensorFlow ${answer.version} loads but reports no GPU in use`)
  return { name, ok: true, ...answer }
}

/** Tries a backend in a child process: whatever happens to the child, the caller lives on. */
export function probe(name: BackendName, threads: number, { env = process.env, program, timeout = 120_000 }: ProbeOptions = {}): Probe {
  if (!program) {
    const folder = packageFolder(packageOf[name])
    if (!folder) return { name, ok: false, reason: `${packageOf[name]} is not installed` }
    if (name !== 'wasm' && !existsSync(addonOf(folder))) return { name, ok: false, reason: `${packageOf[name]} has no addon (tfjs_binding.node)` }
  }
  const child = spawnSync(process.execPath, [...(program ?? ours), name, String(threads)], { encoding: 'utf8', timeout, killSignal: 'SIGKILL', env, stdio: ['ignore', 'pipe', 'ignore'] })
  if (!child.error) return verdict(name, child)
  const late = (child.error as NodeJS.ErrnoException).code === 'ETIMEDOUT'
  return { name, ok: false, reason: late ? `gave no answer in ${timeout / 1000} s` : child.error.message }
}

/** The first line of an error, without the machine's paths before the file's name. */
const firstLine = (text: string) => text.split('\n')[0].replaceAll(root + path.sep, '').trim()

type Cache = Record<string, Probe>

function readCache(file: string): Cache {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Cache
  } catch {
    return {}
  }
}

/** Keeps the newest forty probes; written whole under another name first, since other processes read it. */
function writeCache(file: string, cache: Cache): void {
  const entries = Object.entries(cache).slice(-40)
  const temporary = `${file}.${process.pid}.tmp`
  try {
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(temporary, JSON.stringify(Object.fromEntries(entries), null, 1) + '\n')
    renameSync(temporary, file)
  } catch { /* a folder that cannot be written costs a probe each time, nothing else */ }
}

const keyOf = (name: BackendName, env: NodeJS.ProcessEnv) => createHash('sha256').update(facts(name, env)).digest('hex').slice(0, 24)

/** The threads that wasm gets: RLHF_THREADS, or as many as there are processors, up to four. */
export const threadsWanted = (env: NodeJS.ProcessEnv = process.env): number => Math.max(1, Math.floor(Number(env.RLHF_THREADS)) || Math.min(4, os.availableParallelism()))

/** A backend's probe: the kept one while everything it depends on is the same, else a new one.
 *  wasm that fails with threads is tried without. */
export function probed(name: BackendName, options: ProbeOptions = {}): Probe {
  const { env = process.env, cache: file = cacheFile } = options
  const key = keyOf(name, env)
  const kept = readCache(file)[key]
  if (kept) return kept
  const threads = threadsWanted(env)
  let result = probe(name, threads, options)
  if (!result.ok && name === 'wasm' && threads > 1) result = probe(name, 1, options)
  writeCache(file, { ...readCache(file), [key]: result })
  return result
}

/** Forgets a backend's probe, since it proved wrong: the backend could not be loaded after all. */
export function forget(name: BackendName, { env = process.env, cache: file = cacheFile }: ProbeOptions = {}): void {
  const { [keyOf(name, env)]: _, ...rest } = readCache(file)
  writeCache(file, rest)
}
