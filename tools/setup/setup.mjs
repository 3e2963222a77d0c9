// What `npm start` and `npm test` have in common: everything a lab needs, each step with its time. A step whose work is done
// already costs milliseconds.
import { createRequire } from 'node:module'
import { statSync } from 'node:fs'
import path from 'node:path'
import { addonState, ensureAddon, hasLibraries, sweepNative } from './binding.mjs'
import { build } from './build.mjs'
import { kernelspec } from './jupyter.mjs'
import { withLock } from './lock.mjs'
import { npmPackages } from './npm.mjs'
import { cache, native, read, root, write } from './paths.mjs'
import { hasLab, jupyter } from './python.mjs'
import { say, SetupError, step } from './say.mjs'

const failures = path.join(native, 'failed.json')
const day = 24 * 3600 * 1000

/** Runs `work` while no other set-up runs in this clone. */
export const alone = work => withLock(path.join(cache, 'setup.lock'), process.argv.slice(1).map(file => path.basename(file)).join(' '), work, {
  onWait: owner => say(`another set-up (process ${owner.pid ?? '?'}) is at work in this clone: waiting for it`),
})

/** Builds the addon for a variant, or says in one line why not: labs run without it, only slower. A failure is not tried again
 *  by every start, but by `npm run native`, by a changed lock file, or after a day. */
async function addon(variant) {
  const name = variant === 'gpu' ? 'native TensorFlow (GPU)' : 'native TensorFlow'
  const lock = path.join(root, 'package-lock.json')
  const failed = JSON.parse(read(failures) ?? 'null')
  if (failed && failed.lock === statSync(lock).mtimeMs && Date.now() - failed.time < day) {
    say(`${name}: left out, its build failed before (npm run native tries again)`)
    return
  }
  try {
    await step(name, note => ensureAddon(variant, note))
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    write(failures, JSON.stringify({ time: Date.now(), lock: statSync(lock).mtimeMs }) + '\n')
    say(`${error.message}\nContinuing with wasm, about three times slower; npm run native tries again.`)
  }
}

/** The library's own choice of a backend, as it will be in a lab. */
export function backend() {
  const { choose, inform } = createRequire(import.meta.url)(path.join(root, 'lib/dist/tensor/backend/choose.js'))
  const choice = choose()
  return { choice, info: inform(choice) }
}

/** Native TensorFlow where it is missing, then the choice of a backend; a stock addon that does not load is replaced by ours. */
async function tensors({ noNative }) {
  sweepNative()
  const wanted = variant => !noNative && (variant === 'cpu' || hasLibraries('gpu'))
  for (const variant of ['cpu', 'gpu']) {
    if (wanted(variant) && ['missing', 'outdated'].includes(addonState(variant))) await addon(variant)
  }
  const refused = () => backend().choice.refused.some(probe => probe.name === 'tensorflow')
  if (wanted('cpu') && addonState('cpu') === 'stock' && refused()) await addon('cpu')
  let info
  await step('tensor backend', () => {
    ({ info } = backend())
    return info.label
  })
  if (info.faster) say(`  faster: ${info.faster}`)
  return info
}

/**
 * Sets up what is missing. Without Python there is no JupyterLab, but everything else is made all the same: resolves to
 * { info, lab } with the backend and whether JupyterLab can start.
 */
export async function setup({ noNative = false } = {}) {
  return await alone(async () => {
    await step('npm packages', npmPackages)
    let lab = true
    try {
      await step('Python packages', jupyter)
    } catch (error) {
      if (!(error instanceof SetupError)) throw error
      say(error.message)
      lab = await hasLab()
      if (lab) say('Continuing with the Python packages of before.')
    }
    await step('library and kernel', build)
    if (lab) kernelspec()
    const info = await tensors({ noNative })
    return { info, lab }
  })
}

/** Prints an error that has a remedy as its message alone, others whole, and ends the process. */
export function fail(error) {
  console.error(error instanceof SetupError ? error.message : error)
  process.exit(1)
}
