import { tf } from '../tensor/backend'
import type { RandomState } from '../tensor/random'
import { Random } from '../tensor/random'
import type { OptimiserState } from '../model/optimiser'
import { disposeState } from '../model/optimiser'
import { cloneParams, disposeParams } from '../model/params'
import type { Params } from '../model/params'

/** JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/**
 * All that a trainer changes. Whoever has it can go on from here and gets the same numbers: what is not in it (data, options) a trainer
 * is given again, and `run` sees to it that it is the same. A trainer replaces the fields after a step, and nothing else changes a weight.
 */
export interface TrainState {
  /** Which trainer this is ('sft', 'ppo' …); another one's state is refused. */
  readonly kind: string
  /** Optimiser steps done. */
  step: number
  /** Trained weights by role: {policy}, {policy, value} … */
  models: Readonly<Record<string, Params>>
  /** Optimiser states by the same roles. */
  optimisers: Readonly<Record<string, OptimiserState>>
  /** The stream that everything random is drawn or split from. */
  random: RandomState
  /** Whatever else moves, as JSON: place in the data, KL coefficient … */
  more: Json
}

/** One record a step, and at any time the state. Before the first record the state may be replaced (see `run`): the training then goes on from there. */
export interface Training<M> extends AsyncGenerator<M, void, void> {
  state: TrainState
  /** The trainer's options, data included, as they were given: `run` refuses to go on from a checkpoint that was made with others. */
  readonly given?: object
}

/** What a trainer starts from: weights by role and their optimisers' first states. The weights given stay the caller's; the state owns copies. */
export function startState(kind: string, models: Readonly<Record<string, Params>>, optimisers: Readonly<Record<string, OptimiserState>>, random: Random, more: Json = {}): TrainState {
  return { kind, step: 0, models: Object.fromEntries(Object.entries(models).map(([role, params]) => [role, cloneParams(params)])), optimisers, random: random.state, more }
}

/**
 * Makes a trainer of its first state and its loop. `loop` is a generator, async or not, that reads and replaces fields of `training.state` and yields
 * one metrics record a step; after each, timers, messages and the display get their turn, so that a notebook can be stopped.
 * given: the trainer's options, so that `run` notices when they change; with what the trainer derives from `steps` (a schedule) beside them.
 */
export function training<M>(state: TrainState, loop: (own: { state: TrainState }) => AsyncGenerator<M, void, void> | Generator<M, void, void>, given?: object): Training<M> {
  const own = { state }
  async function* steps(): AsyncGenerator<M, void, void> {
    for await (const metrics of loop(own)) {
      await tf.nextFrame()
      yield metrics
    }
  }
  const generator = steps()
  return Object.defineProperties(generator, { state: { get: () => own.state, set: (next: TrainState) => { own.state = next } }, given: { value: given } }) as unknown as Training<M>
}

/** One optimiser step on one role's weights: the only place of a trainer where weights change. Frees the old weights, the old state and the gradients. */
export function applyGradients(state: TrainState, role: string, update: (params: Params, optimiser: OptimiserState) => { params: Params, state: OptimiserState, gradNorm: number }, grads: Params): number {
  const params = state.models[role], optimiser = state.optimisers[role], next = update(params, optimiser)
  state.models = { ...state.models, [role]: next.params }
  state.optimisers = { ...state.optimisers, [role]: next.state }
  disposeParams(params)
  disposeState(optimiser)
  disposeParams(grads)
  return next.gradNorm
}

/** Frees a state's tensors. */
export function disposeTraining({ state }: { readonly state: TrainState }): void {
  Object.values(state.models).forEach(disposeParams)
  Object.values(state.optimisers).forEach(disposeState)
}
