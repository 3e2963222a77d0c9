import type * as tfjs from '@tensorflow/tfjs'
import { tf } from './backend'

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
    let kept: [string, tfjs.Tensor][] = []
    const { value, grads } = tf.valueAndGrads((...weights: tfjs.Tensor[]) => {
      const { loss, aux } = f(Object.fromEntries(names.map((name, i) => [name, weights[i]])) as P)
      if (loss.size !== 1) throw new Error(`valueAndGrads: expected a scalar loss, got shape [${loss.shape.join(', ')}]; reduce it first`)
      kept = Object.entries(aux ?? {}).map(([name, tensor]) => [name, tf.keep(tensor.clone())])
      return loss.rank === 0 ? loss : loss.asScalar()
    })(names.map(name => params[name]))
    const aux = Object.fromEntries(kept.map(([name, tensor]) => { const out = tensor.clone(); tensor.dispose(); return [name, out] }))
    names.forEach((name, i) => {
      if (!grads[i]) throw new Error(`valueAndGrads: the loss does not depend on ${name}; pass only what it trains`)
    })
    return { value, grads: Object.fromEntries(names.map((name, i) => [name, grads[i]])), aux } as never
  })
}
