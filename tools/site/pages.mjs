// The site's pages, made of the notebooks and the Markdown files of this repository.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../setup/paths.mjs'

const PLOTLY = 'application/vnd.plotly.v1+json'

/** Markdown files and where they stand in the site; their links to each other are kept. */
const documents = {
  'environment.md': 'environment.md',
  'notebooks/README.md': 'authors.md',
  'lib/exchange/README.md': 'models-and-data.md',
  'lib/loss/README.md': 'losses.md',
  'test/goldens/README.md': 'goldens.md',
}

const escape = text => text.replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`)
const joined = text => [text].flat().join('')

/** A link of a repository file as the site has it: pages link to pages; to a file that is no page, only its text stays. */
function relink(markdown, from, to, pages) {
  return markdown.replace(/(!?)\[([^\]]*)\]\(([^)\s]+)\)/g, (whole, image, text, target) => {
    if (/^(https?:|mailto:|#)/.test(target)) return whole
    const [file, anchor] = target.split('#'), page = pages[path.posix.join(path.posix.dirname(from), file)]
    if (!page) return image ? '' : text
    return `[${text}](${path.posix.relative(path.posix.dirname(to), page)}${anchor ? `#${anchor}` : ''})`
  })
}

/** An output with a figure as HTML that shows its picture without scripts and holds what a chart is drawn from. */
function figure(output) {
  const { data, metadata } = output, json = JSON.stringify(data[PLOTLY]).replaceAll('</', '<\\/')
  const { alt = '', width, height } = metadata?.['image/png'] ?? {}, size = width && height ? ` width="${width}" height="${height}"` : ''
  const html = `<figure class="lab-figure"><img alt="${escape(alt)}"${size} src="data:image/png;base64,${joined(data['image/png']).replace(/\s/g, '')}"><script type="application/json">${json}</script></figure>`
  return { ...output, data: { 'text/html': html } }
}

/** A notebook for the site: figures that live without a server, links that stay inside. */
function page(notebook, from, to, pages, note) {
  const cells = notebook.cells.map(cell => cell.cell_type === 'markdown'
    ? { ...cell, source: relink(joined(cell.source), from, to, pages) }
    : { ...cell, metadata: {}, outputs: (cell.outputs ?? []).map(output => output.data?.[PLOTLY] && output.data['image/png'] ? figure(output) : output) })
  const [first, ...rest] = cells
  return { ...notebook, cells: [{ ...first, source: `${joined(first.source)}\n\n${note}` }, ...rest] }
}

/** Writes all pages and Sphinx's table of contents below `folder`, of the labs in `notebooks`. */
export function stage(folder, notebooks) {
  const labs = readdirSync(notebooks).filter(name => name.endsWith('.ipynb')).sort()
  const pages = { ...documents, ...Object.fromEntries(labs.flatMap(name => [[`notebooks/${name}`, `labs/${name}`], [`notebooks/solutions/${name}`, `solutions/${name}`]])) }
  const write = (name, text) => {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), text)
  }
  for (const [from, to] of Object.entries(pages)) {
    const text = readFileSync(from.endsWith('.ipynb') ? path.join(notebooks, path.relative('notebooks', from)) : path.join(root, from), 'utf8')
    if (to.endsWith('.md')) { write(to, relink(text, from, to, pages)); continue }
    const solved = to.startsWith('solutions/'), name = path.basename(to)
    const note = solved ? `*This is the solved notebook of [the lab](../labs/${name}).*` : `*This page shows the lab as it is handed out. To do it, run \`npm start\` and open \`${from}\`; [the solved notebook](../solutions/${name}) is here, too.*`
    write(to, JSON.stringify(page(JSON.parse(text), from, to, pages, note)))
  }
  const readme = relink(readFileSync(path.join(root, 'README.md'), 'utf8'), 'README.md', 'index.md', pages)
  const tree = (caption, entries) => `\`\`\`{toctree}\n:hidden:\n:caption: ${caption}\n\n${entries.join('\n')}\n\`\`\``
  const names = labs.map(name => name.replace('.ipynb', ''))
  write('reference.md', '# Reference of the library\n\nEvery exported function, its equation, shapes and sources: <a href="api/index.html">the reference</a> has a navigation and a search of its own.\n')
  write('index.md', [readme, tree('Labs', names.map(name => `labs/${name}`)), tree('Library', ['reference', 'losses', 'models-and-data']),
    tree('For authors and teachers', ['authors', 'environment', 'goldens']), tree('Solutions', names.map(name => `solutions/${name}`))].join('\n\n'))
}
