/** One of TRL's trainers, as train.py calls it. */
export interface TrlMethod {
  readonly name: string
  /** Before Config and Trainer in TRL's names. */
  readonly prefix: string
  readonly module: string
  /** What stands in a batch. */
  readonly rows: string
  /** The class that loads the model. */
  readonly loader: 'AutoModelForCausalLM' | 'AutoModelForSequenceClassification'
  /** A frozen model goes along. */
  readonly reference?: boolean
  /** Replies are sampled and judged by rewards.py. */
  readonly rewards?: boolean
}

const CAUSAL = { module: 'trl', loader: 'AutoModelForCausalLM' } as const

/** The trainers of TRL 1.16 that runs are exported for. */
export const TRL_METHODS = {
  sft: { ...CAUSAL, name: 'sft', prefix: 'SFT', rows: 'examples' },
  reward: { name: 'reward', prefix: 'Reward', module: 'trl', rows: 'pairs', loader: 'AutoModelForSequenceClassification' },
  dpo: { ...CAUSAL, name: 'dpo', prefix: 'DPO', rows: 'pairs', reference: true },
  kto: { ...CAUSAL, name: 'kto', prefix: 'KTO', rows: 'thumbs', reference: true },
  orpo: { ...CAUSAL, name: 'orpo', prefix: 'ORPO', rows: 'pairs', module: 'trl.experimental.orpo' },
  cpo: { ...CAUSAL, name: 'cpo', prefix: 'CPO', rows: 'pairs', module: 'trl.experimental.cpo' },
  grpo: { ...CAUSAL, name: 'grpo', prefix: 'GRPO', rows: 'replies', rewards: true },
} as const satisfies Record<string, TrlMethod>

/** train.py of an exported run: everything that decides is in the files beside it. */
export const trlProgram = ({ name, prefix, module, rows, loader, reference, rewards }: TrlMethod): string => `"""${prefix} with TRL of an exported run: python train.py, or accelerate launch --config_file accelerate.yaml train.py"""
import json
import os
from pathlib import Path

from datasets import load_dataset
${rewards ? 'from rewards import reward\n' : ''}from transformers import ${loader}, AutoTokenizer
from ${module} import ${prefix}Config, ${prefix}Trainer


def main() -> None:
    here = Path(__file__).resolve().parent
    settings = json.loads((here / '${name}.json').read_text())
    processes = int(os.environ.get('WORLD_SIZE', '1'))
    if settings['per_device_train_batch_size'] % processes:
        raise SystemExit(f"{settings['per_device_train_batch_size']} ${rows} a step cannot be shared by {processes} processes")
    settings['per_device_train_batch_size'] //= processes
    settings['output_dir'] = str(here / settings['output_dir'])
    load = lambda name: ${loader}.from_pretrained(here / name, dtype='float32'${loader === 'AutoModelForCausalLM' ? '' : ', num_labels=1'})
    trainer = ${prefix}Trainer(
        model=load('model'), args=${prefix}Config(**settings), processing_class=AutoTokenizer.from_pretrained(here / 'model'),${reference ? `
        ref_model=load('reference') if (here / 'reference').exists() else load('model'),` : ''}${rewards ? `
        reward_funcs=reward,` : ''}
        train_dataset=load_dataset('json', data_files=str(here / 'train.jsonl'), split='train', cache_dir=str(here / 'out' / 'cache')),
    )
    trainer.train()
    if trainer.accelerator.is_main_process:
        (here / 'log.jsonl').write_text(''.join(json.dumps(record) + '\\n' for record in trainer.state.log_history if 'loss' in record))
    trainer.save_model(str(here / 'trained'))


if __name__ == '__main__':
    main()
`

/** README.md of an exported run. */
export const trlReadme = ({ name, prefix, rows, rewards }: TrlMethod, devices: number): string => `# A run of ${prefix} for TRL

    pip install trl==1.16.0
    python train.py                                             # one device
    accelerate launch --config_file accelerate.yaml train.py    # ${devices} GPUs; --num_processes N takes another number

\`${name}.json\` holds the arguments of \`${prefix}Config\`: the ${rows} a step are those of all devices together, so that a run on many sees the same batches.${rewards ? '\n`rewards.py` judges the replies; every column of `train.jsonl` reaches it.' : ''}
\`log.jsonl\` gets one record a step with TRL's names, which are RLHF Labs' too; the trained model goes to \`trained/\`, which \`loadModel\` reads.
For mixed precision on GPUs set \`bf16\` in \`${name}.json\` and \`mixed_precision: bf16\` in \`accelerate.yaml\`.
`
