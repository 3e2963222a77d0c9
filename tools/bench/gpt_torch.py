"""The GPT of the bench in PyTorch: one training step or one cached decode for each line on stdin, its milliseconds as JSON on stdout.

The model has GPT-2's layout with an untied head, plain attention; with "fused" PyTorch's fused attention and fused Adam.
"""
import json
import math
import resource
import sys
import time

import torch
import torch.nn.functional as F

S = json.loads(sys.argv[1])
L, D, H, T, V, B = (S[k] for k in ("layers", "width", "heads", "length", "vocabulary", "batch"))
torch.set_num_threads(S["threads"])
torch.manual_seed(0)


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = torch.nn.LayerNorm(D), torch.nn.LayerNorm(D)
        self.attn, self.proj = torch.nn.Linear(D, 3 * D), torch.nn.Linear(D, D)
        self.fc, self.out = torch.nn.Linear(D, 4 * D), torch.nn.Linear(4 * D, D)

    def forward(self, x, mask, past=None):
        b, t, _ = x.shape
        q, k, v = (y.view(b, t, H, D // H).transpose(1, 2) for y in self.attn(self.ln_1(x)).split(D, -1))
        if past is not None:
            if past:
                k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
            past[:] = [k, v]
        if S.get("fused"):
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=t > 1)
        else:
            scores = q @ k.transpose(-1, -2) / math.sqrt(D // H)
            attended = (scores if mask is None else scores + mask).softmax(-1) @ v
        x = x + self.proj(attended.transpose(1, 2).reshape(b, t, D))
        return x + self.out(F.gelu(self.fc(self.ln_2(x)), approximate="tanh"))


class GPT(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = torch.nn.Embedding(V, D), torch.nn.Embedding(T + 1, D)
        self.blocks, self.ln_f = torch.nn.ModuleList(Block() for _ in range(L)), torch.nn.LayerNorm(D)
        self.head = torch.nn.Linear(D, V, bias=False)
        for p in self.parameters():
            torch.nn.init.normal_(p, std=0.02) if p.dim() > 1 else None

    def forward(self, ids, start=0, pasts=None):
        x = self.wte(ids) + self.wpe(torch.arange(start, start + ids.shape[1]))
        mask = torch.full((ids.shape[1],) * 2, -1e9).triu(1) if ids.shape[1] > 1 else None
        for i, block in enumerate(self.blocks):
            x = block(x, mask, None if pasts is None else pasts[i])
        return self.head(self.ln_f(x))


model = GPT()
optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=bool(S.get("fused")))
data = torch.randint(V, (B, T + 1))


def step():
    optimiser.zero_grad()
    loss = F.cross_entropy(model(data[:, :-1]).reshape(-1, V), data[:, 1:].reshape(-1))
    loss.backward()
    optimiser.step()
    return loss.item()


@torch.no_grad()
def decode():
    ids, pasts = torch.zeros(S["decodeBatch"], 1, dtype=torch.long), [[] for _ in range(L)]
    for t in range(T - 1):
        ids = torch.multinomial(model(ids, t, pasts)[:, -1].softmax(-1), 1)
    return T - 1


tasks = {"step": step, "decode": decode}
for line in sys.stdin:
    cpu, start = time.process_time(), time.perf_counter()
    value = tasks[line.strip()]()
    ms, cpu = (time.perf_counter() - start) * 1e3, (time.process_time() - cpu) * 1e3
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    print(json.dumps({"ms": ms, "cpu": cpu, "value": value, "peakMB": peak, "version": torch.__version__}), flush=True)
