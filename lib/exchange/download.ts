import { createHash, randomUUID, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { clonePath } from './clone'
import { DownloadError, downloads, type Download } from './downloads'

/**
 * `cache`: folder of finished files (default .cache/downloads in the clone); `mirror`: folder laid out
 * <owner>/<repository>/<commit>/<path>, as the cache is (default: RLHF_MIRROR); `idleMs`: how long a silent server is waited for.
 */
export interface DownloadOptions {
  readonly cache?: string
  readonly mirror?: string
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
  readonly idleMs?: number
}

/** Where a file is, and where it came from. */
export interface Downloaded { readonly path: string; readonly from: 'cache' | 'mirror' | 'network' }

const running = new Map<string, Promise<Downloaded>>()

/**
 * A published file of data/downloads.json (by name, or an entry): from the cache, else the mirror, else the network, always
 * checked by size and SHA-256. A broken transfer is resumed, also by a later call; what is not the file is deleted and refused;
 * a finished file appears under its name at once or not at all, however many callers and processes ask for it.
 * Throws DownloadError: 'unreachable' when neither mirror nor network has it, 'refused' when what came is not the file.
 */
export function download(what: string | Download, options: DownloadOptions = {}): Promise<Downloaded> {
  const entry = typeof what === 'string' ? downloads().find(d => d.name === what) : what
  if (entry === undefined) return Promise.reject(new RangeError(`download: data/downloads.json has no '${what as string}'; it has ${downloads().map(d => d.name).join(', ')}`))
  const target = join(options.cache ?? clonePath('.cache', 'downloads'), entry.repository, entry.commit, entry.path)
  const already = running.get(target)
  if (already) return already
  const one = fetchOnce(entry, target, options).finally(() => running.delete(target))
  running.set(target, one)
  return one
}

async function fetchOnce(entry: Download, target: string, options: DownloadOptions): Promise<Downloaded> {
  if (await wrong(target, entry) === undefined) return { path: target, from: 'cache' }
  await rm(target, { force: true })
  const mirror = options.mirror ?? process.env.RLHF_MIRROR
  if (mirror) {
    const path = join(mirror, entry.repository, entry.commit, entry.path), problem = await wrong(path, entry)
    if (problem === undefined) return { path, from: 'mirror' }
    if (problem !== MISSING) throw new DownloadError(`${entry.name}: the mirror's ${path} is not the published file: ${problem}`, 'refused')
  }
  const reasons: string[] = []
  for (const url of entry.urls) {
    try {
      await fetchInto(url, entry, target, options)
      return { path: target, from: 'network' }
    } catch (error) {
      options.signal?.throwIfAborted()
      if (error instanceof DownloadError && error.failure === 'refused') throw error
      reasons.push(`${new URL(url).host}: ${reason(error)}`)
    }
  }
  const where = mirror ? `the mirror ${mirror} has no ${entry.repository}/${entry.commit}/${entry.path}` : 'RLHF_MIRROR is not set'
  throw new DownloadError(`${entry.name}: not reachable (${reasons.join('; ')}), and ${where}`, 'unreachable')
}

const MISSING = 'missing'

/** What is wrong with a file that should be the entry's; undefined when nothing is. */
async function wrong(path: string, entry: Download): Promise<string | undefined> {
  const size = await stat(path).then(s => s.isFile() ? s.size : undefined, () => undefined)
  if (size === undefined) return MISSING
  if (size !== entry.size) return `${size} bytes, expected ${entry.size}`
  const sum = await sha256(path)
  return sum === entry.sha256 ? undefined : `sha256 ${sum}, expected ${entry.sha256}`
}

async function sha256(path: string, hash: Hash = createHash('sha256')): Promise<string> {
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

function reason(error: unknown): string {
  const { message, cause } = error as { message: string; cause?: { code?: string; message?: string } }
  return cause?.code ?? cause?.message ?? message
}

/** Fetches into a part file of this call and renames it when it is the file. A part that breaks off stays for the next attempt. */
async function fetchInto(url: string, entry: Download, target: string, options: DownloadOptions): Promise<void> {
  await mkdir(dirname(target), { recursive: true })
  const part = `${target}.${process.pid}-${randomUUID().slice(0, 8)}.part`
  const adopted = await adoptPart(target, part)
  for (let before = -1; ;) {
    try {
      await transfer(url, entry, part, options)
      break
    } catch (error) {
      options.signal?.throwIfAborted()
      // A line that breaks now and then still ends; one that brings nothing is given up.
      const have = await sizeOf(part)
      if (error instanceof DownloadError || have <= Math.max(before, 0)) throw error
      before = have
    }
  }
  const problem = await wrong(part, entry)
  if (problem !== undefined) {
    await rm(part, { force: true })
    // What an earlier call had left may be what is wrong: once more, from the first byte.
    if (adopted) return fetchInto(url, entry, target, options)
    throw new DownloadError(`${entry.name}: what ${url} sent is not the published file: ${problem}; it was deleted`, 'refused')
  }
  await rename(part, target)
}

const sizeOf = (path: string): Promise<number> => stat(path).then(s => s.size, () => 0)

/** Takes over what a process that is gone, or an earlier call of this one, had fetched. Renaming is atomic: only one caller gets it. */
async function adoptPart(target: string, part: string): Promise<boolean> {
  const prefix = `${basename(target)}.`
  for (const name of await readdir(dirname(target))) {
    const owner = name.startsWith(prefix) && /^(\d+)-[0-9a-f]{8}\.part$/.exec(name.slice(prefix.length))
    if (!owner || (Number(owner[1]) !== process.pid && isAlive(Number(owner[1])))) continue
    if (await rename(join(dirname(target), name), part).then(() => true, () => false)) return true
  }
  return false
}

function isAlive(pid: number): boolean {
  try { return process.kill(pid, 0) } catch (error) { return (error as { code?: string }).code === 'EPERM' }
}

/** One request, from where the part ends. Throws DownloadError when the answer cannot be the file, any other error when it broke off. */
async function transfer(url: string, entry: Download, part: string, { onProgress, signal, idleMs = 8000 }: DownloadOptions): Promise<void> {
  const silence = new AbortController(), stop = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal
  const silent = () => silence.abort(new Error(`no answer within ${idleMs / 1000} s`))
  let timer = setTimeout(silent, idleMs)
  try {
    let have = await sizeOf(part)
    if (have === entry.size) return
    if (have > entry.size) { await rm(part); have = 0 }
    const response = await fetch(url, { signal: stop, headers: { 'accept-encoding': 'identity', ...(have > 0 && { range: `bytes=${have}-` }) } })
    const resumed = response.status === 206 && new RegExp(`^bytes ${have}-\\d+/(${entry.size}|\\*)$`).test(response.headers.get('content-range') ?? '')
    if (!resumed && response.status !== 200) {
      await response.body?.cancel()
      if (have === 0 || (response.status !== 206 && response.status !== 416)) throw new DownloadError(`HTTP ${response.status}`, 'unreachable')
      // The server cannot continue this part: begin anew.
      await rm(part, { force: true })
      return await transfer(url, entry, part, { onProgress, signal, idleMs })
    }
    const file = await open(part, resumed ? 'a' : 'w')
    try {
      let done = resumed ? have : 0
      for await (const chunk of (response.body ?? Readable.from([])) as AsyncIterable<Uint8Array>) {
        clearTimeout(timer)
        timer = setTimeout(silent, idleMs)
        done += chunk.byteLength
        if (done > entry.size) break
        await file.appendFile(chunk)
        onProgress?.(done, entry.size)
      }
      if (done > entry.size) {
        await rm(part, { force: true })
        throw new DownloadError(`${entry.name}: ${url} sends more than the ${entry.size} bytes of the published file; it was deleted`, 'refused')
      }
    } finally { await file.close() }
  } finally { clearTimeout(timer) }
}
