import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { hotelPrompts } from '../../lib/desk/hotel'
import { readTokenPairs } from '../../lib/exchange/datasets'
import { loadModel } from '../../lib/exchange/huggingface'
import { exportDpoToTrl } from '../../lib/exchange/trl'
import { disposeParams } from '../../lib/model/params'
import { ready } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { dpo } from '../../lib/train/dpo'
import type { DpoMetrics } from '../../lib/train/dpo'
import { HOTEL_CONFIG, HOTEL_DPO, HOTEL_TRL, hotelDpo, hotelPairs, hotelReplies, hotelSft, hotelTokenizer } from '../../lib/train/hotel'
import { hotelFeedback, hotelSafetyPairs } from '../../lib/train/hotelLog'
import { disposeTraining } from '../../lib/train/training'
import { oraclePython } from '../oracle'

/** Lab 16's run, made smaller: the same code makes model, tokenizer, log, pairs and settings. */
describe('exchange/capstone: what lab 16 exports runs under TRL', function () {
  this.timeout(300_000)
  let folder: string
  before(ready)
  before(() => { folder = mkdtempSync(join(tmpdir(), 'rlhf-capstone-')) })
  after(() => rmSync(folder, { recursive: true }))

  it('unchanged, from the folder alone, with the first losses of the run here to 1e-4', async () => {
    const start = hotelSft({ demonstrations: 160, epochs: 1 })
    for await (const record of start) void record
    const model = { config: HOTEL_CONFIG, params: start.state.models.policy, tokenizer: hotelTokenizer() }
    const keys = hotelPrompts(24, Random.seed(1), { only: f => f.passport === false }), clerks = hotelReplies(model, keys, { temperature: 0 }).map(r => r.text)
    const records = [...hotelFeedback(90, Random.seed(2)).filter(r => r.chosen !== r.rejected), ...hotelSafetyPairs(keys, clerks, Random.seed(3))]
    const options = hotelDpo(hotelPairs(Random.seed(4).shuffle(records))), { pairs, beta, batchSize } = options, steps = 4
    exportDpoToTrl(folder, { model, pairs, beta, batchSize, steps, lr: HOTEL_DPO.lr, settings: HOTEL_TRL })

    const training = dpo({ model, ...options, steps }), ours: DpoMetrics[] = []
    for await (const metrics of training) ours.push(metrics)
    await promisify(execFile)(oraclePython, ['train.py'], { cwd: folder, env: { ...process.env, HF_HUB_OFFLINE: '1', HF_HOME: join(folder, 'hub'), TOKENIZERS_PARALLELISM: 'false', CUDA_VISIBLE_DEVICES: '', OMP_NUM_THREADS: '1' } })
    const theirs = readFileSync(join(folder, 'log.jsonl'), 'utf8').trim().split('\n').map(line => JSON.parse(line) as DpoMetrics)
    expect(theirs.length).equal(steps)
    for (const [t, record] of ours.entries()) for (const name of ['loss', 'rewards/margins', 'logps/chosen', 'grad_norm'] as const) {
      expect(theirs[t][name], `step ${t + 1}, ${name}`).closeTo(record[name], 1e-4 * Math.max(1, Math.abs(record[name])))
    }

    const back = loadModel(join(folder, 'trained')), own = loadModel(join(folder, 'model'))
    expect((await readTokenPairs(join(folder, 'train.jsonl'), own.tokenizer!))).deep.equal(pairs)
    expect(hotelReplies(back, keys, { temperature: 0 })).deep.equal(hotelReplies({ ...model, params: training.state.models.policy }, keys, { temperature: 0 }))
    for (const t of [start, training]) disposeTraining(t)
    for (const m of [back, own]) disposeParams(m.params)
  })
})
