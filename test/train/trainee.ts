/** A process to be killed: loads everything, says 'ready', and runs the training of its folder when told to; says 'step' and 'done'. */
import { join } from 'node:path'
import { gptConfig } from '../../lib/model/config'
import { adamw } from '../../lib/model/optimiser'
import { initParams } from '../../lib/model/params'
import { linearSchedule } from '../../lib/model/schedules'
import { ready } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { run } from '../../lib/train/run'
import { sft } from '../../lib/train/sft'
import type { Example, SftMetrics } from '../../lib/train/sft'
import type { Training } from '../../lib/train/training'

/** A model with dropout, so that every random stream matters, on data whose epochs do not end where checkpoints do. */
export function trainingToKill(steps: number, seed = 3): Training<SftMetrics> {
  const config = gptConfig({ vocab_size: 12, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2, attn_pdrop: 0.1, resid_pdrop: 0.1, embd_pdrop: 0.1 }), random = Random.seed(1)
  const examples = Array.from({ length: 11 }, (): Example => ({ ids: [1, ...Array.from({ length: 3 + random.int(4) }, () => 3 + random.int(9)), 2], promptLength: 1 + random.int(2) }))
  return sft({
    model: { config, params: initParams(config, Random.seed(2)) }, examples, steps, batchSize: 4, seed,
    optimiser: adamw({ lr: 1e-2, weightDecay: 0.1, maxGradNorm: 1 }), schedule: linearSchedule({ lr: 1e-2, warmupSteps: 5, totalSteps: 2 * steps }),
  })
}

/** Runs it with log and checkpoints in a folder. */
export async function runToKill(folder: string, steps: number, keep = 2, onStep: () => void = () => {}): Promise<void> {
  for await (const _ of run(trainingToKill(steps), { log: join(folder, 'log.jsonl'), checkpoint: join(folder, 'checkpoints'), every: 3, keep })) onStep()
}

if (process.send) {
  const send = (message: string) => process.send!(message)
  process.on('message', ({ folder, steps, keep }: { folder: string, steps: number, keep: number }) => {
    let begun = false
    runToKill(folder, steps, keep, () => { if (!begun) { begun = true; send('step') } }).then(() => send('done'), (error: Error) => { send(`error: ${error.stack}`) })
  })
  void ready().then(() => send('ready'))
}
