// npm run native: builds the TensorFlow addon here, also where npm start left it out. Details: environment.md.
import './node-version.mjs'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { chooseVersion, ensureAddon } from './binding.mjs'
import { build } from './build.mjs'
import { flags } from './flags.mjs'
import { npmPackages } from './npm.mjs'
import { cache, native } from './paths.mjs'
import { say, step } from './say.mjs'
import { alone, backend, fail } from './setup.mjs'

const options = flags('npm run native -- [--gpu] [--tf VERSION]', { gpu: { type: 'boolean' }, tf: { type: 'string' } })
const variant = options.gpu ? 'gpu' : 'cpu'

async function main() {
  await step('npm packages', npmPackages)
  await step('library and kernel', build)
  rmSync(path.join(native, 'failed.json'), { force: true })
  chooseVersion(variant, options.tf)
  await step(options.gpu ? 'native TensorFlow (GPU)' : 'native TensorFlow', note => ensureAddon(variant, note))
  // What was found out about backends before does not count any more.
  rmSync(path.join(cache, 'backend.json'), { force: true })
  const { info } = backend()
  say(`labs run on ${info.label} (${info.why})`)
  if (options.gpu && info.device !== 'GPU') fail('The GPU build is in place but is not in use; npm run doctor says why, environment.md ("GPU") what to do.')
}

await alone(main).catch(fail)
