import { join } from 'node:path'
import { shapeOf } from '../model/config'
import { promptAndResponse } from '../model/tokenizer'
import type { Tokenizer } from '../model/tokenizerFiles'
import { writeAtomic } from '../train/atomic'
import { checkTokenPairs } from '../train/pairs'
import type { TokenPair } from '../train/pairs'
import { saveModel } from './huggingface'
import type { PretrainedModel } from './huggingface'
import { trlProgram, trlReadme } from './trlFiles'

/** A DPO run for TRL; the defaults are those of `dpo`. */
export interface TrlDpoRun {
  /** The policy to train, which is the reference, too, where none is given. It needs a tokenizer with an end token and a padding token. */
  readonly model: PretrainedModel
  readonly reference?: PretrainedModel
  readonly pairs: readonly TokenPair[]
  /** TRL's name of the loss (default 'sigmoid', which is DPO's). */
  readonly lossType?: string
  readonly beta?: number
  /** AdamW at a constant rate. */
  readonly lr?: number
  readonly weightDecay?: number
  readonly maxGradNorm?: number
  /** Pairs a step, over all devices. */
  readonly batchSize?: number
  /** Default: one epoch. */
  readonly steps?: number
  /** Takes the pairs in their order (default true, so that both sides see the same batches; TRL's own default is false). */
  readonly inOrder?: boolean
  readonly seed?: number
  /** GPUs that accelerate.yaml is written for (default 8). */
  readonly devices?: number
}

/**
 * Writes a folder that runs under TRL 1.16 as it stands, on one device or under accelerate on many: model/ (weights, tokenizer), train.jsonl (TRL's
 * preference format), dpo.json (DPOConfig's arguments), accelerate.yaml, train.py and a README with the commands.
 * Throws Error where pairs cannot be trained on, or their text does not give the same tokens again.
 */
export function exportDpoToTrl(folder: string, run: TrlDpoRun): void {
  const { model, reference, pairs, lossType = 'sigmoid', beta = 0.1, lr = 1e-4, weightDecay = 0, maxGradNorm = 1, batchSize = 32, inOrder = true, seed = 0, devices = 8 } = run
  const { tokenizer } = model, steps = run.steps ?? Math.ceil(pairs.length / batchSize)
  if (!tokenizer || tokenizer.special.eos === undefined || tokenizer.special.pad === undefined) throw new Error('exportDpoToTrl: the model needs a tokenizer with an eos and a pad token')
  checkTokenPairs('exportDpoToTrl', pairs, model.config)
  const rows = pairs.map((pair, i) => textsOf(tokenizer, pair, i)), write = (name: string, content: unknown) => writeAtomic(join(folder, name), typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`)
  saveModel(join(folder, 'model'), model)
  if (reference) saveModel(join(folder, 'reference'), { tokenizer, ...reference })
  write('train.jsonl', rows.map(row => `${JSON.stringify(row)}\n`).join(''))
  write('dpo.json', {
    output_dir: 'out', loss_type: [lossType], beta, max_length: shapeOf(model.config).context,
    optim: 'adamw_torch', learning_rate: lr, lr_scheduler_type: 'constant', weight_decay: weightDecay, max_grad_norm: maxGradNorm,
    per_device_train_batch_size: batchSize, gradient_accumulation_steps: 1, max_steps: steps, ...inOrder && { train_sampling_strategy: 'sequential' },
    seed, bf16: false, gradient_checkpointing: false, logging_steps: 1, save_strategy: 'no', report_to: 'none',
  })
  write('accelerate.yaml', [
    'compute_environment: LOCAL_MACHINE', 'distributed_type: MULTI_GPU', 'num_machines: 1', `num_processes: ${devices}`, 'machine_rank: 0', 'gpu_ids: all', 'mixed_precision: \'no\'', 'main_training_function: main', '',
  ].join('\n'))
  write('train.py', trlProgram)
  write('README.md', trlReadme(devices))
}

/** A pair as texts that give its tokens again, in this library and in transformers. */
function textsOf(tokenizer: Tokenizer, pair: TokenPair, i: number): Record<'prompt' | 'chosen' | 'rejected', string> {
  const prompt = tokenizer.decode(pair.prompt.ids)
  const response = (side: 'chosen' | 'rejected') => {
    const whole = tokenizer.decode([...pair.prompt.ids, ...pair[side]])
    if (pair[side].at(-1) !== tokenizer.special.eos) throw new Error(`exportDpoToTrl: pair ${i}: ${side} does not end with the end token, which TRL would add; end it, or leave out replies that were cut off`)
    if (!whole.startsWith(prompt)) throw new Error(`exportDpoToTrl: pair ${i}: the text of prompt and ${side} does not begin with the prompt's`)
    const text = whole.slice(prompt.length), { ids, promptLength } = promptAndResponse(tokenizer, prompt, text), want = [...pair.prompt.ids, ...pair[side]]
    if (promptLength !== pair.prompt.ids.length || ids.length !== want.length || ids.some((id, t) => id !== want[t])) throw new Error(`exportDpoToTrl: pair ${i}: the text of ${side} does not give its tokens again: ${JSON.stringify(text)}`)
    return text
  }
  return { prompt, chosen: response('chosen'), rejected: response('rejected') }
}
