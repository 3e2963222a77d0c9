import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The Python that has torch, transformers and safetensors: RLHF_ORACLE_PYTHON, else .venv-oracle's. */
export const oraclePython = process.env.RLHF_ORACLE_PYTHON ?? resolve(join(__dirname, '..', '.venv-oracle', 'bin', 'python'))

/** Runs a Python program with `argument` as JSON in `arg` and returns what it prints as JSON. Throws where Python is missing or fails. */
export function oracle<T>(program: string, argument: unknown = null): T {
  if (!existsSync(oraclePython)) throw new Error(`oracle: ${oraclePython} does not exist; run node tools/setup/oracle.mjs or set RLHF_ORACLE_PYTHON`)
  const prelude = 'import sys, json\narg = json.loads(sys.stdin.read())\n'
  const printed = execFileSync(oraclePython, ['-c', prelude + program], {
    input: JSON.stringify(argument), maxBuffer: 1e9, stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_VERBOSITY: 'error', TOKENIZERS_PARALLELISM: 'false', CUDA_VISIBLE_DEVICES: '', OMP_NUM_THREADS: '1' },
  })
  return JSON.parse(printed.toString().trim().split('\n').at(-1)!) as T
}
