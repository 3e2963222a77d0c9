import { tf } from './backend'
import { createJit } from './jit/index'
import type { JitMode } from './jit/index'

export { JitTraceError, tracing } from './jit/index'
export type { Explained, Jitted, JitMode, JitOptions } from './jit/index'

const off = () => process.env.JIT === '0'

/** How functions that do not say it are compiled; undefined where they are not. */
export const jitMode = (): JitMode | undefined => off() ? undefined : process.env.JIT === 'xla' ? 'xla' : 'graph'

/**
 * A function of tensors as one call into TensorFlow: see jit/README.md. It runs as it is, with the same numbers, where the addon cannot
 * take functions (wasm, the npm package's own addon) and with JIT=0 in the environment. JIT=xla compiles with XLA, which takes seconds a shape
 * and cannot use our kernels; graphs are the default. What it notes (long compilation, many shapes) goes to a terminal only, or with
 * JIT_LOG=1 anywhere.
 */
export const jit = createJit(tf, {
  enabled: () => !off(),
  mode: () => jitMode() ?? 'graph',
  // Times would make a notebook's outputs differ from run to run
  note: line => { if (process.stderr.isTTY || process.env.JIT_LOG) console.warn(line) },
})

/** Whether steps are compiled here, in one line. */
export function jitStatus(): string {
  if (off()) return 'steps run operation by operation (JIT=0)'
  const { binding } = (tf.getBackend() === 'tensorflow' ? tf.backend() : {}) as { binding?: { jitAddFunction?: unknown } }
  return binding?.jitAddFunction ? `steps run as one ${process.env.JIT === 'xla' ? 'program compiled by XLA' : 'graph'} each (JIT=0 turns it off)` : `steps run operation by operation: only our TensorFlow addon runs a whole step at once, and this is ${binding ? "the npm package's own" : tf.getBackend()}`
}

/** Whether steps are compiled here. */
export const jitWorks = (): boolean => jitStatus().includes('as one')
