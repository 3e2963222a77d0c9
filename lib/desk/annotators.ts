import type { Random } from '../tensor/random'
import { features, gold } from './reward'
import type { Prompt } from './scenarios'

/** What moves an annotator's choice; all but temperature and noise in logits of the choice, 0 is unbiased. */
export interface Dials {
  /** Points of true reward that make one logit; smaller is surer (above 0). */
  readonly temperature: number
  /** Share of choices made by tossing a coin, 0 to 1. */
  readonly noise: number
  /** For each ten words. */
  readonly length: number
  /** For any markup at all. */
  readonly format: number
  /** For saying "you are right". */
  readonly agree: number
  /** For each confident sentence, at most three. */
  readonly confident: number
  /** For the reply shown first. */
  readonly position: number
}

/** A careful annotator without bias. */
export const FAIR: Dials = { temperature: 0.5, noise: 0, length: 0, format: 0, agree: 0, confident: 0, position: 0 }

/** Ready-made annotators: one fair, four with one bias each, one with all four. */
export const ANNOTATORS = {
  fair: FAIR,
  length: { ...FAIR, length: 1.5 },
  format: { ...FAIR, format: 3 },
  sycophant: { ...FAIR, agree: 6 },
  confident: { ...FAIR, confident: 4 },
  biased: { ...FAIR, length: 1, format: 1.5, agree: 4.5, confident: 2 },
} as const satisfies Record<string, Dials>

type Reply = string | ArrayLike<number>
/** Two replies to one prompt, `a` shown first. */
export interface Shown { readonly prompt: Prompt; readonly a: Reply; readonly b: Reply }

function checked(dials: Partial<Dials>): Dials {
  const all = { ...FAIR, ...dials }
  for (const [name, value] of Object.entries(all)) if (!Number.isFinite(value)) throw new RangeError(`dials: ${name} should be a finite number, got ${value}`)
  if (!(all.temperature > 0)) throw new RangeError(`dials: temperature should be above 0, got ${all.temperature}`)
  if (all.noise < 0 || all.noise > 1) throw new RangeError(`dials: noise should be from 0 to 1, got ${all.noise}`)
  return all
}

/** An annotator's utility of a reply in logits: true reward / temperature + what the dials add. Missing dials are {@link FAIR}'s. */
export function utility(prompt: Prompt, reply: Reply, dials: Partial<Dials>): number {
  const { temperature, length, format, agree, confident } = checked(dials)
  const u = gold(prompt, reply).total / temperature
  if (!length && !format && !agree && !confident) return u
  const x = features(prompt, reply)
  return u + length * x.words / 10 + (x.marks > 0 ? format : 0) + (x.agrees ? agree : 0) + confident * Math.min(3, x.confident)
}

/** σ(x) = 1/(1 + e^−x): a logit as a probability. */
export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/** P(a is chosen) when a is shown first: noise/2 + (1 - noise) σ(u_a - u_b + position).  Bradley and Terry 1952 with a coin and an order effect */
export function choiceProbability(prompt: Prompt, a: Reply, b: Reply, dials: Partial<Dials>): number {
  const { noise, position } = checked(dials)
  return noise / 2 + (1 - noise) * sigmoid(utility(prompt, a, dials) - utility(prompt, b, dials) + position)
}

/** 1 when the annotator chooses `a`, which is shown first, 0 when `b`: one draw from {@link choiceProbability}. */
export function annotate(prompt: Prompt, a: Reply, b: Reply, dials: Partial<Dials>, random: Random): 0 | 1 {
  return random.uniform() < choiceProbability(prompt, a, b, dials) ? 1 : 0
}

/**
 * The best accuracy that any predictor of the choices can reach: the mean of max(p, 1 - p).
 * orderKnown: the predictor sees which reply was shown first; otherwise p is averaged over both orders, as when replies are shuffled before they are shown.
 * Throws RangeError on an empty list.
 */
export function bayesAccuracy(shown: readonly Shown[], dials: Partial<Dials>, orderKnown = false): number {
  if (shown.length === 0) throw new RangeError('bayesAccuracy: expected at least one pair')
  const sum = shown.reduce((total, { prompt, a, b }) => {
    const first = choiceProbability(prompt, a, b, dials)
    const p = orderKnown ? first : (first + 1 - choiceProbability(prompt, b, a, dials)) / 2
    return total + Math.max(p, 1 - p)
  }, 0)
  return sum / shown.length
}
