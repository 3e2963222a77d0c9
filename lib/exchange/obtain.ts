import { display } from '../notebook/display'
import { html, visible } from '../notebook/escape'
import { displayId } from '../notebook/session'
import { download, type DownloadOptions } from './download'
import { DownloadError, type Download } from './downloads'

const EVERY_MS = 200

/**
 * The path of a published file for a lab, or undefined where it cannot be had. One line, which updates in place and is fixed in
 * committed notebooks, says how far the transfer is, where the file came from, or why it is missing and what to do.
 * `without` says in a few words how the lab goes on when it is missing.
 */
export async function obtain(what: string | Download, without: string, options: DownloadOptions = {}): Promise<string | undefined> {
  const name = typeof what === 'string' ? what : what.name
  const id = displayId(), volatile = `${name}: <from the cache, a mirror or the network; where none has it, ${without}>`
  let shown = false, drawn = -Infinity
  const say = (text: string) => {
    display({ 'text/plain': visible(text), 'text/html': `<code>${html(text)}</code>` }, { id, update: shown, metadata: { volatile } })
    shown = true
  }
  try {
    const { path, from } = await download(what, {
      ...options,
      onProgress(done, total) {
        if (performance.now() - drawn < EVERY_MS) return
        drawn = performance.now()
        say(`${name}: ${(100 * done / total).toFixed(0)}% of ${(total / 1e6).toFixed(1)} MB`)
      },
    })
    say(`${name}: from the ${from}, size and SHA-256 as published`)
    return path
  } catch (error) {
    if (!(error instanceof DownloadError)) throw error
    say(`${error.message}. So ${without}. To have it, go online or set RLHF_MIRROR to a folder laid out <owner>/<repository>/<commit>/<path>.`)
    return undefined
  }
}
