/** A KL controller's whole state: the weight to use for the next batch. */
export interface KlController { readonly beta: number }

export interface AdaptiveKlOptions {
  /** KL of a response, in nats, that the controller steers to. */
  readonly target?: number
  /** Responses over which a constant error of 20 % moves beta by 20 %. */
  readonly horizon?: number
  /** Largest relative error that counts. */
  readonly clip?: number
}

/**
 * The weight after a batch: β (1 + e n / horizon), e = clip(kl / target − 1, ±clip).  Ziegler 2019, arXiv:1909.08593 §2.2
 * kl: mean over the batch of a response's KL, in nats; n: responses in the batch. Throws RangeError on a KL that is not finite.
 */
export function adaptKl({ beta }: KlController, kl: number, n: number, { target = 6, horizon = 10_000, clip = 0.2 }: AdaptiveKlOptions = {}): KlController {
  if (!Number.isFinite(kl)) throw new RangeError(`adaptKl: expected a finite KL, got ${kl}`)
  const error = Math.min(clip, Math.max(-clip, kl / target - 1))
  return { beta: beta * (1 + error * n / horizon) }
}
