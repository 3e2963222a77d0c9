import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** The same tests on the backend that installs everywhere: composites, goldens and generation must not depend on the native one. */
describe('tensor and model on wasm', () => {
  const root = join(__dirname, '../..'), mocha = join(root, 'node_modules/mocha/bin/mocha.js')
  const files = ['tensor/layers', 'tensor/masked', 'model/forward', 'model/generate', 'model/model'].map(name => `test/${name}.test.ts`)
  it('pass there too', function () {
    this.timeout(300_000)
    const run = spawnSync(process.execPath, [mocha, '--no-config', '--require', 'tsx/cjs', '--extension', 'ts', '--timeout', '60000', ...files], { cwd: root, encoding: 'utf8', env: { ...process.env, RLHF_BACKEND: 'wasm' } })
    expect(run.status, run.stdout.slice(-3000) + run.stderr.slice(-1000)).to.equal(0)
    expect(Number(/(\d+) passing/.exec(run.stdout)?.[1])).to.be.at.least(60)
  })
})
