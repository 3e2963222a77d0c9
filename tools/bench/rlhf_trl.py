"""One of TRL's trainers: for each line 'step' on stdin a PPO iteration, a DPO step or a GRPO iteration, its milliseconds as JSON on stdout.

The trainer's own loop runs; after each step a callback waits for the next line. The folder holds what rlhf.ts has exported.
"""
import json
import os
import resource
import sys
import time
from pathlib import Path

method, folder, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", TQDM_DISABLE="1", CUDA_VISIBLE_DEVICES="", TRL_EXPERIMENTAL_SILENCE="1", OMP_NUM_THREADS=str(threads))
out, sys.stdout = sys.stdout, sys.stderr  # TRL prints

import torch
import trl
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, PrinterCallback, TrainerCallback

torch.set_num_threads(threads)
S = json.loads((folder / "sizes.json").read_text())
each = S["pairs"] if method == "dpo" else S["replies"] * S["newTokens"]


class Gate(TrainerCallback):
    """Answers for the step that has ended, then waits for the next one to be asked for."""

    roles = dict
    begun = None

    def wait(self):
        for line in sys.stdin:
            if line.strip() == "step":
                self.begun = (time.perf_counter(), time.process_time())
                return
            self.answer(0, 0, roles=self.roles())
        os._exit(0)

    def answer(self, ms, cpu, **more):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
        print(json.dumps({"ms": ms, "cpu": cpu, "value": each, "peakMB": peak, "version": f"torch {torch.__version__}, TRL {trl.__version__}", **more}), file=out, flush=True)

    def on_train_begin(self, *_, **__):
        self.wait()

    def on_step_end(self, *_, **__):
        self.answer((time.perf_counter() - self.begun[0]) * 1e3, (time.process_time() - self.begun[1]) * 1e3)
        self.wait()


gate = Gate()
causal = lambda: AutoModelForCausalLM.from_pretrained(folder / "policy", dtype="float32")
scorer = lambda: AutoModelForSequenceClassification.from_pretrained(folder / "reward", num_labels=1, dtype="float32")
tokenizer = AutoTokenizer.from_pretrained(folder / "policy")
never = dict(output_dir=str(folder / "out"), use_cpu=True, bf16=False, gradient_checkpointing=False, report_to="none", save_strategy="no", logging_steps=10**6, disable_tqdm=True)


def settings(name):
    given = json.loads((folder / name / f"{name}.json").read_text())
    rows = [json.loads(line) for line in (folder / name / "train.jsonl").read_text().splitlines()]
    return {**given, **never, "max_steps": 10**6}, Dataset.from_list(rows)


if method == "dpo":
    config, rows = settings("dpo")
    # as ours: the reference's log-probs are computed before the first step
    trainer = trl.DPOTrainer(model=causal(), ref_model=causal(), args=trl.DPOConfig(**config, precompute_ref_log_probs=True), processing_class=tokenizer, train_dataset=rows, callbacks=[gate])
    models = lambda: {"policy": trainer.model}
elif method == "grpo":
    config, rows = settings("grpo")
    score = lambda completion_ids, **_: [float(sum(ids) % 7) for ids in completion_ids]
    config = trl.GRPOConfig(**config, generation_kwargs={"min_new_tokens": S["newTokens"]})
    trainer = trl.GRPOTrainer(model=causal(), reward_funcs=score, args=config, processing_class=tokenizer, train_dataset=rows, callbacks=[gate])
    models = lambda: {"policy": trainer.model}
else:
    from trl.experimental.ppo import PPOConfig, PPOTrainer

    tokenizer.padding_side = "left"
    rows = Dataset.from_list([{"input_ids": ids} for ids in S["prompts"]])
    config = PPOConfig(
        **never, per_device_train_batch_size=S["replies"], num_mini_batches=S["minibatches"], num_ppo_epochs=1, learning_rate=S["lr"], lr_scheduler_type="constant", kl_coef=S["beta"], optim="adamw_torch",
        response_length=S["newTokens"], stop_token=None, num_sample_generations=0, local_rollout_forward_batch_size=S["replies"], total_episodes=S["replies"] * 10**6,
    )
    trainer = PPOTrainer(
        args=config, processing_class=tokenizer, model=causal(), ref_model=causal(), reward_model=scorer(), value_model=scorer(), train_dataset=rows, eval_dataset=rows,
        data_collator=DataCollatorWithPadding(tokenizer), callbacks=[gate],
    )
    models = lambda: {"policy": trainer.policy_model, "reference": trainer.ref_model, "reward": trainer.reward_model, "value": trainer.value_model}


def roles():
    size = lambda tensors: sum(t.numel() * t.element_size() for t in tensors)
    found = {role: size(model.parameters()) for role, model in models().items()}
    return {**found, "all optimisers": size(t for state in trainer.optimizer.state.values() for t in state.values() if torch.is_tensor(t))}


gate.roles = roles
trainer.remove_callback(PrinterCallback)
trainer.train()
