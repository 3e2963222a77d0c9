import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { openBrowser } from '../notebook/browser'
import { addressOf } from './address'
import { must, one, sum, type Promised } from './promise'

const root = path.resolve(__dirname, '../..')

/** JupyterLab as `npm start` opens it, with the address that it prints. */
async function start(): Promise<{ child: ChildProcess, address: URL }> {
  const child = spawn(process.execPath, [path.join(root, 'tools/setup/start.mjs'), '--no-browser', '--no-native'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  return { child, address: await addressOf(child) }
}

/** The local addresses on which a process and its children listen for TCP, as the system's table says (Linux), or lsof (macOS). */
function listening(leader: number): string[] {
  if (process.platform !== 'linux') {
    const out = execFileSync('lsof', ['-a', '-g', String(leader), '-iTCP', '-sTCP:LISTEN', '-P', '-n', '-Fn'], { encoding: 'utf8' })
    return [...out.matchAll(/^n(.*):\d+$/gm)].map(m => m[1])
  }
  const pids = execFileSync('ps', ['-o', 'pid=', '-g', String(leader)], { encoding: 'utf8' }).trim().split(/\s+/)
  const sockets = new Set(pids.flatMap(pid => { try { return execFileSync('ls', ['-l', `/proc/${pid}/fd`], { encoding: 'utf8' }).match(/socket:\[\d+\]/g) ?? [] } catch { return [] } }).map(s => s.slice(8, -1)))
  const rows = ['tcp', 'tcp6'].flatMap(table => readFileSync(`/proc/net/${table}`, 'utf8').trim().split('\n').slice(1)).map(line => line.trim().split(/\s+/))
  return rows.filter(row => row[3] === '0A' && sockets.has(row[9])).map(row => row[1].split(':')[0]).map(hex => hex === '0100007F' ? '127.0.0.1' : hex.endsWith('0000000001000000') ? '::1' : `0x${hex}`)
}

export const server: Promised = {
  what: 'JupyterLab listens on this machine only, asks for its token, and talks to nobody else',
  async try(_scale, note) {
    note('starting JupyterLab')
    const { child, address } = await start(), ask = (where: string) => fetch(new URL(where, address), { redirect: 'manual' })
    try {
      return sum([
        await one('listens on the loopback address only', () => {
          const found = [...new Set(listening(child.pid!))]
          must(found.length > 0 && found.every(a => a === '127.0.0.1' || a === '::1'), `it listens on ${found.join(', ') || 'nothing that was found'}`)
        }),
        await one('asks for its token', async () => {
          for (const where of ['/api/contents', '/api/kernels', '/api/terminals', '/files/00-start-here.ipynb']) must([302, 403].includes((await ask(where)).status), `${where} answers ${(await ask(where)).status} without a token`)
          must((await ask(`/api/contents?token=${address.searchParams.get('token')}`)).status === 200, 'its own token is not taken')
          must((await ask('/api/contents?token=wrong')).status === 403, 'a wrong token is taken')
        }),
        await one('a browser that opens a lab asks nobody else', async () => {
          note('a browser opens a lab')
          const browser = await openBrowser(), outside: string[] = []
          try {
            const page = await browser.newPage()
            await page.route('**', route => {
              const { protocol, host } = new URL(route.request().url())
              if (/^(data|blob|about):$/.test(protocol) || host === address.host) return route.continue()
              outside.push(route.request().url())
              return route.abort()
            })
            await page.goto(new URL(`/lab/tree/00-start-here.ipynb?token=${address.searchParams.get('token')}`, address).href)
            await page.locator('.jp-Notebook .jp-Cell:visible').first().waitFor({ timeout: 120_000 })
            await page.waitForTimeout(5000)
          } finally { await browser.close() }
          must(outside.length === 0, `it asked ${outside.slice(0, 5).join(', ')}`)
        }),
      ])
    } finally {
      try { process.kill(-child.pid!, 'SIGTERM') } catch { /* it has ended */ }
    }
  },
}
