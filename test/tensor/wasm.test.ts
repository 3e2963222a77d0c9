import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { gptConfig } from '../../lib/model/config'
import { generate } from '../../lib/model/generate'
import { disposeParams, initParams } from '../../lib/model/params'
import { ready } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'

/** Responses of an untrained model with sharp logits, sampled from a seed. */
export async function sampledTokens(): Promise<(readonly number[])[]> {
  await ready()
  const config = gptConfig({ vocab_size: 50, n_positions: 32, n_embd: 16, n_layer: 2, n_head: 2, initializer_range: 0.4 }), params = initParams(config, Random.seed(1))
  const prompts = Array.from({ length: 20 }, (_, i) => Array.from({ length: 1 + i % 4 }, (_, j) => 3 + i + j))
  const out = generate(params, config, prompts, { maxNewTokens: 24, stopTokens: [0], temperature: 0.9, topP: 0.95, random: Random.seed(2) }).map(g => g.tokens)
  disposeParams(params)
  return out
}

const root = join(__dirname, '../..')
const onWasm = (args: readonly string[]) => spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', env: { ...process.env, RLHF_BACKEND: 'wasm' } })

/** The same on the backend that installs everywhere: composites, goldens and generation must not depend on the native one. */
describe('tensor and model on wasm', function () {
  this.timeout(300_000)

  it('pass their tests there too', () => {
    const files = ['tensor/layers', 'tensor/kernels', 'tensor/masked', 'model/forward', 'model/generate', 'model/model', 'rollout/rollout'].map(name => `test/${name}.test.ts`)
    const run = onWasm([join(root, 'node_modules/mocha/bin/mocha.js'), '--no-config', '--require', 'tsx/cjs', '--extension', 'ts', '--timeout', '60000', ...files])
    expect(run.status, run.stdout.slice(-3000) + run.stderr.slice(-1000)).to.equal(0)
    expect(Number(/(\d+) passing/.exec(run.stdout)?.[1])).to.be.at.least(85)
  })

  it('sample the same tokens from the same seed as here', async () => {
    const script = `globalThis.describe = () => {}; require(${JSON.stringify(__filename)}).sampledTokens().then(t => console.log('\\n' + JSON.stringify(t)))`
    const run = onWasm(['--require', 'tsx/cjs', '--eval', script])
    expect(run.status, run.stderr.slice(-1000)).to.equal(0)
    expect(JSON.parse(run.stdout.trim().split('\n').at(-1)!)).to.deep.equal(await sampledTokens())
  })
})
