/** `npm run bench -- name …` runs tools/bench/<name>.ts, each of which exports `run()`; files with a hyphen are parts of others. */
import { readdirSync } from 'node:fs'
import path from 'node:path'

const known = readdirSync(__dirname).filter(f => f.endsWith('.ts') && !f.includes('-') && !['main.ts', 'report.ts'].includes(f)).map(f => path.basename(f, '.ts'))
const names = process.argv.slice(2)
const wrong = names.find(name => !known.includes(name))
if (!names.length || wrong !== undefined) {
  console.error(`${wrong === undefined ? 'No benchmark named' : `No benchmark '${wrong}'`}; there are: ${known.join(', ')}. Example: npm run bench -- ${known[0]}`)
  process.exit(2)
}
void (async () => {
  for (const name of names) {
    const { run } = await import(path.join(__dirname, `${name}.ts`)) as { run: () => Promise<boolean | void> }
    if (await run() === false) process.exitCode = 1
  }
})()
