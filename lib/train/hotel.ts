import type { HotelPrompt } from '../desk/hotel'
import { HOTEL_VOCABULARY, hotelClerk, hotelPrompts } from '../desk/hotel'
import type { GptConfig } from '../model/config'
import { gptConfig } from '../model/config'
import { generate } from '../model/generate'
import { adamw } from '../model/optimiser'
import { disposeParams, initParams } from '../model/params'
import type { LanguageModel } from '../model/params'
import { constantSchedule, cosineToMinimumSchedule } from '../model/schedules'
import { wordTokenizer } from '../model/tokenizerWord'
import type { PreferencePair } from '../preference/records'
import { winner } from '../preference/records'
import { Random } from '../tensor/random'
import { batchesByLength } from './batches'
import type { TokenPair } from './pairs'
import { sft } from './sft'
import type { SftMetrics } from './sft'
import type { Training } from './training'

/** The hotel's vocabulary as a tokenizer: words apart by spaces, prompts as `<bos> … <sep>`, replies as `… <eos>`. */
export const hotelTokenizer = () => wordTokenizer(HOTEL_VOCABULARY, { pad: '<pad>', bos: '<bos>', sep: '<sep>', eos: '<eos>' })

/** The hotel's small GPT: two layers of width 48. */
export const HOTEL_CONFIG: GptConfig = gptConfig({ vocab_size: HOTEL_VOCABULARY.length, n_positions: 96, n_embd: 48, n_layer: 2, n_head: 4, initializer_range: 0.1 })

const END = HOTEL_VOCABULARY.indexOf('<eos>'), tokenizer = hotelTokenizer()

/** A guest's text as the model reads it. */
export const hotelPromptTokens = (text: string): number[] => tokenizer.encode(`<bos> ${text} <sep>`)
/** A reply as the model writes it. */
export const hotelReplyTokens = (reply: string): number[] => tokenizer.encode(`${reply} <eos>`)

/** How the hotel's models are trained. */
export const HOTEL_SFT = { demonstrations: 1536, epochs: 3, batchSize: 16, lr: 6e-3, warmupSteps: 10, minRatio: 0.1, betas: [0.9, 0.99] as const } as const

/** Supervised fine-tuning, from random weights, on clerks' replies of mixed quality. demonstrations, epochs: default {@link HOTEL_SFT}'s. */
export function hotelSft({ seed = 0, demonstrations = HOTEL_SFT.demonstrations, epochs = HOTEL_SFT.epochs }: { seed?: number, demonstrations?: number, epochs?: number } = {}): Training<SftMetrics> {
  const { batchSize, lr, warmupSteps, minRatio, betas } = HOTEL_SFT, random = Random.seed(seed).split('hotel')
  const prompts = hotelPrompts(demonstrations, random.split('prompts')), clerks = random.split('clerks')
  const examples = prompts.map(prompt => { const ids = hotelPromptTokens(prompt.text); return { ids: [...ids, ...hotelReplyTokens(hotelClerk(prompt, clerks))], promptLength: ids.length } })
  const order = Array.from({ length: epochs }, (_, e) => batchesByLength(examples, batchSize, x => x.ids.length, random.split(`order ${e}`))).flat(), totalSteps = Math.ceil(order.length / batchSize)
  const params = initParams(HOTEL_CONFIG, random.split('weights'))
  const training = sft({
    model: { config: HOTEL_CONFIG, params }, examples: order, batchSize, shuffle: false, steps: totalSteps,
    optimiser: adamw({ lr, betas, weightDecay: 0.01, maxGradNorm: 1 }), schedule: cosineToMinimumSchedule({ lr, warmupSteps: Math.min(warmupSteps, totalSteps - 1), totalSteps, minRatio }),
  })
  disposeParams(params)
  return training
}

/** One reply a prompt, as text without special tokens, and its tokens; temperature 0 takes the likeliest word each time. */
export function hotelReplies({ config, params }: LanguageModel, prompts: readonly HotelPrompt[], { random, temperature = 1 }: { random?: Random, temperature?: number } = {}): { text: string, tokens: number[] }[] {
  const generated = generate(params, config, prompts.map(p => hotelPromptTokens(p.text)), { maxNewTokens: 40, stopTokens: [END], random, temperature })
  return generated.map(({ tokens }) => ({ text: tokenizer.decode(tokens.filter(id => id !== END)), tokens: Array.from(tokens) }))
}

/** How the hotel's candidates are trained by DPO, at a constant rate; TRL calls the likelihood beside the loss a second loss, 'sft' ({@link HOTEL_TRL}). */
export const HOTEL_DPO = { beta: 0.1, nllWeight: 1, lr: 3e-4, batchSize: 32, epochs: 2 } as const
/** What exportDpoToTrl is to pass on for a run by {@link HOTEL_DPO}. */
export const HOTEL_TRL = { loss_type: ['sigmoid', 'sft'], loss_weights: [1, HOTEL_DPO.nllWeight] } as const

/** Options of `dpo` for pairs in their order, by {@link HOTEL_DPO}; a batch at the end that is not full is left out. */
export function hotelDpo(pairs: readonly TokenPair[], { epochs = HOTEL_DPO.epochs }: { epochs?: number } = {}) {
  const { beta, nllWeight, lr, batchSize } = HOTEL_DPO, whole = pairs.slice(0, pairs.length - pairs.length % batchSize)
  if (whole.length === 0) throw new RangeError(`hotelDpo: expected at least ${batchSize} pairs, got ${pairs.length}`)
  return { pairs: whole, beta, nllWeight, batchSize, steps: epochs * whole.length / batchSize, shuffle: false, optimiser: adamw({ lr, maxGradNorm: 1 }), schedule: constantSchedule({ lr }) }
}

/** Preference records as the trainers read them. */
export function hotelPairs(records: readonly PreferencePair[]): TokenPair[] {
  return records.map(record => {
    const chosen = winner(record), rejected = chosen === record.chosen ? record.rejected : record.chosen
    return { prompt: { ids: hotelPromptTokens(record.prompt) }, chosen: hotelReplyTokens(chosen), rejected: hotelReplyTokens(rejected) }
  })
}
