const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

const crcTable = Int32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1
  return n
})

function chunk(type: string, data: Uint8Array): Buffer {
  const out = Buffer.alloc(12 + data.length)
  out.writeUInt32BE(data.length, 0)
  out.write(type, 4, 'latin1')
  out.set(data, 8)
  let crc = -1
  for (let i = 4; i < 8 + data.length; i++) crc = crcTable[(crc ^ out[i]) & 255] ^ (crc >>> 8)
  out.writeInt32BE(~crc, 8 + data.length)
  return out
}

/**
 * An opaque RGBA picture as a PNG of at most 256 colours, about a quarter of the size of a full-colour one: colours that share
 * their high four bits a channel become the most frequent of them, so a chart's own colours stay exact.
 * Returns undefined when the picture has more kinds of colours than that.  PNG specification, third edition, 4.4 and 11.2.2
 */
export function indexedPng(rgba: Uint8Array, width: number, height: number): Buffer | undefined {
  const counts = new Map<number, number>(), index = new Map<number, number>(), best: { colour: number; count: number }[] = []
  const colourAt = (i: number) => rgba[4 * i] << 16 | rgba[4 * i + 1] << 8 | rgba[4 * i + 2]
  const kind = (colour: number) => colour & 0xf0f0f0
  for (let i = 0; i < width * height; i++) {
    const colour = colourAt(i)
    counts.set(colour, (counts.get(colour) ?? 0) + 1)
  }
  for (const [colour, count] of counts) {
    const k = index.get(kind(colour))
    if (k === undefined) {
      if (best.length === 256) return undefined
      index.set(kind(colour), best.push({ colour, count }) - 1)
    } else if (count > best[k].count) best[k] = { colour, count }
  }
  const header = Buffer.alloc(13), rows = Buffer.alloc(height * (width + 1))
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 3], 8)                                             // eight bits, indexed colour
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) rows[y * (width + 1) + 1 + x] = index.get(kind(colourAt(i)))!
  const palette = Buffer.from(best.flatMap(({ colour }) => [colour >> 16, colour >> 8 & 255, colour & 255]))
  // pako, not node:zlib, whose bytes differ between processors
  const { deflate } = require('pako') as typeof import('pako')
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('PLTE', palette), chunk('IDAT', deflate(rows, { level: 9 })), chunk('IEND', Buffer.alloc(0))])
}
