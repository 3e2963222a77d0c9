import type { Page } from 'playwright-core'

/** Text that a prompt, a reply, a column or a title may hold; each part sets window.ran when it runs: by itself, under the pointer or by a click. */
export const hostile = [
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

/** Cells that show it by every means the library has. */
export const cells = [
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
export async function provoke(page: Page): Promise<unknown> {
  await page.evaluate(`for (const e of document.querySelectorAll('body *')) for (const type of ['mouseenter', 'mouseover', 'mousemove']) e.dispatchEvent(new MouseEvent(type, { bubbles: true }))`)
  await page.evaluate(`for (const e of document.querySelectorAll('[href], [*|href]')) if (/^\\s*javascript:/i.test(e.getAttribute('href') ?? e.getAttribute('xlink:href') ?? '')) e.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true }))`)
  await page.waitForTimeout(500)
  return page.evaluate('window.ran')
}
