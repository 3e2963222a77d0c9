import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { clonePath } from './clone'

const schema = z.strictObject({
  seeds: z.array(z.int()).min(1),
  claims: z.array(z.strictObject({ statement: z.string(), figures: z.array(z.strictObject({ name: z.string(), values: z.array(z.string()) })) })),
})

/** A row of the table: the claim (on the first of its rows), a figure it rests on, and that figure under each seed, as printed. */
export type ClaimRow = Readonly<Record<string, string>>

/**
 * What `npm run labs -- seeds NN` measured: the claims of lab NN (or those whose statement holds `about`) with their figures under seeds
 * 0 to 3, one row a figure, to be shown by the lab. A figure that is the same under every seed does not depend on it and is left out.
 * Before the first measurement one row that says so. folder: notebooks/seeds of the clone. Throws Error where a file is not of that form,
 * or no claim holds `about`.
 */
export function claimTable(lab: string, about = '', folder: string = clonePath('notebooks', 'seeds')): ClaimRow[] {
  const file = (existsSync(folder) ? readdirSync(folder) : []).find(name => name === `${lab}.json` || name.startsWith(`${lab}-`))
  if (file === undefined) return [{ claim: `not measured yet: npm run labs -- seeds ${lab}` }]
  const parsed = schema.safeParse(JSON.parse(readFileSync(join(folder, file), 'utf8')))
  if (!parsed.success) throw new Error(`${file}: ${z.prettifyError(parsed.error)}; write it anew: npm run labs -- seeds ${lab}`)
  const { seeds, claims } = parsed.data, wanted = claims.filter(({ statement }) => statement.includes(about))
  if (wanted.length === 0) throw new Error(`claimTable: no claim of lab ${lab} says '${about}'; there are: ${claims.map(c => c.statement).join('; ')}`)
  return wanted.flatMap(({ statement, figures }) => figures.filter(({ values }) => new Set(values).size > 1).map(({ name, values }, i): ClaimRow => ({
    claim: i === 0 ? statement : '', figure: name, ...Object.fromEntries(seeds.map((seed, s): [string, string] => [`seed ${seed}`, values[s] ?? ''])),
  })))
}
