/** What is wrong with a row: what was found there, what was expected, what to do. */
export interface Defect { readonly found: string; readonly expected: string; readonly fix: string }

/**
 * A row of a file as it was read: its fields, or what makes it unreadable.
 * row: line of a text file where the row begins, or number of a Parquet row, from 1. share: how much of the file is read, 0 to 1.
 */
export type SourceRow = { readonly row: number; readonly share: number } & ({ readonly fields: unknown; readonly broken?: undefined } | { readonly broken: Defect })

/** Bounds of a reader. */
export interface ReadOptions {
  /** Bytes of the longest row that is read; a longer one is reported and passed over. Default 16 MiB. */
  readonly maxRowBytes?: number
  /** Milliseconds that 10,000 rows of Parquet may take. Default 30,000. */
  readonly blockMs?: number
}

/** Default of {@link ReadOptions.maxRowBytes}. */
export const MAX_ROW_BYTES = 16 * 2 ** 20

/** The beginning of a text, short enough for a message. */
export const excerpt = (text: string, most = 48): string => text.length <= most ? text : `${text.slice(0, most - 1)}…`
