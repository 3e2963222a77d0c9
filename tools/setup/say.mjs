// What set-up says: one line a step with its time, a ticking line where there is a terminal.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { cache, root, write } from './paths.mjs'

// A reader that has seen enough (`npm run doctor | head`) is no error.
process.stdout.on('error', error => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const terminal = process.stdout.isTTY === true
const seconds = ms => `${(ms / 1000).toFixed(1)} s`

/** A step could not be done; `message` is the one line that says what to do about it. */
export class SetupError extends Error {}

/** Prints a line that is no step: a hint, a result. */
export const say = line => console.log(line)

/**
 * Runs one step and prints its name, what it came to (the string that `work` returns) and its time.
 * `work` gets a function that changes the text shown while it runs. Errors pass through, after the step's line.
 */
export async function step(name, work) {
  const from = performance.now()
  let note = ''
  let announced = 0
  const tick = setInterval(() => {
    const ms = performance.now() - from
    if (terminal) process.stdout.write(`\r\x1b[K${name} … ${note ? `${note}, ` : ''}${seconds(ms)}`)
    else if (ms - announced >= (announced === 0 ? 2000 : 30_000)) {
      announced = ms
      console.log(`${name} … ${note ? `${note}, ` : ''}${seconds(ms)}`)
    }
  }, terminal ? 200 : 1000)
  const end = text => {
    clearInterval(tick)
    console.log(`${terminal ? '\r\x1b[K' : ''}${name}: ${text} (${seconds(performance.now() - from)})`)
  }
  try {
    const text = await work(text => { note = text })
    end(text ?? 'done')
  } catch (error) {
    end('failed')
    throw error
  }
}

/**
 * Runs a program and resolves to { code, out, tail }: exit code (or signal), standard output, last lines of both streams.
 * `onLine` gets each line as it comes. A program that cannot be started has code 127.
 */
export function run(command, args, { cwd, env, onLine, stdin } = {}) {
  return new Promise(resolve => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] })
    let out = ''
    let tail = []
    const listen = (stream, each) => {
      let rest = ''
      const line = text => {
        tail = [...tail.slice(-39), text]
        onLine?.(text)
      }
      stream.setEncoding('utf8')
      stream.on('data', text => {
        each(text)
        const lines = (rest + text).split('\n')
        rest = lines.pop()
        lines.forEach(line)
      })
      stream.on('end', () => { if (rest) line(rest) })
    }
    listen(child.stdout, text => { out += text })
    listen(child.stderr, () => {})
    if (stdin !== undefined) child.stdin.end(stdin)
    child.on('error', error => resolve({ code: 127, out, tail: error.message }))
    child.on('close', (code, signal) => resolve({ code: code ?? signal, out, tail: tail.join('\n') }))
  })
}

/** Runs a program that must succeed: otherwise a SetupError with the program's last lines and the hint. */
export async function must(command, args, { hint, ...options } = {}) {
  const result = await run(command, args, options)
  if (result.code === 0) return result
  throw new SetupError([`${path.basename(command)} ${args.slice(0, 3).join(' ')} failed (${result.code}):`, indent(result.tail), hint].filter(Boolean).join('\n'))
}

/** Runs an installer that must succeed: otherwise a SetupError of one line, and the installer's own lines in .cache/setup.log. */
export async function mustInstall(command, args, options = {}) {
  const result = await run(command, args, options)
  if (result.code === 0) return result
  const log = path.join(cache, 'setup.log')
  write(log, `${command} ${args.join(' ')}\n${result.tail}\n`)
  const line = result.tail.split('\n').find(line => /error|denied|no space/i.test(line))?.trim().slice(0, 160)
  const offline = /ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ConnectionError|getaddrinfo|dns error|connection refused/i.test(result.tail)
  const reason = offline ? 'the package index does not answer: connect this machine to the network, or set its proxy' : line ?? `it ended with ${result.code}`
  throw new SetupError(`${path.basename(command)} could not install: ${reason} (all it said: ${path.relative(root, log)})`)
}

/** A program's lines, set in from the margin so that they are told apart from ours. */
export const indent = text => text.split('\n').map(line => `    ${line}`).join('\n')
