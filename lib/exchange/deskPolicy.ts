import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { clonePath } from './clone'
import { loadModel } from './huggingface'
import type { PretrainedModel } from './huggingface'

/**
 * The desk's fine-tuned policy, from which the labs start: data/sft, made by `npm run data:sft`. Every call reads weights of its own,
 * which the caller disposes. Throws as {@link loadModel}.
 */
export function deskPolicy(): PretrainedModel {
  return loadModel(clonePath('data', 'sft'))
}

const figuresSchema = z.strictObject({
  settings: z.looseObject({ seed: z.int() }),
  firstLosses: z.array(z.number()),
  losses: z.array(z.strictObject({ step: z.int(), loss: z.number() })),
  heldOut: z.strictObject({ prompts: z.int(), seed: z.int(), loss: z.number(), gold: z.number(), goldOfDemonstrations: z.number(), goldOfExperts: z.number(), gibberish: z.number(), stopped: z.number() }),
})

/** What was measured when data/sft was made. Losses in nats a token; gold: mean true reward; gibberish: sentences a reply; stopped: share that ended. */
export type DeskPolicyFigures = z.infer<typeof figuresSchema>

/** The figures beside the checkpoint. Throws Error where data/sft/figures.json is missing or not of this form. */
export function deskPolicyFigures(): DeskPolicyFigures {
  const path = clonePath('data', 'sft', 'figures.json'), parsed = figuresSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')))
  if (!parsed.success) throw new Error(`${path}: ${z.prettifyError(parsed.error)}; run npm run data:sft`)
  return parsed.data
}
