import { expect } from 'chai'
import type { Browser, Page } from 'playwright-core'
import type { Figure } from '../../lib/plot/figure'
import { browserPath, openBrowser } from './browser'
import { cells, hostile, provoke } from './hostile'
import { runCells, type Executed } from './jupyter'

describe('the browser for tests', () => {
  it('says in one line what to install when there is none', () => {
    expect(() => browserPath({ PATH: '' })).to.throw(/^no Chromium on the PATH: install it \(Debian, Ubuntu: apt install chromium;.*$/)
    expect(() => browserPath({ CHROMIUM: '/nowhere/chromium' })).to.throw('CHROMIUM=/nowhere/chromium is no program')
  })
})

describe('hostile text in outputs', function () {
  this.timeout(180_000)
  let browser: Browser, notebook: Executed
  before(async () => {
    browser = await openBrowser()
    notebook = await runCells('ours', cells)
  })
  after(() => browser?.close())

  async function open(html: string): Promise<{ page: Page; asked: string[] }> {
    const page = await browser.newPage(), asked: string[] = []
    await page.route('**', route => {
      asked.push(route.request().url())
      return route.abort()
    })
    await page.setContent(html, { waitUntil: 'domcontentloaded' })
    return { page, asked }
  }

  it('does run where nobody escapes it, so that this test can see it', async () => {
    const { page } = await open(`<body>${hostile}</body>`)
    expect(await provoke(page)).to.be.a('number')
    await page.close()
  })

  it('stays text in the page that nbconvert makes', async () => {
    const { page, asked } = await open(notebook.html)
    expect(await provoke(page)).to.equal(undefined)
    const outputs = page.locator('.jp-OutputArea-output')
    expect(await outputs.count()).to.be.at.least(11)
    expect(await outputs.locator('script, iframe, svg, math, a[href^="javascript:"], [onerror], [onload], [onmouseover]').count()).to.equal(0)
    expect(await outputs.locator('img').count()).to.equal(3)
    for (const image of await outputs.locator('img').all()) expect(await image.getAttribute('src')).to.match(/^data:image\/png;base64,/)
    expect(await outputs.locator('td', { hasText: '<script>window.ran = 1</script>' }).count()).to.be.at.least(3)
    expect(asked.filter(url => !/^https:\/\/(cdnjs\.cloudflare\.com|unpkg\.com|cdn\.jsdelivr\.net)\//.test(url))).to.deep.equal([])
    await page.close()
  })

  it('stays text in interactive charts, also under the pointer', async () => {
    const figures = notebook.cells.flatMap(c => c.outputs).map(o => o.data?.['application/vnd.plotly.v1+json'] as Figure | undefined).filter(f => f !== undefined)
    expect(figures).to.have.length(3)
    const { page } = await open('<body><div id="chart"></div></body>')
    await page.addScriptTag({ path: require.resolve('plotly.js-cartesian-dist-min') })
    const draw = async (figure: Figure) => {
      await page.evaluate(`Plotly.newPlot('chart', ${JSON.stringify(figure.data)}, ${JSON.stringify(figure.layout)}).then(() => Plotly.Fx.hover('chart', [{ curveNumber: 0, pointNumber: 1 }]))`)
      return provoke(page)
    }
    for (const figure of figures) {
      expect(await draw(figure)).to.equal(undefined)
      expect(await page.locator('#chart svg a, #chart iframe, #chart img').count()).to.equal(0)
      expect(await page.locator('#chart').textContent()).to.include("<b onmouseover='window.ran = 8'>bold</b>")
    }
    await draw({ data: [{ y: [1] }], layout: { title: { text: '<a href="https://example.org">link</a>' } } })
    expect(await page.locator('#chart svg a').count(), 'Plotly makes links of what is not escaped').to.equal(1)
    await page.close()
  })
})
