/** One small training a trainer, with all that makes it hard to go on exactly: several epochs, schedules, sampling, an adapted beta. */
import { gptConfig } from '../../lib/model/config'
import { withScoreHead } from '../../lib/model/heads'
import { adamw } from '../../lib/model/optimiser'
import { initParams } from '../../lib/model/params'
import { linearSchedule } from '../../lib/model/schedules'
import { Random } from '../../lib/tensor/random'
import { dpoLoss } from '../../lib/loss/dpo'
import { dpo } from '../../lib/train/dpo'
import { grpo } from '../../lib/train/grpo'
import { ppo } from '../../lib/train/ppo'
import type { Training } from '../../lib/train/training'
import { trainingToKill } from '../train/trainee'

const config = gptConfig({ vocab_size: 8, n_positions: 12, n_embd: 8, n_layer: 1, n_head: 2, initializer_range: 0.3 })
const model = () => ({ config, params: initParams(config, Random.seed(1)) })
const prompts = [[1, 4], [1, 5, 3], [1, 6], [1, 7, 7]].map(ids => ({ ids }))
const fives = (responses: readonly { readonly tokens: readonly number[] }[]) => responses.map(r => r.tokens.filter(t => t === 5).length)
const common = { optimiser: adamw({ lr: 1e-2, maxGradNorm: 1 }), schedule: linearSchedule({ lr: 1e-2, warmupSteps: 3, totalSteps: 1000 }) }
const pairs = Array.from({ length: 7 }, (_, i) => ({ prompt: { ids: [1, 3 + i % 4] }, chosen: [5, 3 + i % 5, 2], rejected: [4, 6 - i % 3, 2] }))

/** A trainer's training of so many steps. */
export const TRAININGS = {
  sft: (steps: number) => trainingToKill(steps),
  dpo: (steps: number) => dpo({ model: model(), pairs, loss: dpoLoss, steps, batchSize: 3, seed: 3, ...common }),
  ppo: (steps: number) => ppo({
    policy: model(), reference: model(), value: { config, params: withScoreHead(initParams(config, Random.seed(2)), config) }, reward: fives, prompts,
    batchSize: 4, epochs: 2, minibatches: 2, maxNewTokens: 5, stopTokens: [2], iterations: steps, beta: 0.05, seed: 3, ...common,
  }),
  grpo: (steps: number) => grpo({ policy: model(), prompts, reward: fives, steps, groups: 2, groupSize: 3, maxNewTokens: 5, stopTokens: [2], seed: 3, ...common }),
} as const satisfies Record<string, (steps: number) => Training<{ readonly step: number }>>

export type Trainer = keyof typeof TRAININGS
