import { renameSync, writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { readGateMetrics, releaseGate, releaseLine } from '../../lib/evaluate/gate'
import { gateReport } from '../../lib/notebook/gateReport'

/** `npm run gate -- metrics.json`: exit code 0 when ready, 1 when not, 2 when the metrics cannot be judged. */
const program = new Command('npm run gate --')
  .description('Judges a candidate by its metrics file. Exit code: 0 ready, 1 not ready, 2 the file is missing, malformed or incomplete.')
  .argument('<metrics.json>', '{"proxy_delta": …, "human_delta": …, "length_delta": …} and what lib/evaluate/gate.ts knows besides')
  .option('--report <page.html>', 'also write a page with every check')
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()

const [path] = program.args, { report } = program.opts<{ report?: string }>()
try {
  const metrics = readGateMetrics(path), verdict = releaseGate(metrics)
  if (report !== undefined) {
    writeFileSync(`${report}.tmp`, gateReport(path, metrics, verdict))
    renameSync(`${report}.tmp`, report)
  }
  console.log([releaseLine(verdict), ...verdict.reasons.map(r => `  ${r}`)].join('\n'))
  process.exitCode = verdict.release_ready ? 0 : 1
} catch (error) {
  console.error(`gate: ${(error as Error).message}`)
  process.exitCode = 2
}
