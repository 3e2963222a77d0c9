import type * as tfjs from '@tensorflow/tfjs'
import { expect } from 'chai'
import { ready, tf } from '../../lib/tensor/backend'
import { adam, adamw, clipByGlobalNorm, flatten, rmsprop, sgd, unflatten } from '../../lib/model/optimiser'
import type { Optimiser, OptimiserState } from '../../lib/model/optimiser'
import type { Params } from '../../lib/model/params'
import { constantSchedule, cosineSchedule, cosineToMinimumSchedule, cosineWithRestartsSchedule, inverseSqrtSchedule, linearSchedule, polynomialSchedule, warmupStableDecaySchedule } from '../../lib/model/schedules'
import type { Schedule } from '../../lib/model/schedules'
import { goldens } from '../goldens'
import type { Golden } from '../goldens'

const file = goldens('optimizers'), everything = () => true
const record = (o: Record<string, number[] | number[][]>): Params => Object.fromEntries(Object.entries(o).map(([k, v]) => [k, tf.tensor(v, undefined, 'float32')]))
const nested = (o: Params) => Object.fromEntries(Object.entries(o).map(([k, t]) => [k, t.arraySync() as number[]]))

/** The optimiser that a case names; the weight decays, the bias does not, as transformers groups them. */
function optimiserOf({ optimizer: o, max_grad_norm }: Golden['inputs']): Optimiser {
  const common = { lr: o.lr, weightDecay: o.weight_decay, maxGradNorm: max_grad_norm }
  switch (o.name) {
    case 'AdamW': return adamw({ ...common, betas: o.betas, eps: o.eps })
    case 'Adam': return adam({ ...common, betas: o.betas, eps: o.eps })
    case 'SGD': return sgd({ ...common, momentum: o.momentum, nesterov: o.nesterov })
    case 'RMSprop': return rmsprop({ ...common, alpha: o.alpha, eps: o.eps })
    default: throw new Error(`no optimiser ${o.name}`)
  }
}

/** Runs a case; float64 ones are held against their float32 twin's tolerance, since tensors are float32. */
function steps(golden: Golden): void {
  const close = golden.dtype === 'float64' ? nearFloat64(golden) : golden.close.bind(golden)
  const { inputs, expected } = golden, optimiser = optimiserOf(inputs)
  const scheduleOptions = { lr: inputs.optimizer.lr, warmupSteps: inputs.warmup_steps, totalSteps: inputs.total_steps }
  const schedule = inputs.schedule === 'cosine' ? cosineSchedule(scheduleOptions) : inputs.schedule === 'linear' ? linearSchedule(scheduleOptions) : constantSchedule({ lr: inputs.optimizer.lr })
  let params = record(file.shared.start), state = optimiser.init(params)
  const path: ReturnType<typeof nested>[] = [], norms: number[] = []
  for (let t = 0; t < expected.weight.length; t++) {
    const next = optimiser.update(record(file.shared.grads[t]), state, params, schedule(t));
    ({ params, state } = next)
    path.push(nested(params))
    norms.push(next.gradNorm)
  }
  expect(state.step).to.equal(path.length)
  close(path.map((_, t) => schedule(t)), 'learning_rates')
  for (const name of ['weight', 'bias']) close(path.map(p => p[name]), name)
  if ('grad_norms' in expected) close(norms, 'grad_norms')
  const group: Record<string, string> = { decayed: 'weight', spared: 'bias' }
  for (const [key, vector] of Object.entries(state.slots)) {
    const [name, slot] = [group[key.split('.')[0]], key.split('.')[1]]
    close(nested(unflatten(vector, { [name]: params[name] }))[name], `final_state.${name}.${slot}`)
    expect(Object.keys(expected.final_state[name]).filter(k => k !== 'step').length * 2).to.equal(Object.keys(state.slots).length)
  }
}

function nearFloat64(golden: Golden): Golden['close'] {
  const { rtol, atol } = file.case(golden.name.replace('float64', 'float32')).tolerance('default')
  return (got, name) => {
    const want = name.split('.').reduce((value, key) => value[key], golden.expected), a = [got].flat(9) as number[], b = [want].flat(9) as number[]
    expect(a.length, name).to.equal(b.length)
    a.forEach((x, i) => expect(x, `${name}[${i}]`).to.be.closeTo(b[i], atol + rtol * Math.abs(b[i])))
  }
}

const scheduled = (make: (i: Golden['inputs']) => Schedule) => (golden: Golden) => {
  const schedule = make({ ...golden.inputs, lr: golden.inputs.base_lr, warmupSteps: golden.inputs.warmup_steps, totalSteps: golden.inputs.total_steps })
  golden.close((golden.expected.learning_rates as number[]).map((_, t) => schedule(t)), 'learning_rates')
}

function clips(golden: Golden): void {
  const grads = record(Object.fromEntries((golden.inputs.grads as number[][]).map((g, i) => [String(i), g])))
  const halves = Object.entries(grads).map(([name, grad]) => flatten({ [name]: grad })), { clipped, norm } = clipByGlobalNorm(halves, golden.inputs.max_norm)
  golden.close(norm, 'norm_before')
  golden.close(clipped.map((vector, i) => nested(unflatten(vector, { x: grads[i] })).x), 'clipped')
}

describe('model/optimiser and model/schedules', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  file.each({
    'schedule_constant': scheduled(({ lr }) => constantSchedule({ lr })),
    'schedule_constant_with_warmup': scheduled(constantSchedule),
    'schedule_linear': scheduled(linearSchedule),
    'schedule_cosine': scheduled(cosineSchedule),
    'schedule_inverse_sqrt': scheduled(inverseSqrtSchedule),
    'schedule_cosine_with_restarts': scheduled(i => cosineWithRestartsSchedule({ ...i, cycles: i.num_cycles })),
    'schedule_polynomial': scheduled(i => polynomialSchedule({ ...i, lrEnd: i.lr_end })),
    'schedule_cosine_with_min_lr': scheduled(i => cosineToMinimumSchedule({ ...i, minRatio: i.min_lr_rate })),
    'schedule_warmup_stable_decay': scheduled(i => warmupStableDecaySchedule({ ...i, decaySteps: i.num_decay_steps, minRatio: i.min_lr_ratio })),
    'clip_*': clips, 'adam*': steps, 'sgd*': steps, 'rmsprop*': steps,
  })

  const start = () => ({ w: tf.tensor2d([[1, -2], [3, 4]]), b: tf.tensor1d([0.5, -0.5]), k: tf.tensor2d([[7]]) })
  const still = () => ({ w: tf.zeros([2, 2]), b: tf.zeros([2]), k: tf.zeros([1, 1]) })

  it('decays matrices and spares biases unless told otherwise', () => {
    const all: [Parameters<typeof adamw>[0]['decays'], number[]][] = [[undefined, [0.9, 1, 0.9]], [everything, [0.9, 0.9, 0.9]], [() => false, [1, 1, 1]], [name => name === 'k', [1, 1, 0.9]]]
    for (const [decays, factors] of all) {
      const optimiser = adamw({ lr: 0.1, weightDecay: 1, decays }), params = start(), { params: next } = optimiser.update(still(), optimiser.init(params), params)
      Object.keys(params).forEach((name, i) => expect([...next[name].div(params[name as 'w']).dataSync()].map(x => Math.round(x * 1e6) / 1e6)).to.satisfy((x: number[]) => x.every(v => v === factors[i]), name))
    }
  })

  it('leaves weights, gradients and state as they were', () => {
    const optimiser = adamw({ lr: 0.1, maxGradNorm: 0.1 }), params = start(), state = optimiser.init(params), grads = start()
    const read = () => JSON.stringify([params, grads, state.slots].map(r => nested(r)))
    const before = read()
    optimiser.update(grads, state, params)
    expect(read()).to.equal(before)
  })

  it('does not depend on the order of names', () => {
    const optimiser = adamw({ lr: 0.1 }), { w, b, k } = start(), grads = { w: w.mul(2), b: b.mul(3), k: k.mul(5) }
    const one = optimiser.update(grads, optimiser.init({ w, b, k }), { w, b, k }), two = optimiser.update(grads, optimiser.init({ w, b, k }), { k, b, w })
    for (const name of ['w', 'b', 'k']) expect(two.params[name].arraySync()).to.deep.equal(one.params[name].arraySync())
    expect(nested(two.state.slots)).to.deep.equal(nested(one.state.slots))
  })

  it('keeps no tensor but new weights and state over 50 steps', () => {
    const optimiser = adamw({ lr: 0.1, weightDecay: 0.1, maxGradNorm: 1 })
    let params: Params = start(), state: OptimiserState = optimiser.init(params)
    const grads = start(), before = tf.memory().numTensors
    for (let t = 0; t < 50; t++) {
      const next = optimiser.update(grads, state, params)
      tf.dispose([params, state.slots] as tfjs.TensorContainer);
      ({ params, state } = next)
      expect(tf.memory().numTensors).to.equal(before)
    }
  })

  it('refuses gradients that do not fit or are not finite, and a foreign state', () => {
    const optimiser = adamw({ lr: 0.1 }), params = start(), state = optimiser.init(params), grads = start()
    const before = tf.memory().numTensors
    expect(() => optimiser.update({ ...grads, b: tf.tensor1d([0, NaN]) }, state, params)).to.throw('step 0: the gradient of b is not finite')
    expect(() => optimiser.update({ ...grads, w: tf.fill([2, 2], 1e30) }, state, params)).to.throw("squares overflow float32")
    expect(() => optimiser.update({ w: grads.w, b: grads.b }, state, params)).to.throw('k: expected a gradient of shape [1, 1], got none')
    expect(() => optimiser.update({ ...grads, b: tf.zeros([3]) }, state, params)).to.throw('b: expected a gradient of shape [2], got [3]')
    expect(() => optimiser.update({ ...grads, z: tf.zeros([3]) }, state, params)).to.throw('z: a gradient without a weight')
    expect(() => optimiser.update(grads, sgd({ lr: 1 }).init(params), params)).to.throw('expected decayed.exp_avg with 5 numbers')
    expect(tf.memory().numTensors - before).to.equal(4) // those made here
    expect(() => adamw({ lr: NaN })).to.throw(RangeError, 'lr')
    expect(() => adamw({ lr: 1, maxGradNorm: 0 })).to.throw(RangeError, 'maxGradNorm')
    expect(() => linearSchedule({ lr: 1, warmupSteps: 3, totalSteps: 3 })).to.throw(RangeError, 'totalSteps')
  })
})
