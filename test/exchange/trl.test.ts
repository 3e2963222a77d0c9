import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { ANNOTATORS } from '../../lib/desk/annotators'
import { allSumTasks } from '../../lib/desk/arithmetic'
import { EOS, promptTokens, replyTokens } from '../../lib/desk/vocabulary'
import { deskPolicy } from '../../lib/exchange/deskPolicy'
import { loadModel } from '../../lib/exchange/huggingface'
import type { PretrainedModel } from '../../lib/exchange/huggingface'
import { sumPolicy } from '../../lib/exchange/sumPolicy'
import { exportCpoToTrl, exportDpoToTrl, exportGrpoToTrl, exportKtoToTrl, exportOrpoToTrl, exportRewardToTrl, exportSftToTrl } from '../../lib/exchange/trl'
import { withScoreHead } from '../../lib/model/heads'
import { adamw } from '../../lib/model/optimiser'
import { disposeParams } from '../../lib/model/params'
import { responseLogps } from '../../lib/rollout/evaluate'
import { ready } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { deskComparisons, judgeComparisons } from '../../lib/train/deskReward'
import { dpo } from '../../lib/train/dpo'
import { grpo } from '../../lib/train/grpo'
import { DR_GRPO, GRPO } from '../../lib/train/grpoVariants'
import { kto } from '../../lib/train/kto'
import { cpo, orpo, simpo } from '../../lib/train/referenceFree'
import { rewardModel } from '../../lib/train/rewardModel'
import { sft } from '../../lib/train/sft'
import type { Training } from '../../lib/train/training'
import { disposeTraining } from '../../lib/train/training'
import { oracle, oraclePython } from '../oracle'

/** Runs the train.py of every folder as a program, one after another, in one Python. */
const driver = `
import runpy, sys
for folder in sys.argv[1:]:
    sys.path[0] = folder
    runpy.run_path(folder + '/train.py', run_name='__main__')
    sys.modules.pop('rewards', None)
`
/** 1 for a completion that ends and names the answer last; writes down what it was asked, for the test. */
const rewards = `
import json
from pathlib import Path

def reward(prompts, completions, completion_ids, answer, **columns):
    with open(Path(__file__).with_name('seen.jsonl'), 'a') as seen:
        seen.write(json.dumps({'prompts': prompts, 'completions': completions, 'ids': completion_ids, 'answer': answer}) + '\\n')
    return [float(text.split()[-2:-1] == [str(a)]) for text, a in zip(completions, answer)]
`
type Records = Readonly<Record<string, number>>[]
const batchSize = 12, steps = 3, lr = 5e-4, some = { batchSize, steps, lr }, constant = { batchSize, steps, shuffle: false, optimiser: adamw({ lr, maxGradNorm: 1 }), schedule: () => lr }

describe('exchange/trl: runs of every method under TRL itself', function () {
  this.timeout(300_000)
  let folder: string, model: PretrainedModel, scorer: PretrainedModel, adder: PretrainedModel, stderr: string
  const pairs = judgeComparisons(deskComparisons(48, 1), ANNOTATORS.fair, Random.seed(2)).map(({ prompt, chosen, rejected }) =>
    ({ prompt: { ids: promptTokens(prompt.text) }, chosen: replyTokens(chosen as string), rejected: replyTokens(rejected as string) }))
  const whole = (side: 'chosen' | 'rejected') => pairs.map(p => [...p.prompt.ids, ...p[side]])
  const thumbs = pairs.map((p, i) => ({ prompt: p.prompt, tokens: i % 3 === 0 ? p.rejected : p.chosen, liked: i % 3 !== 0 }))
  const examples = pairs.map(p => ({ ids: [...p.prompt.ids, ...p.chosen], promptLength: p.prompt.ids.length }))
  const tasks = allSumTasks().filter((t, _, all) => t.ids.length === all[0].ids.length).slice(0, 8)
  const at = (name: string) => join(folder, name), lines = <T>(file: string) => readFileSync(file, 'utf8').trim().split('\n').map(line => JSON.parse(line) as T)
  const theirs = (name: string) => lines<Records[number]>(join(at(name), 'log.jsonl'))

  async function ours(training: Training<object>): Promise<Records> {
    const records: Records[number][] = []
    for await (const record of training) records.push(record as Records[number])
    disposeTraining(training)
    return records
  }

  /** Every named figure of every step, to 1e-4, relatively where it is above 1. */
  function agree(name: string, records: Records, figures: readonly string[]): void {
    const there = theirs(name)
    expect(there.length, name).to.equal(records.length)
    for (const [t, record] of records.entries()) for (const figure of figures) {
      expect(there[t][figure], `${name}, step ${t + 1}, ${figure}`).to.be.closeTo(record[figure], 1e-4 * Math.max(1, Math.abs(record[figure])))
    }
  }

  before(async () => {
    await ready()
    folder = mkdtempSync(join(tmpdir(), 'rlhf-trl-'))
    model = deskPolicy()
    adder = sumPolicy()
    scorer = { ...model, params: withScoreHead(model.params, model.config, Random.seed(3)) }
    exportDpoToTrl(at('dpo'), { model, pairs, ...some, beta: 0.2 })
    exportKtoToTrl(at('kto'), { model, thumbs, ...some, beta: 0.2, undesirableWeight: 2 })
    exportSftToTrl(at('sft'), { model, examples, ...some })
    exportRewardToTrl(at('reward'), { model: scorer, pairs, ...some, centring: 0.01 })
    exportOrpoToTrl(at('orpo'), { model, pairs, ...some, beta: 0.3 })
    exportCpoToTrl(at('cpo'), { model, pairs, ...some, beta: 0.2, nllWeight: 0.5 })
    exportCpoToTrl(at('simpo'), { model, pairs, ...some, lossType: 'simpo', nllWeight: 0, gamma: 0.5 })
    for (const [name, more] of Object.entries({ grpo: {}, dr_grpo: { lossType: 'dr_grpo', scaleRewards: 'none' } } as const)) {
      exportGrpoToTrl(at(name), { model: adder, prompts: tasks, rewardProgram: rewards, columns: task => ({ answer: task.answer }), groups: 4, groupSize: 4, steps: 2, lr, maxNewTokens: 24, inOrder: true, ...more })
    }
    const names = ['dpo', 'kto', 'sft', 'reward', 'orpo', 'cpo', 'simpo', 'grpo', 'dr_grpo'];
    ({ stderr } = await promisify(execFile)(oraclePython, ['-c', driver, ...names.map(at)], { maxBuffer: 1e9, env: { ...process.env, HF_HUB_OFFLINE: '1', HF_HOME: at('hub'), TOKENIZERS_PARALLELISM: 'false', TRL_EXPERIMENTAL_SILENCE: '1', CUDA_VISIBLE_DEVICES: '', OMP_NUM_THREADS: '1' } }))
  })
  after(() => {
    rmSync(folder, { recursive: true })
    scorer.params['score.weight'].dispose()
    for (const { params } of [model, adder]) disposeParams(params)
  })

  it('cuts no prompt', () => expect(stderr).not.match(/not a prefix/))

  it('DPO: our losses, rewards, log-probs and gradients to 1e-4, and its trained model comes back as ours', async () => {
    const training = dpo({ model, pairs, ...constant, beta: 0.2 }), records: Records[number][] = []
    for await (const record of training) records.push(record as unknown as Records[number])
    agree('dpo', records, ['loss', 'rewards/chosen', 'rewards/rejected', 'rewards/margins', 'logps/chosen', 'logps/rejected', 'grad_norm'])
    // before the first update all rewards are 0 but for rounding, which decides the accuracy there
    for (let t = 1; t < steps; t++) expect(theirs('dpo')[t]['rewards/accuracies'], `step ${t + 1}, accuracy`).to.be.closeTo(records[t]['rewards/accuracies'], 1e-6)
    expect(records[steps - 1]['rewards/margins'], 'it learns').to.be.greaterThan(records[0]['rewards/margins'])
    const back = loadModel(join(at('dpo'), 'trained'))
    for (const [name, tensor] of Object.entries(training.state.models.policy)) {
      const theirWeights = back.params[name].dataSync(), third = tensor.size / 3
      tensor.dataSync().forEach((weight, i) => {
        // the key third of c_attn.bias has no gradient but rounding, which AdamW scales up
        if (!name.endsWith('c_attn.bias') || i < third || i >= 2 * third) expect(theirWeights[i], `${name}[${i}]`).to.be.closeTo(weight, 5e-4)
      })
    }
    disposeTraining(training)
    disposeParams(back.params)
  })

  it('KTO: losses, the reference point, rewards, log-probs and gradients', async () => {
    agree('kto', await ours(kto({ model, thumbs, ...constant, beta: 0.2, undesirableWeight: 2 })), ['loss', 'kl', 'rewards/chosen', 'rewards/rejected', 'logps/chosen', 'logps/rejected', 'grad_norm'])
  })
  it('SFT: losses, accuracy, entropy and gradients', async () => {
    agree('sft', await ours(sft({ model, examples, ...constant })), ['loss', 'mean_token_accuracy', 'entropy', 'grad_norm'])
  })
  it('reward model: losses, margins, rewards and gradients', async () => {
    agree('reward', await ours(rewardModel({ model: scorer, pairs: whole('chosen').map((chosen, i) => ({ chosen, rejected: whole('rejected')[i] })), ...constant, centring: 0.01 })), ['loss', 'accuracy', 'margin', 'min_reward', 'mean_reward', 'max_reward', 'grad_norm'])
  })
  it('ORPO, CPO and SimPO: losses, likelihoods, rewards and gradients', async () => {
    agree('orpo', await ours(orpo({ model, pairs, ...constant, beta: 0.3, nllOnPrompt: true })), ['loss', 'nll_loss', 'rewards/margins', 'log_odds_chosen', 'grad_norm'])
    agree('cpo', await ours(cpo({ model, pairs, ...constant, beta: 0.2, nllWeight: 0.5 })), ['loss', 'nll_loss', 'rewards/margins', 'logps/chosen', 'grad_norm'])
    agree('simpo', await ours(simpo({ model, pairs, ...constant, gamma: 0.5 })), ['loss', 'rewards/margins', 'grad_norm'])
  })

  for (const [name, variant] of Object.entries({ grpo: GRPO, dr_grpo: DR_GRPO })) {
    it(`GRPO (${name}): samples there, judges by rewards.py, and the loss and gradient of its replies are ours`, async () => {
      const seen = lines<{ ids: number[][], completions: string[], answer: number[] }>(join(at(name), 'seen.jsonl'))[0], records = theirs(name)
      expect(records.length).to.equal(2)
      expect(seen.answer).to.deep.equal(tasks.slice(0, 4).flatMap(t => [t.answer, t.answer, t.answer, t.answer]))
      seen.ids.forEach((ids, i) => expect(adder.tokenizer!.decode(ids, { skipSpecial: true })).to.equal(seen.completions[i]))
      const replies = seen.ids.map((tokens, i) => ({ prompt: tasks[Math.floor(i / 4)], tokens, stopped: tokens.at(-1) === EOS })), logps = responseLogps(adder, replies)
      const judged = seen.completions.map((text, i) => Number(text.split(' ').at(-2) === String(seen.answer[i])))
      const [first] = await ours(grpo({
        ...variant, policy: adder, prompts: tasks, groups: 4, groupSize: 4, steps: 1, maxNewTokens: 24, stopTokens: [EOS], shuffle: false, optimiser: adamw({ lr, maxGradNorm: 1 }), schedule: () => lr,
        sample: () => replies.map((r, i) => ({ ...r, logpOld: logps[i] })), reward: () => judged,
      }))
      expect(new Set(judged).size, 'some replies are right and some wrong').to.equal(2)
      for (const figure of ['loss', 'reward', 'reward_std', 'grad_norm', 'entropy', 'completions/mean_length']) expect(records[0][figure], figure).to.be.closeTo(first[figure], 1e-4 * Math.max(1, Math.abs(first[figure])))
    })
  }

  it('writes an accelerate configuration that accelerate reads', () => {
    const config = oracle<Record<string, unknown>>(`
from accelerate.commands.config.config_args import load_config_from_file
c = load_config_from_file(arg)
print(json.dumps({'type': c.distributed_type.value, 'processes': c.num_processes, 'precision': c.mixed_precision}))`, join(at('grpo'), 'accelerate.yaml'))
    expect(config).to.deep.equal({ type: 'MULTI_GPU', processes: 8, precision: 'no' })
  })

  it('refuses what TRL would read otherwise', () => {
    const [first, second] = pairs, nowhere = at('nowhere')
    expect(() => exportDpoToTrl(nowhere, { model, pairs: [{ ...first, chosen: first.chosen.slice(0, -1) }] })).to.throw('pair 0: chosen does not end with the end token')
    expect(() => exportDpoToTrl(nowhere, { model: { ...model, tokenizer: undefined }, pairs })).to.throw('needs a tokenizer')
    expect(() => exportDpoToTrl(nowhere, { model, pairs: [] })).to.throw('no pairs')
    const alike = [first.chosen, first.rejected, second.chosen].map((tokens, i) => ({ prompt: (i < 2 ? first : second).prompt, tokens, liked: i !== 1 }))
    expect(() => exportKtoToTrl(nowhere, { model, thumbs: alike })).to.throw('thumb 1 has the prompt of the one before it')
    expect(() => exportRewardToTrl(nowhere, { model, pairs })).to.throw('score.weight is missing')
    const sums = { model: adder, prompts: tasks, rewardProgram: rewards, maxNewTokens: 24 }
    expect(() => exportGrpoToTrl(nowhere, { ...sums, rewardProgram: 'score = 1' })).to.throw('defines no function reward')
    expect(() => exportGrpoToTrl(nowhere, { ...sums, prompts: [tasks[0], { ids: tasks[0].ids.slice(1) }] })).to.throw('shiftedPositions')
    expect(() => exportSftToTrl(nowhere, { model, examples, batchSize: 0 })).to.throw('batchSize')
  })
})
