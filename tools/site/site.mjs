// npm run site: the course as a static site below site/, from the notebooks as they are committed. It needs no server and asks nobody for anything.
import '../setup/node-version.mjs'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { authorPython } from '../setup/author.mjs'
import { flags } from '../setup/flags.mjs'
import { root } from '../setup/paths.mjs'
import { must, step, SetupError } from '../setup/say.mjs'
import { alone, fail } from '../setup/setup.mjs'
import { stage } from './pages.mjs'

const options = flags('npm run site -- [--out FOLDER] [--notebooks FOLDER] [--no-reference]', { out: { type: 'string', default: path.join(root, 'site') }, notebooks: { type: 'string', default: path.join(root, 'notebooks') }, 'no-reference': { type: 'boolean' } })
const out = path.resolve(options.out)

/** Changes the text of every page below a folder. */
function rewrite(folder, change) {
  for (const name of readdirSync(folder, { recursive: true }).filter(name => name.endsWith('.html'))) writeFileSync(path.join(folder, name), change(readFileSync(path.join(folder, name), 'utf8')))
}

/** Keyboard users must be able to scroll what scrolls. */
const scrollable = page => page.replaceAll('<pre>', '<pre tabindex="0">').replaceAll('<div class="table-wrapper', '<div tabindex="0" class="table-wrapper').replaceAll('class="caption" role="heading"', 'class="caption" role="heading" aria-level="2"').replace(/<table class="tex2jax_ignore mathjax_ignore">/g, '<table class="tex2jax_ignore mathjax_ignore" tabindex="0">')

/** A link inside a summary is out of a screen reader's reach; the heading beside it keeps its id. */
const withoutPermalinks = page => page.replace(/<summary.*?<\/summary>/gs, summary => summary.replace(/<a [^>]*class="tsd-anchor-icon">.*?<\/a>/gs, ''))

const typedoc = folder => must(process.execPath, [path.join(root, 'node_modules/typedoc/bin/typedoc'), '--options', path.join(root, 'tools/site/typedoc.json'), '--out', folder], { cwd: root })

async function main() {
  if (existsSync(out) && !existsSync(path.join(out, '.rlhf-labs-site')) && readdirSync(out).length > 0) throw new SetupError(`${out} is not empty and no site that this made: name another folder with --out`)
  const python = await alone(authorPython), work = mkdtempSync(path.join(os.tmpdir(), 'site-'))
  try {
    const source = path.join(work, 'source'), built = path.join(work, 'html')
    await step('pages', () => {
      stage(source, path.resolve(options.notebooks))
      cpSync(path.join(root, 'tools/site/static'), path.join(source, 'static'), { recursive: true })
      cpSync(path.join(root, 'node_modules/plotly.js-cartesian-dist-min/plotly-cartesian.min.js'), path.join(source, 'static/plotly.min.js'))
      cpSync(path.join(root, 'tools/site/conf.py'), path.join(source, 'conf.py'))
    })
    await step('site', async () => {
      await must(python, ['-m', 'sphinx', '-b', 'html', '-q', '-W', '--keep-going', '-d', path.join(work, 'doctrees'), source, built])
      rewrite(built, scrollable)
    })
    if (!options['no-reference']) await step('reference', async () => {
      await typedoc(path.join(built, 'api'))
      rewrite(path.join(built, 'api'), withoutPermalinks)
    })
    writeFileSync(path.join(built, '.rlhf-labs-site'), '')
    writeFileSync(path.join(built, '.nojekyll'), '')
    rmSync(out, { recursive: true, force: true })
    mkdirSync(path.dirname(out), { recursive: true })
    cpSync(built, out, { recursive: true })
    console.log(`open ${path.join(out, 'index.html')}`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

await main().catch(fail)
