// Makes data/arithmetic, the desk's policy for sums:  npm run data:arithmetic   (with -- --check: trains again and compares, writes nothing)
import { join } from 'node:path'
import { Command } from 'commander'
import { allSumTasks } from '../../lib/desk/arithmetic'
import { passAtK } from '../../lib/evaluate/passAtK'
import { clonePath } from '../../lib/exchange/clone'
import { saveModel } from '../../lib/exchange/huggingface'
import { sumPolicyFigures } from '../../lib/exchange/sumPolicy'
import type { SumPolicyFigures } from '../../lib/exchange/sumPolicy'
import type { LanguageModel } from '../../lib/model/params'
import { fooledVerifier, verifierReward } from '../../lib/reward/verifier'
import { ready } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { sumReplies, sumReward, sumSft, SUM_SFT } from '../../lib/train/arithmetic'
import { writeAtomic } from '../../lib/train/atomic'
import { DESK_CONFIG, deskTokenizer } from '../../lib/train/desk'

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
const round = (x: number) => Number(x.toFixed(4))

/** Held-out figures of a policy, on tasks that training never sees. */
function measure(model: LanguageModel): SumPolicyFigures['heldOut'] {
  const seed = 1000, samples = 16, tasks = allSumTasks({ heldOut: true }), replies = sumReplies(model, tasks, { random: Random.seed(seed), samples })
  const right = Array.from(sumReward(replies)), counts = tasks.map((_, i) => right.slice(i * samples, (i + 1) * samples).reduce((a, b) => a + b, 0))
  return {
    tasks: tasks.length, samples, seed, 'pass@1': round(mean(right)), 'pass@16': round(mean(counts.map(c => passAtK(samples, c, 16)))),
    length: round(mean(replies.map(r => r.tokens.length))), stopped: round(mean(replies.map(r => Number(r.stopped)))), fooled: round(mean(Array.from(verifierReward(fooledVerifier)(replies)))),
  }
}

const readme = ({ heldOut: h }: SumPolicyFigures) => `# The desk's policy for sums

The small GPT from which labs 11 and 15 start, after supervised fine-tuning on ${SUM_SFT.demonstrations} worked sums by clerks of whom some slip and some leave an amount out.
A Hugging Face folder, as data/sft; \`sumPolicy()\` of \`rlhf-labs\` reads it.

Made by \`npm run data:arithmetic\` (lib/train/arithmetic.ts, tools/data/arithmetic.ts) with data/sft's model and settings, from fresh weights; seed ${SUM_SFT.seed}, ${SUM_SFT.epochs} epochs,
${100 * SUM_SFT.small}% of the demonstrations small sums. \`npm run data:arithmetic -- --check\` trains it again and compares; the tests repeat the first steps and measure the checkpoint.

| Figure | Value |
| --- | --- |
| pass@1: right replies | ${h['pass@1']} |
| pass@16: tasks with a right reply among 16 | ${h['pass@16']} |
| Replies that a verifier by digits passes | ${h.fooled} |
| Length of a reply, tokens | ${h.length} |
| Replies that end within 40 tokens | ${h.stopped} |

Held-out figures: ${h.tasks} tasks that do not occur in training, ${h.samples} sampled replies each (seed ${h.seed}) at temperature 1. The same for programs: figures.json.
`

async function main(): Promise<void> {
  const { check } = new Command('npm run data:arithmetic --').option('--check', 'train again and compare with data/arithmetic, write nothing').parse().opts<{ check?: boolean }>()
  await ready()
  const training = sumSft(), losses: number[] = []
  for await (const { step, loss, epoch } of training) {
    losses.push(loss)
    if (step % 20 === 0) process.stderr.write(`\rstep ${step}, ${(100 * epoch).toFixed(0)}%, loss ${loss.toFixed(3)} `)
  }
  process.stderr.write('\n')
  const model = { config: DESK_CONFIG, params: training.state.models.policy }
  const figures: SumPolicyFigures = { settings: { ...SUM_SFT }, firstLosses: losses.slice(0, 20).map(round), heldOut: measure(model) }
  if (check) {
    const then = sumPolicyFigures(), apart = figures.firstLosses.some((loss, i) => Math.abs(loss - then.firstLosses[i]) > 0.002) || Math.abs(figures.heldOut['pass@1'] - then.heldOut['pass@1']) > 0.1
    process.stdout.write(apart ? `data/arithmetic is not what training gives now; run npm run data:arithmetic\n${JSON.stringify(figures)}\n` : 'data/arithmetic is what training gives\n')
    process.exitCode = Number(apart)
    return
  }
  const folder = clonePath('data', 'arithmetic')
  saveModel(folder, { ...model, tokenizer: deskTokenizer() })
  writeAtomic(join(folder, 'figures.json'), `${JSON.stringify(figures, null, 2)}\n`)
  writeAtomic(join(folder, 'README.md'), readme(figures))
  process.stdout.write(`${folder}: ${JSON.stringify(figures.heldOut)}\n`)
}

void main()
