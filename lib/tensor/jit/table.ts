import type { Binding } from './native'
import type { Emitted } from './trace'

// A library may be loaded twice into one process, and functions live in one table
const unique = Math.floor(Math.random() * 2 ** 40).toString(36)

/** FNV-1a over 32 bits. */
function hash(data: Uint8Array, seed: number): string {
  let h = seed
  for (const byte of data) h = Math.imul(h ^ byte, 0x01000193)
  return (h >>> 0).toString(36)
}

/** The name of a function: the same for the same content. */
export const nameOf = ({ content }: Emitted): string => `jit_${unique}_${hash(content, 0x811c9dc5)}_${hash(content, 0x9e3779b9)}_${content.length}`

/** What has been given to TensorFlow: every function once, for as long as somebody uses it. */
export class FunctionTable {
  private readonly functions = new Map<string, { readonly emitted: Emitted, readonly parts: readonly string[], users: number }>()

  /** The function of this name, if it is there. */
  readonly known = (name: string): Emitted | undefined => this.functions.get(name)?.emitted

  /** Makes a function and what it calls known to TensorFlow, and says its name. */
  acquire(binding: Binding, emitted: Emitted): string {
    const name = nameOf(emitted), entry = this.functions.get(name)
    if (entry && !entry.emitted.content.equals(emitted.content)) throw new Error(`jit: two functions are called ${name}`)
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
