/** What a frozen model says of sequences, from the host to the host: passes without gradient, each of them one compiled call where that pays. */
import type * as tfjs from '@tensorflow/tfjs'
import { tf } from '../tensor/backend'
import { toTensors } from '../tensor/host'
import type { Host, OnDevice } from '../tensor/host'
import { jit, jitWorks } from '../tensor/jit'
import type { ModelConfig } from './config'
import { sequenceScores, tokenValues } from './heads'
import { batchInputs, scoredInputs, sequenceInputs } from './inputs'
import { tokenLogps } from './logps'
import type { LanguageModel, Params } from './params'

/** B sequences padded to one length, `mask` 1 at their tokens, both [b][t]. */
export interface PaddedSequences { readonly tokens: readonly Int32Array[]; readonly mask: readonly Int32Array[] }

/** Numbers in rows of `columns`, row-major; columns may be more than were asked for, filled up on the right. */
export interface ReadRows { readonly data: Float32Array; readonly columns: number }

type Inputs<H> = { readonly [K in keyof H]: Host }
type Pass = (params: Params, inputs: never) => tfjs.Tensor

const compiled = new Map<string, Pass>()

/** The pass as one call, compiled once for a name and a configuration; as a graph always, since XLA's seconds a shape are not won back here. */
function compiledPass(name: string, config: ModelConfig, pass: Pass): Pass {
  const key = `${name} ${JSON.stringify(config)}`, made = compiled.get(key) ?? jit((params: Params, inputs: never) => pass(params, inputs), { name, mode: 'graph' })
  compiled.set(key, made)
  return made
}

/** Rows are filled up to multiples of 16, so that there are few shapes, with copies of the last one. */
const more = (rows: readonly Int32Array[], to: number): Int32Array[] => Array.from({ length: to }, (_, i) => rows[Math.min(i, rows.length - 1)])

/** prepare: the batch, filled up or as it is. Small batches run operation by operation: what they cost is less than a graph takes to make. */
function read<H extends Inputs<H>>(name: string, { config, params }: LanguageModel, { tokens, mask }: PaddedSequences, prepare: (padded: PaddedSequences, rows: number, fewShapes: boolean) => H, pass: (params: Params, inputs: OnDevice<H>) => tfjs.Tensor): ReadRows {
  const count = tokens.length, few = jitWorks() && count * tokens[0].length >= 512, rows = few ? Math.ceil(count / 16) * 16 : count
  const inputs = prepare(few ? { tokens: more(tokens, rows), mask: more(mask, rows) } : { tokens, mask }, rows, few), run = few ? compiledPass(name, config, pass) : pass
  const data = tf.tidy(() => run(params, toTensors(inputs) as never).dataSync<'float32'>())
  return { data, columns: data.length / rows }
}

/** {@link tokenLogps} of tokens where `responseMask` [b][t] is 1, at a temperature; row i, column j: token j + 1 of sequence i. Throws as it does. */
export function readLogps(model: LanguageModel, sequences: PaddedSequences & { readonly responseMask: readonly Int32Array[] }, temperature = 1): ReadRows {
  const { config } = model, nothing = new Int32Array(sequences.tokens[0].length)
  const scored = (rows: number) => [...sequences.responseMask, ...Array.from({ length: rows - sequences.tokens.length }, () => nothing)]
  return read(`log-probs at temperature ${temperature}`, model, sequences, ({ tokens, mask }, rows, fewShapes) => scoredInputs(config, tokens, { mask, responseMask: scored(rows), fewShapes }),
    (params, inputs) => tokenLogps(params, config, inputs, { temperature }))
}

/** {@link tokenValues}: row i, column j: the value at token j of sequence i. */
export const readValues = (model: LanguageModel, sequences: PaddedSequences): ReadRows =>
  read('values', model, sequences, ({ tokens, mask }, _, fewShapes) => batchInputs(model.config, tokens, { mask, fewShapes }), (params, inputs) => tokenValues(params, model.config, inputs))

/** {@link sequenceScores} of each sequence. Throws as it does. */
export const readScores = (model: LanguageModel, sequences: PaddedSequences): Float32Array =>
  read('scores', model, sequences, ({ tokens, mask }, _, fewShapes) => sequenceInputs(model.config, tokens, { mask, fewShapes }), (params, inputs) => sequenceScores(params, model.config, inputs)).data.slice(0, sequences.tokens.length)
