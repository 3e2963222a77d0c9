import type * as tfjs from '@tensorflow/tfjs'

const near = (got: ArrayLike<number>, expected: readonly number[]) => got.length === expected.length && expected.every((value, i) => Math.abs(got[i] - value) < 1e-5)

/**
 * Lookup, matrix product, softmax and their gradients on numbers known by hand, and one Adam step.
 * Returns what is wrong, or undefined when all is well.
 */
export function gradientCheck(tf: typeof tfjs): string | undefined {
  return tf.tidy(() => {
    // y = E[0] + E[0], through [3, 4]: the row counts twice, the other row not at all.
    const rows = tf.grad(x => tf.sum(tf.matMul(tf.gather(x, tf.tensor1d([0, 0], 'int32')), tf.tensor2d([[3], [4]]))))(tf.tensor2d([[1, 2], [5, 6]]))
    if (!near(rows.dataSync(), [6, 8, 0, 0])) return `gather or matMul: gradient ${rows.dataSync().join(' ')}, expected 6 8 0 0`
    // d/dz −log softmax(z)[0] = softmax(z) − [1, 0, 0], at z = log [1, 1, 2].
    const logits = tf.grad(z => tf.neg(tf.sum(tf.mul(tf.logSoftmax(z as tfjs.Tensor2D), tf.tensor2d([[1, 0, 0]])))))(tf.tensor2d([[0, 0, Math.LN2]]))
    if (!near(logits.dataSync(), [-0.75, 0.25, 0.5])) return `logSoftmax: gradient ${logits.dataSync().join(' ')}, expected -0.75 0.25 0.5`
    // Adam's first step is the learning rate against the gradient's sign, whatever its size.
    const weights = tf.variable(tf.tensor1d([1, -1]))
    const optimizer = tf.train.adam(0.1)
    optimizer.minimize(() => tf.sum(tf.mul(weights, tf.tensor1d([5, -7]))))
    const stepped = weights.dataSync()
    weights.dispose()
    optimizer.dispose()
    return near(stepped, [0.9, -0.9]) ? undefined : `Adam: ${stepped.join(' ')}, expected 0.9 -0.9`
  })
}
