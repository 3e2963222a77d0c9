// The unit tests, counted.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { root } from './paths.mjs'
import { indent, run } from './say.mjs'

const testFiles = folder => readdirSync(path.join(folder, 'test'), { recursive: true }).filter(name => name.endsWith('.test.ts')).map(name => path.join(folder, 'test', name))

/**
 * Runs mocha on a folder's tests and reads its stream of events (one JSON array a line): shows how far it is, counts by its own
 * final numbers. What did not run (a skipped test, a silent file, a process that ended early) counts as failed.
 */
export async function unit(note, env = {}, folder = root) {
  let stats
  let planned = 0
  let seen = 0
  const failures = []
  const silent = new Set(testFiles(folder))
  const onLine = line => {
    // What a test prints without a line end stands before mocha's line.
    const at = line.search(/\["(start|pass|fail|end)",\{/)
    if (at < 0) return
    let event, data
    try {
      [event, data] = JSON.parse(line.slice(at))
    } catch {
      return
    }
    if (event === 'start') planned = data.total
    else if (event === 'end') stats = data
    else {
      seen++
      silent.delete(data.file)
      if (event === 'fail') failures.push(`${data.fullTitle}\n${indent(data.stack ?? data.err ?? '')}`)
      note(`${seen} of ${planned}`)
    }
  }
  const { code, tail } = await run(process.execPath, [path.join(root, 'node_modules/mocha/bin/mocha.js'), '--reporter', 'json-stream', 'test/**/*.test.ts'], { cwd: folder, env, onLine })
  if (!stats) return { passed: 0, failed: 1, report: `mocha ended (${code}) before its tests did:\n${tail}` }
  // A test that neither passed nor failed (skipped, or never reached) is not a passed test.
  const missing = Math.max(0, planned - stats.passes - stats.failures)
  if (missing) failures.push(`${missing} of ${planned} tests did not run`)
  for (const file of silent) failures.push(`${path.relative(folder, file)}: none of its tests ran`)
  return { passed: stats.passes, failed: Math.max(stats.failures + missing + silent.size, code === 0 ? 0 : 1), report: failures.join('\n') }
}
