import { z } from 'zod'
import type { Message } from '../model/chat'
import { renderChat, renderPreference } from '../model/chat'
import { promptAndResponse } from '../model/tokenizer'
import type { Tokenizer } from '../model/tokenizerFiles'
import { readRows } from '../preference/readers'
import type { PromptTokens } from '../rollout/evaluate'
import type { Thumb } from '../train/kto'
import type { TokenPair } from '../train/pairs'

const message = z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() })
const text = z.union([z.string().min(1), z.array(message).min(1)], 'expected text, or a list of messages {role, content}')
const preferenceSchema = z.looseObject({ prompt: text, chosen: text, rejected: text })
const unpairedSchema = z.looseObject({ prompt: text, completion: text, label: z.boolean() })
const promptSchema = z.looseObject({ prompt: text })

type Text = string | readonly Message[]

/** A prompt of a data set: its tokens, and the row it comes from, where a reward finds what it needs to know (an answer to check …). */
export interface DatasetPrompt extends PromptTokens { readonly row: Readonly<Record<string, unknown>> }

/** Rows of a file that fit a schema, each put into tokens; an error names file and row. */
async function readAll<S extends z.ZodType, T>(path: string, schema: S, convert: (row: z.infer<S>) => T): Promise<T[]> {
  const rows: T[] = []
  for await (const source of readRows(path)) {
    const { row, broken } = source
    if (broken) throw new Error(`${path}, row ${row}: ${broken.found}, expected ${broken.expected}; ${broken.fix}`)
    const parsed = schema.safeParse(source.fields)
    if (!parsed.success) throw new Error(`${path}, row ${row}: ${z.prettifyError(parsed.error)}`)
    try {
      rows.push(convert(parsed.data))
    } catch (error) { throw new Error(`${path}, row ${row}: ${(error as Error).message}`, { cause: error }) }
  }
  if (rows.length === 0) throw new Error(`${path}: no rows`)
  return rows
}

/** Texts as they are, messages as the tokenizer's chat template renders them; all of a row must be of one kind. */
function rendered(tokenizer: Tokenizer, prompt: Text, first: Text, second: Text): { prompt: string, first: string, second: string } {
  if (typeof prompt === 'string' && typeof first === 'string' && typeof second === 'string') return { prompt, first, second }
  if (typeof prompt === 'string' || typeof first === 'string' || typeof second === 'string') throw new Error('some fields are texts and some are messages; use one kind in a row')
  if (tokenizer.chatTemplate === undefined) throw new Error('messages, but the tokenizer has no chat template; render them to texts first')
  const { prompt: opening, chosen, rejected } = renderPreference({ prompt, chosen: first, rejected: second }, tokenizer.chatTemplate)
  return { prompt: opening, first: chosen, second: rejected }
}

/** A text response ends with the model's end token, as TRL adds it; what a template rendered stays as it is. */
function ended(tokenizer: Tokenizer, response: string, wasText: boolean): string {
  const { eos } = tokenizer.special, end = eos === undefined ? '' : tokenizer.vocabulary[eos]
  return wasText && !response.endsWith(end) ? response + end : response
}

function tokensOf(tokenizer: Tokenizer, prompt: string, response: string): { prompt: PromptTokens, tokens: number[] } {
  const { ids, promptLength } = promptAndResponse(tokenizer, prompt, response)
  return { prompt: { ids: ids.slice(0, promptLength) }, tokens: ids.slice(promptLength) }
}

/**
 * Preference pairs in TRL's format {prompt, chosen, rejected}, texts or messages, from a JSON Lines, CSV or Parquet file: what `dpo` and its kin take.
 * Texts that do not end with the tokenizer's end token get it. Throws Error naming file and row where a row does not fit, or a token straddles prompt and response.
 */
export function readTokenPairs(path: string, tokenizer: Tokenizer): Promise<TokenPair[]> {
  return readAll(path, preferenceSchema, row => {
    const { prompt, first, second } = rendered(tokenizer, row.prompt, row.chosen, row.rejected), isText = typeof row.prompt === 'string'
    const chosen = tokensOf(tokenizer, prompt, ended(tokenizer, first, isText)), rejected = tokensOf(tokenizer, prompt, ended(tokenizer, second, isText))
    return { prompt: chosen.prompt, chosen: chosen.tokens, rejected: rejected.tokens }
  })
}

/** Thumbs in TRL's unpaired format {prompt, completion, label}: what `kto` takes. As {@link readTokenPairs}. */
export function readThumbs(path: string, tokenizer: Tokenizer): Promise<Thumb[]> {
  return readAll(path, unpairedSchema, row => {
    const { prompt, first } = rendered(tokenizer, row.prompt, row.completion, row.completion)
    return { ...tokensOf(tokenizer, prompt, ended(tokenizer, first, typeof row.prompt === 'string')), liked: row.label }
  })
}

/** Prompts in TRL's prompt-only format {prompt, …}: what `grpo`, `ppo` and `onlineDpo` take. As {@link readTokenPairs}. */
export function readPrompts(path: string, tokenizer: Tokenizer): Promise<DatasetPrompt[]> {
  return readAll(path, promptSchema, row => {
    if (typeof row.prompt === 'string') return { ids: tokenizer.encode(row.prompt), row }
    if (tokenizer.chatTemplate === undefined) throw new Error('messages, but the tokenizer has no chat template; render them to texts first')
    return { ids: tokenizer.encode(renderChat(row.prompt, { template: tokenizer.chatTemplate, addGenerationPrompt: true }).text), row }
  })
}
