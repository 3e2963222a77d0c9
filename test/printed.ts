/** Runs `body` outside a kernel and returns what it printed. */
export async function printed(body: () => unknown): Promise<string> {
  const write = process.stdout.write.bind(process.stdout)
  let out = ''
  process.stdout.write = (chunk: string | Uint8Array) => { out += String(chunk); return true }
  try { await body() } finally { process.stdout.write = write }
  return out
}
