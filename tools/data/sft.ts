// Makes data/sft, the desk's fine-tuned policy:  npm run data:sft   (with -- --check: trains again and compares, writes nothing)
import { join } from 'node:path'
import { Command } from 'commander'
import { gold } from '../../lib/desk/reward'
import { demonstrate } from '../../lib/desk/demonstrations'
import { clonePath } from '../../lib/exchange/clone'
import { deskPolicyFigures } from '../../lib/exchange/deskPolicy'
import type { DeskPolicyFigures } from '../../lib/exchange/deskPolicy'
import { saveModel } from '../../lib/exchange/huggingface'
import { countParams } from '../../lib/model/params'
import { ready } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { writeAtomic } from '../../lib/train/atomic'
import { DESK_CONFIG, DESK_SFT, deskDemonstrations, deskReplies, deskSft, deskTokenizer, heldOutLoss, judgeReplies } from '../../lib/train/desk'
import type { LanguageModel } from '../../lib/model/params'

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
const round = (x: number) => Number(x.toFixed(4))

/** Held-out figures of a policy, on prompts that training never sees. */
function measure(model: LanguageModel): DeskPolicyFigures['heldOut'] {
  const n = 600, seed = 1000, { prompts, replies, examples } = deskDemonstrations(n, seed, { heldOut: true })
  const judged = judgeReplies(prompts, deskReplies(model, prompts, { random: Random.seed(seed).split('replies') })), random = Random.seed(seed).split('experts')
  return {
    prompts: n, seed, loss: round(heldOutLoss(model, examples)), gold: round(mean(judged.map(r => r.gold))),
    goldOfDemonstrations: round(mean(prompts.map((p, i) => gold(p, replies[i]).total))),
    goldOfExperts: round(mean(prompts.map(p => gold(p, demonstrate(p, random, { style: 'expert' }).text).total))),
    gibberish: round(mean(judged.map(r => r.features.gibberish))), stopped: round(mean(judged.map(r => Number(r.stopped)))),
  }
}

function readme({ losses, heldOut: h }: DeskPolicyFigures, weights: number): string {
  const { demonstrations, epochs, batchSize, lr, warmupSteps, weightDecay, seed } = DESK_SFT
  return `# The desk's fine-tuned policy

The small GPT from which the labs start, after supervised fine-tuning on ${demonstrations} demonstrations of mixed quality. A Hugging Face folder:
\`AutoModelForCausalLM.from_pretrained('data/sft')\` reads it, and so does \`deskPolicy()\` of \`rlhf-labs\`.

Made by \`npm run data:sft\` (lib/train/desk.ts, tools/data/sft.ts): GPT-2's layout, ${DESK_CONFIG.n_layer} layers, width ${DESK_CONFIG.n_embd}, ${DESK_CONFIG.n_head} heads, ${weights.toLocaleString('en')} weights;
seed ${seed}, ${epochs} epochs in batches of ${batchSize}, AdamW with weight decay ${weightDecay}, rate ${lr} after ${warmupSteps} steps of warm-up and then a cosine to a tenth of it.
\`npm run data:sft -- --check\` trains it again and compares; the tests repeat the first steps and measure the checkpoint.

| Figure | Value |
| --- | --- |
| Training loss at the end, nats a token | ${losses.at(-1)!.loss} |
| Held-out loss, nats a token | ${h.loss} |
| True reward of its replies, mean | ${h.gold} |
| True reward of the demonstrations, mean | ${h.goldOfDemonstrations} |
| True reward of the best clerks' demonstrations, mean | ${h.goldOfExperts} |
| Sentences a reply that the desk does not know | ${h.gibberish} |
| Replies that end within 48 tokens | ${h.stopped} |

Held-out figures: ${h.prompts} prompts (seed ${h.seed}) whose combinations of facts do not occur in training, one sampled reply each at temperature 1.
The same figures for programs, with the losses on the way: figures.json.
`
}

/** What differs between two sets of figures by more than another processor's rounding can explain. */
function differences(now: DeskPolicyFigures, then: DeskPolicyFigures): string[] {
  const compare = (name: string, a: number, b: number, within: number) => Math.abs(a - b) <= within ? [] : [`${name}: ${a} now, ${b} in data/sft (allowed ±${within})`]
  return [
    ...then.firstLosses.flatMap((loss, i) => compare(`loss of step ${i + 1}`, now.firstLosses[i], loss, 0.002)),
    ...then.losses.flatMap(({ step, loss }, i) => compare(`mean loss up to step ${step}`, now.losses[i]?.loss ?? NaN, loss, 0.05)),
    ...compare('held-out loss', now.heldOut.loss, then.heldOut.loss, 0.02), ...compare('gold', now.heldOut.gold, then.heldOut.gold, 0.4),
  ]
}

async function main(): Promise<void> {
  const { check } = new Command('npm run data:sft --').option('--check', 'train again and compare with data/sft, write nothing').parse().opts<{ check?: boolean }>()
  await ready()
  const training = deskSft(), all: number[] = [], started = process.cpuUsage()
  for await (const { step, loss, epoch } of training) {
    all.push(loss)
    if (step % 20 === 0) process.stderr.write(`\rstep ${step}, ${(100 * epoch).toFixed(0)}%, loss ${loss.toFixed(3)} `)
  }
  const { user, system } = process.cpuUsage(started), model = { config: DESK_CONFIG, params: training.state.models.policy }
  process.stderr.write(`\n${((user + system) / 1e6).toFixed(0)} s of processor time\n`)
  const losses = Array.from({ length: Math.ceil(all.length / 40) }, (_, i) => all.slice(40 * i, 40 * (i + 1))).map((some, i) => ({ step: Math.min(all.length, 40 * (i + 1)), loss: round(mean(some)) }))
  const figures: DeskPolicyFigures = { settings: { ...DESK_SFT, betas: [...DESK_SFT.betas] }, firstLosses: all.slice(0, 20).map(round), losses, heldOut: measure(model) }
  if (check) {
    const found = differences(figures, deskPolicyFigures())
    process.stdout.write(found.length ? `data/sft is not what training gives now; run npm run data:sft\n${found.join('\n')}\n` : 'data/sft is what training gives\n')
    process.exitCode = found.length ? 1 : 0
    return
  }
  const folder = clonePath('data', 'sft')
  saveModel(folder, { ...model, tokenizer: deskTokenizer() })
  writeAtomic(join(folder, 'figures.json'), `${JSON.stringify(figures, null, 2)}\n`)
  writeAtomic(join(folder, 'README.md'), readme(figures, countParams(model.params)))
  process.stdout.write(`${folder}: ${JSON.stringify(figures.heldOut)}\n`)
}

void main()
