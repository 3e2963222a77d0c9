/** A process to be killed: `killed.ts TRAINER FOLDER STEPS`. Says 'ready' when everything is loaded, then trains with log and checkpoints, says 'done'. */
import { join } from 'node:path'
import { ready } from '../../lib/tensor/backend'
import { run } from '../../lib/train/run'
import { TRAININGS } from './trainings'
import type { Trainer } from './trainings'

async function main(): Promise<void> {
  const [trainer, folder, steps] = process.argv.slice(2)
  await ready()
  process.send!('ready')
  for await (const _ of run<{ readonly step: number }>(TRAININGS[trainer as Trainer](Number(steps)), { log: join(folder, 'log.jsonl'), checkpoint: join(folder, 'checkpoints'), every: 3 })) { /* to the end */ }
  process.send!('done')
}
if (process.send) main().then(() => process.disconnect(), (error: Error) => { process.send!(`error: ${error.message}`); process.disconnect() })
