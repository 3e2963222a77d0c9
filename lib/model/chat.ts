import { Template } from '@huggingface/jinja'
import type { Tokenizer } from './tokenizerFiles'

/** One turn of a chat. */
export interface Message { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }

/** ChatML: every turn between <|im_start|>role and <|im_end|>. The generation tags mark what the assistant says. */
export const CHATML = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}{% if message['role'] == 'assistant' %}{% generation %}"
  + "{{ message['content'] + '<|im_end|>' + '\n' }}{% endgeneration %}{% else %}{{ message['content'] + '<|im_end|>' + '\n' }}{% endif %}{% endfor %}"
  + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

/** addGenerationPrompt: end with the opening of the assistant's turn. continueFinalMessage: end where the last message's content ends. */
export interface ChatOptions { readonly template?: string; readonly addGenerationPrompt?: boolean; readonly continueFinalMessage?: boolean }

// Noncharacters of Unicode, which no text that is interchanged may hold
const BEGIN = '\ufdd0', END = '\ufdd1'

/**
 * The text of a chat by a Jinja template (by default ChatML), as transformers' apply_chat_template, and the parts of it
 * [from, to) that stand between the template's generation tags. Throws Error where the template fails or both options are given.
 */
export function renderChat(messages: readonly Message[], { template = CHATML, addGenerationPrompt = false, continueFinalMessage = false }: ChatOptions = {}): { text: string, assistant: [number, number][] } {
  if (messages.length === 0) throw new Error('renderChat: no messages')
  if (addGenerationPrompt && continueFinalMessage) throw new Error('renderChat: addGenerationPrompt and continueFinalMessage exclude each other')
  messages.forEach(({ content }, i) => { if (/[\ufdd0\ufdd1]/.test(content)) throw new Error(`renderChat: message ${i} holds a noncharacter, U+FDD0 or U+FDD1`) })
  const marked = template.replace(/(\s*){%(-?)\s*(end)?generation\s*(-?)%}(\s*)/g, (_, before: string, left: string, end: string | undefined, right: string, after: string) =>
    `${left ? '' : before}{{ '${end ? END : BEGIN}' }}${right ? '' : after}`)
  let rendered: string
  try {
    rendered = new Template(marked).render({ messages: messages.map(m => ({ ...m })), add_generation_prompt: addGenerationPrompt })
  } catch (error) { throw new Error(`renderChat: the template fails: ${(error as Error).message}`, { cause: error }) }
  const [first, ...others] = rendered.split(BEGIN), assistant: [number, number][] = []
  let text = first
  for (const part of others) {
    const [inside, after = ''] = part.split(END)
    assistant.push([text.length, text.length + inside.length])
    text += inside + after
  }
  if (continueFinalMessage) text = text.slice(0, endOfContent(text, messages[messages.length - 1].content))
  return { text, assistant: assistant.map(([from, to]): [number, number] => [from, Math.min(to, text.length)]) }
}

function endOfContent(text: string, content: string): number {
  const at = text.lastIndexOf(content.trim())
  if (at < 0) throw new Error('renderChat: continueFinalMessage: the template does not write the last message as it is')
  const kept = content.trimStart()
  return at + (text.startsWith(kept, at) ? kept.length : content.trim().length)
}

/** Tokens of a chat and, for each, 1 where the assistant says it: the mask of a loss on completions only. Needs a template with generation tags. */
export function chatTokens(tokenizer: Tokenizer, messages: readonly Message[], options: ChatOptions = {}): { ids: number[], assistantMask: number[] } {
  const { text, assistant } = renderChat(messages, { template: tokenizer.chatTemplate, ...options }), ids = tokenizer.encode(text)
  const encoder = new TextEncoder(), byteAt = (index: number) => encoder.encode(text.slice(0, index)).length
  const spans = assistant.map(span => span.map(byteAt)), assistantMask: number[] = []
  let at = 0
  for (const { length } of tokenizer.bytes(ids)) {
    assistantMask.push(spans.some(([from, to]) => at < to && at + length > from) ? 1 : 0)
    at += length
  }
  if (at !== encoder.encode(text).length) throw new Error('chatTokens: the tokenizer changes the text (a normalizer, or white space), so that its tokens cannot be placed in it')
  return { ids, assistantMask }
}

/**
 * A preference row of messages as texts: prompt with the opening of the assistant's turn, chosen and rejected as what the template adds.
 * As TRL's apply_chat_template. Throws Error where the template's text of prompt and answer does not begin with that of the prompt.
 */
export function renderPreference(row: Readonly<Record<'prompt' | 'chosen' | 'rejected', readonly Message[]>>, template?: string): Record<'prompt' | 'chosen' | 'rejected', string> {
  const prompt = renderChat(row.prompt, { template, addGenerationPrompt: true }).text
  const answer = (which: 'chosen' | 'rejected') => {
    const { text } = renderChat([...row.prompt, ...row[which]], { template })
    if (!text.startsWith(prompt)) throw new Error(`renderPreference: the text of prompt and ${which} does not begin with the prompt's: ${JSON.stringify(text.slice(0, prompt.length))} against ${JSON.stringify(prompt)}`)
    return text.slice(prompt.length)
  }
  return { prompt, chosen: answer('chosen'), rejected: answer('rejected') }
}
