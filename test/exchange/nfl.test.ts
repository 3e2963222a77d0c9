import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { brierScore } from '../../lib/evaluate/calibration'
import { downloads, type Download } from '../../lib/exchange/downloads'
import { nflComparisons, nflGames, parseNflGames, shippedNflBrier, shippedNflGames } from '../../lib/exchange/nfl'
import { obtain } from '../../lib/exchange/obtain'
import { printed } from '../printed'

const published = 'date,season,neutral,playoff,team1,team2,elo1,elo2,elo_prob1,score1,score2,result1\n2021-02-07,2020,1,1,TB,KC,1703.3,1741.1,0.4458378304058082,31,9,1\n1920-09-26,1920,0,0,RII,STP,1503.9,1300.0,0.8246512009492516,7,7,0.5\n'

describe('exchange/nfl', () => {
  let folder: string
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'nfl-')) })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('reads the published columns, in order of date, ties as ½', () => {
    expect(parseNflGames(published)).to.deep.equal([
      { date: '1920-09-26', season: 1920, home: 'RII', away: 'STP', neutral: false, result: 0.5, elo: 0.8247 },
      { date: '2021-02-07', season: 2020, home: 'TB', away: 'KC', neutral: true, result: 1, elo: 0.4458 },
    ])
    const { teams, comparisons } = nflComparisons(parseNflGames(published))
    expect(teams).to.deep.equal(['KC', 'RII', 'STP', 'TB'])
    expect(comparisons).to.deep.equal([{ first: 1, second: 2, score: 0.5, advantage: 1 }, { first: 3, second: 0, score: 1, advantage: 0 }])
    expect(() => nflComparisons(parseNflGames(published), ['KC'])).to.throw(RangeError, 'no team RII')
  })

  it('names the game and the field that are wrong', () => {
    for (const [from, to, message] of [['2021-02-07', '7 Feb', 'game 1: date'], [',1,1,TB', ',2,1,TB', 'game 1: neutral'], ['9,1\n', '9,2\n', 'game 1: result'], ['TB,KC', 'TB,TB', 'game 1: teams'], ['0.4458378304058082', '', 'game 1: elo'], ['1920,', 'MCMXX,', 'game 2: season']] as const) {
      expect(() => parseNflGames(published.replace(from, to), 'x.csv'), from).to.throw(RangeError, `x.csv: ${message}`)
    }
  })

  it('ships 2,939 games of 32 teams, whose Brier score is that of the season table', () => {
    const games = shippedNflGames(), seasons = shippedNflBrier()
    expect([games.length, nflComparisons(games).teams.length, seasons.length]).to.deep.equal([2939, 32, 101])
    for (const { season, games: count, brier } of seasons.filter(s => s.season >= 2010)) {
      const those = games.filter(g => g.season === season)
      expect(those.length).to.equal(count)
      expect(brierScore(those.map(g => g.elo), those.map(g => g.result))).to.be.closeTo(brier, 1e-6)
    }
    const mean = (from: number) => seasons.filter(s => s.season >= from).reduce((sum, s) => sum + s.games * s.brier, 0) / seasons.filter(s => s.season >= from).reduce((sum, s) => sum + s.games, 0)
    expect(mean(1920)).to.be.closeTo(0.2084, 5e-5)
    expect(mean(2010)).to.be.closeTo(0.2190, 5e-5)
  })

  it('goes on with the shipped table where the file cannot be had, or what is there is not the file, and says so', async () => {
    const entry = downloads().find(d => d.name === 'nfl-games')!, mirror = join(folder, 'mirror'), path = join(mirror, entry.repository, entry.commit, entry.path)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, published)
    let result: Awaited<ReturnType<typeof nflGames>> | undefined
    const text = await printed(async () => { result = await nflGames({ cache: join(folder, 'cache'), mirror }) })
    expect(result!.games.length).to.equal(2939)
    expect(result!.all).to.equal(undefined)
    expect(text).to.match(/not the published file.*the lab uses the seasons 2010–2020 in data\/nfl-2010-2020\.csv.*RLHF_MIRROR/s)
  })

  it('obtains a file and says where it came from, on one line', async () => {
    const entry: Download = { name: 'tiny', about: '', repository: 'o/r', commit: 'a'.repeat(40), path: 'f.txt', urls: ['http://127.0.0.1:9/f.txt'], sha256: createHash('sha256').update('hi').digest('hex'), size: 2, licence: 'MIT' }
    const path = join(folder, 'mirror/o/r', entry.commit, 'f.txt')
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, 'hi')
    let got: string | undefined
    expect(await printed(async () => { got = await obtain(entry, 'nothing happens', { cache: folder, mirror: join(folder, 'mirror') }) })).to.equal('tiny: from the mirror, size and SHA-256 as published\n')
    expect(got).to.equal(path)
    expect(await printed(async () => { got = await obtain(entry, 'nothing happens', { cache: folder, mirror: join(folder, 'none') }) })).to.match(/^tiny: not reachable .* So nothing happens\. .*\n$/)
    expect(got).to.equal(undefined)
  })
})
