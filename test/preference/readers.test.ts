import { expect } from 'chai'
import fc from 'fast-check'
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { readRows } from '../../lib/preference/readers'
import { writeJsonLines } from '../../lib/preference/readersJsonl'
import { all, inFolder, pair } from './files'

const fieldsOf = async (path: string) => (await all(readRows(path))).map(r => r.broken ?? r.fields)

describe('preference/readers: JSON Lines', () => {
  it('reads through a byte order mark, CRLF, empty lines and a missing last line end, and counts lines as an editor does', () => inFolder(async write => {
    const path = write('a.jsonl', '\ufeff{"a":1}\r\n\r\n{"a":"zwei ü €"}\n   \n{"a":3}')
    const rows = await all(readRows(path))
    expect(rows.map(r => r.row)).to.deep.equal([1, 3, 5])
    expect(rows.map(r => r.broken ?? r.fields)).to.deep.equal([{ a: 1 }, { a: 'zwei ü €' }, { a: 3 }])
    expect(rows.at(-1)!.share).to.equal(1)
  }))

  it('reports broken lines and reads on: bad JSON, NaN, bytes that are not UTF-8, a file that was cut off', () => inFolder(async write => {
    const path = write('b.jsonl', Buffer.concat([Buffer.from('{"a":1}\n{"a":NaN}\n{"a":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}\n{"a":4}\n{"a":5,"b')]))
    const rows = await all(readRows(path))
    expect(rows.map(r => [r.row, r.broken?.expected ?? 'read'])).to.deep.equal([[1, 'read'], [2, 'one complete JSON record'], [3, 'UTF-8 text'], [4, 'read'], [5, 'one complete JSON record']])
    expect(rows[1].broken!.fix).to.include('NaN')
    expect(rows[4].broken!.fix).to.include('the file ends inside this row')
  }))

  it('passes over a line that is too long without keeping it, and says how long it was', () => inFolder(async write => {
    const path = write('c.jsonl', `{"a":1}\n{"a":"${'x'.repeat(600_000)}"}\n{"a":3}\n`)
    const rows = await all(readRows(path, { maxRowBytes: 1000 }))
    expect(rows.map(r => r.row)).to.deep.equal([1, 2, 3])
    expect(rows[1].broken!.found).to.equal('a line of 600,008 bytes')
    expect(rows[2].broken).to.equal(undefined)
    expect((await all(readRows(path)))[1].broken).to.equal(undefined)
  }))

  it('gives back any records that were written, whatever characters they hold', () => inFolder(async write => {
    const path = write('d.jsonl', '')
    const value = fc.string({ unit: fc.oneof(fc.constantFrom('\n', '\r', '"', '\\', '\u2028', ',', 'é', '😀'), fc.string({ minLength: 1, maxLength: 1 })) })
    await fc.assert(fc.asyncProperty(fc.array(fc.record({ prompt: value, label: fc.constantFrom(0, 1) })), async records => {
      await writeJsonLines(path, records)
      expect(await fieldsOf(path)).to.deep.equal(records)
    }), { numRuns: 40 })
  }))

  it('writes a file completely or not at all', () => inFolder(async write => {
    const path = write('e.jsonl', 'before\n')
    const failing = (function* () { yield { a: 1 }; throw new Error('no more') })()
    const error = await writeJsonLines(path, failing).then(() => null, (e: Error) => e)
    expect(error?.message).to.equal('no more')
    expect(readFileSync(path, 'utf8')).to.equal('before\n')
    expect(readdirSync(dirname(path))).to.deep.equal(['e.jsonl'])
  }))
})

describe('preference/readers: CSV', () => {
  it('reads quotes, commas and line ends inside fields, and gives the line where each row begins', () => inFolder(async write => {
    const path = write('a.csv', '\ufeffprompt_id,prompt,label\r\np1,"a ""quoted"", text",1\r\n\r\np2,"two\nlines",0\r\np3,,2\r\n')
    const rows = await all(readRows(path))
    expect(rows.map(r => r.row)).to.deep.equal([2, 4, 6])
    expect(rows.map(r => r.broken ?? r.fields)).to.deep.equal([{ prompt_id: 'p1', prompt: 'a "quoted", text', label: 1 }, { prompt_id: 'p2', prompt: 'two\nlines', label: 0 }, { prompt_id: 'p3', label: 2 }])
  }))

  it('reports rows with a wrong number of fields by their line, and reads on', () => inFolder(async write => {
    const path = write('b.csv', 'a,b\n1,2\n1,2,3\n\n"two\nlines"\n4,5\n')
    const rows = await all(readRows(path))
    expect(rows.map(r => [r.row, r.broken?.found ?? 'read'])).to.deep.equal([[2, 'read'], [3, '3 fields'], [5, '1 fields'], [7, 'read']])
  }))

  it('reads up to broken quotes, reports them by line and stops, since no row after them is sure', () => inFolder(async write => {
    const good = Array.from({ length: 5000 }, (_, i) => `${i},ok\n`).join('')
    const cases = [['"x"y,2\n4,5\n', 'Invalid Closing Quote'], ['6,"cut off', 'the end of the file inside a quoted field'], [`6,"${'x,\n'.repeat(50_000)}`, 'a row that does not end']]
    for (const [tail, found] of cases) {
      const rows = await all(readRows(write('c.csv', `a,b\n${good}${tail}`), { maxRowBytes: 10_000 }))
      expect(rows, found).to.have.lengthOf(5001)
      expect(rows.slice(0, 5000).every((r, i) => !r.broken && r.row === i + 2)).to.equal(true)
      expect(rows[5000].row).to.equal(5002)
      expect(rows[5000].broken!.found).to.include(found)
    }
  }))
})

describe('preference/readers: Parquet', () => {
  const columns = (n: number) => [
    { name: 'prompt', data: Array.from({ length: n }, (_, i) => `prompt ${i} ü`), type: 'STRING' as const },
    { name: 'label', data: Array.from({ length: n }, (_, i) => BigInt(i % 2)), type: 'INT64' as const },
    { name: 'rubric', data: Array.from({ length: n }, (_, i) => i % 3 ? 'v1' : null), type: 'STRING' as const },
  ]

  it('reads every row once across row groups and blocks, with 64-bit labels as numbers and null as absent', () => inFolder(async write => {
    for (const rowGroupSize of [7000, 100_000]) {
      const path = write('a.parquet', new Uint8Array(parquetWriteBuffer({ columnData: columns(23_000), rowGroupSize })))
      const rows = await all(readRows(path))
      expect(rows).to.have.lengthOf(23_000)
      rows.forEach((r, i) => {
        if (r.row !== i + 1) throw new Error(`row ${r.row} at ${i}`)
        expect(r.broken ?? r.fields).to.deep.equal({ prompt: `prompt ${i} ü`, label: i % 2, ...(i % 3 ? { rubric: 'v1' } : {}) })
      })
    }
  }))

  it('names the file when it is cut off or no Parquet, and refuses other endings', () => inFolder(async write => {
    const whole = new Uint8Array(parquetWriteBuffer({ columnData: columns(10) }))
    for (const bytes of [whole.subarray(0, whole.length - 20), Buffer.from('a,b\n1,2\n')]) {
      const path = write('b.parquet', bytes), error = await all(readRows(path)).then(() => null, (e: Error) => e)
      expect(error?.message).to.include('b.parquet: not a complete Parquet file')
    }
    expect(() => readRows('pairs.json')).to.throw(RangeError, 'pairs.json: expected a file that ends in .jsonl')
    for (const name of ['none.jsonl', 'none.csv', 'none.parquet']) expect(await all(readRows(name)).then(() => null, (e: Error) => e), name).to.have.property('code', 'ENOENT')
  }))
})

describe('preference/readers: memory', () => {
  it('does not grow with the file: a heap of 48 MB validates 240 MB of JSON Lines', () => inFolder(write => {
    const path = write('big.jsonl', ''), file = openSync(path, 'a'), text = 'a sentence about a parcel that is late and a lamp that is broken . '.repeat(9)
    for (let i = 0; i < 200; i++) {
      const block: string[] = []
      for (let j = 0; j < 600; j++) block.push(JSON.stringify(pair({ prompt_id: `p${i}-${j}`, prompt: text, chosen: `${text} ${j}`, rejected: text, label: j % 50 ? 1 : 2 })))
      writeSync(file, `${block.join('\n')}\n`)
    }
    closeSync(file)
    expect(statSync(path).size).to.be.above(220e6)
    const script = `require('./lib/preference/validate').validateFile(process.argv[1]).then(r => console.log(JSON.stringify([r.rows, r.problemCount, r.problems.length])))`
    const out = execFileSync(process.execPath, ['--max-old-space-size=48', '-r', 'tsx/cjs', '-e', script, path], { encoding: 'utf8', cwd: resolve(__dirname, '../..') })
    expect(JSON.parse(out)).to.deep.equal([120_000, 2400, 1000])
    return Promise.resolve()
  })).timeout(60_000)
})
