// The GPT of the bench in this library: one training step or one cached decode for each line on stdin, its milliseconds as JSON on stdout.
import { createInterface } from 'node:readline'
import type * as tfjs from '@tensorflow/tfjs'
import { gptConfig } from '../../lib/model/config'
import { generate } from '../../lib/model/generate'
import { tokenLogps } from '../../lib/model/logps'
import { adam } from '../../lib/model/optimiser'
import type { ScoredInputs } from '../../lib/model/inputs'
import { scoredInputs } from '../../lib/model/inputs'
import { initParams } from '../../lib/model/params'
import type { Params } from '../../lib/model/params'
import { ready, tf } from '../../lib/tensor/backend'
import type { OnDevice } from '../../lib/tensor/host'
import { Random } from '../../lib/tensor/random'
import { startState } from '../../lib/train/training'
import { updateInPieces } from '../../lib/train/update'
import type { Sizes } from './gpt-sizes'

let operations = 0

/** Counts what the native library executes until the returned function is called. */
function countOperations(): () => void {
  const backend = tf.backend() as unknown as { binding: Record<string, unknown> }, { binding } = backend
  const copy = Object.fromEntries(Object.getOwnPropertyNames(binding).map(name => [name, typeof binding[name] === 'function' ? binding[name].bind(binding) as unknown : binding[name]]))
  const execute = copy.executeOp as (...args: unknown[]) => unknown
  backend.binding = { ...copy, executeOp: (...args: unknown[]) => { operations++; return execute(...args) } }
  return () => { backend.binding = binding }
}

async function main(): Promise<void> {
  const sizes = JSON.parse(process.argv[2]) as Sizes, { layers, width, heads, length, vocabulary, batch, decodeBatch, pieces = 1 } = sizes
  const backend = await ready()
  const config = gptConfig({ vocab_size: vocabulary, n_positions: length + 1, n_embd: width, n_layer: layers, n_head: heads, tie_word_embeddings: false })
  const random = Random.seed(0), optimiser = adam({ lr: 1e-3 })
  const params = initParams(config, random), state = startState('bench', { policy: params }, { policy: optimiser.init(params) }, random)
  const objective = (weights: Params, { batch, count }: OnDevice<{ batch: ScoredInputs, count: number }>) => ({ loss: tf.div<tfjs.Scalar>(tf.neg(tf.sum(tokenLogps(weights, config, batch))), count) })
  const data = Array.from({ length: batch }, () => Array.from({ length: length + 1 }, () => random.int(vocabulary)))

  const tasks: Record<string, () => number> = {
    step() {
      const size = batch / pieces, parts = Array.from({ length: pieces }, (_, i) => ({ batch: scoredInputs(config, data.slice(i * size, (i + 1) * size)), count: batch * length }))
      return updateInPieces(state, { role: 'policy', optimiser, learningRate: 1e-3, objective, pieces: parts, together: true }).loss
    },
    decode() {
      generate(state.models.policy, config, Array.from({ length: decodeBatch }, () => [0]), { maxNewTokens: length - 1, random, shards: pieces })
      return length - 1
    },
    operations() {
      const restore = countOperations(), before = operations
      tasks.step()
      restore()
      return operations - before
    },
  }
  for await (const task of createInterface({ input: process.stdin })) {
    const cpu = process.cpuUsage(), start = performance.now(), value = tasks[task]()
    const ms = performance.now() - start, used = process.cpuUsage(cpu)
    console.log(JSON.stringify({ ms, cpu: (used.user + used.system) / 1000, value, peakMB: process.resourceUsage().maxRSS / 1024, tensors: tf.memory().numTensors, version: backend.label }))
  }
}
void main()
