import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { gptConfig } from '../model/config'
import { readParams } from '../model/huggingface'
import { adamw } from '../model/optimiser'
import type { LanguageModel } from '../model/params'
import { readSafetensors } from '../model/safetensors'
import { linearSchedule } from '../model/schedules'
import type { DpoTrainerOptions } from '../train/dpo'
import { clonePath } from './clone'

const grid = z.array(z.array(z.number())), ids = z.array(z.int())
const weights = z.strictObject({ 'embedding.weight': grid, 'projection.weight': grid, 'projection.bias': z.array(z.number()) })
const schema = z.strictObject({
  source: z.string(),
  toy: z.strictObject({ beta: z.number(), input_ids: z.array(ids), completion_mask: z.array(ids), policy: weights, reference: weights, loss: z.number(), grad_abs_sum: z.number() }),
  run: z.strictObject({
    config: z.looseObject({ per_device_train_batch_size: z.int(), max_steps: z.int(), beta: z.number(), learning_rate: z.number(), weight_decay: z.number(), warmup_steps: z.int(), max_grad_norm: z.number() }),
    weight_decay_on: z.array(z.string()), pairs: z.array(z.strictObject({ prompt: ids, chosen: ids, rejected: ids })), losses: z.array(z.number()),
  }),
})

/** One DPO loss of an embedding and a linear layer: inputs, weights and what TRL computed. Rows: chosen, then rejected. */
export type TrlToy = z.infer<typeof schema>['toy']

/** Everything in data/trl: the toy, and 20 steps of TRL's DPOTrainer as options of `dpo` with the losses it had. The models' weights are the caller's to dispose. */
export function trlDpoRuns(): { readonly toy: TrlToy, readonly options: DpoTrainerOptions & { readonly reference: LanguageModel }, readonly losses: readonly number[] } {
  const path = (name: string) => clonePath('data', 'trl', name), { toy, run: { config: c, weight_decay_on, pairs, losses } } = schema.parse(JSON.parse(readFileSync(path('runs.json'), 'utf8')))
  const config = gptConfig({ vocab_size: 64, n_positions: 32, n_embd: 32, n_layer: 2, n_head: 2 }), lr = c.learning_rate, steps = c.max_steps
  const load = (name: string): LanguageModel => ({ config, params: readParams([readSafetensors(readFileSync(path(name)))], config, name) })
  const optimiser = adamw({ lr, weightDecay: c.weight_decay, maxGradNorm: c.max_grad_norm, decays: name => weight_decay_on.includes(name) })
  const options = {
    model: load('policy.safetensors'), reference: load('reference.safetensors'), pairs: pairs.map(p => ({ ...p, prompt: { ids: p.prompt } })), beta: c.beta, steps,
    batchSize: c.per_device_train_batch_size, shuffle: false, optimiser, schedule: linearSchedule({ lr, warmupSteps: c.warmup_steps, totalSteps: steps }),
  }
  return { toy, options, losses }
}
