import type { ChildProcess } from 'node:child_process'

/** The address with its token that JupyterLab, started by `child`, prints. Throws Error with what it said instead. */
export function addressOf(child: ChildProcess, seconds = 180): Promise<URL> {
  let out = ''
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no address within ${seconds} s: ${out.slice(-500)}`)), seconds * 1000)
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        out += text
        const found = /http:\/\/(?:127\.0\.0\.1|localhost):\d+\/\S*token=\w+/.exec(out)
        if (found) { clearTimeout(timer); resolve(new URL(found[0])) }
      })
    }
    child.on('exit', code => { clearTimeout(timer); reject(new Error(`JupyterLab ended with ${code}: ${out.slice(-500)}`)) })
  })
}
