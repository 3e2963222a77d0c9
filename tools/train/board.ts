import { mkdirSync } from 'node:fs'
import { tf } from '../../lib/tensor/backend'

interface SummaryWriter { scalar(name: string, value: number, step: number): void; flush(): void }

/**
 * Writes records as TensorBoard events by tfjs-node's own summary writer; undefined on other backends. Events of steps that a resumed run
 * repeats are there twice, with equal values.
 */
export function boardWriter(folder: string): ((record: { readonly step: number }) => void) | undefined {
  const node = (tf as unknown as { node?: { summaryFileWriter(folder: string): SummaryWriter } }).node
  if (tf.getBackend() !== 'tensorflow' || !node) return undefined
  mkdirSync(folder, { recursive: true })
  const writer = node.summaryFileWriter(folder)
  return record => {
    for (const [name, value] of Object.entries(record)) if (name !== 'step' && typeof value === 'number' && Number.isFinite(value)) writer.scalar(name, value, record.step)
    writer.flush()
  }
}
