import { ready } from '../tensor/backend'
import { display } from './display'
import { html, visible } from './escape'

/** The seed of a lab: RLHF_SEED, or 0. Throws RangeError when it is not a non-negative integer. */
export function labSeed(): number {
  const text = process.env.RLHF_SEED ?? '0', seed = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`RLHF_SEED: expected a non-negative integer, got '${text}'`)
  return seed
}

/** Shows a line that depends on the machine; `volatile` is the fixed text that stands in a committed notebook. */
export function showVolatile(text: string, volatile: string): void {
  display({ 'text/plain': visible(text), 'text/html': `<pre>${html(text)}</pre>` }, { metadata: { volatile } })
}

/** Waits for the tensor backend and shows which one runs, whether it really computes on a GPU, and how to get a faster one. */
export async function announceBackend(): Promise<void> {
  const { label, device, faster } = await ready()
  const gpu = device === 'GPU' ? 'the GPU is used' : 'no GPU is used'
  showVolatile(`Tensors run on ${label}; ${gpu}${faster ? `\n(${faster})` : ''}`, 'Tensors run on <backend and version>; <whether a GPU is used>')
}
