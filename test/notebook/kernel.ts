/** A display message as a kernel gets it. */
export interface Message { data: Record<string, unknown>; metadata: Record<string, unknown>; transient: { display_id?: string }; update: boolean }

const file = '/nowhere/tslab/dist/jupyter.js'

/** Runs `body` as if a tslab kernel ran it, and returns what was displayed. */
export async function inKernel(body: () => void | Promise<void>): Promise<Message[]> {
  const messages: Message[] = []
  const lastWriteDisplayData = (m: Omit<Message, 'update'>, update = false) => { messages.push({ ...m, update }) }
  require.cache[file] = { exports: { lastWriteDisplayData } } as NodeModule
  try { await body() } finally { delete require.cache[file] }
  return messages
}

/** The text of each display. */
export const texts = (messages: readonly Message[]): string[] => messages.map(m => m.data['text/plain'] as string)

