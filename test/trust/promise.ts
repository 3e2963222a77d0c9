/** What the project promises to those who trust it with their time: each promise with a way to try it, at two sizes. */

/** quick: in `npm test`; full: `npm run trust`, before a release. */
export type Scale = 'quick' | 'full'

/** What came of trying: how many cases, a line for each that failed, what was left out here, with the reason, and what was found out besides. */
export interface Tried { readonly cases: number; readonly failures: readonly string[]; readonly leftOut?: readonly string[]; readonly found?: readonly string[] }

/** A promise. `note` may be called with how far it is. */
export interface Promised {
  readonly what: string
  try(scale: Scale, note: (progress: string) => void): Promise<Tried>
}

/** Adds up. */
export function sum(parts: readonly Tried[]): Tried {
  return { cases: parts.reduce((n, p) => n + p.cases, 0), failures: parts.flatMap(p => p.failures), leftOut: parts.flatMap(p => p.leftOut ?? []), found: parts.flatMap(p => p.found ?? []) }
}

/** One case: fails with what `work` throws. */
export async function one(name: string, work: () => Promise<void> | void): Promise<Tried> {
  try {
    await work()
    return { cases: 1, failures: [] }
  } catch (error) {
    return { cases: 1, failures: [`${name}: ${(error as Error).message.split('\n').slice(0, 6).join(' | ')}`] }
  }
}

/** What a case needs to be so, else it fails by these words. */
export function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}
