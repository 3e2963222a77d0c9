import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { loadModel } from '../../lib/exchange/huggingface'
import { ready, tf } from '../../lib/tensor/backend'
import { RECIPES } from '../../tools/train/recipes'
import { comparison, lastValues, metricsOf } from '../../tools/train/comparison'

const root = resolve(__dirname, '../..'), execute = promisify(execFile)
const tool = (name: string, ...args: string[]) => execute(process.execPath, ['--require', 'tsx/cjs', join(root, `tools/train/${name}.ts`), ...args], { cwd: root, env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' } })
const failure = (promise: Promise<unknown>) => promise.then(() => '', (error: { stderr: string }) => error.stderr)

describe('npm run train and npm run compare', function () {
  this.timeout(300_000)
  let folder: string
  before(async () => { await ready(); folder = mkdtempSync(join(tmpdir(), 'train-cli-')) })
  after(() => rmSync(folder, { recursive: true }))

  const small = ['sft', '--n', '96', '--every', '4', '--out']
  it('ends a run that was stopped as one that was not, and writes log, checkpoints, model and events', async () => {
    const [whole, halves] = ['whole', 'halves'].map(name => join(folder, name))
    await tool('main', ...small, whole)
    await tool('main', ...small, halves, '--steps', '5')
    expect(readFileSync(join(halves, 'log.jsonl'), 'utf8').trim().split('\n')).to.have.length(5)
    await tool('main', ...small, halves)
    for (const name of ['log.jsonl', 'run.json', 'model/model.safetensors', 'checkpoints/step-000000012.safetensors']) expect(readFileSync(join(halves, name)).equals(readFileSync(join(whole, name))), name).to.equal(true)
    expect(loadModel(join(whole, 'model')).config.vocab_size).to.equal(277)
    const record = JSON.parse(readFileSync(join(whole, 'log.jsonl'), 'utf8').split('\n')[11]) as Record<string, number>
    expect(record.step).to.equal(12)
    expect(record).to.include.keys('loss', 'mean_token_accuracy', 'grad_norm', 'learning_rate')
    if (tf.getBackend() === 'tensorflow') {
      const events = readdirSync(join(whole, 'tensorboard')).map(name => readFileSync(join(whole, 'tensorboard', name)))
      expect(events.some(e => e.includes('mean_token_accuracy')), 'the metric is named in the event file').to.equal(true)
    }
  })

  it('refuses a folder of another run, settings that a trainer has not, and a reward model that is none', async () => {
    const taken = join(folder, 'whole')
    expect(await failure(tool('main', ...small, taken, '--lr', '0.1'))).to.match(/holds another run, .*"trainer": "sft"/)
    expect(await failure(tool('main', 'sft', '--beta', '1', '--out', taken))).to.contain("unknown option '--beta'")
    expect(await failure(tool('main', 'ppo', '--reward', taken, '--out', join(folder, 'x')))).to.contain('holds no run of a reward model')
  })

  it('starts every trainer that it names, with a record of TRL\'s metrics', async () => {
    const expected: Record<string, string> = { sft: 'mean_token_accuracy', reward: 'accuracy', kto: 'kl', ppo: 'objective/kl', grpo: 'reward_std', 'online-dpo': 'objective/kl' }
    for (const [name, recipe] of Object.entries(RECIPES)) {
      const training = recipe.start({ seed: 0, n: ['ppo', 'grpo', 'online-dpo'].includes(name) ? 1 : 8, batchSize: 4 }), first = await training.next()
      await training.return()
      expect(first.value, name).to.include.keys('step', expected[name] ?? 'rewards/margins')
      expect(training.state.models, name).to.include.keys(recipe.role)
    }
  })

  it('compares runs in one page that asks nobody, and as a picture', async () => {
    const [a, b] = ['whole', 'halves'].map(name => join(folder, name)), page = join(folder, 'compare.html'), picture = join(folder, 'compare.png')
    await tool('compare', a, b, '--out', page)
    await tool('compare', a, b, '--metrics', 'loss', '--out', picture)
    const text = readFileSync(page, 'utf8')
    expect(text.replace(/<script>[^]*?<\/script>/g, ''), 'nothing is fetched').to.not.match(/(src|href)=/)
    expect(text).to.contain('"name":"whole"').and.to.contain('mean_token_accuracy')
    expect(readFileSync(picture).subarray(1, 4).toString()).to.equal('PNG')
    writeFileSync(join(folder, 'whole', 'log.jsonl'), '{"step":1,"loss":2}\nnonsense\n')
    expect(await failure(tool('compare', a, b))).to.contain('log.jsonl, line 2: not a record with a step')
    expect(await failure(tool('compare', b, '--metrics', 'gloss'))).to.contain("no run has the metric 'gloss'")
  })

  it('draws what runs have in common, long runs in blocks', () => {
    const run = (name: string, n: number, more = {}) => ({ name, records: Array.from({ length: n }, (_, i) => ({ step: i + 1, loss: i, note: 'x', ...more })) })
    const a = run('a', 1000, { kl: 1 }), b = run('b', 20)
    expect(metricsOf([a, b])).to.deep.equal(['loss'])
    expect(metricsOf([a, b], ['kl', 'loss'])).to.deep.equal(['kl', 'loss'])
    expect([lastValues(a, 'loss'), lastValues(b, 'kl')]).to.deep.equal([949.5, undefined])
    const { data } = comparison([a, b], ['loss']), [long, short] = data as unknown as { x: number[], y: number[] }[]
    expect([long.x.length, short.x.length]).to.deep.equal([334, 20])
    expect(long.y.reduce((sum, y) => sum + y, 0) / long.y.length).to.be.closeTo(499.5, 1)
    expect(() => metricsOf([a, { name: 'c', records: [{ step: 1, other: 1 }] }])).to.throw('no metric in common')
  })
})
