import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }

/** Serves the files of `site` below `prefix` on the loopback address, as any web host would; `base` has no slash at its end. */
export async function serve(site: string, prefix = ''): Promise<{ server: Server, base: string }> {
  const server = createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url!, 'http://x').pathname)
    try {
      if (!name.startsWith(`${prefix}/`)) throw new Error('not of the site')
      const body = readFileSync(path.join(site, name.slice(prefix.length)))
      response.writeHead(200, { 'content-type': types[path.extname(name)] ?? 'application/octet-stream' }).end(body)
    } catch { response.writeHead(404).end() }
  }).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  return { server, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}` }
}
