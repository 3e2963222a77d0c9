"""The GPT of the bench in transformers: `generate` with its cache for each line on stdin, its milliseconds as JSON on stdout."""
import json
import resource
import sys
import time

import torch
import transformers
from transformers import GPT2Config, GPT2LMHeadModel

S = json.loads(sys.argv[1])
torch.set_num_threads(S["threads"])
torch.manual_seed(0)
model = GPT2LMHeadModel(GPT2Config(
    vocab_size=S["vocabulary"], n_positions=S["length"] + 1, n_embd=S["width"], n_layer=S["layers"], n_head=S["heads"], resid_pdrop=0, embd_pdrop=0, attn_pdrop=0,
    bos_token_id=0, eos_token_id=1, pad_token_id=0, tie_word_embeddings=False, attn_implementation="sdpa",
)).eval()
new = S["length"] - 1


def decode():
    ids = torch.zeros(S["decodeBatch"], 1, dtype=torch.long)
    model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=True, top_k=0, min_new_tokens=new, max_new_tokens=new)
    return new


with torch.inference_mode():
    for line in sys.stdin:
        cpu, start = time.process_time(), time.perf_counter()
        value = {"decode": decode}[line.strip()]()
        ms, cpu = (time.perf_counter() - start) * 1e3, (time.process_time() - cpu) * 1e3
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
        print(json.dumps({"ms": ms, "cpu": cpu, "value": value, "peakMB": peak, "version": transformers.__version__}), flush=True)
