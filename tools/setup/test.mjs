// npm test: the same set-up as npm start, then every check there is. Its last line is `N passed, N failed`.
import './node-version.mjs'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { authorPython } from './author.mjs'
import { flags } from './flags.mjs'
import { jupyterEnvironment } from './jupyter.mjs'
import { oraclePython } from './oracle.mjs'
import { cache, read, root } from './paths.mjs'
import { indent, run, say, SetupError, step } from './say.mjs'
import { alone, setup } from './setup.mjs'
import { unit } from './unit.mjs'

const options = flags('npm test -- [--no-native]', { 'no-native': { type: 'boolean' } })
const total = { passed: 0, failed: 0 }

/** Runs a step that counts its own results; an error in it, or a failure that it did not count, counts as one. */
async function counted(name, work) {
  let result = { passed: 0, failed: 1 }
  let report = ''
  try {
    await step(name, async note => {
      result = await work(note)
      report = result.report ?? ''
      return `${result.passed} passed, ${result.failed} failed`
    })
  } catch (error) {
    report = error instanceof SetupError ? error.message : error.stack
  }
  if (result.failed > 0 && report) say(indent(report))
  total.passed += result.passed
  total.failed += result.failed
}

const program = file => path.join(root, 'node_modules', file)

/** One check that passes or fails as a whole. */
async function check(file, args) {
  const { code, tail, out } = await run(process.execPath, [program(file), ...args], { cwd: root })
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1, report: out.trim() || tail }
}

/** Runs every lab headlessly in both forms. */
async function labs(note) {
  const summary = path.join(cache, 'labs.json')
  rmSync(summary, { force: true })
  const { code, tail } = await run(process.execPath, [path.join(root, 'tools/labs/labs.mjs'), 'check', '--no-setup', '--summary', summary], { cwd: root, env: jupyterEnvironment, onLine: line => note(line.slice(0, 100)) })
  const text = read(summary)
  if (!text) return { passed: 0, failed: 1, report: `labs wrote no summary (${code}):\n${tail}` }
  const { passed, failed } = JSON.parse(text)
  return { passed, failed: Math.max(failed, code === 0 && passed > 0 ? 0 : 1), report: tail }
}

async function main() {
  const { lab } = await setup({ noNative: options['no-native'] })
  let oracle
  try {
    oracle = await alone(oraclePython)
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    say(`${error.message}\nTests that compare with PyTorch will fail.`)
  }
  try {
    await alone(authorPython)
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    say(`${error.message}\nTests of grading, diffs and the site will fail.`)
  }
  await counted('type check', () => check('typescript/bin/tsc', ['-p', 'tsconfig.json']))
  await counted('lint', () => check('eslint/bin/eslint.js', ['--max-warnings', '0', '.']))
  await counted('rooms', () => check('dependency-cruiser/bin/dependency-cruise.mjs', ['--config', '.dependency-cruiser.cjs', 'lib']))
  await counted('unit tests', note => unit(note, oracle ? { RLHF_ORACLE_PYTHON: oracle } : {}))
  // Trains the policy that all labs start from once more, which takes under a minute.
  await counted('data/sft', () => check('tsx/dist/cli.mjs', ['tools/data/sft.ts', '--check']))
  await counted('labs', note => lab ? labs(note) : { passed: 0, failed: 1, report: 'labs need JupyterLab, and so Python' })
}

await main().catch(error => {
  total.failed++
  say(error instanceof SetupError ? error.message : error.stack)
})
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed === 0 ? 0 : 1)
