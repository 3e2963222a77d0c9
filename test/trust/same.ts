import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { labs } from '../labs/run'
import { one, sum, type Promised } from './promise'
import { TRAININGS, type Trainer } from './trainings'

const root = path.resolve(__dirname, '../..'), STEPS = 20, TOLERANCE = 1e-4

/** Losses of a training's steps, in a process on the backend; dropout and sampling draw from the seed and not from the backend. */
function losses(trainer: Trainer, backend: string): number[] {
  const script = `require(${JSON.stringify(path.join(root, 'lib/tensor/backend'))}).ready().then(async () => {
    const out = []
    for await (const m of require(${JSON.stringify(path.join(__dirname, 'trainings'))}).TRAININGS[${JSON.stringify(trainer)}](${STEPS})) out.push(m.loss ?? m['loss/policy_avg'])
    console.log('\\n' + JSON.stringify(out))
  })`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--require', 'tsx/cjs', '--eval', script], { cwd: root, encoding: 'utf8', env: { ...process.env, RLHF_BACKEND: backend } })
  if (status !== 0) throw new Error(`${trainer} on ${backend} ended with ${status}: ${stderr.slice(-400)}`)
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as number[]
}

/** Labs that are run twice here: a reward model, PPO and GRPO, which samples most. Others' bytes would say no more, and what is committed may come from another processor. */
const TWICE = ['02', '06', '11']

async function passes(args: readonly string[]): Promise<void> {
  const { code, out } = await labs(args)
  if (code !== 0) throw new Error(out.slice(-600))
}

/** What is not promised, and why; printed with the table. */
export const NOT_PROMISED = [
  'the same bytes on another processor: a product of matrices adds up in another order; claims hold all the same',
  'the same sums twice on a GPU: its reductions add up in any order, unless TF_DETERMINISTIC_OPS=1',
  'the same samples on two backends for ever: a rounding difference that moves one sample moves all after it',
] as const

export const same: Promised = {
  what: 'the same lab twice gives the same bytes, and native and wasm agree over 20 training steps to 1e-4',
  async try(scale, note) {
    const trainers = scale === 'quick' ? ['dpo'] as const : Object.keys(TRAININGS) as Trainer[]
    const agree = trainers.map(trainer => one(`${trainer}, native and wasm`, () => {
      note(trainer)
      const [native, wasm] = ['tensorflow', 'wasm'].map(backend => losses(trainer, backend))
      const worst = Math.max(...native.map((x, i) => Math.abs(x - wasm[i]) / Math.max(1, Math.abs(x))))
      if (native.length !== STEPS || !(worst <= TOLERANCE)) throw new Error(`losses differ by ${worst} over ${native.length} steps`)
    }))
    const labTwice = await one('labs, byte for byte', async () => {
      if (scale === 'quick') return passes(['check', '--exact', '00', '--form', 'solution'])
      mkdirSync(path.join(root, '.cache'), { recursive: true })
      const folder = mkdtempSync(path.join(root, '.cache/same-')), source = path.join(root, 'notebooks/src'), at = ['--notebooks', folder]
      try {
        mkdirSync(path.join(folder, 'src'))
        for (const file of readdirSync(source).filter(name => TWICE.some(lab => name.startsWith(lab)))) copyFileSync(path.join(source, file), path.join(folder, 'src', file))
        note('labs, for the first time')
        await passes(['build', ...at])
        note('labs, for the second time')
        await passes(['check', '--exact', '--form', 'solution', ...at])
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
    return sum([...await Promise.all(agree), labTwice])
  },
}
