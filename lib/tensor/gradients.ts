import type * as tfjs from '@tensorflow/tfjs'
import { tf } from './backend'

/** x as a number: the same value, through which no gradient flows (sg[x] in papers). */
export function stopGradient<T extends tfjs.Tensor>(x: T): T {
  return tf.customGrad(y => ({ value: (y as tfjs.Tensor).clone(), gradFunc: () => tf.zerosLike(x) }))(x) as T
}

/** Named tensors. */
export type Tensors = Readonly<Record<string, tfjs.Tensor>>

/**
 * ∂loss/∂params for a loss that is a pure function of a record of tensors, with whatever else it wants to report.
 * f: params → {loss: scalar, aux?: tensors without gradient}. Returns {value, grads, aux}, grads with the names and shapes of params;
 * the caller owns (disposes) all of them. Freeze a weight by closing over it instead of passing it.
 * Throws where the loss does not depend on one of params.
 */
export function valueAndGrads<P extends Tensors, A extends Tensors = Tensors>(
  f: (params: P) => { readonly loss: tfjs.Scalar, readonly aux?: A }, params: P,
): { value: tfjs.Scalar, grads: { [K in keyof P]: tfjs.Tensor }, aux: A } {
  const names = Object.keys(params)
  if (names.length === 0) throw new Error('valueAndGrads: params is empty')
  return tf.tidy(() => {
    let kept: [string, tfjs.Tensor][] = [], value!: tfjs.Scalar
    const run = () => {
      const { loss, aux } = f(params)
      if (loss.size !== 1) throw new Error(`valueAndGrads: expected a scalar loss, got shape [${loss.shape.join(', ')}]; reduce it first`)
      kept = Object.entries(aux ?? {}).map(([name, tensor]) => [name, tf.keep(tensor.clone())])
      return value = loss.rank === 0 ? loss : loss.asScalar()
    }
    // tf.valueAndGrads is this call, but turns a weight without gradient into an error that does not name it
    const { grads } = tf.engine().gradients(run, names.map(name => params[name]), undefined, true)
    const aux = Object.fromEntries(kept.map(([name, tensor]) => { const out = tensor.clone(); tensor.dispose(); return [name, out] }))
    const idle = names.filter((_, i) => !(grads[i] as tfjs.Tensor | undefined))
    if (idle.length > 0) throw new Error(`valueAndGrads: the loss does not depend on ${idle.join(', ')}; pass only what it trains`)
    return { value, grads: Object.fromEntries(names.map((name, i) => [name, grads[i]])), aux } as never
  })
}
