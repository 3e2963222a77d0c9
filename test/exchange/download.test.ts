import { createHash } from 'node:crypto'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { download } from '../../lib/exchange/download'
import { DownloadError, downloads, type Download } from '../../lib/exchange/downloads'
import { Random } from '../../lib/tensor/random'

const random = Random.seed(7), body = Buffer.from(Uint8Array.from({ length: 300_000 }, () => random.int(256)))
const sha256 = createHash('sha256').update(body).digest('hex'), commit = 'a'.repeat(40)

describe('exchange/download', () => {
  let server: Server, folder: string, entry: Download, answer: (request: IncomingMessage, response: ServerResponse) => void, ranges: (string | undefined)[]
  const target = () => join(folder, 'o/r', commit, 'd/file.bin'), beside = () => existsSync(dirname(target())) ? readdirSync(dirname(target())) : []
  const get = (options: Parameters<typeof download>[1] = {}) => download(entry, { cache: folder, mirror: '', ...options })

  /** Serves the file with ranges, breaking the connection after `bytes` of an answer where given. */
  const serve = (breakAfter?: (request: number) => number | undefined, content = body) => (request: IncomingMessage, response: ServerResponse) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0), rest = content.subarray(from), cut = breakAfter?.(ranges.length)
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': rest.length, ...(from > 0 && { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` }) })
    if (cut === undefined) response.end(rest)
    else response.write(rest.subarray(0, cut), () => setTimeout(() => response.destroy(), 30))
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'download-'))
    ranges = []
    server = createServer((request, response) => { ranges.push(request.headers.range); answer(request, response) }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    entry = { name: 'file', about: '', repository: 'o/r', commit, path: 'd/file.bin', urls: [`http://127.0.0.1:${(server.address() as AddressInfo).port}/file.bin`], sha256, size: body.length, licence: 'MIT' }
  })
  afterEach(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
    rmSync(folder, { recursive: true })
  })

  async function refusal(options: Parameters<typeof download>[1] = {}): Promise<DownloadError> {
    const error: unknown = await get(options).then(() => undefined, (e: unknown) => e)
    expect(error).to.be.instanceOf(DownloadError)
    return error as DownloadError
  }

  it('fetches, says how far it is, and keeps the file', async () => {
    answer = serve()
    const seen: number[] = []
    expect(await get({ onProgress: (done, total) => seen.push(done / total) })).to.deep.equal({ path: target(), from: 'network' })
    expect(readFileSync(target()).equals(body)).to.equal(true)
    expect(seen.at(-1)).to.equal(1)
    expect(seen).to.deep.equal([...seen].sort((a, b) => a - b))
    expect(await get()).to.deep.equal({ path: target(), from: 'cache' })
    expect(ranges).to.deep.equal([undefined])
    expect(beside()).to.deep.equal(['file.bin'])
  })

  it('resumes a transfer that breaks off, as often as it brings bytes', async () => {
    answer = serve(request => request < 4 ? 70_000 : undefined)
    await get()
    expect(readFileSync(target()).equals(body)).to.equal(true)
    expect(ranges).to.deep.equal([undefined, 'bytes=70000-', 'bytes=140000-', 'bytes=210000-'])
  })

  it('starts anew where the server ignores ranges or cannot continue', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': body.length })
      if (ranges.length === 1) response.write(body.subarray(0, 1000), () => setTimeout(() => response.destroy(), 30))
      else response.end(body)
    }
    await get()
    rmSync(target())
    ranges = []
    writeFileSync(`${target()}.${process.pid}-00000000.part`, body.subarray(0, 500))
    answer = (request, response) => request.headers.range ? response.writeHead(416).end() : response.end(body)
    await get()
    expect(ranges).to.deep.equal(['bytes=500-', undefined])
    expect(readFileSync(target()).equals(body)).to.equal(true)
  })

  it('keeps the part of a line that died, and a later call takes it up', async () => {
    answer = serve(request => request === 1 ? 70_000 : 0)
    expect((await refusal()).failure).to.equal('unreachable')
    expect(beside()).to.have.length(1).and.to.satisfy((names: string[]) => names[0].endsWith('.part'))
    answer = serve()
    ranges = []
    await get()
    expect(ranges).to.deep.equal(['bytes=70000-'])
    expect(beside()).to.deep.equal(['file.bin'])
  })

  it('takes up what a killed process had fetched', async () => {
    answer = (_: IncomingMessage, response: ServerResponse) => { response.writeHead(200, { 'content-length': body.length }); response.write(body.subarray(0, 60_000)) }
    const child = fork(join(__dirname, 'downloadChild.ts'), [JSON.stringify(entry), folder], { execArgv: ['-r', 'tsx/cjs'], stdio: 'inherit' })
    await once(child, 'message')
    while (!beside().some(name => readFileSync(join(dirname(target()), name)).length === 60_000)) await new Promise(r => setTimeout(r, 10))
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(existsSync(target())).to.equal(false)
    answer = serve()
    ranges = []
    await get()
    expect(ranges).to.deep.equal(['bytes=60000-'])
    expect(readFileSync(target()).equals(body)).to.equal(true)
    expect(beside()).to.deep.equal(['file.bin'])
  })

  it('fetches anew when an old part turns out to be wrong', async () => {
    answer = serve()
    mkdirSync(dirname(target()), { recursive: true })
    writeFileSync(`${target()}.${process.pid}-00000000.part`, Buffer.alloc(500))
    await get()
    expect(ranges).to.deep.equal(['bytes=500-', undefined])
    expect(readFileSync(target()).equals(body)).to.equal(true)
  })

  it('refuses and deletes a wrong checksum, a truncated file and one that is too long', async () => {
    const flipped = Buffer.from(body)
    flipped[123] ^= 1
    for (const [content, message] of [[flipped, /sha256 .*expected/], [body.subarray(0, 299_999), /299999 bytes, expected 300000/], [Buffer.concat([body, body]), /more than the 300000 bytes/]] as const) {
      answer = serve(undefined, content)
      const error = await refusal()
      expect(error.failure).to.equal('refused')
      expect(error.message).to.match(message)
      expect(beside()).to.deep.equal([])
    }
  })

  it('replaces a file in the cache that was changed', async () => {
    answer = serve()
    await get()
    writeFileSync(target(), Buffer.alloc(body.length))
    expect((await get()).from).to.equal('network')
    expect(readFileSync(target()).equals(body)).to.equal(true)
  })

  it('follows redirects and takes the next address when one fails', async () => {
    const other = `${entry.urls[0]}?moved`
    answer = (request, response) => request.url!.endsWith('?moved') ? serve()(request, response) : response.writeHead(302, { location: other }).end()
    await get()
    rmSync(target())
    answer = (request, response) => request.url!.endsWith('?moved') ? serve()(request, response) : response.writeHead(403).end()
    entry = { ...entry, urls: [entry.urls[0], other] }
    expect((await get()).from).to.equal('network')
  })

  it('gives all callers the same one transfer', async () => {
    answer = serve()
    const all = await Promise.all([get(), get(), get()])
    expect(new Set(all.map(d => d.path)).size).to.equal(1)
    expect(ranges).to.have.length(1)
  })

  it('gives up a silent server, and an aborted call', async () => {
    answer = () => { /* never answers */ }
    const error = await refusal({ idleMs: 100 })
    expect(error.failure).to.equal('unreachable')
    expect(error.message).to.match(/no answer within 0.1 s.*RLHF_MIRROR is not set/)
    const stop = new AbortController()
    setTimeout(() => stop.abort(new Error('enough')), 50)
    expect(await get({ signal: stop.signal }).catch((e: Error) => e.message)).to.equal('enough')
  })

  it('reads a mirror before the network, refuses a wrong file there without touching it, and passes over a missing one', async () => {
    const mirror = join(folder, 'mirror'), path = join(mirror, 'o/r', commit, 'd/file.bin')
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, body)
    answer = serve()
    expect(await get({ mirror })).to.deep.equal({ path, from: 'mirror' })
    expect(ranges).to.deep.equal([])
    writeFileSync(path, 'x')
    expect((await refusal({ mirror })).message).to.match(/mirror's .* is not the published file: 1 bytes, expected 300000/)
    expect(readFileSync(path, 'utf8')).to.equal('x')
    rmSync(path)
    expect((await get({ mirror })).from).to.equal('network')
  })

  it('says what to do when nothing answers', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as AddressInfo
    closed.close()
    entry = { ...entry, urls: [`http://127.0.0.1:${port}/x`] }
    const error = await refusal({ mirror: join(folder, 'none') })
    expect(error.failure).to.equal('unreachable')
    expect(error.message).to.match(/not reachable \(127\.0\.0\.1:\d+: ECONNREFUSED\), and the mirror .*none has no o\/r/)
    expect(await download('nothing').catch((e: Error) => e.message)).to.match(/has no 'nothing'; it has nfl-games/)
  })

  it('has a list whose entries are pinned and well formed, and refuses another', () => {
    const list = downloads()
    expect(list.map(d => d.name)).to.include.members(['nfl-games', 'pandalm-testset', 'llmbar-natural', 'gsm8k-test'])
    for (const d of list) for (const url of d.urls) expect(url).to.include(d.commit).and.include(d.path)
    const file = join(folder, 'list.json')
    for (const [change, message] of [[{ sha256: 'no' }, /sha256/], [{ path: 'a/../../b' }, /relative path/], [{ path: '/etc/x' }, /relative path/], [{ urls: ['file:///x'] }, /urls/], [{ extra: 1 }, /extra/]] as const) {
      writeFileSync(file, JSON.stringify([{ ...entry, ...change }]))
      expect(() => downloads(file)).to.throw(message)
    }
    writeFileSync(file, JSON.stringify([entry, entry]))
    expect(() => downloads(file)).to.throw('the name file stands twice')
  })
})
