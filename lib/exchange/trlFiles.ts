/** train.py of an exported run: everything that decides is in the files beside it. */
export const trlProgram = `"""DPO with TRL of an exported run: python train.py, or accelerate launch --config_file accelerate.yaml train.py"""
import json
import os
from pathlib import Path

from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer


def main() -> None:
    here = Path(__file__).resolve().parent
    settings = json.loads((here / 'dpo.json').read_text())
    processes = int(os.environ.get('WORLD_SIZE', '1'))
    if settings['per_device_train_batch_size'] % processes:
        raise SystemExit(f"{settings['per_device_train_batch_size']} pairs a step cannot be shared by {processes} processes")
    settings['per_device_train_batch_size'] //= processes
    settings['output_dir'] = str(here / settings['output_dir'])
    load = lambda name: AutoModelForCausalLM.from_pretrained(here / name, dtype='float32')
    trainer = DPOTrainer(
        model=load('model'), ref_model=load('reference') if (here / 'reference').exists() else load('model'), args=DPOConfig(**settings),
        processing_class=AutoTokenizer.from_pretrained(here / 'model'),
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
export const trlReadme = (devices: number): string => `# A DPO run for TRL

    pip install trl==1.16.0
    python train.py                                             # one device
    accelerate launch --config_file accelerate.yaml train.py    # ${devices} GPUs; --num_processes N takes another number

\`dpo.json\` holds the arguments of \`DPOConfig\`: the pairs a step are those of all devices together, so that a run on many sees the same batches.
\`log.jsonl\` gets one record a step with TRL's names, which are RLHF Labs' too; the trained model goes to \`trained/\`, which \`loadModel\` reads.
For mixed precision on GPUs set \`bf16\` in \`dpo.json\` and \`mixed_precision: bf16\` in \`accelerate.yaml\`.
`
