/** Sizes of a GPT and of what it is asked to do. */
export interface Sizes {
  readonly layers: number
  readonly width: number
  readonly heads: number
  readonly vocabulary: number
  /** Sequences and tokens of a training step. */
  readonly batch: number
  readonly length: number
  /** Sequences decoded at once, `length` − 1 positions each. */
  readonly decodeBatch: number
  readonly threads: number
  /** Pieces of a batch that a training step computes side by side (default 1). */
  readonly pieces?: number
}

/** The GPT that others are compared at. */
export const bench: Sizes = { layers: 4, width: 128, heads: 4, vocabulary: 256, batch: 32, length: 48, decodeBatch: 64, threads: 1 }
/** The size that the labs train on the desk. */
export const desk: Sizes = { layers: 2, width: 64, heads: 4, vocabulary: 277, batch: 16, length: 88, decodeBatch: 64, threads: 1 }

/** One answer of a worker. */
export interface Measured {
  readonly ms: number
  /** Milliseconds of processor time, which other work on the machine changes less. */
  readonly cpu: number
  /** The loss, the positions decoded, or the operations counted. */
  readonly value: number
  readonly peakMB: number
  readonly tensors?: number
  readonly version: string
}
