import { fork } from 'node:child_process'
import path from 'node:path'
import type { Message } from './mutant'
import { sum, type Promised, type Tried } from './promise'

/** The longest that one file may take, and the most memory that reading small files may take besides. */
const SECONDS = 2, MEGABYTES = 256
const EACH = { quick: 200, full: 1500 } as const
/** Of the readers that start a thread for each file, or another process, the quick half reads fewer. */
const SLOW = ['preference pairs, .parquet', "student's notebook"], QUICK_SLOW = 30
const NAMES = ['model.safetensors', 'config.json', 'tokenizer.json', 'checkpoint', 'metrics for the gate', 'download', "student's notebook", 'preference pairs, .jsonl', 'preference pairs, .csv', 'preference pairs, .parquet'] as const

/** Reads `count` damaged files in a process of its own. */
function readDamaged(name: string, count: number, seed: number, note: (progress: string) => void): Promise<Tried> {
  return new Promise(resolve => {
    const child = fork(path.join(__dirname, 'mutant.ts'), [name, String(count), String(seed)], { execArgv: ['--require', 'tsx/cjs'], stdio: ['ignore', 'ignore', 'pipe', 'ipc'], env: { ...process.env, RLHF_BACKEND: 'wasm' } })
    const fail = (why: string) => { clearTimeout(timer); child.kill('SIGKILL'); resolve({ cases: at + 1, failures: [`${name}, seed ${seed}, file ${at}: ${why}`] }) }
    let at = -1, complaint = '', timer = setTimeout(() => fail('did not start within 60 s'), 60_000)
    child.stderr!.on('data', (data: Buffer) => { complaint = (complaint + data.toString()).slice(-500) })
    child.on('message', (message: Message) => {
      clearTimeout(timer)
      if ('at' in message) {
        at = message.at
        if (at % 20 === 0) note(`${name}: ${at} of ${count}`)
        // the clock of a busy machine is not the reader's: five times the limit before it counts as a hang
        timer = setTimeout(() => fail(`was not read within ${5 * SECONDS} s`), 5000 * SECONDS)
        return
      }
      const { failures, errors, loads, grownMB } = message, all = failures.slice(0, 10).map(f => `${name}, seed ${seed}, ${f}`)
      if (grownMB > MEGABYTES) all.push(`${name}: reading small files took ${grownMB.toFixed(0)} MB, expected at most ${MEGABYTES}`)
      if (errors === 0) all.push(`${name}: no damage was noticed in ${loads} files`)
      resolve({ cases: count, failures: all })
    })
    child.on('exit', (code, signal) => { if (code !== 0) fail(`the reader's process ended with ${signal ?? code}: ${complaint.trim().split('\n').at(-1)}`) })
  })
}

export const files: Promised = {
  what: 'a damaged file is refused by name or read soundly: no crash, no hang, no memory blow-up, no half of it',
  async try(scale, note) {
    const tried: Tried[] = [], seed = Number(process.env.RLHF_SEED ?? 0)
    for (const name of NAMES) tried.push(await readDamaged(name, scale === 'quick' && SLOW.includes(name) ? QUICK_SLOW : EACH[scale], seed, note))
    return sum(tried)
  },
}
