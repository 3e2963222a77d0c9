import { parentPort } from 'node:worker_threads'
import type * as tfjs from '@tensorflow/tfjs'
import { ready, tf } from '../../lib/tensor/backend'
import { jit } from '../../lib/tensor/jit'

void ready().then(() => {
  const f = jit((x: tfjs.Tensor) => tf.sum(tf.square(x)))
  const values = Array.from({ length: 5 }, (_, i) => f(tf.fill([10], i)).dataSync()[0])
  parentPort!.postMessage({ values, states: f.explain().map(({ state }) => state) })
})
