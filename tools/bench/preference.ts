import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import { ANNOTATORS, annotate } from '../../lib/desk/annotators'
import { demonstrate } from '../../lib/desk/demonstrations'
import { drawPrompts } from '../../lib/desk/scenarios'
import { validating, type ValidationReport } from '../../lib/preference/validate'
import { Random } from '../../lib/tensor/random'
import { report } from './report'
import type { Figure } from './report'

/** What one validation took. */
export interface PreferenceBench { readonly format: string; readonly rows: number; readonly megabytes: number; readonly seconds: number; readonly cpuSeconds: number; readonly rowsPerSecond: number; readonly peakRssMegabytes: number }

const FIELDS = ['prompt_id', 'prompt', 'chosen', 'rejected', 'label'] as const

/** Writes `rows` labelled pairs of the desk; one row in a thousand has a wrong label. */
async function write(path: string, rows: number): Promise<void> {
  const random = Random.seed(0), out = createWriteStream(path)
  const pairs = drawPrompts(2000, 0).map(prompt => {
    const a = demonstrate(prompt, random).text, b = demonstrate(prompt, random).text
    return { prompt_id: prompt.id, prompt: prompt.text, chosen: a, rejected: b === a ? `${b} -` : b, label: annotate(prompt, a, b, ANNOTATORS.fair, random) }
  })
  const csv = path.endsWith('.csv')
  if (csv) out.write(`${FIELDS.join(',')}\n`)
  for (let i = 0; i < rows; i++) {
    const pair = { ...pairs[i % pairs.length], prompt_id: `row-${i}`, ...(i % 1000 === 999 ? { label: 7 } : {}) }
    const line = csv ? FIELDS.map(f => `"${String(pair[f]).replaceAll('"', '""')}"`).join(',') : JSON.stringify(pair)
    if (!out.write(`${line}\n`)) await once(out, 'drain')
  }
  out.end()
  await finished(out)
}

/** Validates a million rows (or `rows`) as JSON Lines and as CSV: rows per second and the most memory the process held (its start included). */
export async function* preferenceBench(rows = 1_000_000): AsyncGenerator<PreferenceBench> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-preference-'))
  try {
    for (const format of ['jsonl', 'csv']) {
      const path = join(folder, `pairs.${format}`)
      await write(path, rows)
      const start = performance.now(), cpu = process.cpuUsage()
      let peak = 0, last: ValidationReport | undefined
      for await (const now of validating(path)) {
        last = now
        peak = Math.max(peak, process.memoryUsage.rss())
        if (process.stderr.isTTY) process.stderr.write(`\r${format}: ${(100 * now.share).toFixed(0)} %`)
      }
      if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
      const seconds = (performance.now() - start) / 1000, used = process.cpuUsage(cpu), cpuSeconds = (used.user + used.system) / 1e6
      if (last?.rows !== rows || last.problemCount !== Math.floor(rows / 1000)) throw new Error(`${format}: expected ${rows} rows and ${Math.floor(rows / 1000)} problems, got ${last?.rows} and ${last?.problemCount}`)
      yield { format, rows, megabytes: (await stat(path)).size / 1e6, seconds, cpuSeconds, rowsPerSecond: rows / seconds, peakRssMegabytes: peak / 2 ** 20 }
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** The most that a process may hold while it validates a file of any size. */
const MOST_MEGABYTES = 400

/** `npm run bench -- preference`: validates a million rows of each format; false where more memory was held than is allowed. */
export async function run(): Promise<boolean> {
  const figures: Figure[] = []
  for await (const { format, rows, megabytes, seconds, cpuSeconds, rowsPerSecond, peakRssMegabytes } of preferenceBench()) {
    const of = `${format}, ${(rows / 1e6).toFixed(0)} M rows (${megabytes.toFixed(0)} MB)`
    figures.push({ what: `${of}: rows`, value: rowsPerSecond, unit: '/s' }, { what: `${of}: wall time`, value: seconds, unit: 's' }, { what: `${of}: processor time`, value: cpuSeconds, unit: 's' },
      { what: `${of}: most memory held`, value: peakRssMegabytes, unit: 'MB', limit: MOST_MEGABYTES })
  }
  return report('preference', figures)
}
