/** A PPO iteration, a DPO step and a GRPO iteration: this library and TRL in turn, on the same model, prompts, pairs and reply lengths, with one thread and with two. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { deskPolicy } from '../../lib/exchange/deskPolicy'
import { deskScorer } from '../../lib/exchange/deskScorer'
import { saveModel } from '../../lib/exchange/huggingface'
import { exportDpoToTrl, exportGrpoToTrl } from '../../lib/exchange/trl'
import { deskTokenizer } from '../../lib/train/desk'
import type { Worker } from './gpt-process'
import { alternate, quantile, start } from './gpt-process'
import type { Figure } from './report'
import { report } from './report'
import type { Answer, Method } from './rlhf-sizes'
import { benchPairs, benchPrompts, SIZES } from './rlhf-sizes'

/** The most that ours may take, as a multiple of TRL's time. */
const LIMIT = 0.5
const METHODS = {
  ppo: { what: 'PPO iteration', rounds: 9, trl: '1.12.0' }, dpo: { what: 'DPO step', rounds: 25, trl: '1.16.0' }, grpo: { what: 'GRPO iteration', rounds: 9, trl: '1.16.0' },
} as const
/** How ours is compiled: as the labs are, unless the environment says otherwise. */
const JIT = process.env.JIT ?? 'graph'

/** Model, reward model, prompts and pairs as TRL reads them. */
function exported(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'rlhf-bench-')), tokenizer = deskTokenizer(), model = { ...deskPolicy(), tokenizer }, prompts = benchPrompts(), { lr, beta, pairs, groups, groupSize, newTokens } = SIZES
  saveModel(path.join(folder, 'policy'), model)
  saveModel(path.join(folder, 'reward'), { ...deskScorer(), tokenizer })
  exportDpoToTrl(path.join(folder, 'dpo'), { model, pairs: benchPairs(), batchSize: pairs, lr, beta })
  exportGrpoToTrl(path.join(folder, 'grpo'), { model, prompts, rewardProgram: 'def reward(completions, **_):\n    raise NotImplementedError\n', groups, groupSize, maxNewTokens: newTokens, lr })
  writeFileSync(path.join(folder, 'sizes.json'), JSON.stringify({ ...SIZES, prompts: prompts.map(p => p.ids) }))
  return folder
}

const lastLine = (script: string) => execFileSync(process.execPath, [path.resolve(__dirname, '../setup', script)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim().split('\n').at(-1)!

function workers(method: Method, threads: number, { python, overlay, folder }: { python: string, overlay: string, folder: string }): [theirs: Worker, ours: Worker] {
  const n = String(threads)
  return [
    start(python, [path.join(__dirname, 'rlhf_trl.py'), method, folder, n], { OMP_NUM_THREADS: n, ...method === 'ppo' && { PYTHONPATH: overlay } }),
    start(process.execPath, ['--import', 'tsx', path.join(__dirname, 'rlhf-worker.ts'), method, n], { TF_CPP_MIN_LOG_LEVEL: '2', TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: n, RLHF_THREADS: n, JIT }),
  ]
}

async function against(method: Method, threads: number, where: Parameters<typeof workers>[2]): Promise<Figure[]> {
  const { what, rounds, trl } = METHODS[method], pair = workers(method, threads, where), label = `${what}, ${threads} thread${threads > 1 ? 's' : ''}`, own = `ours (${JIT})`
  const [theirs, ours] = await alternate(pair, 'step', rounds), ratios = ours.map((m, i) => m.ms / theirs[i].ms), median = (runs: typeof ours) => quantile(runs.map(m => m.ms), 0.5)
  if (!theirs[0].version.endsWith(`TRL ${trl}`)) throw new Error(`bench rlhf: expected TRL ${trl} for ${what}, got ${theirs[0].version}`)
  const figures: Figure[] = [
    { what: `${label}, TRL ${trl}`, value: median(theirs), unit: 'ms' }, { what: `${label}, ${own}`, value: median(ours), unit: 'ms' },
    { what: `${label}, ${own} / TRL`, value: quantile(ratios, 0.5), unit: '×', limit: LIMIT },
    ...[0.25, 0.75].map(q => ({ what: `${label}, ${own} / TRL, quartile ${q === 0.25 ? 1 : 3}`, value: quantile(ratios, q), unit: '×' })),
  ]
  for (const [name, runs] of [['TRL', theirs], [own, ours]] as const) figures.push(
    { what: `${label}, ${name}, ${method === 'dpo' ? 'pairs' : 'generated tokens'} a second`, value: runs[0].value / (median(runs) / 1000), unit: '' },
    { what: `${label}, ${name}, peak of the process`, value: runs.at(-1)!.peakMB, unit: 'MB' },
  )
  if (threads === 1) for (const [k, name] of ['TRL', 'ours'].entries()) {
    const { roles = {} } = await pair[k].run('memory') as Answer
    for (const [role, bytes] of Object.entries(roles)) figures.push({ what: `${what}, ${name}, ${role}`, value: bytes / 2 ** 20, unit: 'MB' })
  }
  pair.forEach(worker => worker.stop())
  return figures
}

/** Runs everything, about four minutes on two quiet cores; RLHF_BENCH='ppo 1' runs one method with one thread, JIT=xla compiles ours by XLA, JIT=0 not at all. */
export async function run(): Promise<boolean> {
  const where = { python: lastLine('oracle.mjs'), overlay: lastLine('ppo.mjs'), folder: exported() }, [only, threads] = (process.env.RLHF_BENCH ?? '').split(' '), figures: Figure[] = []
  for (const method of Object.keys(METHODS) as Method[]) for (const n of [1, 2]) {
    if ((!only || only === method) && (!threads || threads === String(n))) figures.push(...await against(method, n, where))
  }
  rmSync(where.folder, { recursive: true })
  return report('rlhf', figures)
}
