import { demonstrate } from '../desk/demonstrations'
import { features, gold } from '../desk/reward'
import type { Features } from '../desk/reward'
import type { Prompt } from '../desk/scenarios'
import { drawPrompts } from '../desk/scenarios'
import { EOS, PAD, promptTokens, replyTokens, VOCABULARY } from '../desk/vocabulary'
import type { GptConfig } from '../model/config'
import { gptConfig } from '../model/config'
import { generate } from '../model/generate'
import { scoredLogits } from '../model/logps'
import { adamw } from '../model/optimiser'
import { disposeParams, initParams } from '../model/params'
import type { LanguageModel } from '../model/params'
import { cosineToMinimumSchedule } from '../model/schedules'
import { wordTokenizer } from '../model/tokenizerWord'
import { nll } from '../loss/nll'
import { tf } from '../tensor/backend'
import { Random } from '../tensor/random'
import { batchesByLength } from './batches'
import { padExamples, sft } from './sft'
import type { Example, SftMetrics } from './sft'
import type { Training } from './training'

/** The desk's small GPT: two layers of width 64, about 126,000 weights. */
export const DESK_CONFIG: GptConfig = gptConfig({ vocab_size: VOCABULARY.length, n_positions: 128, n_embd: 64, n_layer: 2, n_head: 4, initializer_range: 0.1 })

/** The desk's vocabulary as a tokenizer: words apart by spaces, prompts as `<bos> … <sep>`, replies as `… <eos>`. */
export const deskTokenizer = () => wordTokenizer(VOCABULARY, { pad: VOCABULARY[PAD], bos: '<bos>', sep: '<sep>', eos: VOCABULARY[EOS] })

/** A prompt and a reply, as the models read them: <bos> prompt <sep> reply <eos>. reply: text, or tokens taken as they are. */
export function deskSequence(prompt: Prompt, reply: string | ArrayLike<number>): Example {
  const ids = promptTokens(prompt.text), promptLength = ids.length
  return { ids: [...ids, ...(typeof reply === 'string' ? replyTokens(reply) : Array.from(reply))], promptLength }
}

/** Prompts with one clerk's reply each. */
export interface Demonstrations { readonly prompts: readonly Prompt[]; readonly replies: readonly string[]; readonly examples: readonly Example[] }

/** `n` distinct prompts with a demonstration of mixed quality each; `heldOut` takes the prompts that training never sees. */
export function deskDemonstrations(n: number, seed: number, options: { heldOut?: boolean } = {}): Demonstrations {
  const prompts = drawPrompts(n, seed, options), random = Random.seed(seed).split(options.heldOut ? 'held-out demonstrations' : 'demonstrations')
  const replies = prompts.map(p => demonstrate(p, random).text)
  return { prompts, replies, examples: prompts.map((p, i) => deskSequence(p, replies[i])) }
}

/** How the desk's checkpoint is trained; see data/sft/README.md for what comes out. */
export const DESK_SFT = { demonstrations: 5120, epochs: 4, batchSize: 32, lr: 3e-3, warmupSteps: 20, weightDecay: 0.01, betas: [0.9, 0.99] as const, minRatio: 0.1, seed: 0 } as const

export interface DeskSftOptions {
  /** What to start from; default: fresh weights by the seed. */
  readonly model?: LanguageModel
  readonly examples?: readonly Example[]
  readonly epochs?: number
  readonly lr?: number
  readonly seed?: number
  /** Stop after so many steps of the whole schedule. */
  readonly steps?: number
}

/**
 * Supervised fine-tuning on the desk's demonstrations with {@link DESK_SFT}'s settings: AdamW, a cosine to a tenth of the rate,
 * batches of similar length. `epoch` in its records counts whole runs (1 at the end).
 */
export function deskSft(options: DeskSftOptions = {}): Training<SftMetrics> {
  const { batchSize, warmupSteps, weightDecay, betas, minRatio } = DESK_SFT, { epochs = DESK_SFT.epochs, lr = DESK_SFT.lr, seed = DESK_SFT.seed } = options
  const examples = options.examples ?? deskDemonstrations(DESK_SFT.demonstrations, seed).examples, random = Random.seed(seed).split('sft')
  const order = Array.from({ length: epochs }, (_, e) => batchesByLength(examples, batchSize, x => x.ids.length, random.split(e))).flat()
  const totalSteps = Math.ceil(order.length / batchSize), fresh = options.model ? undefined : initParams(DESK_CONFIG, random.split('weights'))
  const training = sft({
    model: options.model ?? { config: DESK_CONFIG, params: fresh! }, examples: order, batchSize, shuffle: false, steps: Math.min(totalSteps, options.steps ?? totalSteps),
    optimiser: adamw({ lr, betas, weightDecay, maxGradNorm: 1 }), schedule: cosineToMinimumSchedule({ lr, warmupSteps: Math.min(warmupSteps, totalSteps - 1), totalSteps, minRatio }),
  })
  if (fresh) disposeParams(fresh)
  return training
}

/** Mean over all response tokens of −log π, in nats. */
export function heldOutLoss({ config, params }: LanguageModel, examples: readonly Example[], batchSize = 128): number {
  const sorted = [...examples].sort((a, b) => a.ids.length - b.ids.length)
  let sum = 0, count = 0
  for (let from = 0; from < sorted.length; from += batchSize) {
    const { tokens, mask, responseMask } = padExamples(sorted.slice(from, from + batchSize))
    sum += tf.tidy(() => {
      const { logits, targets } = scoredLogits(params, config, tokens, { mask, responseMask })
      count += targets.length
      return tf.sum(nll(logits, targets)).dataSync()[0]
    })
  }
  return sum / count
}

/** A sampled reply: its tokens, `<eos>` included where it came, and its summed log-probability in nats. */
export interface Reply { readonly tokens: readonly number[]; readonly logp: number; readonly stopped: boolean }

export interface ReplyOptions { readonly random: Random; readonly temperature?: number; readonly maxNewTokens?: number; readonly batchSize?: number }

/** One sampled reply a prompt, of at most 48 tokens. Special tokens other than <eos> can come; the true reward calls them gibberish. */
export function deskReplies({ config, params }: LanguageModel, prompts: readonly Prompt[], { random, temperature = 1, maxNewTokens = 48, batchSize = 256 }: ReplyOptions): Reply[] {
  const out: Reply[] = []
  for (let from = 0; from < prompts.length; from += batchSize) {
    const ids = prompts.slice(from, from + batchSize).map(p => promptTokens(p.text))
    const generated = generate(params, config, ids, { maxNewTokens, stopTokens: [EOS], random, temperature })
    out.push(...generated.map(({ tokens, logps, stopped }) => ({ tokens, logp: logps.reduce((a, b) => a + b, 0), stopped })))
  }
  return out
}

/** Replies with what the desk says of them: the true reward and the surface of each. */
export interface JudgedReply extends Reply { readonly gold: number; readonly features: Features }

/** The true reward and the surface features of sampled replies, one a prompt. Throws RangeError where there are not as many. */
export function judgeReplies(prompts: readonly Prompt[], replies: readonly Reply[]): JudgedReply[] {
  if (prompts.length !== replies.length) throw new RangeError(`judgeReplies: ${prompts.length} prompts, but ${replies.length} replies`)
  return replies.map((reply, i) => ({ ...reply, gold: gold(prompts[i], reply.tokens).total, features: features(prompts[i], reply.tokens) }))
}
