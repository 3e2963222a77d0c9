import { join } from 'node:path'
import { writeAtomic } from '../train/atomic'
import { saveModel } from './huggingface'
import type { PretrainedModel } from './huggingface'
import { trlProgram, trlReadme } from './trlFiles'
import type { TrlMethod } from './trlFiles'

/** What every run for TRL is told; defaults as in the trainers here. */
export interface TrlRun {
  /** What to train. It needs a tokenizer with an end token and a padding token. */
  readonly model: PretrainedModel
  /** AdamW at a constant rate. */
  readonly lr?: number
  readonly weightDecay?: number
  readonly maxGradNorm?: number
  /** Rows a step, over all devices. */
  readonly batchSize?: number
  /** Default: one epoch. */
  readonly steps?: number
  /** Takes the rows in their order (default true, so that both sides see the same batches; TRL's own default is false). */
  readonly inOrder?: boolean
  readonly seed?: number
  /** GPUs that accelerate.yaml is written for (default 8). */
  readonly devices?: number
  /** Further arguments of TRL's configuration by its names; they win over what is derived here. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/**
 * Writes a folder that runs under TRL 1.16 as it stands, on one device or under accelerate on many: model/ (weights, tokenizer), train.jsonl (TRL's
 * format of the method), <method>.json (its configuration's arguments), accelerate.yaml, train.py and a README with the commands.
 * Throws Error where rows cannot be trained on, or their text does not give the same tokens again.
 */
export function writeRun(
  folder: string, method: TrlMethod, run: TrlRun, rows: readonly object[], own: Readonly<Record<string, unknown>>,
  { reference, files = {} }: { readonly reference?: PretrainedModel, readonly files?: Readonly<Record<string, string>> } = {},
): void {
  const { model, lr = 1e-4, weightDecay = 0, maxGradNorm = 1, batchSize = 32, inOrder = true, seed = 0, devices = 8, settings = {} } = run, steps = run.steps ?? Math.ceil(rows.length / batchSize)
  for (const [name, value] of Object.entries({ batchSize, steps, devices })) if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name}: expected a positive integer, got ${value}`)
  const write = (name: string, content: unknown) => writeAtomic(join(folder, name), typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`)
  saveModel(join(folder, 'model'), model)
  if (reference) saveModel(join(folder, 'reference'), { tokenizer: model.tokenizer, ...reference })
  write('train.jsonl', rows.map(row => `${JSON.stringify(row)}\n`).join(''))
  write(`${method.name}.json`, {
    output_dir: 'out', ...own,
    optim: 'adamw_torch', learning_rate: lr, lr_scheduler_type: 'constant', weight_decay: weightDecay, max_grad_norm: maxGradNorm,
    per_device_train_batch_size: batchSize, gradient_accumulation_steps: 1, max_steps: steps, ...inOrder && { train_sampling_strategy: 'sequential' },
    seed, bf16: false, gradient_checkpointing: false, logging_steps: 1, save_strategy: 'no', report_to: 'none', ...settings,
  })
  write('accelerate.yaml', [
    'compute_environment: LOCAL_MACHINE', 'distributed_type: MULTI_GPU', 'num_machines: 1', `num_processes: ${devices}`, 'machine_rank: 0', 'gpu_ids: all', 'mixed_precision: \'no\'', 'main_training_function: main', '',
  ].join('\n'))
  for (const [name, text] of Object.entries(files)) write(name, text)
  write('train.py', trlProgram(method))
  write('README.md', trlReadme(method, devices))
}
