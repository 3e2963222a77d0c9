/** How an exercise stands. */
export interface ExerciseResult { readonly id: string; readonly level: Level; readonly state: 'solved' | 'wrong' | 'unsolved' }

/** The rubric's levels. */
export type Level = 'foundational' | 'intermediate' | 'advanced'

/** A prediction made before an experiment; `answer` and `actual` are letters of the options. */
export interface Prediction { readonly id: string; readonly question: string; readonly options: readonly string[]; readonly answer?: string; readonly actual?: string }

/** All that a running notebook remembers between its cells; a cell that runs again replaces what it had written. */
export interface Session {
  readonly exercises: Map<string, ExerciseResult>
  readonly predictions: Map<string, Prediction>
  displays: number
}

const key = Symbol.for('rlhf-labs.session')

/** This process's session. It outlives a rebuilt library that the kernel loads anew, hence the place on globalThis. */
export const session: Session = ((globalThis as Record<symbol, unknown>)[key] ??= {
  exercises: new Map(), predictions: new Map(), displays: 0,
} satisfies Session) as Session

/** A display id that no other display of this or an earlier kernel has. */
export function displayId(): string {
  return `rlhf-labs-${process.pid}-${Math.round(performance.timeOrigin)}-${++session.displays}`
}
