import { brief } from './compare'
import { verdict } from './exercise'

/** What a claim rests on: name → figure. */
export type Measured = Readonly<Record<string, number | string | boolean>>

/**
 * A claim that this notebook has measured: shows it with its figures.
 * Throws Error when it does not hold or a figure is not a finite number, so that the lab fails rather than tell what it did not see.
 */
export function claim(statement: string, holds: boolean, measured: Measured): void {
  const figures = Object.entries(measured).map(([k, v]) => `${k} ${typeof v === 'string' ? v : brief(v)}`).join(', ')
  const unknown = Object.entries(measured).find(([, v]) => typeof v === 'number' && !Number.isFinite(v))
  if (unknown) throw new Error(`claim "${statement}": ${unknown[0]} is ${unknown[1]}`)
  if (!holds) throw new Error(`claim "${statement}" does not hold: ${figures}`)
  verdict('solved', `${statement} (${figures})`)
}
