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
      for await (const report of validating(path)) {
        last = report
        peak = Math.max(peak, process.memoryUsage.rss())
        if (process.stderr.isTTY) process.stderr.write(`\r${format}: ${(100 * report.share).toFixed(0)} %`)
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

/** Prints the bench: `npm run bench -- preference`. */
export async function main(rows?: number): Promise<void> {
  for await (const b of preferenceBench(rows)) {
    console.log(`${b.format.padEnd(5)} ${b.rows.toLocaleString('en')} rows, ${b.megabytes.toFixed(0)} MB: ${b.seconds.toFixed(1)} s (${b.cpuSeconds.toFixed(1)} s of CPU), ${Math.round(b.rowsPerSecond).toLocaleString('en')} rows/s, peak RSS ${b.peakRssMegabytes.toFixed(0)} MB`)
  }
}

if (require.main === module) void main()
