import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { ANNOTATORS } from '../../lib/desk/annotators'
import { promptTokens, replyTokens } from '../../lib/desk/vocabulary'
import { deskPolicy } from '../../lib/exchange/deskPolicy'
import { loadModel } from '../../lib/exchange/huggingface'
import type { PretrainedModel } from '../../lib/exchange/huggingface'
import { exportDpoToTrl } from '../../lib/exchange/trl'
import { adamw } from '../../lib/model/optimiser'
import { disposeParams } from '../../lib/model/params'
import { ready } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { deskComparisons, judgeComparisons } from '../../lib/train/deskReward'
import { dpo } from '../../lib/train/dpo'
import type { DpoMetrics } from '../../lib/train/dpo'
import type { TokenPair } from '../../lib/train/pairs'
import { disposeTraining } from '../../lib/train/training'
import { oracle, oraclePython } from '../oracle'

const compared = ['loss', 'rewards/chosen', 'rewards/rejected', 'rewards/margins', 'logps/chosen', 'logps/rejected', 'grad_norm'] as const

describe('exchange/trl: a desk run under TRL itself', function () {
  this.timeout(300_000)
  let folder: string, model: PretrainedModel, pairs: TokenPair[]
  before(async () => {
    await ready()
    folder = mkdtempSync(join(tmpdir(), 'rlhf-trl-'))
    model = deskPolicy()
    pairs = judgeComparisons(deskComparisons(48, 1), ANNOTATORS.fair, Random.seed(2)).map(({ prompt, chosen, rejected }) =>
      ({ prompt: { ids: promptTokens(prompt.text) }, chosen: replyTokens(chosen as string), rejected: replyTokens(rejected as string) }))
  })
  after(() => { rmSync(folder, { recursive: true }); disposeParams(model.params) })

  it('loads model, tokenizer, pairs and config unchanged, gives our first losses to 1e-4, and its trained model comes back as ours', async () => {
    const batchSize = 12, steps = 4, lr = 5e-4, beta = 0.2
    exportDpoToTrl(folder, { model, pairs, batchSize, steps, lr, beta })
    const { stderr } = await promisify(execFile)(oraclePython, [join(folder, 'train.py')], { env: { ...process.env, HF_HUB_OFFLINE: '1', HF_HOME: join(folder, 'hub'), TOKENIZERS_PARALLELISM: 'false', CUDA_VISIBLE_DEVICES: '', OMP_NUM_THREADS: '1' } })
    const theirs = readFileSync(join(folder, 'log.jsonl'), 'utf8').trim().split('\n').map(line => JSON.parse(line) as DpoMetrics)
    expect(stderr, 'no prompt is cut').not.match(/not a prefix/)

    const training = dpo({ model, pairs, batchSize, steps, beta, shuffle: false, optimiser: adamw({ lr, maxGradNorm: 1 }), schedule: () => lr }), ours: DpoMetrics[] = []
    for await (const metrics of training) ours.push(metrics)
    expect(theirs.length).to.equal(steps)
    for (const [t, record] of ours.entries()) for (const name of compared) {
      expect(theirs[t][name], `step ${t + 1}, ${name}`).to.be.closeTo(record[name], 1e-4 * Math.max(1, Math.abs(record[name])))
    }
    // before the first update all rewards are 0 but for rounding, which decides the accuracy there
    for (let t = 1; t < steps; t++) expect(theirs[t]['rewards/accuracies'], `step ${t + 1}, accuracy`).to.be.closeTo(ours[t]['rewards/accuracies'], 1e-6)
    expect(ours[steps - 1]['rewards/margins'], 'it learns').to.be.greaterThan(ours[0]['rewards/margins'])

    const back = loadModel(join(folder, 'trained'))
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

  it('writes an accelerate configuration that accelerate reads', () => {
    const config = oracle<Record<string, unknown>>(`
from accelerate.commands.config.config_args import load_config_from_file
c = load_config_from_file(arg)
print(json.dumps({'type': c.distributed_type.value, 'processes': c.num_processes, 'precision': c.mixed_precision}))`, join(folder, 'accelerate.yaml'))
    expect(config).to.deep.equal({ type: 'MULTI_GPU', processes: 8, precision: 'no' })
  })

  it('refuses what TRL would read otherwise', () => {
    const [first] = pairs
    expect(() => exportDpoToTrl(folder, { model, pairs: [{ ...first, chosen: first.chosen.slice(0, -1) }] })).to.throw('pair 0: chosen does not end with the end token')
    expect(() => exportDpoToTrl(folder, { model: { ...model, tokenizer: undefined }, pairs })).to.throw('needs a tokenizer')
    expect(() => exportDpoToTrl(folder, { model, pairs: [] })).to.throw('no pairs')
  })
})
