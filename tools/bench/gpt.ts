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
