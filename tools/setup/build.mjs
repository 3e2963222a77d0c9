// The built library and kernel: compiled when a source, a setting or the compiler changed.
import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { cache, read, root, sha256, write } from './paths.mjs'
import { must } from './say.mjs'

const projects = ['lib', 'tools/kernel']

/** Each source with its size and time: cheaper than reading, and a touched file only costs one compilation. */
function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name)
    if (entry.isDirectory()) {
      if (!['dist', 'node_modules'].includes(entry.name)) yield* sources(file)
    } else if (/\.(ts|json)$/.test(entry.name)) {
      const { mtimeMs, size } = statSync(file)
      yield `${path.relative(root, file)} ${mtimeMs} ${size}`
    }
  }
}

const state = () => sha256([...projects.flatMap(folder => [...sources(path.join(root, folder))]), read(path.join(root, 'tsconfig.json')), read(path.join(root, 'package-lock.json'))].join('\n'))

/** Runs `npm run build` when anything changed since it last ended well. */
export async function build() {
  const mark = path.join(cache, 'built')
  const before = state()
  if (read(mark) === before && projects.every(folder => existsSync(path.join(root, folder, 'dist')))) return 'up to date'
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  for (const folder of projects) await must(process.execPath, [tsc, '-p', folder], { cwd: root })
  write(mark, before)
  return 'compiled'
}
