import { shapeOf } from '../model/config'
import { promptAndResponse } from '../model/tokenizer'
import type { Tokenizer } from '../model/tokenizerFiles'
import type { PromptTokens, Response } from '../rollout/evaluate'
import { mismatchedResponses } from '../train/kto'
import type { Thumb } from '../train/kto'
import { checkTokenPairs } from '../train/pairs'
import type { TokenPair } from '../train/pairs'
import { checkResponse } from '../train/responses'
import type { Example } from '../train/sft'
import type { PretrainedModel } from './huggingface'
import { TRL_METHODS } from './trlFiles'
import { writeRun } from './trlRun'
import type { TrlRun } from './trlRun'

/** Runs against a reference: the model as it is given, where none is. */
interface WithReference extends TrlRun { readonly reference?: PretrainedModel }

export interface TrlDpoRun extends WithReference {
  readonly pairs: readonly TokenPair[]
  /** TRL's name of the loss (default 'sigmoid', which is DPO's). */
  readonly lossType?: string
  readonly beta?: number
}

/** {@link writeRun} of `dpo`; the defaults are the trainer's, without a likelihood beside the loss (TRL has 'sft' as a second loss for that; see `settings`). */
export function exportDpoToTrl(folder: string, run: TrlDpoRun): void {
  const { lossType = 'sigmoid', beta = 0.1 } = run
  writeRun(folder, TRL_METHODS.dpo, run, pairRows('exportDpoToTrl', run), { loss_type: [lossType], beta, max_length: shapeOf(run.model.config).context }, { reference: run.reference })
}

export interface TrlKtoRun extends WithReference {
  readonly thumbs: readonly Thumb[]
  readonly beta?: number
  readonly desirableWeight?: number
  readonly undesirableWeight?: number
}

/**
 * {@link writeRun} of `kto`. TRL takes the thumbs in their order, and each prompt's mismatched reply from the row before, within a device's batch: on several
 * devices the reference point is estimated in smaller blocks than here. Throws Error where that row has the same prompt, so that the reply would not be mismatched.
 */
export function exportKtoToTrl(folder: string, run: TrlKtoRun): void {
  const { model, thumbs, batchSize = 32, beta = 0.1, desirableWeight = 1, undesirableWeight = 1 } = run, tokenizer = tokenizerOf('exportKtoToTrl', model)
  if (thumbs.length === 0) throw new Error('exportKtoToTrl: no thumbs')
  mismatchedResponses(thumbs, batchSize).forEach(({ tokens }, i) => {
    const start = i - i % batchSize, size = Math.min(batchSize, thumbs.length - start)
    if (tokens !== thumbs[start + (i - start - 1 + size) % size].tokens) throw new Error(`exportKtoToTrl: thumb ${i} has the prompt of the one before it in its batch, whose reply TRL would take for a mismatched one; shuffle the thumbs`)
  })
  const rows = thumbs.map((thumb, i) => ({ ...texts(tokenizer, `exportKtoToTrl: thumb ${i}`, thumb, model), label: thumb.liked }))
  writeRun(folder, TRL_METHODS.kto, { ...run, inOrder: true }, rows, { loss_type: 'kto', beta, desirable_weight: desirableWeight, undesirable_weight: undesirableWeight, max_length: shapeOf(model.config).context }, { reference: run.reference })
}

export interface TrlSftRun extends TrlRun { readonly examples: readonly Example[] }

/** {@link writeRun} of `sft`: examples with a prompt, of which TRL learns the completion alone. */
export function exportSftToTrl(folder: string, run: TrlSftRun): void {
  const { model, examples } = run, tokenizer = tokenizerOf('exportSftToTrl', model)
  if (examples.length === 0) throw new Error('exportSftToTrl: no examples')
  const rows = examples.map(({ ids, promptLength }, i) => texts(tokenizer, `exportSftToTrl: example ${i}`, { prompt: { ids: ids.slice(0, promptLength) }, tokens: ids.slice(promptLength) }, model))
  writeRun(folder, TRL_METHODS.sft, run, rows, { completion_only_loss: true, max_length: shapeOf(model.config).context })
}

export interface TrlRewardRun extends TrlRun {
  /** A trunk with a scalar head (withScoreHead). */
  readonly model: PretrainedModel
  readonly pairs: readonly TokenPair[]
  /** Weight of (r_w + r_l)² (default 0). */
  readonly centring?: number
}

/** {@link writeRun} of `rewardModel`, on pairs of prompt and replies. */
export function exportRewardToTrl(folder: string, run: TrlRewardRun): void {
  const { model, centring = 0 } = run
  if (!('score.weight' in model.params)) throw new Error('exportRewardToTrl: score.weight is missing; give the model a scalar head with withScoreHead')
  writeRun(folder, TRL_METHODS.reward, { batchSize: 16, ...run }, pairRows('exportRewardToTrl', run), { ...centring !== 0 && { center_rewards_coefficient: centring }, max_length: shapeOf(model.config).context })
}

export interface TrlOrpoRun extends TrlRun { readonly pairs: readonly TokenPair[], readonly beta?: number }

/** {@link writeRun} of `orpo` with nllOnPrompt, since TRL's likelihood covers the prompt. */
export function exportOrpoToTrl(folder: string, run: TrlOrpoRun): void {
  writeRun(folder, TRL_METHODS.orpo, run, pairRows('exportOrpoToTrl', run), { beta: run.beta ?? 0.1, max_length: shapeOf(run.model.config).context })
}

export interface TrlCpoRun extends TrlRun {
  readonly pairs: readonly TokenPair[]
  /** TRL's name of the loss: 'sigmoid' (default, CPO's), 'simpo', 'hinge', 'ipo'. */
  readonly lossType?: 'sigmoid' | 'simpo' | 'hinge' | 'ipo'
  readonly beta?: number
  /** Weight of the chosen replies' likelihood (default 1; SimPO of the paper: 0). */
  readonly nllWeight?: number
  /** SimPO's margin, times β already, as `simpo` takes it (default 1). */
  readonly gamma?: number
}

/** {@link writeRun} of `cpo`, and with lossType 'simpo' and nllWeight 0 of `simpo`. */
export function exportCpoToTrl(folder: string, run: TrlCpoRun): void {
  const { lossType = 'sigmoid', beta = lossType === 'simpo' ? 2 : 0.1, nllWeight = 1, gamma = 1 } = run
  writeRun(folder, TRL_METHODS.cpo, run, pairRows('exportCpoToTrl', run), { loss_type: lossType, beta, cpo_alpha: nllWeight, ...lossType === 'simpo' && { simpo_gamma: gamma }, max_length: shapeOf(run.model.config).context })
}

export interface TrlGrpoRun<P extends PromptTokens> extends Omit<TrlRun, 'batchSize'> {
  readonly prompts: readonly P[]
  /** Python that defines reward(prompts, completions, completion_ids, **columns) → a list of numbers; it becomes rewards.py. Completions are texts without special tokens. */
  readonly rewardProgram: string
  /** What the reward needs to know of a prompt (an answer …): columns of train.jsonl. */
  readonly columns?: (prompt: P) => Readonly<Record<string, unknown>>
  /** Prompts a step and replies to each (default 8 and 8), over all devices. */
  readonly groups?: number
  readonly groupSize?: number
  readonly maxNewTokens: number
  readonly temperature?: number
  readonly beta?: number
  /** TRL's names; defaults 'grpo' with rewards scaled by their group, as {@link GRPO}. Dr. GRPO: 'dr_grpo' and 'none'. */
  readonly lossType?: 'grpo' | 'bnpo' | 'dapo' | 'dr_grpo'
  readonly scaleRewards?: 'group' | 'batch' | 'none'
  /** Exports prompts of unequal length for GPT-2's layout all the same (default false); see {@link exportGrpoToTrl}. */
  readonly shiftedPositions?: boolean
}

/**
 * {@link writeRun} of `grpo`, one update a rollout. TRL samples on its own, so that no two runs see the same replies. Throws Error where a model with absolute
 * positions gets prompts of unequal length: TRL fills them up on the left and scores replies without position ids, so shorter prompts would be read at other
 * positions than they are sampled at. Give prompts of one length, a model of Llama's layout, or shiftedPositions.
 */
export function exportGrpoToTrl<P extends PromptTokens>(folder: string, run: TrlGrpoRun<P>): void {
  const { model, prompts, rewardProgram, columns = () => ({}), groups = 8, groupSize = 8, maxNewTokens, temperature = 1, beta = 0, lossType = 'grpo', scaleRewards = 'group', shiftedPositions = false } = run
  const who = 'exportGrpoToTrl', tokenizer = tokenizerOf(who, model)
  if (prompts.length === 0) throw new Error(`${who}: no prompts`)
  if (!/^def reward\(/m.test(rewardProgram)) throw new Error(`${who}: rewardProgram defines no function reward: write def reward(prompts, completions, **columns)`)
  if (model.config.model_type === 'gpt2' && !shiftedPositions && new Set(prompts.map(p => p.ids.length)).size > 1) {
    throw new Error(`${who}: prompts of unequal length for a model with absolute positions, which TRL scores at shifted ones; give prompts of one length, or set shiftedPositions`)
  }
  const rows = prompts.map((prompt, i) => {
    const text = tokenizer.decode(prompt.ids)
    if (tokenizer.encode(text).join() !== Array.from(prompt.ids).join()) throw new Error(`${who}: the text of prompt ${i} does not give its tokens again: ${JSON.stringify(text)}`)
    return { ...columns(prompt), prompt: text }
  })
  writeRun(folder, TRL_METHODS.grpo, { inOrder: false, ...run, batchSize: groups * groupSize, steps: run.steps ?? Math.ceil(prompts.length / groups) }, rows, {
    num_generations: groupSize, max_completion_length: maxNewTokens, temperature, beta, loss_type: lossType, scale_rewards: scaleRewards, use_bias_correction_kl: false,
    ...run.inOrder && { shuffle_dataset: false },
  }, { files: { 'rewards.py': rewardProgram.endsWith('\n') ? rewardProgram : `${rewardProgram}\n` } })
}

/** The model's tokenizer, which TRL needs with an end token and a padding token. */
function tokenizerOf(who: string, { tokenizer }: PretrainedModel): Tokenizer {
  if (!tokenizer || tokenizer.special.eos === undefined || tokenizer.special.pad === undefined) throw new Error(`${who}: the model needs a tokenizer with an eos and a pad token`)
  return tokenizer
}

function pairRows(who: string, { model, pairs }: { readonly model: PretrainedModel, readonly pairs: readonly TokenPair[] }): Record<'prompt' | 'chosen' | 'rejected', string>[] {
  const tokenizer = tokenizerOf(who, model)
  checkTokenPairs(who, pairs, model.config)
  return pairs.map(({ prompt, chosen, rejected }, i) => {
    const one = texts(tokenizer, `${who}: pair ${i}: chosen`, { prompt, tokens: chosen }, model)
    return { prompt: one.prompt, chosen: one.completion, rejected: texts(tokenizer, `${who}: pair ${i}: rejected`, { prompt, tokens: rejected }, model).completion }
  })
}

/** A response as texts that give its tokens again, in this library and in transformers. */
function texts(tokenizer: Tokenizer, who: string, response: Response, { config }: PretrainedModel): { prompt: string, completion: string } {
  checkResponse(who, response, config)
  const prompt = tokenizer.decode(response.prompt.ids), want = [...response.prompt.ids, ...response.tokens], whole = tokenizer.decode(want)
  if (response.tokens.at(-1) !== tokenizer.special.eos) throw new Error(`${who} does not end with the end token, which TRL would add; end it, or leave out replies that were cut off`)
  if (!whole.startsWith(prompt)) throw new Error(`${who}: the text of prompt and reply does not begin with the prompt's`)
  const completion = whole.slice(prompt.length), { ids, promptLength } = promptAndResponse(tokenizer, prompt, completion)
  if (promptLength !== response.prompt.ids.length || ids.length !== want.length || ids.some((id, t) => id !== want[t])) throw new Error(`${who}: the text does not give its tokens again: ${JSON.stringify(completion)}`)
  return { prompt, completion }
}
