import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { clonePath } from './clone'

const entry = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]+$/),
  about: z.string(),
  /** owner/name of the repository that publishes the file. */
  repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/),
  commit: z.string().regex(/^[0-9a-f]{40}$/),
  path: z.string().regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))[^\\]+$/, 'expected a relative path without ..'),
  urls: z.array(z.url({ protocol: /^https?$/ })).min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  size: z.int().positive(),
  licence: z.string().min(1),
})

/** A published file: where it comes from, pinned by commit, and what its bytes must be. */
export type Download = Readonly<z.infer<typeof entry>>

/** The published files the labs may fetch, from data/downloads.json. Throws Error naming the entry and field that are wrong. */
export function downloads(file = clonePath('data', 'downloads.json')): Download[] {
  const parsed = z.array(entry).safeParse(JSON.parse(readFileSync(file, 'utf8')))
  if (!parsed.success) throw new Error(`${file}: ${z.prettifyError(parsed.error)}`)
  const names = parsed.data.map(d => d.name), twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new Error(`${file}: the name ${twice} stands twice`)
  return parsed.data
}

/** Why a file could not be had: nowhere to get it from, or what came was not the file. */
export type DownloadFailure = 'unreachable' | 'refused'

/** A file could not be had; `failure` says whether nothing answered, or what came was refused. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError'
  constructor(message: string, readonly failure: DownloadFailure) { super(message) }
}
