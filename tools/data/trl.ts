// Makes data/trl from the test goldens: what lab 07 compares its DPO with.  npx tsx tools/data/trl.ts
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { clonePath } from '../../lib/exchange/clone'
import { goldens, goldensPath } from '../../test/goldens'

type Grid = number[][]

const toy = goldens('toy_dpo').case('toy_dpo_float32'), run = goldens('training_runs').case('dpo_adamw_20_steps'), { config, weight_decay_on, batches } = run.inputs
const pairs = (batches as Record<string, Grid>[]).flatMap(({ input_ids, attention_mask, completion_mask }) => {
  const rows = input_ids.map((row, i) => ({ prompt: row.filter((_, j) => attention_mask[i][j] && !completion_mask[i][j]), response: row.filter((_, j) => completion_mask[i][j]) })), n = rows.length / 2
  return rows.slice(0, n).map(({ prompt, response }, i) => ({ prompt, chosen: response, rejected: rows[n + i].response }))
})
const { input_ids, completion_mask } = toy.inputs.batch as Record<string, Grid>
mkdirSync(clonePath('data', 'trl'), { recursive: true })
copyFileSync(goldensPath(run.inputs.policy as string), clonePath('data', 'trl', 'policy.safetensors'))
copyFileSync(goldensPath(run.inputs.reference as string), clonePath('data', 'trl', 'reference.safetensors'))
writeFileSync(clonePath('data', 'trl', 'runs.json'), `${JSON.stringify({
  source: `${toy.source}; ${run.source}`,
  toy: { beta: toy.inputs.beta, input_ids, completion_mask, policy: toy.inputs.policy_weights, reference: toy.inputs.reference_weights, loss: toy.expected.loss, grad_abs_sum: toy.expected.grad_abs_sum },
  run: { config, weight_decay_on, pairs, losses: run.expected.losses },
})}\n`)
