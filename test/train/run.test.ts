import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect } from 'chai'
import { readSafetensors, writeSafetensors } from '../../lib/model/safetensors'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { decodeCheckpoint, encodeCheckpoint, listCheckpoints, loadCheckpoint } from '../../lib/train/checkpoint'
import { run } from '../../lib/train/run'
import { training } from '../../lib/train/training'
import type { TrainState } from '../../lib/train/training'
import { oracle } from '../oracle'
import { runToKill, trainingToKill } from './trainee'

const STEPS = 120
/** How often a run is killed, by backend; processes on wasm start in half the time. */
const KILLS = { default: 10, wasm: 40 } as const

describe('train/run and train/checkpoint', () => {
  let root: string, reference: { log: Buffer, last: Buffer }
  const folderOf = (name: string) => { const path = join(root, name); mkdirSync(path, { recursive: true }); return path }
  const result = (folder: string) => ({ log: readFileSync(join(folder, 'log.jsonl')), last: readFileSync(listCheckpoints(join(folder, 'checkpoints')).at(-1)!) })
  const expectSame = (folder: string) => {
    const got = result(folder)
    expect(got.log.equals(reference.log), 'the log is bit-identical').to.equal(true)
    expect(got.last.equals(reference.last), 'weights, optimiser and everything else are bit-identical').to.equal(true)
  }
  before(async () => {
    await ready()
    root = mkdtempSync(join(tmpdir(), 'rlhf-run-'))
    await runToKill(folderOf('reference'), STEPS)
    reference = result(folderOf('reference'))
  })
  after(() => rmSync(root, { recursive: true }))
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  it('logs every step once, and keeps the last two checkpoints', () => {
    const lines = reference.log.toString().trim().split('\n').map(line => JSON.parse(line) as { step: number, loss: number })
    expect(lines.map(l => l.step)).to.deep.equal(Array.from({ length: STEPS }, (_, i) => i + 1))
    expect(lines.at(-1)!.loss).to.be.below(lines[0].loss)
    expect(readdirSync(join(root, 'reference', 'checkpoints'))).to.deep.equal(['step-000000117.safetensors', 'step-000000120.safetensors'])
  })

  /** A process that has loaded everything and waits for its folder. */
  const spawn = async (backend: keyof typeof KILLS, alive: Set<ChildProcess>) => {
    const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2', ...(backend === 'wasm' ? { RLHF_BACKEND: 'wasm' } : {}) }
    const child = fork(join(__dirname, 'trainee.ts'), { execArgv: ['--require', 'tsx/cjs'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env })
    alive.add(child)
    child.once('exit', () => alive.delete(child))
    await once(child, 'message')
    return child
  }
  /** Lets a process work on a folder until it is done or `delay` ms have passed, and kills it. True where it was done. */
  const runThenKill = async (child: ChildProcess, folder: string, keep: number, delay?: number) => {
    const exited = once(child, 'exit'), messages: string[] = []
    const done = new Promise<void>(resolve => child.on('message', m => { messages.push(m as string); if (m !== 'step') resolve() }))
    child.send({ folder, steps: STEPS, keep })
    await (delay === undefined ? done : Promise.race([done, new Promise(resolve => setTimeout(resolve, delay))]))
    child.kill('SIGKILL')
    await exited
    expect(messages.find(m => m.startsWith('error'))).to.equal(undefined)
    return messages.includes('done')
  }

  for (const backend of ['default', 'wasm'] as const) {
    it(`is bit-identical after each of ${KILLS[backend]} kills at random points, and at the end (SIGKILL of a real process; ${backend} backend)`, async function () {
      this.timeout(600_000) // a quarter of a minute where nothing else runs
      const random = Random.seed(Date.now() % 1e6), spares: Promise<ChildProcess>[] = [], alive = new Set<ChildProcess>() // other moments every time: what must hold does not depend on them
      const whole = folderOf(`${backend}-whole`), checkpoints = (folder: string) => join(folder, 'checkpoints')
      try {
        expect(await runThenKill(await spawn(backend, alive), whole, STEPS)).to.equal(true)
        const want = result(whole), wantAt = new Map(listCheckpoints(checkpoints(whole)).map(path => [basename(path), readFileSync(path)]))
        expect(wantAt.size).to.equal(STEPS / 3)
        let chain = 0
        for (let kills = 0, fresh = true; kills < KILLS[backend] || !fresh;) {
          while (spares.length < 2) spares.push(spawn(backend, alive))
          const folder = folderOf(`${backend}-${chain}`), done = await runThenKill(await spares.shift()!, folder, 2, kills < KILLS[backend] ? random.uniform() * 300 : undefined)
          const log = existsSync(join(folder, 'log.jsonl')) ? readFileSync(join(folder, 'log.jsonl')) : Buffer.alloc(0), newest = listCheckpoints(checkpoints(folder)).at(-1)
          expect(log.equals(want.log.subarray(0, log.length)), 'the log is the beginning of the whole one').to.equal(true)
          if (newest) expect(readFileSync(newest).equals(wantAt.get(basename(newest))!), `${newest} is bit-identical`).to.equal(true)
          if (done) expect([log.length, basename(newest!)]).to.deep.equal([want.log.length, `step-${String(STEPS).padStart(9, '0')}.safetensors`])
          if (done) chain++
          else kills++
          fresh = done
        }
        expect(chain).to.be.at.least(1)
      } finally {
        for (const child of alive) child.kill('SIGKILL')
        await Promise.allSettled(spares)
      }
    })
  }

  it('goes on after a half-written line, a half-written checkpoint and a break', async () => {
    const folder = folderOf('half'), checkpoints = join(folder, 'checkpoints'), log = join(folder, 'log.jsonl')
    for await (const { step } of run(trainingToKill(STEPS), { log, checkpoint: checkpoints, every: 3 })) if (step === 40) break
    expect(listCheckpoints(checkpoints).at(-1)).to.match(/step-000000040/)
    appendFileSync(log, '{"step":41,"lo')
    writeFileSync(join(checkpoints, 'step-000000042.safetensors.77.tmp'), 'half')
    await runToKill(folder, STEPS)
    expectSame(folder)
    expect(readdirSync(checkpoints).length).to.equal(2)
    const steps: number[] = []
    for await (const { step } of run(trainingToKill(STEPS), { log, checkpoint: checkpoints })) steps.push(step)
    expect(steps, 'a finished run has nothing left to do').to.deep.equal([])
    expectSame(folder)
  })

  it('refuses a checkpoint that was truncated or changed anywhere, naming the tensor and the byte', () => {
    const file = new Uint8Array(reference.last), random = Random.seed(4), entries = [...readSafetensors(file).tensors], before = tf.memory().numTensors
    for (let n = 0; n < file.length; n += 97) expect(() => decodeCheckpoint(file.subarray(0, n), 'c')).to.throw(Error, /^c: /)
    for (const [name, { offset, bytes }] of entries) {
      const copy = file.slice()
      copy[offset! + random.int(bytes.length)] ^= 1 << random.int(8)
      expect(() => decodeCheckpoint(copy, 'c')).to.throw(`c: tensor '${name}' at byte ${offset} has been changed`)
    }
    const header = entries[0][1].offset!
    for (let i = 0; i < 300; i++) {
      const copy = file.slice(), at = random.int(header)
      copy[at] ^= 1 << random.int(8)
      if (copy[at] !== 0x09 && copy[at] !== 0x0a) expect(() => decodeCheckpoint(copy, 'c'), `byte ${at}`).to.throw(Error, /^c: /)
    }
    expect(tf.memory().numTensors).to.equal(before)
    const { tensors, metadata } = readSafetensors(file), foreign = writeSafetensors(tensors, { format: 'pt' })
    expect(() => decodeCheckpoint(foreign, 'c')).to.throw('c: no checkpoint of this library: __metadata__.format is pt')
    expect(() => decodeCheckpoint(writeSafetensors([...tensors].slice(1), metadata), 'c')).to.throw(`c: tensor '${[...tensors][0][0]}' is missing`)
    expect(() => decodeCheckpoint(writeSafetensors([...tensors, ['x', entries[0][1]]], metadata), 'c')).to.throw("c: tensor 'x' at byte")
  })

  it('refuses the checkpoint of another training, and a log that it was not taken with', async () => {
    const folder = folderOf('foreign'), options = { log: join(folder, 'log.jsonl'), checkpoint: join(folder, 'checkpoints'), every: 3 }
    const first = async (t: ReturnType<typeof trainingToKill>) => { for await (const _ of run(t, options)) return }
    await first(trainingToKill(STEPS))
    const other = (change: (state: TrainState) => TrainState) => { const t = trainingToKill(STEPS); t.state = change(t.state); return first(t) }
    const rejects = async (promise: Promise<unknown>, message: string) => { const error = await promise.then(() => undefined, (e: Error) => e); expect(error?.message).to.contain(message) }
    await rejects(other(s => ({ ...s, kind: 'ppo' })), 'written by sft, this is ppo')
    await rejects(other(s => ({ ...s, models: { policy: { ...s.models.policy, more: tf.zeros([2]) } } })), 'more of policy is missing there and [2] here')
    await rejects(other(s => ({ ...s, models: { value: s.models.policy } })), 'of value is missing there')
    truncateSync(options.log, 10)
    await rejects(first(trainingToKill(STEPS)), 'not the log that the checkpoint was taken with')
    writeFileSync(options.log, 'x'.repeat(5000))
    await rejects(first(trainingToKill(STEPS)), 'not the log that the checkpoint was taken with')
    copyFileSync(listCheckpoints(options.checkpoint)[0], join(options.checkpoint, 'step-000000999.safetensors'))
    truncateSync(join(options.checkpoint, 'step-000000999.safetensors'), 2000)
    await rejects(first(trainingToKill(STEPS)), 'step-000000999.safetensors: ')
  })

  it('writes no checkpoint after an error, none that is not finite, and passes the error on', async () => {
    const checkpoint = join(folderOf('error'), 'c'), state = (): TrainState => ({ kind: 'toy', step: 0, models: { policy: { w: tf.tensor1d([1]) } }, optimisers: {}, random: Random.seed(0).state, more: {} })
    const failing = training<{ step: number }>(state(), function* (own) { own.state.step = 1; yield { step: 1 }; own.state.step = 2; throw new Error('step 2: loss is not finite') })
    const seen: number[] = []
    const error = await (async () => { for await (const { step } of run(failing, { checkpoint })) seen.push(step) })().then(() => undefined, (e: Error) => e)
    expect([seen, error?.message, listCheckpoints(checkpoint)]).to.deep.equal([[1], 'step 2: loss is not finite', []])
    const bad = { ...state(), models: { policy: { w: tf.tensor1d([1, Infinity]) } } }
    expect(() => encodeCheckpoint({ state: bad })).to.throw('checkpoint at step 0: model/policy/w is not finite')
    const log = join(root, 'error', 'log.jsonl')
    for await (const _ of run(training<{ step: number, v: number }>(state(), function* () { yield { step: 1, v: NaN }; yield { step: 2, v: -Infinity } }), { log })) { /* to the end */ }
    expect(readFileSync(log, 'utf8')).to.equal('{"step":1,"v":"NaN"}\n{"step":2,"v":"-Infinity"}\n')
    expect(await run(failing, { every: 0 }).next().then(() => '', (e: Error) => e.message)).to.contain('every: expected a positive integer')
  })

  it('is a safetensors file that Python opens', () => {
    const path = listCheckpoints(join(root, 'reference', 'checkpoints')).at(-1)!, { state } = loadCheckpoint(join(root, 'reference', 'checkpoints'))!
    const theirs = oracle<{ names: string[], step: number, sum: number }>(`
from safetensors import safe_open
with safe_open(arg, 'pt') as f:
    m = json.loads(f.metadata()['manifest'])
    print(json.dumps({'names': list(f.keys()), 'step': m['step'], 'sum': f.get_tensor('model/policy/transformer.wte.weight').double().sum().item()}))`, path)
    expect(theirs.step).to.equal(STEPS)
    expect(theirs.names.filter(n => n.startsWith('model/')).length).to.equal(Object.keys(state.models.policy).length)
    expect(theirs.sum).to.be.closeTo(state.models.policy['transformer.wte.weight'].dataSync<'float32'>().reduce((a, b) => a + b, 0), 1e-5)
  })
})
