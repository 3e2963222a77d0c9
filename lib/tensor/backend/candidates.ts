import { existsSync, readFileSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** The backends in order of preference. Plain JavaScript ("cpu") is not among them: it is 50 times slower and would go unnoticed. */
export const backendNames = ['tensorflow-gpu', 'tensorflow', 'wasm'] as const

/** One of the backends, as RLHF_BACKEND names it. */
export type BackendName = typeof backendNames[number]

/** The npm package that a backend is loaded from. */
export const packageOf: Readonly<Record<BackendName, string>> = {
  'tensorflow-gpu': '@tensorflow/tfjs-node-gpu',
  tensorflow: '@tensorflow/tfjs-node',
  wasm: '@tensorflow/tfjs-backend-wasm',
}

/** The backend that RLHF_BACKEND asks for, or undefined when it is not set.
 *  @throws when it names none of ours */
export function forced(env: NodeJS.ProcessEnv = process.env): BackendName | undefined {
  const wanted = env.RLHF_BACKEND
  if (!wanted) return undefined
  if ((backendNames as readonly string[]).includes(wanted)) return wanted as BackendName
  throw new Error(`RLHF_BACKEND=${wanted} is no backend: use one of ${backendNames.join(', ')}, or unset it to take the best one`)
}

/** The folder of an npm package as the library finds it, or undefined where it is not installed. */
export function packageFolder(name: string): string | undefined {
  try {
    return path.dirname(require.resolve(`${name}/package.json`))
  } catch {
    return undefined
  }
}

/** The folder that holds node_modules: the clone. Below it the cache is kept. */
export const root = path.dirname(path.dirname(path.dirname(packageFolder('@tensorflow/tfjs') ?? path.resolve('node_modules/@tensorflow/tfjs'))))

/** A file's size and time, or that it is missing: changes when the file does. */
const stamp = (file: string) => existsSync(file) ? `${statSync(file).size} ${statSync(file).mtimeMs}` : 'missing'

/** Whether this machine has an NVIDIA driver (Linux, or Windows' Linux), and which: the text that tells a change. */
export function driver(): string | undefined {
  const version = '/proc/driver/nvidia/version'
  if (existsSync(version)) return readFileSync(version, 'utf8').split('\n')[0]
  return ['/dev/nvidia0', '/dev/dxg'].find(device => existsSync(device))
}

/** The file that connects tfjs-node to TensorFlow, below its package's folder. */
export const addonOf = (folder: string): string => path.join(folder, 'lib/napi-v8/tfjs_binding.node')

/** Everything that a backend's probe depends on, as text: a probe is valid as long as this stays the same. */
export function facts(name: BackendName, env: NodeJS.ProcessEnv = process.env, folder = packageFolder(packageOf[name])): string {
  const manifest = folder && path.join(folder, 'package.json')
  const variables = Object.keys(env).filter(key => /^(TF_(?!CPP_)|CUDA_|XLA_|NVIDIA_|LD_LIBRARY_PATH|DYLD_|RLHF_THREADS$)/.test(key) && !(key === 'TF_NUM_INTRAOP_THREADS' && env[key] === '1')).sort() // 1 is what load sets, so that a child process finds it set
  return [
    name, process.version, process.platform, process.arch, os.cpus()[0]?.model, os.availableParallelism(),
    folder, manifest && stamp(manifest), folder && stamp(addonOf(folder)),
    stamp(path.join(__dirname, `load${path.extname(__filename)}`)),
    driver(), ...variables.map(key => `${key}=${env[key]}`),
  ].join('\n')
}
