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

const INDEXED = 3, RGBA = 6

/** `rows`: a filter byte (0) and the row's pixels, for each row. */
function png(width: number, height: number, colourType: number, rows: Uint8Array, ...before: Buffer[]): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, colourType], 8)
  // pako, not node:zlib, whose bytes differ between processors
  const { deflate } = require('pako') as typeof import('pako')
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), ...before, chunk('IDAT', deflate(rows, { level: 9 })), chunk('IEND', Buffer.alloc(0))])
}

/** Colours that share their high bits in each channel, as one: the most frequent of them. Undefined when more than 256 are left. */
function palette(counts: ReadonlyMap<number, number>, bits: number): { index: Map<number, number>; colours: number[]; changed: number } | undefined {
  const keep = 0x010101 * (256 - 2 ** (8 - bits)), places = new Map<number, number>(), colours: number[] = []
  let changed = 0
  for (const [colour, count] of counts) {
    const place = places.get(colour & keep)
    if (place === undefined) {
      if (colours.length === 256) return undefined
      places.set(colour & keep, colours.push(colour) - 1)
    } else if (count > counts.get(colours[place])!) colours[place] = colour
  }
  for (const [colour, count] of counts) if (!colours.includes(colour)) changed += count
  return { index: new Map([...counts.keys()].map(c => [c, places.get(c & keep)!])), colours, changed }
}

/**
 * An opaque RGBA picture as a PNG of at most 256 colours, about a quarter of the size of a full-colour one. The smooth edges of
 * lines and letters lose a little; the chart's own colours stay exact.
 * Returns undefined where that would alter more than a twentieth of the picture (a heatmap's gradient).  PNG specification, third edition, 4.4 and 11.2.2
 */
export function indexedPng(rgba: Uint8Array, width: number, height: number): Buffer | undefined {
  const counts = new Map<number, number>()
  const colourAt = (i: number) => rgba[4 * i] << 16 | rgba[4 * i + 1] << 8 | rgba[4 * i + 2]
  for (let i = 0; i < width * height; i++) {
    const colour = colourAt(i)
    counts.set(colour, (counts.get(colour) ?? 0) + 1)
  }
  const found = palette(counts, 8) ?? palette(counts, 6) ?? palette(counts, 5) ?? palette(counts, 4)
  if (!found || found.changed > width * height / 20) return undefined
  const rows = Buffer.alloc(height * (width + 1))
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) rows[y * (width + 1) + 1 + x] = found.index.get(colourAt(i))!
  return png(width, height, INDEXED, rows, chunk('PLTE', Buffer.from(found.colours.flatMap(c => [c >> 16, c >> 8 & 255, c & 255]))))
}

/** An RGBA picture as a PNG with all its colours. */
export function rgbaPng(rgba: Uint8Array, width: number, height: number): Buffer {
  const rows = Buffer.alloc(height * (4 * width + 1))
  for (let y = 0; y < height; y++) rows.set(rgba.subarray(4 * y * width, 4 * (y + 1) * width), y * (4 * width + 1) + 1)
  return png(width, height, RGBA, rows)
}
