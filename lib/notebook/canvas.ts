import { rgbaPng } from './png'

/** The part of a 2D canvas context that plotly.js uses to paint heatmaps: filled rectangles and whole pictures. */
export interface HeatmapCanvas {
  fillStyle: string
  fillRect(x: number, y: number, width: number, height: number): void
  createImageData(width: number, height: number): { data: Uint8ClampedArray; width: number; height: number }
  putImageData(image: { data: Uint8ClampedArray; width: number; height: number }, x: number, y: number): void
  toDataURL(): string
}

/** Such a context of the given size, transparent at first. */
export function heatmapCanvas(width: number, height: number): HeatmapCanvas {
  const pixels = new Uint8Array(4 * width * height)
  const put = (x: number, y: number, colour: ArrayLike<number>) => {
    if (x >= 0 && x < width && y >= 0 && y < height) pixels.set(colour, 4 * (y * width + x))
  }
  return {
    fillStyle: '',
    fillRect(left, top, w, h) {
      const [r, g, b, a = 1] = /rgba?\(([^)]*)\)/.exec(this.fillStyle)?.[1].split(',').map(Number) ?? [0, 0, 0]
      const colour = [r, g, b, Math.round(255 * a)]
      for (let y = Math.round(top); y < Math.round(top + h); y++) for (let x = Math.round(left); x < Math.round(left + w); x++) put(x, y, colour)
    },
    createImageData: (w, h) => ({ data: new Uint8ClampedArray(4 * w * h), width: w, height: h }),
    putImageData(image, left, top) {
      for (let y = 0; y < image.height; y++) for (let x = 0; x < image.width; x++) put(left + x, top + y, image.data.subarray(4 * (y * image.width + x), 4 * (y * image.width + x) + 4))
    },
    toDataURL: () => `data:image/png;base64,${rgbaPng(pixels, width, height).toString('base64')}`,
  }
}
