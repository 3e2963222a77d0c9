/**
 * What a batch is to the model, prepared on the host: plain arrays, checked, in the shapes that the tensors will have. The computation
 * on tensors (forward.ts, logps.ts, heads.ts) then reads no number, so that it can be compiled; see train/update.ts.
 */
import type * as tfjs from '@tensorflow/tfjs'
import type { HostTensor, OnDevice } from '../tensor/host'
import { hostTensor } from '../tensor/host'
import { checkIndices } from '../tensor/layers'
import type { Random } from '../tensor/random'
import type { HostMatrix, Matrix } from './batch'
import { causalMask, onHost, positionsFrom, sameShape } from './batch'
import type { HostAngles } from './blocks'
import { anglesOf, dropoutFactors } from './blocks'
import type { ModelConfig } from './config'
import { shapeOf } from './config'

/** How a batch is to be read. */
export interface BatchOptions {
  /** [b, t]: 1 for a token, 0 for padding, on either side. Default: no padding. */
  readonly mask?: Matrix
  /** [b, t]: default counts the tokens that are not padding. */
  readonly positions?: Matrix
  /** Switches dropout on, at the rates of the configuration. */
  readonly random?: Random
  /**
   * Fills up the columns on the right, and the list of scored tokens, to one of a few sizes: a compiled step is compiled once a shape.
   * Nothing that has a meaning changes, but what comes back per position is as wide as `ids` is. A number is the most columns that any
   * batch of the run has: none is filled up beyond. Has no effect where dropout is on, whose random factors would be others.
   */
  readonly fewShapes?: boolean | number
}

/** Factors of dropout by place: 'embedding', and 'attention', 'attended', 'inner' of every layer. */
type Dropout = { readonly [place: string]: HostTensor | undefined }

/** A batch of b sequences of t tokens. */
export type BatchInputs = {
  /** [b, t] */
  readonly ids: HostTensor<[number, number]>
  /** [b, t] */
  readonly positions: HostTensor<[number, number]>
  /** What attention adds to its scores, [1 or b, 1, t, t]. */
  readonly mask: HostTensor<[number, number, number, number]>
  readonly angles?: HostAngles
  readonly dropout?: Dropout
}

/**
 * A batch of t − 1 columns (of t with `whole`), for what stands in the last one predicts nothing, and which n of its tokens are scored, in
 * row-major order; of b·(t − 1) places, number i·(t − 1) + j scores token j + 1 of row i.
 */
export type ScoredInputs = BatchInputs & {
  /** The row of the hidden states that predicts each scored token, [n]. */
  readonly sources: HostTensor<[number]>
  /** The scored tokens, [n]. */
  readonly targets: HostTensor<[number]>
  /** Their places, [n]: those of `sources`, but for packed rows. */
  readonly places: HostTensor<[number]>
  /** 1, or 0 where a list has been filled up, [n]. Only with `fewShapes`. */
  readonly scored?: HostTensor<[number]>
  /** 1 at places that are scored, else 0, [b, t − 1]: the mask for reductions. */
  readonly scoredMask: HostTensor<[number, number]>
}

/** A batch and the row of b·t hidden states where each sequence ends, [b]. */
export type SequenceInputs = BatchInputs & { readonly last: HostTensor<[number]> }

/** The same as tensors: what a computation takes in place of token ids. */
export type BatchTensors = OnDevice<BatchInputs>
export type ScoredTensors = OnDevice<ScoredInputs>
export type SequenceTensors = OnDevice<SequenceInputs>

/** Whether tokens are prepared inputs as tensors already. */
export const arePrepared = <T extends BatchTensors>(tokens: Matrix | T): tokens is T => 'ids' in tokens

/** Sizes that `fewShapes` fills up to: multiples of 16 up to 64, of 32 up to 256, then of 128. */
export const roundUp = (n: number) => { const step = n <= 64 ? 16 : n <= 256 ? 32 : 128; return Math.ceil(n / step) * step }

const longest = (fewShapes: boolean | number) => typeof fewShapes === 'number' ? fewShapes : Infinity

interface Read { readonly ids: HostMatrix, readonly mask?: HostMatrix, readonly batch: BatchInputs }

/** Checks everything that the kernels would not: shapes, ids, positions, length. Then leaves `cut` columns on the right out. */
function read(config: ModelConfig, tokens: Matrix, { mask: given, positions: at, random, fewShapes }: BatchOptions, cut = 0): Read {
  const whole = onHost(tokens, 'tokens'), { vocabulary, context } = shapeOf(config)
  if (whole.columns > context) throw new RangeError(`tokens: ${whole.columns} columns, but the model's context is ${context}`)
  checkIndices(whole.data, vocabulary, 'token')
  const wholeMask = given && sameShape(onHost(given, 'mask'), whole, 'mask'), wholePositions = at && sameShape(onHost(at, 'positions'), whole, 'positions')
  if (wholePositions && config.model_type === 'gpt2') checkIndices(wholePositions.data, context, 'position')
  const { rows } = whole, own = whole.columns - cut, columns = fewShapes && !drops(config, random) ? Math.min(context, roundUp(own), Math.max(own, longest(fewShapes) - cut)) : own
  const fit = (matrix: HostMatrix) => widen(narrow(matrix, own), columns), ids = fit(whole)
  const mask = columns > own ? fit(wholeMask ?? { ...whole, data: new Int32Array(whole.data.length).fill(1) }) : wholeMask && fit(wholeMask)
  const positions = wholePositions ? fit(wholePositions).data : positionsFrom(mask, rows, columns)
  const batch: BatchInputs = {
    ids: hostTensor(ids.data, [rows, columns]), positions: hostTensor(positions, [rows, columns]), mask: causalMask(mask, columns),
    ...config.model_type === 'llama' ? { angles: anglesOf(positions, rows, config) } : {}, ...dropoutOf(config, rows, columns, random),
  }
  return { ids, mask, batch }
}

/** The first columns of a matrix. */
function narrow({ data, rows, columns }: HostMatrix, to: number): HostMatrix {
  if (to === columns) return { data, rows, columns }
  const out = new Int32Array(rows * to)
  for (let i = 0; i < rows; i++) out.set(data.subarray(i * columns, i * columns + to), i * to)
  return { data: out, rows, columns: to }
}

function widen({ data, rows, columns }: HostMatrix, to: number): HostMatrix {
  if (to === columns) return { data, rows, columns }
  const out = new Int32Array(rows * to)
  for (let i = 0; i < rows; i++) out.set(data.subarray(i * columns, (i + 1) * columns), i * to)
  return { data: out, rows, columns: to }
}

/** Whether dropout is on for a batch with this source of randomness. */
export const drops = (config: ModelConfig, random?: Random) => random !== undefined && config.model_type === 'gpt2' && config.embd_pdrop + config.attn_pdrop + config.resid_pdrop > 0

function dropoutOf(config: ModelConfig, rows: number, columns: number, random?: Random): { dropout?: Dropout } {
  if (config.model_type !== 'gpt2' || !random || !drops(config, random)) return {}
  const { n_layer, n_head, n_embd, embd_pdrop, attn_pdrop, resid_pdrop } = config, flat = [rows * columns, n_embd] as const
  const dropout: Record<string, HostTensor | undefined> = { embedding: dropoutFactors(flat, embd_pdrop, random) }
  for (let layer = 0; layer < n_layer; layer++) {
    dropout[`${layer}.attention`] = dropoutFactors([rows, n_head, columns, columns], attn_pdrop, random)
    dropout[`${layer}.attended`] = dropoutFactors(flat, resid_pdrop, random)
    dropout[`${layer}.inner`] = dropoutFactors(flat, resid_pdrop, random)
  }
  return { dropout }
}

/**
 * A batch for the trunk. Throws, naming what was expected, where a row, mask or position list has another length, an id is not in the
 * vocabulary, or the batch is longer than the context.
 */
export const batchInputs = (config: ModelConfig, tokens: Matrix, options: BatchOptions = {}): BatchInputs => read(config, tokens, options).batch

/**
 * A batch whose tokens are scored where `responseMask` [b, t] is 1; by default every token that has a predecessor which is not padding.
 * whole: the last column stays, for something that looks at it, too.
 * Throws as {@link batchInputs}, and where no token is scored.
 */
export function scoredInputs(config: ModelConfig, tokens: Matrix, { responseMask, whole = false, ...options }: BatchOptions & { readonly responseMask?: Matrix, readonly whole?: boolean } = {}): ScoredInputs {
  const own = onHost(tokens, 'tokens'), nothing = () => new Error(`responseMask: no token of [${own.rows}, ${own.columns}] is scored; a response needs a token after the first column`)
  if (own.columns === 1) throw nothing()
  const { ids: { rows, columns }, batch } = read(config, tokens, options, whole ? 0 : 1), mask = options.mask && onHost(options.mask, 'mask').data
  const response = responseMask && sameShape(onHost(responseMask, 'responseMask'), own, 'responseMask').data, sources: number[] = [], targets: number[] = []
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j + 1 < own.columns; j++) {
      const at = i * own.columns + j
      if (response ? response[at + 1] === 0 : mask && (mask[at] === 0 || mask[at + 1] === 0)) continue
      sources.push(i * columns + j)
      targets.push(own.data[at + 1])
    }
  }
  const n = sources.length
  if (n === 0) throw nothing()
  const length = options.fewShapes ? Math.min(rows * columns, rows * roundUp(Math.ceil(n / rows))) : n
  const list = (values: readonly number[]) => { const data = new Int32Array(length); data.set(values); return hostTensor(data, [length]) }
  const scoredMask = new Float32Array(rows * columns)
  for (const place of sources) scoredMask[place] = 1
  return {
    ...batch, sources: list(sources), places: list(sources), targets: list(targets), scoredMask: hostTensor(scoredMask, [rows, columns]),
    ...options.fewShapes ? { scored: hostTensor(new Float32Array(length).fill(1, 0, n), [length]) } : {},
  }
}

/** A batch whose sequences are scored at their last token that is not padding. Throws as {@link batchInputs}, and where a row is all padding. */
export function sequenceInputs(config: ModelConfig, tokens: Matrix, options: BatchOptions = {}): SequenceInputs {
  const { ids: { rows, columns }, mask, batch } = read(config, tokens, options)
  const last = Int32Array.from({ length: rows }, (_, i) => {
    let j = columns - 1
    while (mask && j >= 0 && mask.data[i * columns + j] === 0) j--
    if (j < 0) throw new Error(`mask: row ${i} has no token`)
    return i * columns + j
  })
  return { ...batch, last: hostTensor(last, [rows]) }
}

/** A list of ids or positions as the vector that a table's lookup takes. */
export const asVector = (matrix: tfjs.Tensor2D): tfjs.Tensor1D => matrix.reshape([-1])
