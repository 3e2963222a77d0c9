/** The learning rate of optimiser step t, counted from 0. settings: the numbers it was made with, by which checkpoints know it again. */
export interface Schedule { (step: number): number; readonly settings?: object }

/** lr: the rate at the top; warmupSteps: steps of linear rise from 0 (default none). */
export interface Warmup { readonly lr: number; readonly warmupSteps?: number }
/** totalSteps: the step at which the decay ends, counted from the first step of all. */
export interface Decay extends Warmup { readonly totalSteps: number }

/** lr · t / warmup while t < warmup, then lr · f(progress, t) with progress running from 0 at the end of the warm-up to 1 at totalSteps. */
function warmed(options: Warmup, totalSteps: number, f: (progress: number, step: number) => number): Schedule {
  const { lr, warmupSteps = 0 } = options
  if (!(lr >= 0)) throw new RangeError(`lr: expected a number from 0 on, got ${lr}`)
  if (!Number.isSafeInteger(warmupSteps) || warmupSteps < 0) throw new RangeError(`warmupSteps: expected an integer from 0 on, got ${warmupSteps}`)
  if (!(totalSteps > warmupSteps)) throw new RangeError(`totalSteps: expected more than the ${warmupSteps} steps of warm-up, got ${totalSteps}`)
  const schedule = (step: number) => lr * (step < warmupSteps ? step / warmupSteps : f((step - warmupSteps) / (totalSteps - warmupSteps), step))
  return Object.assign(schedule, { settings: { ...options, shape: f } })
}

const halfCosine = (progress: number) => Math.max(0, (1 + Math.cos(Math.PI * progress)) / 2)

/** The same rate at every step after the warm-up; the first step of a warm-up has rate 0. As transformers' constant_with_warmup. */
export const constantSchedule = (options: Warmup): Schedule => warmed(options, Infinity, () => 1)

/** Falls on a straight line from lr to 0 at totalSteps and stays there. As transformers' linear. */
export const linearSchedule = (options: Decay): Schedule => warmed(options, options.totalSteps, progress => Math.max(0, 1 - progress))

/** lr · max(0, ½ + ½ cos π·progress): as transformers' cosine, it rises again after totalSteps. */
export const cosineSchedule = (options: Decay): Schedule => warmed(options, options.totalSteps, halfCosine)

/** A cosine that ends at minRatio · lr instead of 0. As transformers' cosine_with_min_lr. */
export const cosineToMinimumSchedule = (options: Decay & { readonly minRatio: number }): Schedule =>
  warmed(options, options.totalSteps, progress => options.minRatio + (1 - options.minRatio) * halfCosine(progress))

/** `cycles` cosines one after another, each from lr to 0; 0 from totalSteps on. As transformers' cosine_with_restarts. */
export const cosineWithRestartsSchedule = (options: Decay & { readonly cycles: number }): Schedule =>
  warmed(options, options.totalSteps, progress => progress >= 1 ? 0 : halfCosine((options.cycles * progress) % 1))

/** (lr − lrEnd)(1 − progress)^power + lrEnd, lrEnd from totalSteps on. As transformers' polynomial. */
export const polynomialSchedule = (options: Decay & { readonly power: number, readonly lrEnd: number }): Schedule =>
  warmed(options, options.totalSteps, progress => ((options.lr - options.lrEnd) * Math.max(0, 1 - progress) ** options.power + options.lrEnd) / options.lr)

/** lr / √(1 + (t − warmup) / warmup), with 10,000 steps in place of a warm-up of none. As transformers' inverse_sqrt. */
export const inverseSqrtSchedule = (options: Warmup): Schedule => {
  const scale = options.warmupSteps || 10_000
  return warmed(options, Infinity, (_, step) => 1 / Math.sqrt((step + scale - (options.warmupSteps ?? 0)) / scale))
}

/** Rises from minRatio · lr, holds lr, and falls on a cosine to minRatio · lr over the last decaySteps. As transformers' warmup_stable_decay. */
export const warmupStableDecaySchedule = (options: Decay & { readonly decaySteps: number, readonly minRatio?: number }): Schedule => {
  const { lr, warmupSteps = 0, totalSteps, decaySteps, minRatio = 0 } = options, from = totalSteps - decaySteps
  if (!(decaySteps > 0 && from >= warmupSteps)) throw new RangeError(`decaySteps: expected 1 to ${totalSteps - warmupSteps} (totalSteps less the warm-up), got ${decaySteps}`)
  const share = warmed({ lr: 1, warmupSteps }, totalSteps, (_, step) => halfCosine(Math.min(1, Math.max(0, (step - from) / decaySteps))))
  return Object.assign((step: number) => lr * (minRatio + (1 - minRatio) * share(step)), { settings: { ...options, shape: 'warmupStableDecay' } })
}
