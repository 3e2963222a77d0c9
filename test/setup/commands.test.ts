import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const tool = (name: string) => path.resolve('tools/setup', name)
const load = async (name: string): Promise<Record<string, (...args: unknown[]) => unknown>> => import(pathToFileURL(tool(name)).href)
const runTool = (name: string, ...args: string[]) => spawnSync(process.execPath, [tool(name), ...args], { encoding: 'utf8', timeout: 20_000 })

describe('the flags', () => {
  for (const [name, usage] of [['start.mjs', 'npm start -- '], ['test.mjs', 'npm test -- '], ['native.mjs', 'npm run native -- ']]) {
    it(`of ${name}: an unknown one ends the command before it does anything`, () => {
      const { status, stdout, stderr } = runTool(name, '--no-browsr')
      expect(status).to.equal(2)
      expect(stdout).to.equal('')
      expect(stderr).to.include(`Unknown option '--no-browsr'`).and.to.include(`usage: ${usage}`)
    })
  }
  for (const port of ['0', '70000', '80a', '-1', '8.5']) {
    it(`refuse port ${port}`, () => {
      const { status, stderr } = runTool('start.mjs', `--port=${port}`)
      expect(status).to.equal(2)
      expect(stderr).to.include('--port takes a number from 1 to 65535')
    })
  }
  it('refuse words that belong to no flag', () => expect(runTool('start.mjs', 'lab').status).to.equal(2))
})

describe('npm run doctor', function () {
  // It may have to try all backends first, on a busy machine.
  this.timeout(300_000)

  /** Doctor's verdict on a machine with this nvidia-smi, where labs run on wasm. */
  const doctor = (nvidiaSmi: string) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'doctor '))
    writeFileSync(path.join(folder, 'nvidia-smi'), `#!/bin/sh\n${nvidiaSmi}\n`, { mode: 0o755 })
    const { status, stdout } = spawnSync(process.execPath, [tool('doctor.mjs')], { encoding: 'utf8', env: { ...process.env, RLHF_BACKEND: 'wasm', PATH: `${folder}:${process.env.PATH}` } })
    rmSync(folder, { recursive: true })
    return { status, stdout }
  }

  it('fails when a GPU stands idle', () => {
    const { status, stdout } = doctor('echo "NVIDIA L4, 550.54, 23034 MiB"')
    expect(stdout).to.match(/^GPU +NVIDIA L4, 550\.54/m)
    expect(stdout).to.match(/^labs run on +WebAssembly/m)
    expect(stdout).to.include('GPU: there is one and the labs do not use it: npm run native -- --gpu')
    expect(status).to.equal(1)
  })
  it('does not complain of a GPU that is not there, and fits on one screen', () => {
    const { stdout } = doctor('exit 9')
    expect(stdout).to.match(/^GPU +nvidia-smi finds none/m)
    expect(stdout).to.not.include('there is one')
    expect(stdout.split('\n').length).to.be.lessThan(30)
  })
})

describe('npm packages', () => {
  let folder: string
  const put = (name: string, value: unknown) => {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), JSON.stringify(value))
  }
  const lock = (version: string) => put('package-lock.json', { packages: { '': {}, 'node_modules/a': { version }, 'node_modules/other-platform': { version: '1.0.0', optional: true } } })
  const asLocked = async () => (await load('npm.mjs')).installed(folder)

  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'npm '))
    lock('1.0.0')
    put('node_modules/.package-lock.json', { packages: { 'node_modules/a': { version: '1.0.0' } } })
    put('node_modules/a/package.json', {})
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('are as locked when versions agree; another platform’s may be missing', async () => expect(await asLocked()).to.equal(true))
  it('are not when a version differs', async () => {
    lock('1.0.1')
    expect(await asLocked()).to.equal(false)
  })
  it('are not when a folder is gone', async () => {
    rmSync(path.join(folder, 'node_modules/a'), { recursive: true })
    expect(await asLocked()).to.equal(false)
  })
  it('are not when an installation was interrupted: npm writes its record last', async () => {
    rmSync(path.join(folder, 'node_modules/.package-lock.json'))
    expect(await asLocked()).to.equal(false)
  })
})

describe('a program that set-up runs', () => {
  it('reports its exit code, signal, output and last lines', async () => {
    const { run } = await load('say.mjs')
    expect(await run(process.execPath, ['-e', 'console.log("out"); console.error("err"); process.exit(3)'])).to.deep.include({ code: 3, out: 'out\n' })
    expect(await run(process.execPath, ['-e', 'process.kill(process.pid, "SIGKILL")'])).to.include({ code: 'SIGKILL' })
    expect(await run('no-such-program-anywhere', [])).to.include({ code: 127 })
  })
  it('that must succeed and does not gives its last lines and the hint', async () => {
    const { must } = await load('say.mjs')
    const error = await (must(process.execPath, ['-e', 'console.error("no space left"); process.exit(1)'], { hint: 'Free some.' }) as Promise<unknown>).catch((error: unknown) => error as Error)
    expect((error as Error).message).to.match(/failed \(1\):\n {4}no space left\nFree some\.$/)
  })
})

describe('an installer that fails', () => {
  const fails = async (says: string) => {
    const { mustInstall } = await load('say.mjs')
    return await (mustInstall(process.execPath, ['-e', `console.error(${JSON.stringify(says)}); process.exit(1)`]) as Promise<unknown>).then(() => 'installed', (error: unknown) => (error as Error).message)
  }

  it('for want of a network says so in one line', async () => {
    for (const says of ['npm error code ECONNREFUSED', `WARNING: Retrying after connection broken by 'NewConnectionError'\nERROR: No matching distribution found for anyio`, 'error: dns error: failed to lookup address']) {
      expect(await fails(says)).to.equal('node could not install: the package index does not answer: connect this machine to the network, or set its proxy (all it said: .cache/setup.log)')
    }
  })
  it('for another reason gives the line that names it', async () => {
    expect(await fails('Collecting x\nERROR: THESE PACKAGES DO NOT MATCH THE HASHES\nmore')).to.equal('node could not install: ERROR: THESE PACKAGES DO NOT MATCH THE HASHES (all it said: .cache/setup.log)')
  })
})

describe('the versions that set-up installs', () => {
  for (const name of ['requirements.txt', 'requirements-uv.txt', 'requirements-zig.txt', 'requirements-oracle.txt', 'wheels/linux-x64.txt', 'wheels/linux-arm64.txt', 'wheels/darwin-arm64.txt', 'wheels/linux-x64-gpu.txt']) {
    it(`${name} pins each package with checksums`, () => {
      const packages = readFileSync(tool(name), 'utf8').replaceAll('\\\n', ' ').split('\n').filter(line => line && !line.trim().startsWith('#'))
      expect(packages).to.not.be.empty
      for (const line of packages) expect(line).to.match(/^[A-Za-z0-9._-]+(\[[a-z,-]+\])?==\S+( ; [^#]+?)?( +--hash=sha256:[0-9a-f]{64})+ *$/)
    })
  }
})
