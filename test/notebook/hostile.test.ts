import { expect } from 'chai'
import type { Browser, Page } from 'playwright-core'
import type { Figure } from '../../lib/plot/figure'
import { browserPath, openBrowser } from './browser'
import { runCells, type Executed } from './jupyter'

// each does something to window.ran when it runs, be it by itself, under the pointer or by a click
const hostile = [
  '<script>window.ran = 1</script>',
  '<img src=x onerror="window.ran = 2">',
  '<a href="javascript:void(window.ran = 3)">link</a>',
  '"><svg onload=window.ran=4>',
  '</td></tr></table></code></pre><script>window.ran = 5</script>',
  '<iframe srcdoc="<script>parent.ran = 6</script>"></iframe>',
  '" onmouseover="window.ran=7" x="',
  "<b onmouseover='window.ran = 8'>bold</b>",
  '<math><maction actiontype="statusline" href="javascript:void(window.ran=9)">click</maction></math>',
  '$\\href{javascript:window.ran=10}{x}$',
].join(' ')

const cells = [
  `import { bars, check, claim, lines, predict, progress, reveal, score, show, showVolatile } from 'rlhf-labs'`,
  `import * as dfd from 'danfojs-node'`,
  `const hostile = ${JSON.stringify(hostile)}`,
  `await show(lines({ title: hostile, x: { label: hostile, unit: hostile }, y: { label: hostile },
  lines: [{ name: hostile, x: [0, 1], y: [0, 1] }, { name: 'b' + hostile, x: [0, 1], y: [1, 0] }], references: [{ value: 0.5, label: hostile }] }))`,
  `await show(bars({ title: 'bars', x: { label: 'x' }, y: { label: 'y' }, categories: [hostile, 'b'], bars: [{ name: hostile, y: [1, 2] }], text: () => hostile }), { alt: hostile })`,
  `await show({ data: [{ x: [0, 1], y: [0, 1], text: [hostile, hostile], hovertext: hostile, hovertemplate: hostile, name: hostile }], layout: { title: { text: hostile }, annotations: [{ text: hostile, x: 0, y: 0 }] } })`,
  `await show([{ [hostile]: hostile, list: [hostile], object: { [hostile]: hostile } }], { caption: hostile })`,
  `await show(new dfd.DataFrame({ [hostile]: [hostile, 'b'], n: [1, 2] }, { index: [hostile, 'y'] }) as never, { caption: hostile })`,
  `check(hostile, (x: string) => x + hostile, x => x, [[hostile]], { hint: hostile })
check('throws', (x: string): string => { throw new Error(hostile) }, x => x, [[hostile]], { hint: hostile })`,
  `predict('p', hostile, [hostile, 'b'], hostile)
reveal('p', 'b')`,
  `claim(hostile, true, { [hostile]: hostile })`,
  `for await (const i of progress(2, hostile, { note: () => hostile })) void i`,
  `showVolatile(hostile, hostile)
score()`,
]

/** Moves the pointer over everything, presses everything, and waits for what that sets off. */
async function provoke(page: Page): Promise<unknown> {
  await page.evaluate(`for (const e of document.querySelectorAll('body *')) for (const type of ['mouseenter', 'mouseover', 'mousemove']) e.dispatchEvent(new MouseEvent(type, { bubbles: true }))`)
  await page.evaluate(`for (const e of document.querySelectorAll('[href], [*|href]')) if (/^\\s*javascript:/i.test(e.getAttribute('href') ?? e.getAttribute('xlink:href') ?? '')) e.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true }))`)
  await page.waitForTimeout(500)
  return page.evaluate('window.ran')
}

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
