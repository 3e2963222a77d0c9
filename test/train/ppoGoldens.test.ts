import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { shapedAdvantages } from '../../lib/advantage/shaped'
import { gptConfig } from '../../lib/model/config'
import { readParams } from '../../lib/model/huggingface'
import { adamw } from '../../lib/model/optimiser'
import type { LanguageModel } from '../../lib/model/params'
import { readSafetensors } from '../../lib/model/safetensors'
import { k1, k3 } from '../../lib/reward/kl'
import { penaliseMissingEos, applyReward } from '../../lib/reward/reward'
import type { Reward, Scored } from '../../lib/reward/reward'
import { scoreSequences } from '../../lib/reward/rewardModel'
import { responseLogps, responseValues, wholeSequence } from '../../lib/rollout/evaluate'
import { ready } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { ppoRolloutMetrics, ppoUpdateMetrics } from '../../lib/train/ppoStatistics'
import { ppoUpdate } from '../../lib/train/ppoUpdate'
import { disposeTraining, startState } from '../../lib/train/training'
import { goldens, goldensPath } from '../goldens'

const file = goldens('ppo_update'), config = gptConfig({ vocab_size: 64, n_positions: 32, n_embd: 32, n_layer: 2, n_head: 2 })
const load = (path: string): LanguageModel => ({ config, params: readParams([readSafetensors(readFileSync(goldensPath(path)))], config, path) })

interface Settings { temperature: number; kl_coef: number; gamma: number; lam: number; cliprange: number; cliprange_value: number; vf_coef: number; kl_estimator: string; whiten_rewards: boolean; missing_eos_penalty?: number; learning_rate: number }

/** TRL's fixed responses as rollouts: cut after their stop token. */
function rollouts(name: string): { scored: Scored[], models: Record<'policy' | 'value', LanguageModel>, settings: Settings } {
  const { inputs } = file.case(`${name}_rollout`), settings = inputs.config as Settings
  const [policy, reference, value, judge] = [inputs.policy, inputs.reference, inputs.value_model, inputs.reward_model].map(path => load(path as string))
  const responses = (inputs.responses as number[][]).map((row, i) => {
    const end = row.indexOf(inputs.stop_token_id as number), stopped = end >= 0
    return { prompt: { ids: (inputs.queries as number[][])[i].filter(id => id !== inputs.pad_token_id) }, tokens: stopped ? row.slice(0, end + 1) : row, stopped }
  })
  const { temperature } = settings, logpOld = responseLogps(policy, responses, { temperature }), logpRef = responseLogps(reference, responses, { temperature }), values = responseValues(value, responses)
  const reward: Reward = all => scoreSequences(judge.params, config, all.map(wholeSequence))
  const scored = applyReward(settings.missing_eos_penalty ? penaliseMissingEos(reward, settings.missing_eos_penalty) : reward, responses.map((r, i) => ({ ...r, logpOld: logpOld[i], logpRef: logpRef[i], values: values[i] })))
  return { scored, models: { policy, value }, settings }
}

const estimatesOf = (scored: readonly Scored[], s: Settings) => shapedAdvantages(scored, {
  beta: s.kl_coef, estimator: s.kl_estimator === 'k3' ? k3 : k1, scoreAt: 'after', maxNewTokens: 7, gamma: s.gamma, lambda: s.lam, whitenRewards: s.whiten_rewards,
})
/** A row on TRL's grid, which has `filler` after the response. */
const grid = (rows: readonly ArrayLike<number>[], filler = 0) => rows.map(row => Array.from({ length: 7 }, (_, t) => row[t] ?? filler))

describe('train/ppo against TRL', () => {
  before(ready)
  for (const name of ['k1', 'k3_whitened']) {
    it(`ppo_update: ${name}_rollout, ${name}_rewards_and_gae`, () => {
      const { scored, settings } = rollouts(name), rollout = file.case(`${name}_rollout`), gae = file.case(`${name}_rewards_and_gae`), estimates = estimatesOf(scored, settings)
      rollout.close(scored.map(r => r.tokens.length - 1), 'sequence_lengths')
      rollout.close(scored.map(r => r.reward), 'scores')
      rollout.close(grid(scored.map(r => r.logpOld), 1), 'logprobs')
      rollout.close(grid(scored.map(r => r.logpRef!), 1), 'ref_logprobs')
      rollout.close(grid(scored.map(r => r.values!)), 'values')
      for (const [field, rows] of Object.entries({ kl: estimates.map(e => e.kl), rewards: estimates.map(e => e.rewards), returns: estimates.map(e => e.returns), advantages: estimates.map(e => e.advantages) })) gae.close(grid(rows), field)
    })

    it(`ppo_update: ${name}_whole_update`, () => {
      const golden = file.case(`${name}_whole_update`), { scored, models, settings } = rollouts(name), estimates = estimatesOf(scored, settings)
      const optimiser = adamw({ lr: settings.learning_rate }), { policy, value } = models
      const state = startState('ppo', { policy: policy.params, value: value.params }, { policy: optimiser.init(policy.params), value: optimiser.init(value.params) }, Random.seed(0))
      const order = golden.inputs.micro_batch_inds as number[][], { learning_rate: lr, temperature, cliprange: clip, cliprange_value: clipValue, vf_coef: valueCoefficient } = settings
      const { statistics } = ppoUpdate({ config, valueConfig: config, temperature, clip, clipValue, valueCoefficient, optimiser, valueOptimiser: optimiser })(state, scored, estimates, order, { lr, valueLr: lr })
      expect(statistics.length).to.equal(4)
      golden.close(statistics.map(s => s.policyLoss), 'pg_losses')
      golden.close(statistics.map(s => s.valueLoss), 'vf_losses')
      golden.close(statistics.map(s => s.policyLoss + valueCoefficient * s.valueLoss), 'losses')
      // TRL's approximate KL and ratio take padding in, where the ratio is 1: given the counts, ours must give its figures
      const share = order.map(rows => rows.reduce((n, i) => n + scored[i].tokens.length, 0) / (7 * rows.length))
      const ours = ppoRolloutMetrics(scored, estimates, settings.kl_coef)
      const theirs = ppoUpdateMetrics(statistics.map((s, k) => ({ ...s, approxKl: s.approxKl * share[k], ratio: s.ratio * share[k] + 1 - share[k] })))
      const metrics = { ...ours, ...theirs }
      const compared = Object.keys(golden.expected.metrics as object).filter(key => key !== 'policy/entropy_avg')
      expect(compared.length).to.equal(13)
      for (const key of compared) golden.close(metrics[key as keyof typeof metrics], `metrics.${key}`)
      for (const [key, want] of Object.entries(golden.expected.final_weights as Record<string, { shape: number[] }>)) {
        const [role, weight] = [key.slice(0, key.indexOf('.')), key.slice(key.indexOf('.') + 1)], tensor = state.models[role === 'policy' ? 'policy' : 'value'][weight], data = tensor.dataSync<'float32'>()
        expect(tensor.shape).to.deep.equal(want.shape)
        golden.close(data.slice(0, 5), `final_weights.${key}.first`)
        // the key third of this bias has no gradient but rounding, which AdamW scales up
        if (weight.endsWith('c_attn.bias')) continue
        golden.close(data.reduce((a, b) => a + b, 0), `final_weights.${key}.sum`)
        golden.close(data.reduce((a, b) => a + Math.abs(b), 0), `final_weights.${key}.abs_sum`)
      }
      disposeTraining({ state })
    })
  }

  it('averages entropy over response tokens, as a pass over each sequence alone gives it', () => {
    const { scored, models, settings } = rollouts('k1'), estimates = estimatesOf(scored, settings), optimiser = adamw({ lr: 1e-3 })
    const state = startState('ppo', { policy: models.policy.params, value: models.value.params }, { policy: optimiser.init(models.policy.params), value: optimiser.init(models.value.params) }, Random.seed(0))
    const { statistics: [first] } = ppoUpdate({ config, valueConfig: config, temperature: settings.temperature, clip: 0.2, clipValue: 0.2, valueCoefficient: 0.1, optimiser, valueOptimiser: optimiser })(state, scored, estimates, [scored.map((_, i) => i)], { lr: 1e-3, valueLr: 1e-3 })
    // −Σ p log p from the log-probs of every token of the vocabulary, one alternative response a token
    const entropies = scored.flatMap(({ prompt, tokens }) => tokens.map((_, t) => {
      const alternatives = responseLogps(models.policy, Array.from({ length: 64 }, (_, v) => ({ prompt: { ids: [...prompt.ids, ...tokens.slice(0, t)] }, tokens: [v] })), { temperature: settings.temperature })
      return -alternatives.reduce((sum, [lp]) => sum + Math.exp(lp) * lp, 0)
    }))
    expect(first.entropy).to.be.closeTo(entropies.reduce((a, b) => a + b, 0) / entropies.length, 1e-4)
    disposeTraining({ state })
  })
})
