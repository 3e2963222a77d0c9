// The GPT of the bench in @genai-fi/nanogpt: one training step of its own trainer for each line on stdin, its milliseconds as JSON on stdout.
// The published build fails to load in Node.js ("TextEncoder is not a constructor": its bundled TensorFlow.js takes Node's branch with a
// browser's stub of `util`). TensorFlow.js keeps its engine and kernels in globals, so the build finds those loaded here; only that branch
// is hidden while it loads. Seven of its kernels, the optimiser's among them, are registered for 'cpu' but not for 'tensorflow', and none
// for 'wasm'; they are compositions of ordinary operations, so they are registered for the other backends unchanged.
// What flatters the package: its matrix product for these backends leaves out the GELU on the way forward, and its head shares the embedding.
import path from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import type * as tfjs from '@tensorflow/tfjs'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import type { Sizes } from './gpt-sizes'

interface Trainer { trainStep(state: object, batch: { xs: tfjs.Tensor, ys: tfjs.Tensor }): tfjs.Scalar }
interface Package { Model: new (config: object) => object, Trainer: new (model: object, tokeniser: object, options: object) => Trainer }

async function load(folder: string): Promise<Package> {
  const part = async (file: string) => (await import(pathToFileURL(path.join(folder, 'dist', file)).href) as { default: unknown }).default
  tf.env().set('IS_NODE', false)
  try {
    return { Model: await part('models/NanoGPTV1.js'), Trainer: await part('training/BasicTrainer.js') } as Package
  } finally {
    tf.env().set('IS_NODE', true)
  }
}

async function main(): Promise<void> {
  const [sizes, name, folder] = [JSON.parse(process.argv[2]) as Sizes, process.argv[3], process.argv[4]]
  await ready()
  const names = (backend: string) => new Set(tf.getKernelsForBackend(backend).map(kernel => kernel.kernelName)), stock = names('cpu')
  const { Model, Trainer } = await load(folder)
  await tf.setBackend(name)
  const present = names(name)
  for (const kernel of tf.getKernelsForBackend('cpu')) {
    if (!stock.has(kernel.kernelName) && !present.has(kernel.kernelName)) tf.registerKernel({ ...kernel, backendName: name })
  }

  const { layers, width, heads, length, vocabulary, batch } = sizes
  // as GPT-2: learned positions, a constant learning rate, no decay
  const model = new Model({ vocabSize: vocabulary, blockSize: length, nLayer: layers, nHead: heads, nEmbed: width, mlpFactor: 4, useRope: false })
  const trainer = new Trainer(model, {}, { learningRate: 1e-3, beta2: 0.999, weightDecay: 0, warmupSteps: 0, lossScaling: 1 })
  const random = Random.seed(0), data = Array.from({ length: batch }, () => Array.from({ length: length + 1 }, () => random.int(vocabulary)))
  const xs = tf.tensor2d(data.map(row => row.slice(0, -1)), [batch, length], 'int32'), ys = tf.tensor2d(data.map(row => row.slice(1)), [batch, length], 'int32')

  for await (const task of createInterface({ input: process.stdin })) {
    if (task !== 'step') throw new Error(`This worker does 'step' only, not '${task}'`)
    const cpu = process.cpuUsage(), start = performance.now(), loss = trainer.trainStep({}, { xs, ys }), value = loss.dataSync()[0]
    loss.dispose()
    const ms = performance.now() - start, used = process.cpuUsage(cpu)
    console.log(JSON.stringify({ ms, cpu: (used.user + used.system) / 1000, value, peakMB: process.resourceUsage().maxRSS / 1024, tensors: tf.memory().numTensors, version: tf.getBackend() }))
  }
}
void main()
