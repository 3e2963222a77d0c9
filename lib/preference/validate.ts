import { pairSchema, type PreferencePair, PROVENANCE_FIELDS, REQUIRED_FIELDS } from './records'
import { readRows } from './readers'
import { type Defect, excerpt, type ReadOptions, type SourceRow } from './readersShared'

/** One thing wrong in one row; `field` is '' when the row as a whole cannot be read. */
export interface Problem extends Defect { readonly file: string; readonly row: number; readonly field: string }

/** How often the same thing is wrong, and where first. */
export interface ProblemCount { readonly field: string; readonly expected: string; readonly fix: string; readonly rows: number; readonly firstRow: number }

/** The three gates that a file must pass before it is split. */
export interface Gates { readonly fields_present: boolean; readonly distinct_responses: boolean; readonly binary_label: boolean }

/** What validation found so far; `done` on the last report of a file. */
export interface ValidationReport {
  readonly file: string
  readonly rows: number
  readonly validRows: number
  /** The first problems, as many as were asked to be kept. */
  readonly problems: readonly Problem[]
  readonly problemCount: number
  /** Every problem of the file, counted by field and kind. */
  readonly counts: readonly ProblemCount[]
  /** Names of fields that no pair has and that are dropped (at most 20). */
  readonly otherFields: readonly string[]
  readonly gates: Gates
  readonly nextGate: string
  /** How much of the file is read, 0 to 1. */
  readonly share: number
  readonly done: boolean
}

const TEXT: Omit<Defect, 'found'> = { expected: 'text that is not empty', fix: '' }
const EXPECTED: Readonly<Record<string, Omit<Defect, 'found'>>> = {
  prompt_id: { ...TEXT, fix: 'give every row the id of its prompt, as text, the same for all pairs of a prompt' },
  prompt: { ...TEXT, fix: 'write the prompt itself into every row' },
  chosen: { ...TEXT, fix: 'write the preferred reply as one text' },
  rejected: { ...TEXT, fix: 'write the other reply as one text' },
  label: { expected: 'the number 0 or 1', fix: 'write 1 where chosen was preferred, 0 where rejected was' },
  ...Object.fromEntries(PROVENANCE_FIELDS.map(name => [name, { expected: 'text that is not empty, or no such field', fix: 'name it, or leave the field out' }])),
}
const DISTINCT = { expected: 'two different replies', fix: 'drop the row, or draw the second reply again' }
const RECORD = { expected: 'a record with named fields', fix: 'write {"prompt_id": …, "prompt": …, "chosen": …, "rejected": …, "label": …}' }

function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string') return value.trim() === '' ? 'empty text' : JSON.stringify(excerpt(value))
  if (Array.isArray(value)) return `a list of ${value.length}`
  return typeof value === 'bigint' ? String(value) : excerpt(JSON.stringify(value))
}

/** A checked row: the pair when nothing is wrong, and everything that is. */
export interface CheckedRow { readonly pair: PreferencePair | null; readonly problems: readonly Problem[] }

/** Checks one row against the schema of a preference pair and names every problem in it. */
export function checkRow(source: SourceRow, file: string): CheckedRow {
  const problem = (field: string, defect: Defect): Problem => ({ file, row: source.row, field, ...defect })
  if (source.broken) return { pair: null, problems: [problem('', source.broken)] }
  const fields = source.fields as Record<string, unknown>
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return { pair: null, problems: [problem('', { found: describe(fields), ...RECORD })] }
  const result = pairSchema.safeParse(fields), names = new Set(result.error?.issues.map(issue => String(issue.path[0])))
  const problems = [...names].map(name => problem(name, { found: describe(fields[name]), ...EXPECTED[name] }))
  if (!names.has('chosen') && !names.has('rejected') && same(fields.chosen as string, fields.rejected as string)) {
    problems.push(problem('rejected', { found: `the same as chosen, ${describe(fields.chosen)}`, ...DISTINCT }))
  }
  if (problems.length || !result.success) return { pair: null, problems }
  const { annotator, generator, rubric, ...required } = result.data
  return { pair: { ...required, ...(annotator && { annotator }), ...(generator && { generator }), ...(rubric && { rubric }) }, problems: [] }
}

const squeezed = (s: string): string => s.trim().replace(/\s+/g, ' ')
const same = (a: string, b: string): boolean => a === b || squeezed(a) === squeezed(b)

/** Adds up rows into a report; keeps the first `keep` problems and counts them all. */
class Tally {
  rows = 0
  validRows = 0
  problemCount = 0
  share = 0
  private absentLabels = 0
  private readonly problems: Problem[] = []
  private readonly counts = new Map<string, ProblemCount>()
  private readonly others = new Set<string>()
  constructor(private readonly file: string, private readonly keep: number) {}

  add(source: SourceRow, { pair, problems }: CheckedRow): void {
    this.rows++
    this.share = source.share
    if (pair) this.validRows++
    for (const problem of problems) {
      this.problemCount++
      if (problem.field === 'label' && problem.found === 'nothing') this.absentLabels++
      if (this.problems.length < this.keep) this.problems.push(problem)
      const { field, expected, fix, row } = problem, key = `${field}\n${expected}\n${fix}`, counted = this.counts.get(key)
      this.counts.set(key, { field, expected, fix, rows: (counted?.rows ?? 0) + 1, firstRow: counted?.firstRow ?? row })
    }
    if (source.broken || this.others.size >= 20 || typeof source.fields !== 'object' || source.fields === null) return
    for (const name in source.fields) if (!(name in EXPECTED)) this.others.add(name)
  }

  report(done: boolean): ValidationReport {
    const counts = [...this.counts.values()], of = (test: (c: ProblemCount) => boolean) => counts.some(test)
    const required = new Set<string>(['', ...REQUIRED_FIELDS])
    const gates: Gates = {
      fields_present: this.rows > 0 && !of(c => required.has(c.field) && c.field !== 'label' && c.expected !== DISTINCT.expected) && this.absentLabels === 0,
      distinct_responses: !of(c => c.expected === DISTINCT.expected),
      binary_label: !of(c => c.field === 'label'),
    }
    const first = Object.entries(gates).find(([, passed]) => !passed)
    const nextGate = this.rows === 0 ? 'write rows into the file' : first ? `repair ${first[0]}` : counts.length ? 'repair provenance' : 'group prompt_id before train/eval split'
    return { file: this.file, rows: this.rows, validRows: this.validRows, problems: [...this.problems], problemCount: this.problemCount, counts, otherFields: [...this.others], gates, nextGate, share: done ? 1 : this.share, done }
  }
}

/**
 * Validates rows in one pass and in bounded memory. Yields the report so far every `every` rows, so that progress can be shown, and at the end the whole one.
 * keep: how many problems are listed one by one (all are counted).
 */
export async function* validateRows(rows: AsyncIterable<SourceRow> | Iterable<SourceRow>, file: string, options: { keep?: number; every?: number } = {}): AsyncGenerator<ValidationReport> {
  const { keep = 1000, every = 10_000 } = options, tally = new Tally(file, keep)
  for await (const row of rows) {
    tally.add(row, checkRow(row, file))
    if (tally.rows % every === 0) yield tally.report(false)
  }
  yield tally.report(true)
}

/** {@link validateRows} of a JSON Lines, CSV or Parquet file. */
export function validating(path: string, options: { keep?: number; every?: number } & ReadOptions = {}): AsyncGenerator<ValidationReport> {
  return validateRows(readRows(path, options), path, options)
}

/** The last report of {@link validating}: every problem of the file. */
export async function validateFile(path: string, options: { keep?: number } & ReadOptions = {}): Promise<ValidationReport> {
  let last: ValidationReport | undefined
  for await (const report of validating(path, options)) last = report
  return last!
}

/** All pairs of a file. Throws Error with the whole report when any row has a problem. */
export async function readPairs(path: string, options: ReadOptions = {}): Promise<PreferencePair[]> {
  const pairs: PreferencePair[] = [], tally = new Tally(path, 1000)
  for await (const row of readRows(path, options)) {
    const checked = checkRow(row, path)
    tally.add(row, checked)
    if (checked.pair) pairs.push(checked.pair)
  }
  const report = tally.report(true)
  if (report.problemCount || report.rows === 0) throw new Error(formatReport(report))
  return pairs
}

const flag = (value: boolean): string => value ? 'True' : 'False'

/** The gates as one line: `fields_present=True distinct_responses=True binary_label=True next_gate=…`. */
export function gateLine({ gates, nextGate }: ValidationReport): string {
  return `${Object.entries(gates).map(([name, passed]) => `${name}=${flag(passed as boolean)}`).join(' ')} next_gate=${nextGate}`
}

/** A report for a person: what is wrong how often, then the first problems by row and field, then the gates. */
export function formatReport(report: ValidationReport, show = 20): string {
  const { file, rows, validRows, problemCount, counts, problems, otherFields } = report
  const n = (x: number) => x.toLocaleString('en')
  const lines = [`${file}: ${n(rows)} rows, ${n(validRows)} valid, ${problemCount ? `${n(problemCount)} problems` : 'no problem'}`]
  for (const c of counts) lines.push(`  ${n(c.rows)} × ${c.field || 'row'}: expected ${c.expected}; ${c.fix} (first in row ${n(c.firstRow)})`)
  for (const p of problems.slice(0, show)) lines.push(`  row ${n(p.row)}, ${p.field || 'whole row'}: found ${p.found}; expected ${p.expected}`)
  if (problemCount > show) lines.push(`  … and ${n(problemCount - Math.min(show, problems.length))} more`)
  if (otherFields.length) lines.push(`  other fields, not used: ${otherFields.join(', ')}`)
  return [...lines, gateLine(report)].join('\n')
}
