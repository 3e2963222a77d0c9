import { inflateSync } from 'node:zlib'
import { expect } from 'chai'
import fc from 'fast-check'
import { heatmapCanvas } from '../../lib/notebook/canvas'
import { plainFigure, toPNG } from '../../lib/notebook/picture'
import { indexedPng, rgbaPng } from '../../lib/notebook/png'

/** Width, height and RGB pixels of an unfiltered PNG, read by the specification. */
function decode(png: Buffer): { width: number; height: number; pixel(x: number, y: number): number[] } {
  const chunks = new Map<string, Buffer>()
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at)
    chunks.set(png.toString('latin1', at + 4, at + 8), png.subarray(at + 8, at + 8 + length))
    at += 12 + length
  }
  const header = chunks.get('IHDR')!, width = header.readUInt32BE(0), height = header.readUInt32BE(4), rows = inflateSync(chunks.get('IDAT')!)
  const channels = header[9] === 3 ? 1 : 4, palette = chunks.get('PLTE')
  return { width, height, pixel(x, y) {
    const at = y * (channels * width + 1) + 1 + channels * x
    return palette ? [...palette.subarray(3 * rows[at], 3 * rows[at] + 3)] : [...rows.subarray(at, at + 4)]
  } }
}

describe('notebook/png', () => {
  it('writes pictures of few colours exactly', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.array(fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)), { minLength: 81, maxLength: 81 }), (w, h, colours) => {
      const rgba = Buffer.from(colours.slice(0, w * h).flatMap(c => [...c, 255])), picture = decode(indexedPng(rgba, w, h)!)
      expect([picture.width, picture.height]).to.deep.equal([w, h])
      for (let i = 0; i < w * h; i++) expect(picture.pixel(i % w, Math.floor(i / w))).to.deep.equal(colours[i])
    }))
  })

  it('keeps frequent colours exact, alters rare ones by less than 16 a channel, and refuses gradients', () => {
    const width = 200, height = 100, rgba = Buffer.alloc(4 * width * height, 255)
    const set = (i: number, c: number[]) => rgba.set(c, 4 * i)
    for (let i = 0; i < 900; i++) set(i, [i % 256, (7 * i) % 64, 200 + (i % 9)])
    for (let i = 1000; i < 3000; i++) set(i, [0, 0x72, 0xb2])
    const picture = decode(indexedPng(rgba, width, height)!)
    expect(picture.pixel(0, 10)).to.deep.equal([0, 0x72, 0xb2])
    expect(picture.pixel(0, 50)).to.deep.equal([255, 255, 255])
    for (let i = 0; i < 900; i++) picture.pixel(i % width, Math.floor(i / width)).forEach((v, c) => expect(Math.abs(v - rgba[4 * i + c])).to.be.below(16))
    for (let i = 0; i < width * height; i++) set(i, [i % 256, Math.floor(i / 80), (i * 13) % 256])
    expect(indexedPng(rgba, width, height)).to.equal(undefined)
  })

  it('writes pictures with transparency', () => {
    const picture = decode(rgbaPng(Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]), 2, 1))
    expect([picture.pixel(0, 0), picture.pixel(1, 0)]).to.deep.equal([[1, 2, 3, 4], [5, 6, 7, 8]])
  })

  it('paints rectangles and images as plotly.js asks for, clipped to the canvas', () => {
    const canvas = heatmapCanvas(3, 2)
    canvas.fillStyle = 'rgba(10,20,30,1)'
    canvas.fillRect(1, 0, 9, 1)
    const image = canvas.createImageData(1, 1)
    image.data.set([9, 8, 7, 255])
    canvas.putImageData(image, 0, 1)
    const picture = decode(Buffer.from(canvas.toDataURL().split(',')[1], 'base64'))
    expect([0, 1, 2].map(x => picture.pixel(x, 0))).to.deep.equal([[0, 0, 0, 0], [10, 20, 30, 255], [10, 20, 30, 255]])
    expect(picture.pixel(0, 1)).to.deep.equal([9, 8, 7, 255])
  })

  it('shows the cells of a heatmap in their colours', async () => {
    const layout = { width: 300, height: 200, margin: { l: 0, r: 0, t: 0, b: 0 }, xaxis: { visible: false }, yaxis: { visible: false } }
    const figure = { data: [{ type: 'heatmap', z: [[0, 1]], showscale: false, colorscale: [[0, '#ff0000'], [1, '#0000ff']] }], layout }
    const picture = decode(await toPNG(plainFigure(figure), 300, 200))
    expect([picture.pixel(10, 100), picture.pixel(145, 100), picture.pixel(155, 100), picture.pixel(290, 100)]).to.deep.equal([[255, 0, 0], [255, 0, 0], [0, 0, 255], [0, 0, 255]])
  })

  it('keeps a picture of many colours below 60 kB as well', async () => {
    const z = Array.from({ length: 60 }, (_, i) => Array.from({ length: 60 }, (_, j) => Math.sin(i / 9) * Math.cos(j / 9)))
    const png = await toPNG(plainFigure({ data: [{ type: 'heatmap', z }] }))
    expect(png.length * 4 / 3).to.be.below(60_000)
  })
})
