import { expect } from 'chai'
import { JSDOM } from 'jsdom'
import { bBox, clientRect, pathLength, pointAt } from '../../lib/notebook/svg-layout'

function svg(body: string): Element {
  const { document } = new JSDOM(`<svg xmlns="http://www.w3.org/2000/svg">${body}</svg>`).window
  return document.querySelector('svg > *')!
}

describe('notebook/svg-layout', () => {
  it('places text by its anchor, baseline and lines', () => {
    const start = bBox(svg('<text x="10" y="20" style="font-size: 10px">abc</text>'))
    expect(start.x).to.equal(10)
    expect(start.width).to.be.within(15, 22)
    expect([start.top, start.bottom]).to.deep.equal([20 - 9.3, 22.4])
    expect(bBox(svg('<text x="10" y="0" style="font-size: 10px; text-anchor: end">abc</text>')).right).to.equal(10)
    const lines = bBox(svg('<text style="font-size: 10px"><tspan class="line" x="0" y="0" dy="0em">a</tspan><tspan class="line" x="0" y="0" dy="1.3em">abc</tspan></text>'))
    expect(lines.bottom).to.be.closeTo(13 + 2.4, 1e-9)
    expect(lines.width).to.equal(start.width)
  })

  it('unites groups and follows translations and rotations', () => {
    expect(clientRect(svg('<g transform="translate(5,1)"><rect x="0" y="0" width="2" height="4"/><rect x="10" y="0" width="2" height="2"/></g>'))).to.include({ left: 5, top: 1, width: 12, height: 4 })
    const turned = clientRect(svg('<rect x="0" y="0" width="2" height="4" transform="rotate(90,0,0)"/>'))
    expect(turned.left).to.be.closeTo(-4, 1e-9)
    expect(turned.width).to.be.closeTo(4, 1e-9)
    expect(turned.height).to.be.closeTo(2, 1e-9)
    const about = clientRect(svg('<rect x="1" y="1" width="2" height="2" transform="translate(10,0) rotate(180,2,2)"/>'))
    expect([about.left, about.top]).to.satisfy(([l, t]: number[]) => Math.abs(l - 11) < 1e-9 && Math.abs(t - 1) < 1e-9)
    expect(clientRect(svg('<g></g>'))).to.include({ width: 0, height: 0 })
  })

  it('measures paths along their corners', () => {
    const path = svg('<path d="M0,0L3,4l6,8H9V0Z"/>')
    expect(pathLength(path)).to.equal(5 + 10 + 12 + 9)
    expect(pointAt(path, 5)).to.deep.equal({ x: 3, y: 4 })
    expect(pointAt(path, 10)).to.deep.equal({ x: 6, y: 8 })
    expect(pointAt(path, 99)).to.deep.equal({ x: 0, y: 0 })
  })
})
