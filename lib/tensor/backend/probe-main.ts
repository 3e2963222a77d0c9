// The program of the child process that tries a backend: node probe-main <name> <threads>. Its last line is JSON.
import type { BackendName } from './candidates'
import { gradientCheck } from './check'
import { describe, load } from './load'

const end = (result: object, code: number) => process.stdout.write(`\n${JSON.stringify(result)}\n`, () => process.exit(code))

async function main(name: BackendName, threads: number): Promise<void> {
  const tf = load(name, threads)
  const expected = name === 'wasm' ? 'wasm' : 'tensorflow'
  await tf.setBackend(expected)
  await tf.ready()
  if (tf.getBackend() !== expected) throw new Error(`tfjs runs on ${tf.getBackend()} instead of ${expected}`)
  const wrong = gradientCheck(tf)
  if (wrong) throw new Error(`wrong numbers: ${wrong}`)
  end(await describe(tf, name), 0)
}

main(process.argv[2] as BackendName, Number(process.argv[3])).catch((error: unknown) => {
  end({ error: String((error as { message?: unknown } | null)?.message ?? error) }, 1)
})
