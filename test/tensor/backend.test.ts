import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { facts, forced, packageFolder } from '../../lib/tensor/backend/candidates'
import { gradientCheck } from '../../lib/tensor/backend/check'
import { choose, inform } from '../../lib/tensor/backend/choose'
import { forget, probe, probed, threadsWanted, type ProbeOptions } from '../../lib/tensor/backend/probe'
import { start } from '../../lib/tensor/backend/start'
import { ready, tf } from '../../lib/tensor/backend'

const backendModule = path.resolve('lib/tensor/backend.ts')
let folder: string
let cache: string

/** A child's program: `body` sees its backend's name as `name`, and answers by `answer(object)`. Each run adds a line to runs. */
const program = (body: string) => ['-e', `const name = process.argv[1], answer = o => console.log(JSON.stringify(o));
  require('node:fs').appendFileSync(${JSON.stringify(path.join(folder, 'runs'))}, name + '\\n'); ${body}`]
const runs = () => existsSync(path.join(folder, 'runs')) ? readFileSync(path.join(folder, 'runs'), 'utf8').trim().split('\n') : []
const works = `answer({ device: 'CPU', version: '1', threads: 2 })`

/** Uses the library in a process of its own, and gives what it printed. */
const child = (code: string, env: NodeJS.ProcessEnv) => spawnSync(process.execPath, ['--require', require.resolve('tsx/cjs'), '-e', `const { tf, ready } = require(${JSON.stringify(backendModule)}); ${code}`], { encoding: 'utf8', env: { ...process.env, ...env }, timeout: 200_000 })

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'backend '))
  cache = path.join(folder, 'cache/backend.json')
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('a probe', () => {
  const reason = (body: string, options: ProbeOptions = {}) => {
    const result = probe('tensorflow', 1, { program: program(body), ...options })
    return result.ok ? 'ok' : result.reason
  }

  it('survives a candidate that crashes, and says how', () => {
    expect(reason('process.kill(process.pid, "SIGSEGV")')).to.equal('crashed (SIGSEGV)')
    expect(reason('process.kill(process.pid, "SIGILL")')).to.match(/SIGILL.*AVX/)
    expect(reason('process.abort()')).to.equal('crashed (SIGABRT)')
  })
  it('does not wait for ever', () => expect(reason('setInterval(() => {}, 1000)', { timeout: 700 })).to.equal('gave no answer in 0.7 s'))
  it('does not take an answer from a candidate that crashes afterwards', () => expect(reason(`${works}; process.exitCode = 7`)).to.match(/code 7/))
  it('does not take an end without an answer for success', () => expect(reason('console.log("hello")')).to.match(/code 0 before it could answer/))
  it('passes on the error of a library that cannot be loaded', () => expect(reason(`answer({ error: 'libfoo.so: not found\\nat x' }); process.exitCode = 1`)).to.equal('libfoo.so: not found'))
  it('refuses the GPU package when TensorFlow uses no GPU', () => {
    expect(probe('tensorflow-gpu', 1, { program: program(works) })).to.include({ ok: false, reason: 'TensorFlow 1 loads but reports no GPU in use' })
    expect(probe('tensorflow-gpu', 1, { program: program(works.replace('CPU', 'GPU')) })).to.include({ ok: true, device: 'GPU' })
  })
  it('is spared a package that is not there', () => {
    expect(packageFolder('@tensorflow/tfjs-node')).to.match(/tfjs-node$/)
    expect(packageFolder('@tensorflow/not-a-package')).to.equal(undefined)
  })
})

describe('the choice of a backend', () => {
  it('takes the first that works and says why not the ones before it', () => {
    const body = `if (name === 'wasm') ${works}; else process.kill(process.pid, 'SIGSEGV')`
    const choice = choose({ program: program(body), cache, env: {} })
    expect(choice.chosen.name).to.equal('wasm')
    expect(inform(choice)).to.include({ name: 'wasm', device: 'CPU', threads: 2, why: 'tensorflow-gpu: crashed (SIGSEGV); tensorflow: crashed (SIGSEGV)' })
    expect(inform(choice).faster).to.match(/npm run native/)
    expect(runs()).to.deep.equal(['tensorflow-gpu', 'tensorflow', 'wasm'])
  })
  it('prefers a GPU', () => {
    const choice = choose({ program: program(works.replace('CPU', 'GPU')), cache, env: {} })
    expect(inform(choice)).to.include({ name: 'tensorflow', device: 'GPU', label: 'TensorFlow 1 on GPU, 2 threads', faster: undefined })
    expect(runs()).to.deep.equal(['tensorflow-gpu'])
  })
  it('takes the one that RLHF_BACKEND names, and tries no other', () => {
    expect(choose({ program: program(works), cache, env: { RLHF_BACKEND: 'wasm' } }).chosen.name).to.equal('wasm')
    expect(runs()).to.deep.equal(['wasm'])
  })
  it('fails loudly when that one cannot be had', () => {
    expect(() => choose({ program: program('process.abort()'), cache, env: { RLHF_BACKEND: 'tensorflow' } })).to.throw(/RLHF_BACKEND=tensorflow cannot be had here: crashed \(SIGABRT\)\. npm run native builds it; unset RLHF_BACKEND/)
  })
  it('refuses a name that is none of ours, plain JavaScript among them', () => {
    expect(() => forced({ RLHF_BACKEND: 'cpu' })).to.throw('RLHF_BACKEND=cpu is no backend: use one of tensorflow-gpu, tensorflow, wasm')
    expect(forced({ RLHF_BACKEND: '' })).to.equal(undefined)
  })
  it('never falls back to plain JavaScript', () => {
    expect(() => choose({ program: program('process.abort()'), cache, env: {} })).to.throw(/No tensor backend works here:\n {2}tensorflow-gpu: crashed[^]*wasm: crashed/)
  })
  it('tries wasm without threads where it fails with them', () => {
    const body = `process.argv[2] === '1' ? answer({ device: 'CPU', version: '1', threads: 1 }) : process.abort()`
    expect(probed('wasm', { program: program(body), cache, env: { RLHF_THREADS: '3' } })).to.include({ ok: true, threads: 1 })
  })
  it('reads RLHF_THREADS', () => {
    expect(threadsWanted({ RLHF_THREADS: '3' })).to.equal(3)
    expect(threadsWanted({ RLHF_THREADS: 'many' })).to.be.within(1, 4)
  })
})

describe('the kept probes', function () {
  this.timeout(300_000)
  const look = (env: NodeJS.ProcessEnv = {}) => probed('tensorflow', { program: program(works), cache, env })

  it('are used as long as nothing changes', () => {
    expect(look()).to.deep.equal(look())
    expect(runs()).to.have.length(1)
  })
  it('are not used when a variable that TensorFlow reads changes', () => {
    look()
    look({ CUDA_VISIBLE_DEVICES: '-1' })
    look({ LD_LIBRARY_PATH: '/opt/cuda' })
    look({ SOMETHING_ELSE: '1' })
    expect(runs()).to.have.length(3)
  })
  it('are not used when the addon or its package changes', () => {
    const addon = path.join(folder, 'lib/napi-v8/tfjs_binding.node')
    mkdirSync(path.dirname(addon), { recursive: true })
    const of = () => facts('tensorflow', {}, folder)
    const seen = [of()]
    writeFileSync(addon, 'one')
    seen.push(of())
    writeFileSync(addon, 'three')
    seen.push(of())
    utimesSync(addon, 1, 1)
    seen.push(of())
    writeFileSync(path.join(folder, 'package.json'), '{}')
    seen.push(of())
    expect(new Set(seen).size).to.equal(5)
    expect(of()).to.equal(seen[4])
  })
  it('are made anew when their file is damaged', () => {
    look()
    writeFileSync(cache, '{"half a')
    look()
    expect(runs()).to.have.length(2)
    expect(JSON.parse(readFileSync(cache, 'utf8'))).to.be.an('object')
  })
  it('do not grow for ever', () => {
    for (let i = 0; i < 45; i++) writeFileSync(cache, JSON.stringify({ ...(existsSync(cache) ? JSON.parse(readFileSync(cache, 'utf8')) : (mkdirSync(path.dirname(cache)), {})), [i]: {} }))
    look()
    expect(Object.keys(JSON.parse(readFileSync(cache, 'utf8')) as object)).to.have.length(40)
  })
  it('can be forgotten', () => {
    look()
    forget('tensorflow', { cache, env: {} })
    look()
    expect(runs()).to.have.length(2)
  })
  it('that turn out wrong give way to another backend', () => {
    if (probe('tensorflow-gpu', 1).ok) return
    // A lie in the cache: the GPU package is said to work. Loading it fails, so it is tried in earnest.
    probed('tensorflow-gpu', { program: program(works.replace('CPU', 'GPU')), cache })
    expect(start({ cache, env: { ...process.env, RLHF_BACKEND: '' } }).info.device).to.equal('CPU')
  })
})

describe('the backend', function () {
  this.timeout(300_000)
  it('is ready, is not plain JavaScript, and computes what it should', async () => {
    const info = await ready()
    expect(tf.getBackend()).to.equal(info.name).and.to.be.oneOf(['tensorflow', 'wasm'])
    expect(info.label).to.include(info.version)
    const before = tf.memory().numTensors
    expect(gradientCheck(tf)).to.equal(undefined)
    expect(tf.memory().numTensors).to.equal(before)
  })
  for (const name of ['tensorflow', 'wasm'] as const) {
    it(`${name} starts quietly and lets its process end`, () => {
      const { stdout, stderr, status } = child(`ready().then(info => console.log(info.name, tf.sum(tf.ones([2, 3])).dataSync()[0], process.listenerCount('unhandledRejection')))`, { RLHF_BACKEND: name, RLHF_THREADS: '2' })
      expect(stderr).to.equal('')
      expect(stdout).to.equal(`${name} 6 0\n`)
      expect(status).to.equal(0)
    })
  }
  it('stops a program whose RLHF_BACKEND cannot be had', () => {
    const { stderr, status } = child('', { RLHF_BACKEND: 'webgl' })
    expect(status).to.equal(1)
    expect(stderr).to.include('RLHF_BACKEND=webgl is no backend: use one of tensorflow-gpu, tensorflow, wasm')
  })
})
