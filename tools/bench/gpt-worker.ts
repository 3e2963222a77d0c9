// The GPT of the bench in this library: one training step or one cached decode for each line on stdin, its milliseconds as JSON on stdout.
import { createInterface } from 'node:readline'
import { gptConfig } from '../../lib/model/config'
import { generate } from '../../lib/model/generate'
import { tokenLogps } from '../../lib/model/logps'
import { adam } from '../../lib/model/optimiser'
import { disposeParams, initParams } from '../../lib/model/params'
import { ready, tf } from '../../lib/tensor/backend'
import { valueAndGrads } from '../../lib/tensor/gradients'
import { Random } from '../../lib/tensor/random'
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
  const sizes = JSON.parse(process.argv[2]) as Sizes, { layers, width, heads, length, vocabulary, batch, decodeBatch } = sizes
  const backend = await ready()
  const config = gptConfig({ vocab_size: vocabulary, n_positions: length + 1, n_embd: width, n_layer: layers, n_head: heads, tie_word_embeddings: false })
  const random = Random.seed(0), optimiser = adam({ lr: 1e-3 })
  let params = initParams(config, random), state = optimiser.init(params)
  const data = Array.from({ length: batch }, () => Array.from({ length: length + 1 }, () => random.int(vocabulary)))

  const tasks: Record<string, () => number> = {
    step() {
      const { value, grads } = valueAndGrads(p => ({ loss: tf.tidy(() => tf.neg(tf.mean<ReturnType<typeof tf.scalar>>(tokenLogps(p, config, data)))) }), params)
      const next = optimiser.update(grads, state, params), loss = value.dataSync()[0]
      value.dispose()
      disposeParams(grads)
      disposeParams(params)
      disposeParams(state.slots);
      ({ params, state } = next)
      return loss
    },
    decode() {
      generate(params, config, Array.from({ length: decodeBatch }, () => [0]), { maxNewTokens: length - 1, random })
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
