/** Parts that the tests of the preference trainers share. */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { gptConfig } from '../../lib/model/config'
import { readParams } from '../../lib/model/huggingface'
import { adamw, sgd } from '../../lib/model/optimiser'
import { initParams } from '../../lib/model/params'
import type { Params } from '../../lib/model/params'
import { readSafetensors } from '../../lib/model/safetensors'
import { constantSchedule, linearSchedule } from '../../lib/model/schedules'
import { tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import type { TokenPair } from '../../lib/train/pairs'
import { goldensPath } from '../goldens'
import type { Golden } from '../goldens'

type Grid = number[][]

/** The goldens' GPT-2. */
export const config = gptConfig({ vocab_size: 64, n_positions: 32, n_embd: 32, n_layer: 2, n_head: 2 })
export const load = (path: string): { config: typeof config, params: Params } =>
  ({ config, params: readParams([readSafetensors(readFileSync(goldensPath(path)))], config, path) })

/** A row's tokens, cut where the completion begins. */
export function cut(ids: number[], attention: number[], completion: number[]): { prompt: { ids: number[] }, tokens: number[] } {
  return { prompt: { ids: ids.filter((_, j) => attention[j] && !completion[j]) }, tokens: ids.filter((_, j) => completion[j]) }
}

/** TRL's batches hold chosen rows, then rejected rows. */
export function pairsOf(batches: Record<string, Grid>[]): TokenPair[] {
  return batches.flatMap(({ input_ids, attention_mask, completion_mask }) => {
    const rows = input_ids.map((row, i) => cut(row, attention_mask[i], completion_mask[i])), n = rows.length / 2
    return rows.slice(0, n).map(({ prompt, tokens }, i) => ({ prompt, chosen: tokens, rejected: rows[n + i].tokens }))
  })
}

/** The optimiser and schedule of a golden run, and its batches in order. */
export function settings({ inputs: { config: c, weight_decay_on } }: Golden) {
  const lr = c.learning_rate as number, steps = c.max_steps as number
  const schedule = c.lr_scheduler_type === 'linear' ? linearSchedule({ lr, warmupSteps: c.warmup_steps, totalSteps: steps }) : constantSchedule({ lr })
  const optimiser = c.optim === 'sgd' ? sgd({ lr, maxGradNorm: c.max_grad_norm }) : adamw({ lr, weightDecay: c.weight_decay, maxGradNorm: c.max_grad_norm, decays: (name: string) => weight_decay_on.includes(name) })
  return { shuffle: false, steps, batchSize: c.per_device_train_batch_size as number, schedule, optimiser }
}

/** The key third of c_attn.bias has no gradient but rounding, which AdamW scales up: both sides leave it out. */
export const kept = (name: string, values: ArrayLike<number>): number[] => {
  const all = Array.from(values), third = all.length / 3
  return name.endsWith('c_attn.bias') ? [...all.slice(0, third), ...all.slice(2 * third)] : all
}

/** Final weights against the golden's summaries (sum, sum of absolutes, first five), and against its file where it has one. */
export function closeWeights(golden: Golden, final: Params): void {
  const { rtol, atol } = golden.tolerance('final_weights'), near = (got: number, want: number, what: string, scale = 1) => expect(got, what).to.be.closeTo(want, scale * atol + rtol * Math.abs(want))
  expect(Object.keys(final)).to.have.members(Object.keys(golden.expected.final_weights))
  const file = golden.expected.final_weights_file as string | undefined, theirs = file === undefined ? undefined : load(file).params
  for (const [name, tensor] of Object.entries(final)) {
    const got = kept(name, tensor.dataSync()), want = golden.expected.final_weights[name] as { sum: number, abs_sum: number, first: number[] }
    want.first.forEach((x, i) => near(got[i], x, `${name}[${i}]`))
    near(got.reduce((a, b) => a + Math.abs(b), 0), want.abs_sum, `${name} abs_sum`, Math.sqrt(got.length))
    if (theirs) kept(name, theirs[name].dataSync()).forEach((x, i) => near(got[i], x, `${name}[${i}]`))
  }
}

/** The gradients that a step of plain gradient descent at rate 1 moved the weights by, against the golden's summaries. */
export function closeGradients(golden: Golden, before: Params, after: Params): void {
  const { rtol } = golden.tolerance('grad')
  expect(Object.keys(after)).to.have.members(Object.keys(golden.expected.grads))
  for (const [name, tensor] of Object.entries(after)) {
    const grad = Array.from(tf.sub(before[name], tensor).dataSync()), want = golden.expected.grads[name] as { abs_sum: number, first: number[] }, scale = Math.max(...grad.map(Math.abs))
    // a difference of weights near 1 keeps seven digits of the weights, not of the gradient
    expect(grad.reduce((a, b) => a + Math.abs(b), 0), name).to.be.closeTo(want.abs_sum, 1e-7 * grad.length + 5 * rtol * want.abs_sum)
    want.first.forEach((x, i) => expect(grad[i], `${name}[${i}]`).to.be.closeTo(x, 1e-6 + rtol * (Math.abs(x) + scale)))
  }
}

export async function all<M>(training: AsyncIterable<M>): Promise<M[]> {
  const out: M[] = []
  for await (const metrics of training) out.push(metrics)
  return out
}

/** The error that a run stops with. */
export async function failure(run: () => AsyncIterable<unknown>): Promise<string> {
  try { await all(run()) } catch (error) { return (error as Error).message }
  throw new Error('expected an error')
}

/** A model with dropout so that every random stream matters, and pairs: token 5 is liked, token 6 is not; what else stands there tells nothing. */
export const tiny = gptConfig({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 })
export const tinyModel = (more = {}) => {
  const config = { ...tiny, ...more }
  return { config, params: initParams(config, Random.seed(2)) }
}
export const liked: TokenPair[] = [[1, 2], [2, 3], [3, 1], [4, 2], [2, 4], [1, 4], [3, 3]].map(([a, b]) => ({ prompt: { ids: [1, a] }, chosen: [5, b, 2], rejected: [b, 6, a, 2] }))
export const weights = (params: Params): number[][] => Object.values(params).map(w => Array.from(w.dataSync()))
