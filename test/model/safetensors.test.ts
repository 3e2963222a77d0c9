import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { DTYPE_BYTES, FormatError, readSafetensors, store, unstore, writeSafetensors } from '../../lib/model/safetensors'
import type { Dtype, Stored } from '../../lib/model/safetensors'
import { goldensPath } from '../goldens'
import { oracle } from '../oracle'

/** A file with this header text, `data` zero bytes behind it. */
function fileOf(header: string | object, data = 0, length?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header)), file = new Uint8Array(8 + json.length + data)
  new DataView(file.buffer).setBigUint64(0, length ?? BigInt(json.length), true)
  file.set(json, 8)
  return file
}
const entry = (first: number, last: number, shape = [(last - first) / 4], dtype = 'F32') => ({ dtype, shape, data_offsets: [first, last] })

const storedArbitrary: fc.Arbitrary<Stored> = fc.tuple(fc.constantFrom(...Object.keys(DTYPE_BYTES) as Dtype[]), fc.array(fc.nat(4), { maxLength: 3 })).chain(([dtype, shape]) => {
  const size = shape.reduce((n, d) => n * d, DTYPE_BYTES[dtype] as number)
  return fc.uint8Array({ minLength: size, maxLength: size, max: dtype === 'BOOL' ? 1 : 255 }).map(bytes => ({ dtype, shape, bytes }))
})

describe('model/safetensors', () => {
  let folder: string
  before(() => { folder = mkdtempSync(join(tmpdir(), 'rlhf-safetensors-')) })
  after(() => rmSync(folder, { recursive: true }))

  it('writes the files of Hugging Face’s writer back byte for byte', () => {
    const files = ['sequence_logprobs.safetensors', ...readdirSync(goldensPath('models')).map(f => `models/${f}`)]
    expect(files.length).to.be.greaterThan(5)
    for (const name of files) {
      const bytes = readFileSync(goldensPath(name)), { tensors, metadata } = readSafetensors(bytes, name)
      expect(Buffer.from(writeSafetensors(tensors, metadata)).equals(bytes), name).to.equal(true)
    }
  })

  it('gives back every bit of every element type, whatever the names', () => {
    fc.assert(fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }).filter(n => n !== '__metadata__'), storedArbitrary), fc.dictionary(fc.constantFrom('format', 'a', 'é'), fc.string()), (tensors, metadata) => {
      const file = readSafetensors(writeSafetensors(Object.entries(tensors), metadata))
      expect([...file.tensors.keys()]).to.have.members(Object.keys(tensors))
      expect(file.metadata).to.deep.equal({ ...metadata })
      for (const [name, { dtype, shape, bytes }] of file.tensors) expect({ dtype, shape, bytes: [...bytes] }).to.deep.equal({ ...tensors[name], bytes: [...tensors[name].bytes] })
    }), { numRuns: 200 })
  })

  it('is read by Python’s safetensors, and writes what Python writes: 8 element types, empty and scalar shapes, names beyond ASCII', () => {
    const tensors: [string, Stored][] = Object.keys(DTYPE_BYTES).map((dtype, i) => {
      const bytes = Uint8Array.from({ length: 6 * DTYPE_BYTES[dtype as Dtype] }, (_, j) => dtype === 'BOOL' ? j % 2 : (31 * j + i) % 113)
      return [`t.${dtype}`, { dtype: dtype as Dtype, shape: [2, 3], bytes }]
    })
    tensors.push(['scalar', store(new Float32Array([-0]), [])], ['empty', store(new Float32Array(0), [3, 0])], ['ünï "q" \u{1f6a2}', store(new Float32Array([1, NaN]), [2])])
    const path = join(folder, 'ours.safetensors'), theirs = join(folder, 'theirs.safetensors')
    writeFileSync(path, writeSafetensors(tensors, { format: 'pt', note: 'é' }))
    const got = oracle<Record<string, { dtype: string, shape: number[], values: number[] }>>(`
import safetensors, safetensors.torch, torch
t = safetensors.torch.load_file(arg[0])
safetensors.torch.save_file(t, arg[1], metadata={'format': 'pt', 'note': 'é'})
print(json.dumps({k: {'dtype': str(v.dtype), 'shape': list(v.shape), 'values': v.to(torch.float32).flatten().view(torch.int32).tolist() if k.startswith('t.') else []} for k, v in t.items()}))`, [path, theirs])
    const { tensors: again, metadata } = readSafetensors(readFileSync(theirs))
    expect(metadata).to.deep.equal({ format: 'pt', note: 'é' })
    expect(again.size).to.equal(tensors.length)
    for (const [name, { dtype, shape, bytes }] of tensors) {
      expect(got[name].shape, name).to.deep.equal(shape)
      expect(Buffer.from(again.get(name)!.bytes).equals(bytes), name).to.equal(true)
      if (name.startsWith('t.') && !dtype.endsWith('64')) expect(Float32Array.from(unstore({ dtype, shape, bytes }, name)), name).to.deep.equal(new Float32Array(Int32Array.from(got[name].values).buffer))
    }
    const strip = (file: Uint8Array) => [...readSafetensors(file).tensors].map(([name, { offset }]) => [name, offset])
    expect(strip(readFileSync(path))).to.deep.equal(strip(readFileSync(theirs)))
  })

  it('widens every float16 and bfloat16 as PyTorch does', () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i), bytes = new Uint8Array(bits.buffer)
    const want = oracle<Record<'F16' | 'BF16', number[]>>(`
import torch
b = torch.arange(65536, dtype=torch.int32).to(torch.uint16)
print(json.dumps({n: b.view(t).float().view(torch.int32).tolist() for n, t in (('F16', torch.float16), ('BF16', torch.bfloat16))}))`)
    for (const dtype of ['F16', 'BF16'] as const) {
      const got = unstore({ dtype, shape: [65536], bytes }, 'x') as Float32Array, theirs = new Float32Array(Int32Array.from(want[dtype]).buffer)
      for (let i = 0; i < 65536; i++) if (!Object.is(got[i], theirs[i])) expect.fail(`${dtype} ${i}: got ${got[i]}, expected ${theirs[i]}`)
    }
  })

  it('gives numbers that are no view of the file, even of a Buffer', () => {
    const file = Buffer.from(writeSafetensors([['w', store(new Float32Array([1, 2]), [2])]])), w = unstore(readSafetensors(file).tensors.get('w')!, 'w')
    file.fill(0)
    expect([w.buffer.byteLength, ...w]).to.deep.equal([8, 1, 2])
  })

  it('converts exactly or not at all, naming tensor, element and byte', () => {
    expect(unstore(store(new BigInt64Array([-5n, 2n ** 31n - 1n]), [2]), 'ids')).to.deep.equal(Int32Array.from([-5, 2 ** 31 - 1]))
    expect(unstore(store(new Float64Array([0.1, -Infinity, NaN]), [3]), 'x')).to.deep.equal(Float32Array.from([0.1, -Infinity, NaN]))
    expect(() => unstore(store(new BigInt64Array([1n, 2n ** 31n]), [2]), 'ids')).to.throw(FormatError, "tensor 'ids': element 1 at byte 8 is 2147483648, which int32 cannot hold")
    expect(() => unstore(store(new Float64Array([1e300]), [1]), 'x')).to.throw(FormatError, 'float32 cannot hold')
    expect(() => unstore({ ...store(Uint8Array.from([0, 1, 2]), [3], 'BOOL'), offset: 100 }, 'mask')).to.throw(FormatError, "tensor 'mask': element 2 at byte 102 is 2")
  })

  it('refuses what is no safetensors file, saying where', () => {
    const cases: [Uint8Array, string][] = [
      [new Uint8Array(7), 'expected at least 8 bytes'],
      [fileOf('{}', 0, 3n), 'header length 3 at byte 0 exceeds'],
      [fileOf('{}', 184, 2n ** 30n), 'header length 1073741824 at byte 0 exceeds'],
      [fileOf('{}', 0, 2n ** 64n - 1n), 'header length 18446744073709551615'],
      [fileOf('[]'), 'must be a JSON object'],
      [fileOf(' {}'), "starts with '{'"],
      [fileOf('{'), 'is no UTF-8 JSON'],
      [fileOf('['.repeat(200_000)), 'is no UTF-8 JSON'],
      [fileOf('{"a":1}').map((b, i) => i === 10 ? 0xff : b), 'is no UTF-8 JSON'],
      [fileOf({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4], more: 1 } }, 4), "tensor 'a': expected {dtype"],
      [fileOf({ a: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, 4), 'shape'],
      [fileOf({ a: { dtype: 'F32', shape: [1.5], data_offsets: [0, 6] } }, 6), 'shape'],
      [fileOf({ a: entry(0, 8, [8], 'F8_E4M3') }, 8), 'dtype F8_E4M3 is not supported, expected one of F64'],
      [fileOf({ a: entry(0, 8, [1], 'toString') }, 8), 'dtype toString is not supported'],
      [fileOf({ a: entry(0, 8, [3]) }, 8), 'shape [3] of F32 takes 12 bytes, data_offsets give 8'],
      [fileOf({ a: entry(0, 8, [2 ** 31, 2 ** 31]) }, 8), 'takes 18446744073709552000 bytes'],
      [fileOf({ a: entry(8, 0, [-2]) }, 8), 'shape'],
      [fileOf({ a: entry(0, 8), b: entry(4, 12) }, 12), 'overlap'],
      [fileOf({ a: entry(0, 8), b: entry(12, 16) }, 16), 'a hole'],
      [fileOf({ a: entry(4, 8) }, 8), 'a hole'],
      [fileOf({ a: entry(0, 8) }, 12), '4 bytes from byte'],
      [fileOf({ a: entry(0, 8) }, 4), 'reaches past the end of the file'],
      [fileOf({ a: entry(0, 4e9) }, 100), 'reaches past the end of the file'],
      [fileOf({ __metadata__: { a: 1 } }), '__metadata__: expected strings only'],
      [fileOf('{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'), "the key 'a' twice"],
      [fileOf('{"a":{"dtype":"F32","shape":[1],"shape":[0],"data_offsets":[0,0]}}'), "the key 'shape' twice"],
    ]
    for (const [file, message] of cases) expect(() => readSafetensors(file, 'x.safetensors'), message).to.throw(FormatError, message).with.property('message').that.matches(/^x\.safetensors: /)
  })

  it('refuses a truncated file at every length, without allocating what the header promises', () => {
    const file = writeSafetensors([['w', store(new Float32Array(10), [5, 2])], ['b', store(new Int32Array(3), [3])]])
    for (let n = 0; n < file.length; n++) expect(() => readSafetensors(file.subarray(0, n)), `${n} bytes`).to.throw(FormatError)
    const before = process.memoryUsage().arrayBuffers
    expect(() => readSafetensors(fileOf({ w: entry(0, 2 ** 30) }, 100))).to.throw(FormatError, 'past the end')
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(2 ** 20)
  })

  it('does not take a name for a property of objects', () => {
    const file = readSafetensors(writeSafetensors(['__proto__', 'constructor', 'toString', '7'].map(name => [name, store(new Float32Array([1]), [1])])))
    expect([...file.tensors.keys()].sort()).to.deep.equal(['7', '__proto__', 'constructor', 'toString'])
  })

  it('writes no tensor whose bytes do not fit, no name twice', () => {
    expect(() => writeSafetensors([['w', store(new Float32Array(3), [2])]])).to.throw(RangeError, "tensor 'w': shape [2] of F32 takes 8 bytes, got 12")
    const one: [string, Stored] = ['w', store(new Float32Array(1), [1])]
    expect(() => writeSafetensors([one, one])).to.throw(RangeError, 'taken')
  })
})
