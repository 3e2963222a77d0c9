/**
 * A process that reads damaged files: `mutant.ts READER COUNT SEED`. Before each it sends {at}, at the end what it found. A file that makes
 * it hang, crash or eat memory takes this process down and no other; the number it sent last tells which file.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { readers, Unsound } from './readers'

/** What a process reports: where it is, or how it went. */
export type Message = { readonly at: number } | { readonly errors: number, readonly loads: number, readonly failures: readonly string[], readonly grownMB: number }

const send = (message: Message) => process.send!(message)
const peakMB = () => process.resourceUsage().maxRSS / 1024

async function main(): Promise<void> {
  const [name, count, seed] = process.argv.slice(2), scratch = mkdtempSync(path.join(tmpdir(), 'mutant-')), failures: string[] = []
  await ready()
  const reader = readers().find(r => r.name === name)
  if (!reader) throw new Error(`no reader ${name}`)
  let errors = 0, loads = 0
  const before = peakMB()
  for (let at = 0; at < Number(count); at++) {
    const bytes = reader.damaged(Random.seed(Number(seed)).split(at)), tensors = tf.memory().numTensors
    send({ at })
    try {
      await reader.read(bytes, scratch)
      loads++
    } catch (error) {
      errors++
      if (error instanceof Unsound) failures.push(`file ${at}: ${error.message}`)
      else if (!(error instanceof Error) || !error.message.includes('damaged')) failures.push(`file ${at}: an error that does not name the file: ${String(error).split('\n')[0]}`)
    }
    if (tf.memory().numTensors !== tensors) failures.push(`file ${at}: leaves ${tf.memory().numTensors - tensors} tensors behind`)
  }
  rmSync(scratch, { recursive: true })
  send({ errors, loads, failures, grownMB: peakMB() - before })
}
if (process.send) void main().then(() => process.disconnect())
