import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import type { Comparison } from '../preference/comparisons'
import { clonePath } from './clone'
import type { DownloadOptions } from './download'
import { obtain } from './obtain'

/** A game: `result` is 1 when the home team won, 0 when it lost, ½ for a tie; `elo` the published forecast that the home team wins. */
export interface NflGame {
  readonly date: string
  readonly season: number
  readonly home: string
  readonly away: string
  readonly neutral: boolean
  readonly result: number
  readonly elo: number
}

const number = (text: string | undefined, where: string, ok: (v: number) => boolean, expected: string): number => {
  const v = Number(text)
  if (text === undefined || text.trim() === '' || !ok(v)) throw new RangeError(`${where}: expected ${expected}, got '${text ?? ''}'`)
  return v
}

/**
 * Games from the published file's columns (team1 is the home team) or from our table's, in order of date. Forecasts are kept to
 * four digits, as in the table in data/, so that a lab prints the same figures from either.
 * Throws RangeError naming the row and the field.
 */
export function parseNflGames(text: string, name = 'NFL games'): NflGame[] {
  const rows: Record<string, string>[] = parse(text, { columns: true, comment: '#', comment_no_infix: true, skip_empty_lines: true })
  const games = rows.map((row, i): NflGame => {
    const where = (field: string) => `${name}: game ${i + 1}: ${field}`, date = row.date ?? '', home = row.home ?? row.team1, away = row.away ?? row.team2
    if (!/^\d{4}-\d\d-\d\d$/.test(date)) throw new RangeError(`${where('date')}: expected YYYY-MM-DD, got '${date}'`)
    if (!home || !away || home === away) throw new RangeError(`${where('teams')}: expected two different teams, got '${home ?? ''}' and '${away ?? ''}'`)
    return {
      date, home, away, season: number(row.season, where('season'), Number.isInteger, 'a year'),
      neutral: number(row.neutral, where('neutral'), v => v === 0 || v === 1, '0 or 1') === 1,
      result: number(row.result ?? row.result1, where('result'), v => v === 0 || v === 0.5 || v === 1, '0, 0.5 or 1'),
      elo: Number(number(row.elo ?? row.elo_prob1, where('elo'), v => v > 0 && v < 1, 'a probability').toFixed(4)),
    }
  })
  return games.sort((a, b) => a.date < b.date ? -1 : a.date > b.date ? 1 : 0)
}

/** The games of 2010–2020 in data/nfl-2010-2020.csv. */
export const shippedNflGames = (): NflGame[] => parseNflGames(readFileSync(clonePath('data', 'nfl-2010-2020.csv'), 'utf8'), 'data/nfl-2010-2020.csv')

/** The published forecasts' Brier score of a season. */
export interface SeasonBrier { readonly season: number; readonly games: number; readonly brier: number }

/** Every season since 1920 in data/nfl-elo-brier.csv, computed from the full file by tools/data/nfl.ts. */
export function shippedNflBrier(): SeasonBrier[] {
  const rows: Record<string, string>[] = parse(readFileSync(clonePath('data', 'nfl-elo-brier.csv'), 'utf8'), { columns: true, comment: '#' })
  return rows.map(row => ({ season: Number(row.season), games: Number(row.games), brier: Number(row.brier) }))
}

/**
 * The games of 2010–2020, and, where the published file can be had, all games since 1920. Says in one line where they came from.
 * Throws Error when the full file and the table in data/ disagree about a game.
 */
export async function nflGames(options: DownloadOptions = {}): Promise<{ games: NflGame[]; all?: NflGame[] }> {
  const games = shippedNflGames(), path = await obtain('nfl-games', 'the lab uses the seasons 2010–2020 in data/nfl-2010-2020.csv', options)
  if (path === undefined) return { games }
  const all = parseNflGames(readFileSync(path, 'utf8'), path), recent = all.filter(g => g.season >= 2010 && g.season <= 2020)
  const differs = recent.findIndex((g, i) => JSON.stringify(g) !== JSON.stringify(games[i]))
  if (differs >= 0 || recent.length !== games.length) throw new Error(`data/nfl-2010-2020.csv: game ${differs + 1} differs from the published file; make the table again with npx tsx tools/data/nfl.ts`)
  return { games: recent, all }
}

/** The teams of some games in alphabetical order, and the games as comparisons between them; the home team is first and has the advantage unless the ground is neutral. */
export function nflComparisons(games: readonly NflGame[], teams: readonly string[] = [...new Set(games.flatMap(g => [g.home, g.away]))].sort()): { teams: readonly string[]; comparisons: Comparison[] } {
  const at = new Map(teams.map((team, i) => [team, i]))
  const index = (team: string) => at.get(team) ?? (() => { throw new RangeError(`nflComparisons: no team ${team} among ${teams.join(', ')}`) })()
  return { teams, comparisons: games.map(g => ({ first: index(g.home), second: index(g.away), score: g.result, advantage: g.neutral ? 0 : 1 })) }
}
