import path from 'node:path'
import os from 'node:os'
import workers from 'node:worker_threads'
import type * as tfjs from '@tensorflow/tfjs'

type Wasm = typeof import('@tensorflow/tfjs-backend-wasm')

/** Runs `start` while `change` holds, and undoes it afterwards, whether it worked or not. */
async function during<T>(change: () => () => void, start: () => Promise<T>): Promise<T> {
  const undo = change()
  try {
    return await start()
  } finally {
    undo()
  }
}

/** Emscripten's start-up code listens for uncaught errors and rejections, only to throw them again: that would end a kernel
 *  whose own listeners mean to report them. Takes back the listeners that are added meanwhile. */
function keepListeners(): () => void {
  const events = ['uncaughtException', 'unhandledRejection']
  const before = events.map(event => new Set(process.listeners(event as NodeJS.Signals)))
  return () => events.forEach((event, i) => process.listeners(event as NodeJS.Signals).filter(listener => !before[i].has(listener)).forEach(listener => process.off(event, listener)))
}

/** The threaded build hands its workers' code over as blob: URLs, which Node's workers do not take, and starts half as many
 *  as there are processors. Worker and os.cpus() stand in for that while the backend starts. */
function workersForNode(folder: string, threads: number): () => void {
  const factory = path.join(folder, 'wasm-out/tfjs-backend-wasm-threaded-simd.js')
  const { wasmWorkerContents } = require(path.join(folder, 'wasm-out/tfjs-backend-wasm-threaded-simd.worker.js')) as { wasmWorkerContents: string }
  // The package keeps the worker's code in a template literal, which has turned its \n into real line ends.
  const code = wasmWorkerContents.replaceAll('\n', '\\n')
  const RealWorker = workers.Worker
  const realCpus = os.cpus
  const realGlobal = Object.getOwnPropertyDescriptor(globalThis, 'Worker')

  class WasmWorker extends RealWorker {
    constructor(_blob: unknown) {
      super(code, { eval: true, execArgv: [] })
      this.unref()
    }

    /** Emscripten wants a running thread to keep the process alive; ours run until the end and only wait for work. */
    override ref(): void {}

    override postMessage(message: { cmd?: string } & Record<string, unknown>, transfer?: readonly workers.Transferable[]): void {
      super.postMessage(message?.cmd === 'load' ? { ...message, urlOrBlob: factory } : message, transfer)
    }
  }

  workers.Worker = WasmWorker
  os.cpus = () => Array<os.CpuInfo[]>(2 * threads).fill(realCpus().slice(0, 1)).flat()
  return () => {
    workers.Worker = RealWorker
    os.cpus = realCpus
    if (realGlobal) Object.defineProperty(globalThis, 'Worker', realGlobal)
    else delete (globalThis as { Worker?: unknown }).Worker
  }
}

/** Makes the wasm backend, which was written for browsers, start under Node.js as a good guest, on `threads` threads.
 *  `folder` is where the package @tensorflow/tfjs-backend-wasm lies. Call it before the backend is first used. */
export function prepareForNode(tf: typeof tfjs, wasm: Wasm, folder: string, threads: number): void {
  wasm.setWasmPaths(`${folder}/dist/`)
  if (threads > 1) {
    wasm.setThreadsCount(threads)
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', true)
  }
  const start = tf.findBackendFactory('wasm') as () => Promise<tfjs.KernelBackend>
  tf.removeBackend('wasm')
  tf.registerBackend('wasm', () => during(keepListeners, () => threads > 1 ? during(() => workersForNode(folder, threads), start) : start()), 2)
}
