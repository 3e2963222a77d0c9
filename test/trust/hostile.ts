import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { openBrowser } from '../notebook/browser'
import { cells, hostile, provoke } from '../notebook/hostile'
import { runCells } from '../notebook/jupyter'
import { serve } from '../site/serve'
import { addressOf } from './address'
import { must, one, sum, type Promised } from './promise'

const root = path.resolve(__dirname, '../..'), program = (name: string) => path.join(root, '.venv/bin', name)
/** A file's name is somebody's text, too. */
const NAME = '97-<img src=x onerror=window.ran=11>'

/** The notebook that shows hostile text, as a lab of the course: a title first, then the cells with their outputs. */
async function notebook(): Promise<string> {
  const { cells: run } = await runCells('ours', cells)
  return JSON.stringify({
    nbformat: 4, nbformat_minor: 5, metadata: { kernelspec: { name: 'tslab', display_name: 'TypeScript', language: 'typescript' } },
    cells: [{ cell_type: 'markdown', id: 'title', metadata: {}, source: '# Hostile text' }, ...run.map((cell, i) => ({ cell_type: 'code', id: `c${i}`, metadata: {}, execution_count: i + 1, source: '// shows it', outputs: cell.outputs }))],
  })
}

/** JupyterLab on a folder of its own, with the settings of `npm start`. */
async function jupyterLab(folder: string): Promise<{ child: ChildProcess, address: URL }> {
  // the set-up's files are ES modules
  const { jupyterEnvironment, labFlags } = await import(pathToFileURL(path.join(root, 'tools/setup/jupyter.mjs')).href) as { jupyterEnvironment: Record<string, string>, labFlags: readonly string[] }
  const child = spawn(program('python'), ['-m', 'jupyterlab', ...labFlags, `--ServerApp.root_dir=${folder}`, '--no-browser'], { cwd: root, env: { ...process.env, ...jupyterEnvironment }, stdio: ['ignore', 'pipe', 'pipe'] })
  return { child, address: await addressOf(child) }
}

/** Provokes every output of a page that draws only what is in view. */
async function provokeAll(page: Page, outputs: string): Promise<unknown> {
  let ran = await provoke(page)
  const all = page.locator(outputs), seen = await all.count()
  must(seen > 0, 'no output is shown')
  for (let i = 0; i < await all.count() && ran === undefined; i++) {
    await all.nth(i).scrollIntoViewIfNeeded()
    ran = await provoke(page)
  }
  return ran
}

async function inLab(browser: Browser, text: string, trusted: boolean): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'hostile-')), file = path.join(folder, `${NAME}.ipynb`)
  writeFileSync(file, text)
  const { child, address } = await jupyterLab(folder)
  try {
    const page = await browser.newPage(), token = address.searchParams.get('token')
    await page.goto(new URL(`/lab/tree/${encodeURIComponent(`${NAME}.ipynb`)}?token=${token}`, address).href)
    await page.locator('.jp-Notebook .jp-Cell:visible').first().waitFor({ timeout: 120_000 })
    if (trusted) {
      // as a reader who trusts the file: through the server, which signs it
      await page.evaluate(`fetch('/api/contents/' + encodeURIComponent(${JSON.stringify(`${NAME}.ipynb`)}) + '/trust', { method: 'POST', headers: { 'X-XSRFToken': document.cookie.match(/_xsrf=([^;]*)/)?.[1] ?? '' } })`)
      await page.reload()
      await page.locator('.jp-Notebook .jp-Cell:visible').first().waitFor({ timeout: 120_000 })
    }
    await page.locator('.jp-OutputArea-output').first().waitFor({ timeout: 60_000 })
    const ran = await provokeAll(page, '.jp-OutputArea-output')
    must(ran === undefined, `part ${String(ran)} of the hostile text ran`)
    await page.close()
  } finally {
    child.kill('SIGTERM')
    rmSync(folder, { recursive: true, force: true })
  }
}

async function inSite(browser: Browser, text: string): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'hostile-')), notebooks = path.join(folder, 'notebooks'), site = path.join(folder, 'site')
  mkdirSync(path.join(notebooks, 'solutions'), { recursive: true })
  for (const form of ['', 'solutions']) writeFileSync(path.join(notebooks, form, '97-hostile.ipynb'), text)
  try {
    execFileSync(process.execPath, [path.join(root, 'tools/site/site.mjs'), '--out', site, '--notebooks', notebooks, '--no-reference'], { cwd: root, stdio: 'pipe' })
    const { server, base } = await serve(site)
    try {
      const page = await browser.newPage()
      await page.goto(`${base}/labs/97-hostile.html`)
      const ran = await provokeAll(page, '.output, figure.lab-figure')
      must(ran === undefined, `part ${String(ran)} of the hostile text ran`)
      await page.close()
    } finally { server.close() }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const hostileText: Promised = {
  what: 'hostile text in prompts, replies, columns, file names and titles never runs, in JupyterLab (trusted or not), the HTML export or the site',
  async try(scale, note) {
    const browser = await openBrowser()
    try {
      const canary = one('what is not escaped runs', async () => {
        const page = await browser.newPage()
        await page.setContent(`<body>${hostile}</body>`)
        must(await provoke(page) !== undefined, 'this test would not see it')
        await page.close()
      })
      if (scale === 'quick') return await canary // the export is test/notebook/hostile.test.ts
      note('hostile text')
      const text = await notebook()
      return sum([
        await canary, await one('JupyterLab', () => inLab(browser, text, false)), await one('JupyterLab, trusted', () => inLab(browser, text, true)), await one('site', () => inSite(browser, text)),
      ])
    } finally {
      await browser.close()
    }
  },
}
