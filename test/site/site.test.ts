import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import axe from 'axe-core'
import { expect } from 'chai'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { openBrowser } from '../notebook/browser'
import { serve } from './serve'

const root = path.resolve(__dirname, '../..')

describe('site: npm run site', function () {
  this.timeout(1_200_000) // axe reads some forty pages, twice
  let folder: string, browser: Browser, server: Server, base: string
  const asked: string[] = []

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'site-test-'))
    const made = spawnSync(process.execPath, [path.join(root, 'tools/site/site.mjs'), '--out', path.join(folder, 'site')], { encoding: 'utf8', cwd: root })
    expect(made.status, made.stdout + made.stderr).equal(0)
    ;({ server, base } = await serve(path.join(folder, 'site'), '/a/course'))
    browser = await openBrowser()
  })
  after(async () => {
    await browser?.close()
    server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** A page in a browser that reaches nothing but the site; what it asks for elsewhere, and what it does not get, is remembered. */
  async function open(name: string, options: BrowserContextOptions = {}, { figures = true } = {}): Promise<Page> {
    const context = await browser.newContext(options)
    await context.route('**/*', route => {
      if (!figures && route.request().url().includes('plotly.min.js')) return route.abort()
      if (route.request().url().startsWith(`${base}/`)) return route.continue()
      if (!route.request().url().startsWith('data:')) asked.push(route.request().url())
      return route.abort()
    })
    const page = await context.newPage()
    page.on('response', response => { if (response.status() >= 400) asked.push(`${response.status()} ${response.url()}`) })
    await page.goto(`${base}/${name}`, { waitUntil: 'load' })
    return page
  }

  const lab = 'labs/02-bradley-terry.html'

  it('links only to pages that are there', () => {
    const site = path.join(folder, 'site'), pages = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.html'))
    const files = new Set(readdirSync(site, { recursive: true, encoding: 'utf8' })), broken: string[] = []
    for (const page of pages.filter(name => !name.startsWith('api/'))) {
      for (const [, href] of readFileSync(path.join(site, page), 'utf8').matchAll(/(?:href|src)="([^"#?]+)[^"]*"/g)) {
        if (!/^(https?:|mailto:|data:)/.test(href) && !files.has(path.posix.normalize(path.posix.join(path.posix.dirname(page), decodeURIComponent(href))))) broken.push(`${page}: ${href}`)
      }
    }
    expect(broken).deep.equal([])
    for (const name of readdirSync(path.join(root, 'notebooks')).filter(name => name.endsWith('.ipynb'))) for (const form of ['labs', 'solutions']) expect(files).include(`${form}/${name.replace('.ipynb', '.html')}`)
  })

  it('shows pictures without scripts, with what they show in words', async () => {
    const page = await open(lab, { javaScriptEnabled: false }), pictures = page.locator('figure.lab-figure img')
    expect(await pictures.count()).greaterThan(3)
    for (const picture of await pictures.all()) {
      expect((await picture.getAttribute('alt'))!.length).greaterThan(10)
      expect((await picture.boundingBox())!.height).greaterThan(150)
    }
    await page.context().close()
  })

  it('draws figures that answer the pointer, without a server of their own', async () => {
    const page = await open(lab), first = page.locator('figure.lab-figure').first()
    await first.scrollIntoViewIfNeeded()
    await first.locator('.main-svg').first().waitFor()
    expect(await first.locator('img').count()).equal(0)
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'no sideways scrolling').equal(true)
    await page.context().close()
  })

  it('finds a word', async () => {
    const page = await open('search.html?q=Bradley')
    await page.locator('ul.search li a').first().waitFor()
    expect(await page.locator('ul.search li a').allTextContents()).satisfy((titles: string[]) => titles.some(title => title.includes('Bradley-Terry')))
    await page.context().close()
  })

  const serious = async (page: Page, rules?: string[]) => {
    await page.evaluate(axe.source)
    return page.evaluate(async only => (await (window as unknown as { axe: typeof axe }).axe.run(document, { resultTypes: ['violations'], preload: false, ...only && { runOnly: { type: 'rule', values: only } } })).violations
      .filter(v => v.impact === 'serious' || v.impact === 'critical').map(v => `${v.id}: ${v.nodes.length} × ${v.nodes[0].html.slice(0, 160)} ${v.nodes[0].failureSummary?.slice(0, 200)}`), rules)
  }

  it('has no serious finding of axe on a lab with its figures drawn', async () => {
    const page = await open(lab)
    expect(await serious(page)).deep.equal([])
    await page.context().close()
  })

  /** Of the reference's thousand pages of one make: what it opens with, and of each kind (functions, types, …) the largest page. */
  function referencePages(): string[] {
    const api = path.join(folder, 'site/api'), size = (name: string) => statSync(path.join(api, name)).size
    const kinds = readdirSync(api, { withFileTypes: true }).filter(entry => entry.isDirectory() && entry.name !== 'assets').map(({ name }) => name)
    expect(kinds).include.members(['functions', 'interfaces', 'types'])
    return ['index.html', 'hierarchy.html', ...kinds.map(kind => readdirSync(path.join(api, kind)).map(name => `${kind}/${name}`).reduce((a, b) => size(a) >= size(b) ? a : b))].map(name => `api/${name}`)
  }

  it('has no serious finding of axe on any page, light and dark', async () => {
    const pages = readdirSync(path.join(folder, 'site'), { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.html') && !name.startsWith('api/')).sort()
    pages.push(...referencePages())
    expect(pages.length).greaterThan(2 * readdirSync(path.join(root, 'notebooks')).filter(name => name.endsWith('.ipynb')).length)
    const found: string[] = []
    const look = async (name: string) => {
      const page = await open(name, { colorScheme: 'light' }, { figures: false })
      if (name.startsWith('api/')) await page.locator('.tsd-navigation a').nth(10).waitFor({ state: 'attached' })
      // thousands of words of code and rows of tables are alike: two of each kind are looked at on every page
      await page.evaluate(() => {
        const seen = new Map<string, number>()
        for (const node of document.querySelectorAll('pre span, .cell_output tbody tr')) {
          const kind = `${node.tagName} ${node.className} ${node.closest('.cell_output') ? 'output' : 'input'}`, count = (seen.get(kind) ?? 0) + 1
          seen.set(kind, count)
          if (count > 2) { if (node.tagName === 'TR') node.remove(); else node.replaceWith(...node.childNodes) }
        }
      })
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        // in the dark only colours differ
        found.push(...(await serious(page, colorScheme === 'dark' ? ['color-contrast', 'link-in-text-block'] : undefined)).map(text => `${name}, ${colorScheme}: ${text}`))
        if (name.startsWith('api/')) continue
        const background = await page.evaluate(() => getComputedStyle(document.body).getPropertyValue('--color-background-primary').trim())
        if ((background === '#fff') !== (colorScheme === 'light')) found.push(`${name}, ${colorScheme}: the page is ${background}`)
      }
      await page.context().close()
    }
    const queue = [...pages], worker = async () => { for (let name = queue.shift(); name !== undefined; name = queue.shift()) await look(name) }
    await Promise.all([worker(), worker()])
    expect(found).deep.equal([])
  })

  it('can be used with the keyboard: to the content, through the navigation, into the search', async () => {
    const page = await open('index.html'), focused = () => page.evaluate(() => ({ text: document.activeElement!.textContent.trim(), href: document.activeElement!.getAttribute('href'), outline: getComputedStyle(document.activeElement!).outlineStyle }))
    await page.keyboard.press('Tab')
    expect(await focused()).include({ text: 'Skip to content' })
    const reached: string[] = []
    for (let i = 0; i < 60 && !reached.includes(lab); i++) {
      await page.keyboard.press('Tab')
      const { href, outline } = await focused()
      if (href) reached.push(href)
      if (href === lab) expect(outline, 'the focus is to be seen').not.equal('none')
    }
    expect(reached).include(lab)
    await page.keyboard.press('Enter')
    await page.waitForURL(`${base}/${lab}`)
    await page.locator('input[name=q]').focus()
    await page.keyboard.type('Elo')
    await page.keyboard.press('Enter')
    await page.locator('ul.search li a').first().waitFor()
    await page.context().close()
  })

  it('asks nobody for anything, and the site for nothing that it has not', () => expect(asked).deep.equal([]))
})
