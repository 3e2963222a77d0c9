/**
 * The update step: the one place of a trainer where weights change. A trainer writes its objective as a pure function of weights and of a
 * batch, prepares the batch on the host, and calls `update`:
 *
 * ```ts
 * const objective = (config: ModelConfig) => (weights: Params, { batch, advantages, logpOld, mask }: OnDevice<Inputs>) => {
 *   const logp = tokenLogps(weights, config, batch)
 *   const loss = meanPerToken(clippedPolicyLoss(logp, { logpOld, advantages, mask }), mask)
 *   return { loss, aux: { entropy: … } }
 * }
 * const own = objective(config) // once a trainer, not once a step
 * const { loss, gradNorm, aux } = update(state, { role: 'policy', optimiser, learningRate: schedule(t), objective: own,
 *   inputs: { batch: scoredInputs(config, tokens, { mask, responseMask, fewShapes }), advantages: hostRows(rows, t), … } })
 * ```
 *
 * - Everything that varies from step to step stands in `inputs`: numbers become scalars, typed arrays vectors, {data, shape} tensors.
 *   A number that the objective captures is a constant: the step may be compiled, and then it stays what it was.
 * - The objective reads no value (dataSync, arraySync), draws no random number and keeps no tensor: dropout's factors are inputs too.
 *   What it wants to report goes out as `aux` and comes back as numbers.
 * - Lengths differ from batch to batch: prepare with `fewShapes` and reduce with masks (`batch.scoredMask` [b, t − 1]). Tensors of your
 *   own that meet [b, t − 1] must be as wide: `hostRows(rows, batch.scoredMask.shape[1])`.
 * - A loss or gradient that is not finite stops with an error that names it and the step; the state is then as it was before.
 */
import type * as tfjs from '@tensorflow/tfjs'
import { disposeState, nonFinite } from '../model/optimiser'
import type { Optimiser, Rates, Vectors } from '../model/optimiser'
import { disposeParams } from '../model/params'
import type { Params } from '../model/params'
import { tf } from '../tensor/backend'
import { assertFinite } from '../tensor/finite'
import { valueAndGrads } from '../tensor/gradients'
import type { Tensors } from '../tensor/gradients'
import { toTensors } from '../tensor/host'
import { jit, JitTraceError } from '../tensor/jit'
import type { Host, OnDevice } from '../tensor/host'
import type { TrainState } from './training'

/** What is minimised, and tensors to report beside it (without gradient). */
export type StepObjective<H, A extends Tensors = Tensors> = (weights: Params, inputs: OnDevice<H>) => { readonly loss: tfjs.Scalar, readonly aux?: A }

/** Which weights move, and how. */
export interface UpdateOptions<H, A extends Tensors> {
  readonly role: string
  readonly optimiser: Optimiser
  readonly learningRate: number
  /** Made once a trainer: the same function at every step. */
  readonly objective: StepObjective<H, A>
  /** The objective has parts that run side by side: its gradient stays a graph where XLA would compile it into one piece. */
  readonly sideBySide?: boolean
}

/** Numbers of a tensor, row-major; a scalar is one number. */
export type Read<A> = { readonly [K in keyof A]: Float32Array }

/** What a step reports. */
export interface Updated<A> {
  readonly loss: number
  /** Norm over all gradients before clipping. */
  readonly gradNorm: number
  readonly aux: Read<A>
}

type Inputs<H> = { readonly [K in keyof H]: Host }

/** One step of `optimiser` on the weights of `role`: see above. Replaces them and the optimiser's state in `state` and frees the old ones. */
export function update<H extends Inputs<H>, A extends Tensors>(state: TrainState, { inputs, ...options }: UpdateOptions<H, A> & { readonly inputs: H }): Updated<A> {
  const { loss, gradNorm, aux } = updateInPieces(state, { ...options, pieces: [inputs] })
  return { loss, gradNorm, aux: aux[0] }
}

/**
 * The same step from a batch in pieces: the loss is the sum of theirs, the gradient too. Where the loss is a mean over the whole batch, its
 * size must come with each piece. One after the other, so that only one is in memory; or `together` in one compiled step, each on a core of
 * its own as far as there are cores. Returns what every piece reports.
 */
export function updateInPieces<H extends Inputs<H>, A extends Tensors>(state: TrainState, options: UpdateOptions<H, A> & { readonly pieces: readonly H[], readonly together?: boolean }): { loss: number, gradNorm: number, aux: Read<A>[] } {
  const { role, optimiser, learningRate, objective, sideBySide, pieces, together = pieces.length === 1 } = options, { params, before } = partOf(state, role)
  if (pieces.length === 0) throw new Error('update: no pieces')
  let done: Tensors = {}, loss = 0
  const aux: Read<A>[] = []
  try {
    if (together) {
      done = tf.tidy(() => compiledFor(objective, optimiser, sideBySide).whole(stepInputs(state, options, learningRate, pieces)))
      for (const i of pieces.keys()) loss += readOne(under(done, `piece ${i}`), state.step + 1, aux)
    } else {
      let sum: Tensors | undefined
      try {
        for (const piece of pieces) {
          const part = tf.tidy(() => compiledFor(objective, optimiser, sideBySide).gradient({ params, inputs: toTensors(piece) }))
          try {
            loss += readOne(part, state.step + 1, aux)
            const more = under(part, 'grads'), old = sum
            sum = tf.tidy(() => old ? addUp(old, more) : cloned(more))
            if (old) tf.dispose(old)
          } finally { tf.dispose(part) }
        }
        const grads = sum!
        done = tf.tidy(() => compiledFor(objective, optimiser, sideBySide).apply({ grads, slots: before.slots, params, rates: toTensors(optimiser.rates(before.step + 1, learningRate)) }))
      } finally { if (sum) tf.dispose(sum) }
    }
    const gradNorm = normOf(done, options, pieces, state)
    take(state, role, done)
    return { loss, gradNorm, aux }
  } catch (error) {
    tf.dispose(done)
    throw error
  }
}

/** A role's part of {@link updateBoth}. */
export type RoleStep<H, A extends Tensors> = Pick<UpdateOptions<H, A>, 'role' | 'optimiser' | 'objective'>
/** What it gets at a step. */
export interface RoleInputs<H> { readonly learningRate: number; readonly inputs: H }

/**
 * Makes the step of two roles that need nothing of each other, a policy and its value model: one compiled step, in which the two run side by
 * side where there are cores for them. The same numbers as one {@link update} after the other. Made once a trainer.
 */
export function updateBoth<H1 extends Inputs<H1>, A1 extends Tensors, H2 extends Inputs<H2>, A2 extends Tensors>(first: RoleStep<H1, A1>, second: RoleStep<H2, A2>): (state: TrainState, one: RoleInputs<H1>, two: RoleInputs<H2>) => [Updated<A1>, Updated<A2>] {
  const [plainFirst, plainSecond] = [gradientStep(first.objective), gradientStep(second.objective)], name = 'the gradient'
  const both = (one: Gradient<H1>, two: Gradient<H2>) => {
    const [stepFirst, stepSecond] = [wholeStep(one, first.optimiser), wholeStep(two, second.optimiser)]
    return (inputs: { readonly first: StepInputs<H1>, readonly second: StepInputs<H2> }) => named({ first: stepFirst(inputs.first), second: stepSecond(inputs.second) })
  }
  const compiledBoth = jit(both(jit(plainFirst, { name }) as unknown as Gradient<H1>, jit(plainSecond, { name }) as unknown as Gradient<H2>), { name: 'the update step', mode: 'graph' })
  const step = orEagerly('the update step', compiledBoth, both(plainFirst, plainSecond))
  return (state, one, two) => {
    const done = tf.tidy(() => step({ first: stepInputs(state, first, one.learningRate, [one.inputs]), second: stepInputs(state, second, two.learningRate, [two.inputs]) }))
    try {
      const parts = [under(done, 'first'), under(done, 'second')] as const, read1: Read<A1>[] = [], read2: Read<A2>[] = []
      const losses = [readOne(under(parts[0], 'piece 0'), state.step + 1, read1), readOne(under(parts[1], 'piece 0'), state.step + 1, read2)]
      const norms = [normOf(parts[0], first, [one.inputs], state), normOf(parts[1], second, [two.inputs], state)]
      take(state, first.role, parts[0])
      take(state, second.role, parts[1])
      return [{ loss: losses[0], gradNorm: norms[0], aux: read1[0] }, { loss: losses[1], gradNorm: norms[1], aux: read2[0] }]
    } catch (error) {
      tf.dispose(done)
      throw error
    }
  }
}

/** What a whole step of a role takes, as tensors. */
function stepInputs<H extends Inputs<H>>(state: TrainState, { role, optimiser }: { readonly role: string, readonly optimiser: Optimiser }, learningRate: number, pieces: readonly H[]): StepInputs<H> {
  const { params, before } = partOf(state, role)
  return { params, slots: before.slots, rates: toTensors(optimiser.rates(before.step + 1, learningRate)), pieces: pieces.map(piece => toTensors(piece)) }
}

function partOf(state: TrainState, role: string) {
  const params = state.models[role], before = state.optimisers[role]
  if (!params || !before) throw new Error(`update: no role '${role}' in the state, which has ${Object.keys(state.models).join(', ')}`)
  return { params, before }
}

/** The norm of a step's gradients, which must be finite. */
function normOf<H extends Inputs<H>, A extends Tensors>(done: Tensors, { role, objective }: { readonly role: string, readonly objective: StepObjective<H, A> }, pieces: readonly H[], state: TrainState): number {
  const gradNorm = done.gradNorm.dataSync()[0]
  if (!Number.isFinite(gradNorm)) throw badGradient(objective, state.models[role], pieces, state.step)
  return gradNorm
}

/** Puts a step's weights and optimiser's state into the state and frees the old ones, and all else that the step gave. */
function take(state: TrainState, role: string, done: Tensors): void {
  const { params, before } = partOf(state, role), next = under(done, 'params'), slots = under(done, 'slots') as Vectors
  for (const [name, tensor] of Object.entries(done)) if (!name.startsWith('params ') && !name.startsWith('slots ')) tensor.dispose()
  state.models = { ...state.models, [role]: next }
  state.optimisers = { ...state.optimisers, [role]: { step: before.step + 1, slots } }
  disposeParams(params)
  disposeState(before)
}

interface StepInputs<H> { readonly params: Params, readonly slots: Vectors, readonly rates: OnDevice<Rates>, readonly pieces: readonly OnDevice<H>[] }
type Gradient<H> = (inputs: { readonly params: Params, readonly inputs: OnDevice<H> }) => tfjs.NamedTensorMap

/** Forward and backward of a piece as one computation on tensors. */
const gradientStep = <H, A extends Tensors>(objective: StepObjective<H, A>): Gradient<H> => ({ params, inputs }) => {
  const { value, grads, aux } = valueAndGrads(weights => objective(weights, inputs), params)
  return named({ loss: value, grads, aux })
}

/** That of every piece and the optimiser's step. XLA compiles the gradients; the step itself is quicker as a graph. */
const wholeStep = <H>(gradient: Gradient<H>, optimiser: Optimiser) => ({ params, slots, rates, pieces }: StepInputs<H>) => {
  const parts = pieces.map(inputs => gradient({ params, inputs })), grads = parts.map(part => under(part, 'grads')).reduce((sum, more) => addUp(sum, more))
  const next = optimiser.apply(grads, slots, params, rates)
  tf.dispose(grads)
  return named({ ...Object.fromEntries(parts.map((part, i) => [`piece ${i}`, Object.fromEntries(Object.entries(part).filter(([name]) => !name.startsWith('grads ')))])), ...next })
}

const applyStep = (optimiser: Optimiser) => ({ grads, slots, params, rates }: Omit<StepInputs<unknown>, 'pieces'> & { readonly grads: Params }) =>
  named(optimiser.apply(grads, slots, params, rates))

interface Compiled<H> {
  readonly whole: (inputs: StepInputs<H>) => tfjs.NamedTensorMap
  readonly gradient: Gradient<H>
  readonly apply: ReturnType<typeof applyStep>
}

const compiled = new WeakMap<object, WeakMap<Optimiser, Compiled<never>>>()

/** The step's functions, each compiled once for an objective and an optimiser, as long as both live. */
function compiledFor<H, A extends Tensors>(objective: StepObjective<H, A>, optimiser: Optimiser, sideBySide = false): Compiled<H> {
  const own = compiled.get(objective) ?? new WeakMap<Optimiser, Compiled<never>>()
  compiled.set(objective, own)
  let steps = own.get(optimiser) as Compiled<H> | undefined
  if (!steps) {
    const plain = gradientStep(objective), gradient = jit(plain, { name: 'the gradient', ...sideBySide && { mode: 'graph' } }) as unknown as Gradient<H>
    steps = {
      whole: orEagerly('the update step', jit(wholeStep(gradient, optimiser), { name: 'the update step', mode: 'graph' }), wholeStep(plain, optimiser)),
      gradient: orEagerly('the gradient of a piece', gradient, plain),
      apply: orEagerly("the optimiser's step", jit(applyStep(optimiser), { name: "the optimiser's step", mode: 'graph' }), applyStep(optimiser)),
    }
    own.set(optimiser, steps)
  }
  return steps
}

/** The function compiled; where something in it cannot be, it says so once and runs as it is. */
function orEagerly<I extends object>(name: string, compiled: unknown, step: (inputs: I) => tfjs.NamedTensorMap): (inputs: I) => tfjs.NamedTensorMap {
  const fast = compiled as typeof step
  let eager = false
  return inputs => {
    if (eager) return step(inputs)
    try {
      return fast(inputs)
    } catch (error) {
      if (!(error instanceof JitTraceError)) throw error
      eager = true
      console.warn(`${error.message}. Until then ${name} runs operation by operation`)
      return step(inputs)
    }
  }
}

/** A record of tensors and of records of tensors as one, 'record name' by 'record name'. */
function named(record: Readonly<Record<string, tfjs.Tensor | Tensors>>): tfjs.NamedTensorMap {
  return Object.fromEntries(Object.entries(record).flatMap(([name, value]): [string, tfjs.Tensor][] =>
    value instanceof tf.Tensor ? [[name, value]] : Object.entries(value).map(([key, tensor]) => [`${name} ${key}`, tensor])))
}

const under = (record: Tensors, name: string): Tensors =>
  Object.fromEntries(Object.entries(record).filter(([key]) => key.startsWith(`${name} `)).map(([key, tensor]) => [key.slice(name.length + 1), tensor]))

/** The loss as a number, which must be finite; what was reported beside it goes to `aux`. */
function readOne<A>(done: Tensors, step: number, aux: Read<A>[]): number {
  const loss = done.loss.dataSync()[0]
  assertFinite('loss', step, loss)
  aux.push(Object.fromEntries(Object.entries(under(done, 'aux')).map(([name, tensor]) => [name, Float32Array.from(tensor.dataSync())])) as Read<A>)
  return loss
}

const addUp = (a: Tensors, b: Tensors): tfjs.NamedTensorMap => Object.fromEntries(Object.keys(a).map(name => [name, tf.add(a[name], b[name])]))
const cloned = (a: Tensors): tfjs.NamedTensorMap => Object.fromEntries(Object.entries(a).map(([name, tensor]) => [name, tensor.clone()]))

/** Takes the gradients once more, one by one, to say which of them is not finite. */
function badGradient<H extends Inputs<H>, A extends Tensors>(objective: StepObjective<H, A>, params: Params, pieces: readonly H[], step: number): Error {
  let error: Error | undefined
  for (const piece of pieces) {
    tf.tidy(() => {
      const { grads } = valueAndGrads(weights => objective(weights, toTensors(piece)), params)
      if (!error || Object.values(grads).some(grad => !Number.isFinite(grad.abs().sum().dataSync()[0]))) error = nonFinite(grads, step)
    })
  }
  return error!
}
