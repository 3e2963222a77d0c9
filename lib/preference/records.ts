import { z } from 'zod'

const text = z.string().refine(s => s.trim() !== '')

/** The schema of one row of preference data; other fields are dropped, null stands for absent. */
export const pairSchema = z.object({
  prompt_id: text, prompt: text, chosen: text, rejected: text,
  label: z.union([z.literal(0), z.literal(1)]),
  annotator: text.nullish(), generator: text.nullish(), rubric: text.nullish(),
})

/**
 * One comparison, with the field names that TRL reads. `label` is 1 when the annotator preferred `chosen`, 0 when `rejected`;
 * annotator, generator (what wrote the replies) and rubric (version of the instructions) say where it comes from.
 */
export interface PreferencePair {
  readonly prompt_id: string
  readonly prompt: string
  readonly chosen: string
  readonly rejected: string
  readonly label: 0 | 1
  readonly annotator?: string
  readonly generator?: string
  readonly rubric?: string
}

/** The five fields that every pair must have. */
export const REQUIRED_FIELDS = ['prompt_id', 'prompt', 'chosen', 'rejected', 'label'] as const
/** The fields that say where a pair comes from. */
export const PROVENANCE_FIELDS = ['annotator', 'generator', 'rubric'] as const

/** What two texts have in common when they say the same: lower case, no punctuation or markup, one space between words. */
export const normalised = (s: string): string => s.normalize('NFKC').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ').trim()

/** The reply that won: `chosen` when the label is 1, else `rejected`. */
export const winner = (pair: PreferencePair): string => pair.label === 1 ? pair.chosen : pair.rejected

/** How many pairs name each annotator, generator and rubric; pairs that name none are counted under ''. */
export function provenance(pairs: readonly PreferencePair[]): Record<(typeof PROVENANCE_FIELDS)[number], ReadonlyMap<string, number>> {
  const count = (field: (typeof PROVENANCE_FIELDS)[number]) => {
    const counts = new Map<string, number>()
    for (const pair of pairs) counts.set(pair[field] ?? '', (counts.get(pair[field] ?? '') ?? 0) + 1)
    return new Map([...counts].sort((a, b) => b[1] - a[1]))
  }
  return { annotator: count('annotator'), generator: count('generator'), rubric: count('rubric') }
}
