import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { clonePath } from './clone'
import { loadModel } from './huggingface'
import type { PretrainedModel } from './huggingface'

/**
 * The desk's reward model, which policies are trained against: data/reward, made by `npm run data:reward` from the fair
 * annotator's choices between clerks' replies, and between the policy's own. Every call reads weights of its own, which the caller disposes. Throws as {@link loadModel}.
 */
export function deskScorer(): PretrainedModel {
  return loadModel(clonePath('data', 'reward'))
}

const figuresSchema = z.strictObject({
  settings: z.strictObject({ clerks: z.int(), own: z.int(), epochs: z.int(), seed: z.int() }),
  heldOut: z.strictObject({ pairs: z.int(), seed: z.int(), accuracy: z.number(), pearson: z.number() }),
})

/** What was measured when data/reward was made. accuracy: share of held-out pairs of the policy's replies that it orders as the true reward does; pearson: of its scores with the true reward. */
export type DeskScorerFigures = z.infer<typeof figuresSchema>

/** The figures beside the checkpoint. Throws Error where data/reward/figures.json is missing or not of this form. */
export function deskScorerFigures(): DeskScorerFigures {
  const path = clonePath('data', 'reward', 'figures.json'), parsed = figuresSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')))
  if (!parsed.success) throw new Error(`${path}: ${z.prettifyError(parsed.error)}; run npm run data:reward`)
  return parsed.data
}
