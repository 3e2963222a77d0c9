// Makes data/reward, the desk's reward model:  npm run data:reward   (with -- --check: trains again and compares, writes nothing)
import { join } from 'node:path'
import { Command } from 'commander'
import { FAIR } from '../../lib/desk/annotators'
import { gold } from '../../lib/desk/reward'
import { drawPrompts } from '../../lib/desk/scenarios'
import { pearson } from '../../lib/evaluate/correlation'
import { clonePath } from '../../lib/exchange/clone'
import { deskPolicy } from '../../lib/exchange/deskPolicy'
import { deskScorerFigures } from '../../lib/exchange/deskScorer'
import type { DeskScorerFigures } from '../../lib/exchange/deskScorer'
import { saveModel } from '../../lib/exchange/huggingface'
import type { LanguageModel } from '../../lib/model/params'
import { ready } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { writeAtomic } from '../../lib/train/atomic'
import { deskTokenizer } from '../../lib/train/desk'
import { sampledComparisons } from '../../lib/train/deskPairs'
import { deskComparisons, deskRewardModel, deskScores, judgeComparisons, rewardPairs } from '../../lib/train/deskReward'

/** clerks: pairs of clerks' replies; own: prompts with two replies of the policy each, so that its mistakes are known to the reward model too. */
const SETTINGS = { clerks: 24_000, own: 8000, epochs: 1, seed: 0 }
const round = (x: number) => Number(x.toFixed(4))

/** Held-out figures of a reward model, on prompts that training never sees. */
function measure(policy: LanguageModel, model: LanguageModel): DeskScorerFigures['heldOut'] {
  const seed = 1000, shown = sampledComparisons(policy, drawPrompts(800, seed, { heldOut: true }), { random: Random.seed(seed) }), prompts = shown.map(x => x.prompt)
  const [a, b] = (['a', 'b'] as const).map(k => ({ scores: Array.from(deskScores(model, prompts, shown.map(x => x[k]))), golds: shown.map(x => gold(x.prompt, x[k]).total) }))
  const apart = shown.flatMap((_, i) => a.golds[i] === b.golds[i] ? [] : [Number(a.scores[i] > b.scores[i] === a.golds[i] > b.golds[i])])
  return { pairs: apart.length, seed, accuracy: round(apart.reduce((x, y) => x + y, 0) / apart.length), pearson: round(pearson([...a.scores, ...b.scores], [...a.golds, ...b.golds]).statistic) }
}

const readme = ({ heldOut: h }: DeskScorerFigures) => `# The desk's reward model

The reward model that policies are trained against: the fine-tuned policy's trunk (data/sft) with a scalar head at the last token. A Hugging Face
folder: \`AutoModelForSequenceClassification.from_pretrained('data/reward')\` reads it, and so does \`deskScorer()\` of \`rlhf-labs\`.

Made by \`npm run data:reward\` (tools/data/reward.ts) with the settings of lib/train/deskReward.ts: the fair annotator of lib/desk/annotators.ts
chose from two clerks' replies to each of ${SETTINGS.clerks} prompts and from two replies of the policy to each of ${SETTINGS.own}; every pair is seen once, seed ${SETTINGS.seed}.
\`npm run data:reward -- --check\` trains it again and compares; either takes about three minutes of one core.

On ${h.pairs} held-out pairs of the policy's own replies it orders ${(100 * h.accuracy).toFixed(1)}% as the true reward does; its scores correlate with the true reward by ${h.pearson} (Pearson).
Good enough to climb, wrong enough to be gamed.
`

async function main(): Promise<void> {
  const { check } = new Command('npm run data:reward --').option('--check', 'train again and compare with data/reward, write nothing').parse().opts<{ check?: boolean }>()
  await ready()
  const policy = deskPolicy(), { clerks, own, epochs, seed } = SETTINGS
  const shown = [...deskComparisons(clerks, seed), ...sampledComparisons(policy, drawPrompts(own, seed), { random: Random.seed(seed).split('own') })]
  const judged = judgeComparisons(shown, FAIR, Random.seed(seed).split('labels'))
  const training = deskRewardModel({ model: policy, pairs: rewardPairs(judged), seed, epochs })
  for await (const { step, loss } of training) if (step % 20 === 0) process.stderr.write(`\rstep ${step}, loss ${loss.toFixed(3)} `)
  process.stderr.write('\n')
  const model = { config: policy.config, params: training.state.models.reward }, figures: DeskScorerFigures = { settings: SETTINGS, heldOut: measure(policy, model) }
  if (check) {
    const then = deskScorerFigures().heldOut, apart = Math.abs(figures.heldOut.accuracy - then.accuracy) > 0.04 || Math.abs(figures.heldOut.pearson - then.pearson) > 0.08
    process.stdout.write(apart ? `data/reward is not what training gives now; run npm run data:reward\n${JSON.stringify(figures)}\n` : 'data/reward is what training gives\n')
    process.exitCode = Number(apart)
    return
  }
  const folder = clonePath('data', 'reward')
  saveModel(folder, { ...model, tokenizer: deskTokenizer() })
  writeAtomic(join(folder, 'figures.json'), `${JSON.stringify(figures, null, 2)}\n`)
  writeAtomic(join(folder, 'README.md'), readme(figures))
  process.stdout.write(`${folder}: ${JSON.stringify(figures.heldOut)}\n`)
}

void main()
