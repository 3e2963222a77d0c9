import { expect } from 'chai'
import type { ModelConfig } from '../../lib/model/config'
import { forward, hiddenStates } from '../../lib/model/forward'
import { generate } from '../../lib/model/generate'
import { scoredLogits, tokenLogpsAndEntropies, tokenLogps } from '../../lib/model/logps'
import type { Params } from '../../lib/model/params'
import { checkParams, disposeParams } from '../../lib/model/params'
import { ready, tf } from '../../lib/tensor/backend'
import { valueAndGrads } from '../../lib/tensor/gradients'
import { exactKl } from '../../lib/tensor/logprobs'
import { meanPerToken } from '../../lib/tensor/masked'
import type { Golden } from '../goldens'
import { goldens } from '../goldens'
import { goldenModel, tensorsOf } from './models'

interface Inputs { model: string, input_ids: number[][], attention_mask: number[][], completion_mask: number[][], position_ids: number[][], prompts: number[][], max_new_tokens: number, eos_token_id: number }
const file = goldens('sequence_logprobs'), tensors = tensorsOf('sequence_logprobs.safetensors')

/** |got − want| ≤ 1e-5 + 1e-4 |want| (or 1e-3 for gradients), where it counts. */
function near(got: ArrayLike<number>, want: ArrayLike<number>, what: string, rtol = 1e-4, counts: (i: number) => boolean = () => true): void {
  expect(got.length, what).to.equal(want.length)
  for (let i = 0; i < want.length; i++) {
    if (counts(i)) expect(Math.abs(got[i] - want[i]), `${what}[${i}]: ${got[i]} instead of ${want[i]}`).to.be.at.most(1e-5 + rtol * Math.abs(want[i]))
  }
}

function use(golden: Golden, test: (inputs: Inputs, params: Params, config: ModelConfig) => void): void {
  const inputs = golden.inputs as Inputs, { params, config } = goldenModel(inputs.model), before = tf.memory().numTensors
  checkParams(params, config)
  tf.tidy(() => test(inputs, params, config))
  expect(tf.memory().numTensors, 'tensors left behind').to.equal(before)
  disposeParams(params)
}

/** Logits, log-probs, entropies and divergences, with positions given and found from the mask. */
function forwardCase(golden: Golden): void {
  use(golden, (inputs, params, config) => {
    const { input_ids, attention_mask: mask, completion_mask: responseMask, position_ids: positions } = inputs, real = mask.flat()
    const want = tensors.get((golden.expected as { logits_tensor: string }).logits_tensor)!
    for (const options of [{ mask }, { mask, positions }]) {
      near(forward(params, config, input_ids, options).logits.dataSync(), want.data, 'logits', 1e-4, i => real[Math.floor(i / 64)] === 1)
    }
    const { logps, entropies } = tokenLogpsAndEntropies(params, config, input_ids, { mask, responseMask })
    golden.close(logps.arraySync(), 'log_probs')
    golden.close(entropies.arraySync(), 'entropy')
    golden.close(logps.sum(1).dataSync(), 'sequence_logps')
    const scored = tf.tensor2d(responseMask.map(row => row.slice(1)))
    golden.close(tf.neg(meanPerToken(logps, scored)).dataSync()[0], 'mean_nll')
    golden.close(tf.div(logps.sum(1), scored.sum(1)).dataSync(), 'average_logps')
    const { divergence_from_gpt2_ref: divergence } = golden.expected as Record<string, unknown>
    if (!divergence) return
    const reference = goldenModel('gpt2_ref').params, options = { mask, responseMask }
    const p = scoredLogits(params, config, input_ids, options), q = scoredLogits(reference, config, input_ids, options)
    golden.close(p.back(exactKl(p.logits, q.logits)).arraySync(), 'divergence_from_gpt2_ref.kl_policy_ref')
    golden.close(p.back(exactKl(q.logits, p.logits)).arraySync(), 'divergence_from_gpt2_ref.kl_ref_policy')
    golden.close(tf.sub(logps, tokenLogps(reference, config, input_ids, options)).arraySync(), 'divergence_from_gpt2_ref.k1')
  })
}

function gradientCase(golden: Golden): void {
  use(golden, ({ model, input_ids, attention_mask: mask, completion_mask: responseMask }, params, config) => {
    const scored = tf.tensor2d(responseMask.map(row => row.slice(1)))
    const { value, grads } = valueAndGrads(p => ({ loss: tf.neg(meanPerToken(tokenLogps(p, config, input_ids, { mask, responseMask }), scored)) }), params)
    golden.close(value.dataSync()[0], 'loss')
    golden.close(Math.sqrt(Object.values(grads).reduce((sum, g) => sum + g.square().sum().dataSync()[0], 0)), 'grad_norm')
    for (const name of Object.keys(params)) near(grads[name].dataSync(), tensors.get(`${model}_nll_grad/${name}`)!.data, name, 1e-3)
  })
}

function hiddenCase(golden: Golden): void {
  use(golden, ({ model, input_ids }, params, config) => {
    const states = hiddenStates(params, config, input_ids)
    expect(states.length).to.equal((golden.expected as { count: number }).count)
    states.forEach((state, i) => near(state.dataSync(), tensors.get(`${model}_hidden/${i}`)!.data, `hidden ${i}`))
  })
}

function greedyCase(golden: Golden): void {
  use(golden, ({ prompts, max_new_tokens: maxNewTokens, eos_token_id }, params, config) => {
    const options = { maxNewTokens, stopTokens: [eos_token_id], temperature: 0 }
    const rows = prompts.map((prompt, i) => ({ prompt, completion: generate(params, config, [prompt], options)[0].tokens, at: i }))
    const want = (golden.expected as { rows: { completion: number[] }[] }).rows
    rows.forEach(({ completion }, i) => expect(completion).to.deep.equal(want[i].completion))
    expect(generate(params, config, prompts, options).map(g => g.tokens)).to.deep.equal(want.map(r => r.completion))
  })
}

describe('model/forward', () => {
  before(() => ready())
  file.each({
    gpt2_right_forward: forwardCase, gpt2_ref_right_forward: forwardCase, llama_right_forward: forwardCase, llama_tied_right_forward: forwardCase,
    gpt2_left_forward: forwardCase, gpt2_ref_left_forward: forwardCase, llama_left_forward: forwardCase, llama_tied_left_forward: forwardCase,
    gpt2_nll_gradient: gradientCase, llama_nll_gradient: gradientCase,
    gpt2_hidden_states: hiddenCase, llama_hidden_states: hiddenCase,
    gpt2_greedy: greedyCase, llama_greedy: greedyCase,
  })
})
