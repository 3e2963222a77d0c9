import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** One measured figure; `limit` is the most it may be. */
export interface Figure { what: string; value: number; unit: string; limit?: number }

/** The smallest of some times: what the thing costs when nothing else runs. */
export const fastest = (times: readonly number[]) => Math.min(...times)

/** Prints a table, appends one JSON line to bench/results/<name>.jsonl, and returns whether all limits are kept. */
export function report(name: string, figures: readonly Figure[]): boolean {
  const root = path.resolve(__dirname, '..', '..'), folder = path.join(root, 'bench', 'results')
  const width = Math.max(...figures.map(f => f.what.length)), round = (x: number) => Number(x.toPrecision(4))
  for (const { what, value, unit, limit } of figures) {
    const verdict = limit === undefined ? '' : `   ${value <= limit ? 'ok  ' : 'OVER'} (limit ${limit})`
    console.log(`${what.padEnd(width)} ${String(round(value)).padStart(8)} ${unit.padEnd(3)}${verdict}`)
  }
  let commit = ''
  try { commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() } catch { /* not a clone */ }
  const machine = { node: process.version, platform: `${process.platform}-${process.arch}`, cpu: os.cpus()[0]?.model, cores: os.cpus().length, load: round(os.loadavg()[0]) }
  mkdirSync(folder, { recursive: true })
  const measured = Object.fromEntries(figures.map(f => [`${f.what} (${f.unit})`, round(f.value)]))
  appendFileSync(path.join(folder, `${name}.jsonl`), `${JSON.stringify({ date: new Date().toISOString(), commit, ...machine, ...measured })}\n`)
  return figures.every(f => f.limit === undefined || f.value <= f.limit)
}
