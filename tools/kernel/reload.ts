/** The library may be built again while a kernel runs: the next cell sees the new types, and loads the new code when it imports. */
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { forgetMaps } from './errors'
import { timeOf, ts, watched } from './typescript'

/** The time of the newest JavaScript file under a folder; 0 where there is none. */
function newest(folder: string): number {
  let entries
  try { entries = readdirSync(folder, { withFileTypes: true }) } catch { return 0 }
  return entries.reduce((latest, entry) => {
    const file = path.join(folder, entry.name)
    return Math.max(latest, entry.isDirectory() ? newest(file) : entry.name.endsWith('.js') ? timeOf(file) : 0)
  }, 0)
}

/** Returns what to call before each cell. */
export function createReload(root: string): () => void {
  const built = path.join(root, 'lib', 'dist')
  let latest = newest(built)
  return () => {
    for (const [file, watch] of watched) {
      const before = watch.time, now = watch.time = timeOf(file)
      if (before === now) continue
      const kind = now === 0 ? ts.FileWatcherEventKind.Deleted : before === 0 ? ts.FileWatcherEventKind.Created : ts.FileWatcherEventKind.Changed
      for (const callback of watch.callbacks) callback(file, kind)
    }
    const now = newest(built)
    if (now === latest) return
    latest = now
    forgetMaps()
    for (const file of Object.keys(require.cache)) if (file.startsWith(built + path.sep)) delete require.cache[file]
  }
}
