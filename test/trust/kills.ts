import { fork } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Random } from '../../lib/tensor/random'
import { one, sum, type Promised, type Tried } from './promise'
import { TRAININGS, type Trainer } from './trainings'

const STEPS = 30, KILLS = { quick: 2, full: 50 } as const

/** Lets a training of `folder` run for `ms` after it is loaded (for ever, without) and kills it. True where it was done before. */
function trainFor(trainer: Trainer, folder: string, ms?: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = fork(path.join(__dirname, 'killed.ts'), [trainer, folder, String(STEPS)], { execArgv: ['--require', 'tsx/cjs'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env: { ...process.env, RLHF_BACKEND: 'wasm', RLHF_THREADS: '1' } })
    let done = false, error: string | undefined
    child.on('message', (message: string) => {
      if (message === 'ready' && ms !== undefined) setTimeout(() => child.kill('SIGKILL'), ms)
      else if (message === 'done') done = true
      else if (message.startsWith('error')) error = message
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (error !== undefined) reject(new Error(error))
      else if (signal === null && code !== 0) reject(new Error(`ended with ${code}`))
      else resolve(done)
    })
  })
}

/** Log and last checkpoint of a finished training. */
const result = (folder: string) => {
  const names = readdirSync(path.join(folder, 'checkpoints')).sort(), odd = names.filter(name => !/^step-\d{9}\.safetensors$/.test(name))
  if (odd.length) throw new Error(`left behind: ${odd.join(', ')}`)
  return [readFileSync(path.join(folder, 'log.jsonl')), readFileSync(path.join(folder, 'checkpoints', names.at(-1)!))]
}

/** Kills one training again and again at random moments until so many kills have hit, and compares every end with that of a run nobody stopped. */
async function killAgainAndAgain(trainer: Trainer, kills: number, root: string, note: (progress: string) => void): Promise<Tried> {
  const whole = path.join(root, trainer), tried: Tried[] = [], random = Random.seed(Date.now() % 1e9) // other moments every time: the promise does not depend on them
  mkdirSync(whole)
  const start = performance.now()
  await trainFor(trainer, whole)
  const want = result(whole), most = Math.min(3000, performance.now() - start)
  for (let hit = 0, chain = 0; hit < kills; chain++) {
    const folder = path.join(root, `${trainer}-${chain}`)
    mkdirSync(folder)
    tried.push(await one(`${trainer}, killed`, async () => {
      while (!await trainFor(trainer, folder, hit < kills ? random.uniform() * most : undefined)) {
        hit++
        note(`${trainer}: ${hit} of ${kills} kills`)
        const log = path.join(folder, 'log.jsonl')
        if (existsSync(log) && !want[0].subarray(0, readFileSync(log).length).equals(readFileSync(log))) throw new Error('the log is not the beginning of the whole one')
      }
      result(folder).forEach((bytes, i) => { if (!bytes.equals(want[i])) throw new Error(`${i ? 'the last checkpoint' : 'the log'} is not that of a run that nobody stopped`) })
    }))
    if (tried.at(-1)!.failures.length) break
  }
  return { ...sum(tried), cases: kills }
}

export const kills: Promised = {
  what: 'a training that is killed at any moment goes on to the same log and weights, bit for bit',
  async try(scale, note) {
    const root = mkdtempSync(path.join(tmpdir(), 'kills-')), tried: Tried[] = []
    try {
      for (const trainer of Object.keys(TRAININGS) as Trainer[]) {
        if (scale === 'quick' && trainer === 'sft') continue // test/train/run.test.ts kills it fifty times
        tried.push(await killAgainAndAgain(trainer, KILLS[scale], root, note))
      }
      return sum(tried)
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  },
}
