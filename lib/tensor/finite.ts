import type * as tfjs from '@tensorflow/tfjs'

/**
 * Stops a run at the first number that is not one: throws with the tensor's name, the step, and where in it the NaN or infinity stands.
 * Takes what a loss gives: a tensor, an array, a number.
 */
export function assertFinite(name: string, step: number, values: tfjs.Tensor | ArrayLike<number> | number): void {
  const isTensor = typeof values === 'object' && 'dataSync' in values
  const data = isTensor ? values.dataSync() : typeof values === 'number' ? [values] : values, shape = isTensor ? values.shape : [data.length]
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue
    let bad = 1
    for (let j = i + 1; j < data.length; j++) bad += Number(!Number.isFinite(data[j]))
    const at = shape.map((size, axis) => Math.floor(i / shape.slice(axis + 1).reduce((a, b) => a * b, 1)) % size)
    throw new Error(`${name} is not finite at step ${step}: ${data[i]} at [${at.join(', ')}], ${bad} of ${data.length} numbers; a smaller learning rate or gradient clipping usually helps`)
  }
}
