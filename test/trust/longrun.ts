/** A process that trains for long: `longrun.ts TRAINER STEPS` prints the tensors alive and the resident megabytes after each step, as JSON. */
import { ready, tf } from '../../lib/tensor/backend'
import { TRAININGS, type Trainer } from './trainings'

async function main(): Promise<void> {
  const [trainer, steps] = process.argv.slice(2), tensors: number[] = [], megabytes: number[] = []
  await ready()
  for await (const _ of TRAININGS[trainer as Trainer](Number(steps))) {
    tensors.push(tf.memory().numTensors)
    if (tensors.length % 10 === 0) {
      globalThis.gc?.() // what the collector has not got to yet is no leak
      megabytes.push(process.memoryUsage.rss() / 2 ** 20)
    }
  }
  console.log(`\n${JSON.stringify({ tensors, megabytes })}`)
}
void main()
