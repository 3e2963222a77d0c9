import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { clonePath } from './clone'
import { loadModel } from './huggingface'
import type { PretrainedModel } from './huggingface'

/**
 * The desk's policy for sums, from which labs 11 and 15 start: data/arithmetic, made by `npm run data:arithmetic`. Every call reads weights
 * of its own, which the caller disposes. Throws as {@link loadModel}.
 */
export function sumPolicy(): PretrainedModel {
  return loadModel(clonePath('data', 'arithmetic'))
}

const figuresSchema = z.strictObject({
  settings: z.looseObject({ seed: z.int() }),
  firstLosses: z.array(z.number()),
  heldOut: z.strictObject({ tasks: z.int(), samples: z.int(), seed: z.int(), 'pass@1': z.number(), 'pass@16': z.number(), length: z.number(), stopped: z.number(), fooled: z.number() }),
})

/** What was measured when data/arithmetic was made. fooled: share of replies that the verifier by digits passes; length: mean, tokens. */
export type SumPolicyFigures = z.infer<typeof figuresSchema>

/** The figures beside the checkpoint. Throws Error where data/arithmetic/figures.json is missing or not of this form. */
export function sumPolicyFigures(): SumPolicyFigures {
  const path = clonePath('data', 'arithmetic', 'figures.json'), parsed = figuresSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')))
  if (!parsed.success) throw new Error(`${path}: ${z.prettifyError(parsed.error)}; run npm run data:arithmetic`)
  return parsed.data
}
