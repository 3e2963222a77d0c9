import { createHash } from 'node:crypto'
import type { Emitted } from './emit'
import type { Binding } from './native'

// A library may be loaded twice into one process, and functions live in one table
const unique = Math.floor(Math.random() * 2 ** 40).toString(36)

/** The name of a function: the same for the same content. */
export const nameOf = ({ content }: Emitted): string => `jit_${unique}_${createHash('sha256').update(content).digest('hex').slice(0, 24)}`

/** What has been given to TensorFlow: every function once, for as long as somebody uses it. */
export class FunctionTable {
  private readonly functions = new Map<string, { readonly emitted: Emitted, readonly parts: readonly string[], users: number }>()

  /** The function of this name, if it is there. */
  readonly known = (name: string): Emitted | undefined => this.functions.get(name)?.emitted

  /** Makes a function and what it calls known to TensorFlow, and says its name. */
  acquire(binding: Binding, emitted: Emitted): string {
    const name = nameOf(emitted), entry = this.functions.get(name)
    if (entry) { entry.users++; return name }
    const parts = emitted.parts.map(part => this.acquire(binding, part))
    try { binding.jitAddFunction!(emitted.named(name)) } catch (error) { parts.forEach(part => this.release(binding, part)); throw error }
    this.functions.set(name, { emitted, parts, users: 1 })
    return name
  }

  /** One user less; a function without any is taken away. */
  release(binding: Binding, name: string): void {
    const entry = this.functions.get(name)
    if (!entry || --entry.users > 0) return
    this.functions.delete(name)
    binding.jitRemoveFunction!(name)
    entry.parts.forEach(part => this.release(binding, part))
  }
}
