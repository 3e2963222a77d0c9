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
}

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
