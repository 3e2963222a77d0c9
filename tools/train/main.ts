// npm run train -- dpo --seed 0 --out runs/dpo: drives a trainer of the library on the desk, with a log, checkpoints and exact resume.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { deskPolicy } from '../../lib/exchange/deskPolicy'
import { saveModel } from '../../lib/exchange/huggingface'
import { ready } from '../../lib/tensor/backend'
import { writeAtomic } from '../../lib/train/atomic'
import { run } from '../../lib/train/run'
import { boardWriter } from './board'
import { RECIPES } from './recipes'
import type { Settings } from './recipes'

const number = (least: number, whole: boolean) => (text: string): number => {
  const value = Number(text)
  if (text.trim() === '' || !(value >= least) || whole && !Number.isSafeInteger(value)) throw new InvalidArgumentError(`Expected ${whole ? 'a whole number' : 'a number'} from ${least} on.`)
  return value
}

interface Flags extends Settings { readonly out: string; readonly steps?: number; readonly every: number }

/** The figures that a line of progress shows, as far as a record has them. */
const SHOWN = ['loss', 'objective/scores', 'objective/kl', 'gold/reward', 'reward', 'rewards/margins', 'accuracy'] as const

async function train(name: string, { out, steps = Infinity, every, ...settings }: Flags): Promise<void> {
  const recipe = RECIPES[name], about = join(out, 'run.json'), given = `${JSON.stringify({ trainer: name, ...settings }, null, 2)}\n`
  if (existsSync(about) && readFileSync(about, 'utf8') !== given) throw new Error(`${out} holds another run, ${readFileSync(about, 'utf8').replace(/\s+/g, ' ')}; give another --out, or delete it`)
  await ready()
  const training = recipe.start(settings), board = boardWriter(join(out, 'tensorboard'))
  writeAtomic(about, given)
  for await (const record of run(training, { log: join(out, 'log.jsonl'), checkpoint: join(out, 'checkpoints'), every })) {
    const { step } = record
    board?.(record)
    if (step === 1 || step % 10 === 0) process.stderr.write(`step ${step}: ${SHOWN.flatMap(key => typeof record[key as never] === 'number' ? [`${key} ${(record[key as never] as number).toPrecision(4)}`] : []).join(', ')}\n`)
    if (step >= steps) break
  }
  const { config, tokenizer } = deskPolicy(), params = training.state.models[recipe.role]
  saveModel(join(out, 'model'), { config, params, tokenizer })
  process.stdout.write(`${out}: ${training.state.step} steps; log.jsonl, checkpoints, model${board ? ', tensorboard' : ' (no TensorBoard events: they need the native backend)'}\n`)
}

const program = new Command('npm run train --').description('Trains on the desk. The same line again goes on where the last one was stopped.').showHelpAfterError()
for (const [name, { about, knows }] of Object.entries(RECIPES)) {
  const command = program.command(name).description(about)
    .requiredOption('-o, --out <folder>', 'where log, checkpoints and model go, such as runs/dpo').option('-s, --seed <n>', 'seed of data, order and samples', number(0, true), 0)
    .option('--steps <n>', 'stop after this step; without it, at the end', number(1, true)).option('--every <n>', 'steps between checkpoints', number(1, true), 50)
  if (knows.includes('n')) command.option('--n <n>', 'how much (see above)', number(1, true))
  if (knows.includes('lr')) command.option('--lr <rate>', 'highest learning rate', number(0, false))
  if (knows.includes('beta')) command.option('--beta <x>', 'β of the loss or of the KL penalty', number(0, false))
  if (knows.includes('batchSize')) command.option('--batch-size <n>', 'pairs, thumbs or prompts a step', number(2, true))
  if (knows.includes('reward')) command.option('--reward <folder>', 'a run of `reward`; without it the true reward')
  command.action(async (flags: Flags) => train(name, flags))
}
program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
