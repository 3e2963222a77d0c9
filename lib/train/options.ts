import type { Optimiser } from '../model/optimiser'
import type { Schedule } from '../model/schedules'

/** What every trainer on a fixed set of examples takes; each says its own defaults of batch size and rate. */
export interface EpochOptions {
  /** Optimiser steps; default: one epoch. */
  readonly steps?: number
  /** Examples a step. */
  readonly batchSize?: number
  /** Default: AdamW, weight decay 0, gradients clipped to norm 1, at a constant rate that suits models of this library's size. */
  readonly optimiser?: Optimiser
  readonly schedule?: Schedule
  /** Seed of the order of examples and of dropout (default 0). */
  readonly seed?: number
  /** Each epoch in a new order (default); false takes the examples as they come. */
  readonly shuffle?: boolean
}
