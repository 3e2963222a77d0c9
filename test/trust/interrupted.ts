import { execFileSync, fork, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { download } from '../../lib/exchange/download'
import { Random } from '../../lib/tensor/random'
import { labsCommand } from '../labs/run'
import { must, one, sum, type Promised, type Tried } from './promise'

const root = path.resolve(__dirname, '../..'), KILLS = { quick: { download: 3, build: 2, setup: 0 }, full: { download: 50, build: 50, setup: 50 } } as const
/** Below the clone, so that what a set-up hard-links lies on the same disk. */
const scratch = () => { mkdirSync(path.join(root, '.cache'), { recursive: true }); return mkdtempSync(path.join(root, '.cache/interrupted-')) }

/** A program, killed with all that it started in its group after `ms` (never, without); whether it ended well before. */
function killed(args: readonly string[], cwd: string, ms?: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    let out = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { out += text })
    const timer = ms === undefined ? undefined : setTimeout(() => { try { process.kill(-child.pid!, 'SIGKILL') } catch { /* it has just ended */ } }, ms)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (signal === 'SIGKILL') resolve(false)
      else if (code === 0) resolve(true)
      else reject(new Error(`${args.map(a => path.basename(a)).join(' ')} ended with ${code}: ${out.trim().slice(-500)}`))
    })
  })
}

async function downloads(kills: number, random: Random): Promise<Tried> {
  const folder = mkdtempSync(path.join(tmpdir(), 'interrupted-')), body = Buffer.from(Uint8Array.from({ length: 200_000 }, () => random.int(256)))
  const server = createServer((request, response) => {
    const rest = body.subarray(Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)), from = body.length - rest.length
    response.writeHead(from ? 206 : 200, { 'content-length': rest.length, ...(from && { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` }) })
    void (async () => { for (let at = 0; at < rest.length && !response.destroyed; at += 5000) { response.write(rest.subarray(at, at + 5000)); await sleep(8) } response.end() })()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const entry = {
    name: 'file', about: '', repository: 'o/r', commit: 'a'.repeat(40), path: 'file.bin', urls: [`http://127.0.0.1:${(server.address() as AddressInfo).port}/file.bin`],
    sha256: createHash('sha256').update(body).digest('hex'), size: body.length, licence: 'MIT',
  }
  const tried: Tried[] = []
  for (let kill = 0; kill < kills; kill++) {
    tried.push(await one('a download, killed', async () => {
      const cache = path.join(folder, String(kill)), place = path.join(cache, 'o/r', entry.commit)
      const child = fork(path.join(root, 'test/exchange/downloadChild.ts'), [JSON.stringify(entry), cache], { execArgv: ['--require', 'tsx/cjs'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
      await once(child, 'message')
      const timer = setTimeout(() => child.kill('SIGKILL'), random.uniform() * 450)
      await once(child, 'exit')
      clearTimeout(timer)
      if (existsSync(path.join(place, entry.path))) must(readFileSync(path.join(place, entry.path)).equals(body), 'half a file stands under its name')
      must(readFileSync((await download(entry, { cache, mirror: '' })).path).equals(body), 'other bytes than the server has')
      must(readdirSync(place).join() === entry.path, `left behind: ${readdirSync(place).join(', ')}`)
    }))
  }
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
  return sum(tried)
}

const SOURCE = ['// %% [markdown]', '// # A small lab', '', '// %%', 'let words = 0', '', '// %% promises=["text"]', 'for (let i = 0; i < 3; i++) {', '  words += i', '  await new Promise(resolve => setTimeout(resolve, 100))', '}', 'console.log(`${words} words`)', ''].join('\n')

async function builds(kills: number, random: Random, note: (progress: string) => void): Promise<Tried> {
  if (kills === 0) return sum([])
  const folder = scratch(), notebooks = (name: string) => path.join(folder, name), files = ['98-small.ipynb', 'solutions/98-small.ipynb'], tried: Tried[] = []
  const build = (name: string, ms?: number) => killed(labsCommand(['build', '--notebooks', notebooks(name)]), root, ms)
  const prepare = (name: string) => { mkdirSync(path.join(notebooks(name), 'src'), { recursive: true }); writeFileSync(path.join(notebooks(name), 'src/98-small.ts'), SOURCE) }
  prepare('whole')
  const start = performance.now()
  await build('whole')
  const most = performance.now() - start, want = files.map(file => readFileSync(path.join(notebooks('whole'), file))), listing = (name: string) => readdirSync(notebooks(name), { recursive: true, encoding: 'utf8' }).sort().join()
  prepare('killed')
  for (let hit = 0; hit < kills;) {
    tried.push(await one('labs build, killed', async () => {
      for (const file of files) rmSync(path.join(notebooks('killed'), file), { force: true })
      if (!await build('killed', random.uniform() * most)) note(`labs build: ${++hit} of ${kills} kills`)
      files.forEach((file, i) => { if (existsSync(path.join(notebooks('killed'), file))) must(readFileSync(path.join(notebooks('killed'), file)).equals(want[i]), `${file} is half-written`) })
    }))
    if (tried.at(-1)!.failures.length) break
  }
  tried.push(await one('labs build after kills', async () => {
    await build('killed')
    files.forEach((file, i) => must(readFileSync(path.join(notebooks('killed'), file)).equals(want[i]), `${file} is not what a build that nobody stopped makes`))
    must(listing('killed') === listing('whole'), `left behind: ${listing('killed')}`)
    await sleep(3000) // kernels look every two seconds whether their parent lives
    const left = execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' }).split('\n').filter(line => line.includes(folder))
    must(left.length === 0, `still running: ${left.join('; ')}`)
  }))
  rmSync(folder, { recursive: true, force: true })
  return { ...sum(tried), cases: kills + 1 }
}

/** The mean of the seconds that a set-up lives before it is killed: a fraction of what one takes that nobody stops. */
const SETUP_LIVES = 12

/**
 * Set-up in clones of their own, killed until so many kills have hit; the first clone also downloads the npm packages, later ones have them.
 * A kill is as likely in any second, so that longer stages see more of them, and stages that cannot be taken up again come to their end, too.
 */
async function setups(kills: number, random: Random, note: (progress: string) => void): Promise<Tried> {
  if (kills === 0) return sum([])
  const folder = scratch(), tried: Tried[] = [], setup = (clone: string, ms?: number) => killed(['tools/setup/start.mjs', '--setup-only'], clone, ms)
  try {
    for (let hit = 0, chain = 0; hit < kills; chain++) {
      const clone = path.join(folder, `clone ${chain}`)
      execFileSync('git', ['clone', '--quiet', root, clone])
      if (chain > 0) execFileSync('cp', ['-al', path.join(root, 'node_modules'), path.join(clone, 'node_modules')])
      tried.push(await one('set-up, killed', async () => {
        while (!await setup(clone, hit < kills ? -Math.log(1 - random.uniform()) * SETUP_LIVES * 1000 : undefined)) note(`set-up: ${++hit} of ${kills} kills`)
        must(!existsSync(path.join(clone, '.cache/setup.lock')), 'a lock is left')
        const left = readdirSync(clone, { recursive: true, encoding: 'utf8' }).filter(name => !name.includes('node_modules') && !name.startsWith('.venv') && /\.tmp$/.test(name))
        must(left.length === 0, `left behind: ${left.join(', ')}`)
        const lab = spawnSync(process.execPath, ['tools/labs/labs.mjs', '--no-setup', '00', '--form', 'solution'], { cwd: clone, encoding: 'utf8' })
        must(lab.status === 0, `lab 00 does not run afterwards: ${(lab.stdout + lab.stderr).slice(-400)}`)
      }))
      rmSync(clone, { recursive: true, force: true })
      if (tried.at(-1)!.failures.length) break
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return { ...sum(tried), cases: kills }
}

export const interrupted: Promised = {
  what: 'a download, a build of labs and a set-up that are killed at any moment leave nothing half-written and end the same when they are run again',
  async try(scale, note) {
    const random = Random.seed(Date.now() % 1e9), kills = KILLS[scale] // other moments every time: the promise does not depend on them
    return sum([await downloads(kills.download, random), await builds(kills.build, random, note), await setups(kills.setup, random, note)])
  },
}
