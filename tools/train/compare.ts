// npm run compare -- runs/a runs/b: two (or more) runs of npm run train in one self-contained page, or as a picture.
import { readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { Command } from 'commander'
import { plainFigure, toPNG } from '../../lib/notebook/picture'
import { html } from '../../lib/notebook/escape'
import { writeAtomic } from '../../lib/train/atomic'
import { comparison, HEIGHT, lastValues, metricsOf, WIDTH } from './comparison'
import type { Run } from './comparison'

/** The records of a run. Throws Error naming file and line where one is no record. */
function readRun(folder: string): Run {
  const path = join(folder, 'log.jsonl')
  const records = readFileSync(path, 'utf8').split('\n').flatMap((line, i) => {
    if (line === '') return []
    let record: unknown
    try { record = JSON.parse(line) } catch { /* told below */ }
    if (typeof (record as { step?: unknown } | undefined)?.step !== 'number') throw new Error(`${path}, line ${i + 1}: not a record with a step`)
    return [record as Record<string, number> & { step: number }]
  })
  if (records.length === 0) throw new Error(`${path}: no record yet`)
  return { name: basename(resolve(folder)), records }
}

/** A page that needs nothing but itself: the chart's data, plotly.js and a table. */
function page(runs: readonly Run[], metrics: readonly string[]): string {
  const safe = (value: unknown) => JSON.stringify(value).replaceAll('<', '\\u003c'), figure = plainFigure(comparison(runs, metrics))
  const rows = metrics.map(metric => `<tr><th scope="row">${html(metric)}</th>${runs.map(run => `<td>${html(lastValues(run, metric)?.toPrecision(4) ?? '–')}</td>`).join('')}</tr>`).join('\n')
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${html(runs.map(r => r.name).join(' and '))}</title>
<style>body { font: 15px sans-serif; margin: 1.5em } td { text-align: right; padding: 2px 12px } th { text-align: left }</style>
<h1>${html(runs.map(r => r.name).join(' and '))}</h1><div id="chart"></div>
<table><caption>Mean of the last tenth of each run</caption><thead><tr><th scope="col">metric</th>${runs.map(r => `<th scope="col">${html(r.name)}</th>`).join('')}</tr></thead><tbody>
${rows}
</tbody></table>
<script>${readFileSync(require.resolve('plotly.js-cartesian-dist-min'), 'utf8').replaceAll('</script', '<\\/script')}</script>
<script>const f = ${safe(figure)}; Plotly.newPlot('chart', f.data, f.layout, { responsive: true, displaylogo: false })</script></html>
`
}

async function main(): Promise<void> {
  const program = new Command('npm run compare --').argument('<runs...>', 'folders of npm run train').option('-o, --out <file>', 'page (.html) or picture (.png) to write', 'runs/compare.html')
    .option('-m, --metrics <names>', 'which figures, separated by commas (default: those that every run has)').parse()
  const { out, metrics: named } = program.opts<{ out: string; metrics?: string }>(), runs = program.args.map(readRun), metrics = metricsOf(runs, named?.split(','))
  if (!/\.(html|png)$/.test(out)) throw new Error(`--out: expected a name that ends in .html or .png, got ${out}`)
  writeAtomic(out, out.endsWith('.png') ? await toPNG(comparison(runs, metrics), WIDTH, HEIGHT(metrics.length)) : page(runs, metrics))
  process.stdout.write(`${out}: ${metrics.length} figures of ${runs.map(r => `${r.name} (${r.records.length} steps)`).join(', ')}\n`)
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
