import { releaseLine, type GateMetrics, type GateVerdict } from '../evaluate/gate'
import { html } from './escape'

/** The release gate's report as one HTML page that needs no other file: verdict, reasons, every check. title: what was judged. */
export function gateReport(title: string, metrics: GateMetrics, verdict: GateVerdict): string {
  const row = (cells: readonly unknown[], tag = 'td') => `<tr>${cells.map(c => `<${tag}>${html(c)}</${tag}>`).join('')}</tr>`
  const checks = verdict.checks.map(c => row([c.passed ? 'passed' : 'failed', c.name, c.value, c.needs, c.passed ? '' : c.reason])).join('\n')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html(title)}: ${verdict.release_ready ? 'ready' : 'not ready'}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; background: #fff }
h1 { font-size: 1.4rem } code { background: #f2f2f2; padding: .1em .3em }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #ccc; vertical-align: top }
.verdict { border-left: .4rem solid ${verdict.release_ready ? '#00694b' : '#a33b00'}; padding-left: .8rem }
</style>
</head>
<body>
<main>
<h1>Release gate: ${html(title)}</h1>
<div class="verdict"><p><strong>${verdict.release_ready ? 'Ready for release' : 'Not ready for release'}</strong></p>
<p><code>${html(releaseLine(verdict))}</code></p>
<ul>${verdict.reasons.map(r => `<li>${html(r)}</li>`).join('')}</ul></div>
<h2>Checks</h2>
<table><thead>${row(['result', 'metric', 'value', 'needs', 'what it means'], 'th')}</thead>
<tbody>
${checks}
</tbody></table>
<p>Proxy reward: ${html(metrics.proxy_delta)}. It is what training optimised, so it passes nothing.</p>
</main>
</body>
</html>
`
}
