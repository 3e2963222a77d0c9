// .venv-oracle: PyTorch and transformers, against which unit tests check our numbers. `npm test` makes it; `npm start` does not need it.
import './node-version.mjs'
import { oracle, pythonOf } from './paths.mjs'
import { environment, install } from './python.mjs'
import { step } from './say.mjs'

// Not in the requirements file: the wheel, and so its hash, differs by machine. The index has CPU builds, a tenth of the size.
const torch = 'torch==2.13.0'
const cpuIndex = 'https://download.pytorch.org/whl/cpu'

/** Makes the environment where it is not up to date and resolves to its Python. */
export async function oraclePython() {
  await step('oracle for tests', note => environment(oracle, ['requirements-oracle.txt', torch], note, () => {
    note('PyTorch')
    return install(oracle, [torch, ...(process.platform === 'linux' ? ['--extra-index-url', cpuIndex] : [])])
  }))
  return pythonOf(oracle)
}

if (process.argv[1] === import.meta.filename) console.log(await oraclePython())
