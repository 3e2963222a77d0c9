// One of our trainers: for each line 'step' on stdin a PPO iteration, a DPO step or a GRPO iteration, its milliseconds as JSON on stdout; for 'memory' its bytes by role.
import { createInterface } from 'node:readline'
import { deskPolicy } from '../../lib/exchange/deskPolicy'
import { deskScorer } from '../../lib/exchange/deskScorer'
import { adamw } from '../../lib/model/optimiser'
import type { OptimiserState } from '../../lib/model/optimiser'
import { countParams } from '../../lib/model/params'
import type { Params } from '../../lib/model/params'
import { modelReward } from '../../lib/reward/reward'
import type { PromptTokens } from '../../lib/rollout/evaluate'
import type { Rollout } from '../../lib/rollout/rollout'
import { ready, tf } from '../../lib/tensor/backend'
import { dpo } from '../../lib/train/dpo'
import { grpo } from '../../lib/train/grpo'
import { ppo } from '../../lib/train/ppo'
import type { Training } from '../../lib/train/training'
import type { Method } from './rlhf-sizes'
import { benchPairs, benchPrompts, SIZES } from './rlhf-sizes'

const { replies, newTokens, minibatches, groups, groupSize, pairs, lr, beta } = SIZES
const bytes = (params: Params) => 4 * countParams(params), optimiserBytes = ({ slots }: OptimiserState) => Object.values(slots).reduce((sum, slot) => sum + 4 * slot.size, 0)

/** A trainer whose batches go through the model in a shard a thread (PPO's operations are shared out instead), its frozen models by role, and what a step counts: generated tokens, or pairs. */
function trainer(method: Method, threads: number): { training: Training<unknown>, frozen: Readonly<Record<string, Params>>, each: number } {
  const policy = deskPolicy(), schedule = () => lr, optimiser = adamw({ lr, maxGradNorm: 1 }), endless = 1_000_000
  const sampling = { prompts: benchPrompts(), maxNewTokens: newTokens, stopTokens: [] }, generated = replies * newTokens
  if (method === 'dpo') return { training: dpo({ model: policy, pairs: benchPairs(), batchSize: pairs, steps: endless, shuffle: false, beta, shards: threads, optimiser, schedule }), frozen: {}, each: pairs }
  if (method === 'grpo') {
    // a sum that any language can compute: what is timed is the trainer, not the reward
    const reward = (rollouts: readonly Rollout<PromptTokens>[]) => rollouts.map(({ tokens }) => tokens.reduce((a, b) => a + b, 0) % 7)
    return { training: grpo({ policy, ...sampling, reward, steps: endless, groups, groupSize, shards: threads, optimiser, schedule }), frozen: {}, each: generated }
  }
  const scorer = deskScorer()
  const training = ppo({ policy, reference: policy, value: scorer, reward: modelReward(scorer), ...sampling, iterations: endless, batchSize: replies, epochs: 1, minibatches, shards: threads, beta, optimiser, valueOptimiser: optimiser, schedule, valueSchedule: schedule })
  return { training, frozen: { reference: policy.params, reward: scorer.params }, each: generated }
}

async function main(): Promise<void> {
  const { label: version } = await ready(), { training, frozen, each } = trainer(process.argv[2] as Method, Number(process.argv[3]))
  const roles = () => ({
    ...Object.fromEntries([...Object.entries(training.state.models), ...Object.entries(frozen)].map(([role, params]) => [role, bytes(params)])),
    ...Object.fromEntries(Object.entries(training.state.optimisers).map(([role, state]) => [`${role} optimiser`, optimiserBytes(state)])),
  })
  for await (const task of createInterface({ input: process.stdin })) {
    const cpu = process.cpuUsage(), start = performance.now()
    if (task === 'step') await training.next()
    const ms = performance.now() - start, used = process.cpuUsage(cpu)
    console.log(JSON.stringify({ ms, cpu: (used.user + used.system) / 1000, value: each, peakMB: process.resourceUsage().maxRSS / 1024, tensors: tf.memory().numTensors, version, ...task === 'memory' && { roles: roles() } }))
  }
}
void main()
