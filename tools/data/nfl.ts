// Makes data/nfl-2010-2020.csv and data/nfl-elo-brier.csv from the published file:  npx tsx tools/data/nfl.ts
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { brierScore } from '../../lib/evaluate/calibration'
import { clonePath } from '../../lib/exchange/clone'
import { download } from '../../lib/exchange/download'
import { downloads } from '../../lib/exchange/downloads'
import { parseNflGames } from '../../lib/exchange/nfl'

function write(name: string, about: string, lines: readonly string[]): void {
  const { repository, path, commit } = downloads().find(d => d.name === 'nfl-games')!
  const head = [about, `Source: github.com/${repository}, ${path} at commit ${commit}`, 'Copyright (c) 2018 ABC News Internet Ventures; MIT licence, see data/nfl-LICENSE'].map(line => `# ${line}`)
  const file = clonePath('data', name)
  writeFileSync(`${file}.tmp`, [...head, ...lines, ''].join('\n'))
  renameSync(`${file}.tmp`, file)
}

async function main(): Promise<void> {
  const { path } = await download('nfl-games'), text = readFileSync(path, 'utf8')
  const games = parseNflGames(text, path)
  const recent = games.filter(g => g.season >= 2010 && g.season <= 2020)
  write('nfl-2010-2020.csv', 'NFL results 2010-2020: result 1 home won, 0.5 tie, 0 lost; elo: the published forecast that home wins', ['date,season,home,away,neutral,result,elo',
    ...recent.map(g => [g.date, g.season, g.home, g.away, g.neutral ? 1 : 0, g.result, g.elo].join(','))])
  const seasons = [...new Set(games.map(g => g.season))].sort((a, b) => a - b)
  write('nfl-elo-brier.csv', "Brier score of the published Elo forecasts, season by season (computed by this project's tools/data/nfl.ts)", ['season,games,brier', ...seasons.map(season => {
    const those = games.filter(g => g.season === season)
    return [season, those.length, brierScore(those.map(g => g.elo), those.map(g => g.result)).toFixed(6)].join(',')
  })])
}

void main()
