import { backendNames, driver, forced, type BackendName } from './candidates'
import { probed, type Probe, type ProbeOptions } from './probe'

/** The backend to run on, and what was tried before it. */
export interface Choice { readonly chosen: Extract<Probe, { ok: true }>, readonly refused: readonly Extract<Probe, { ok: false }>[], readonly forced: boolean }

/** Every backend's probe, in order of preference. */
export const survey = (options: ProbeOptions = {}): readonly Probe[] => backendNames.map(name => probed(name, options))

/** What to do about a backend that cannot be had. */
const remedies: Readonly<Record<BackendName, string>> = {
  'tensorflow-gpu': 'environment.md, "GPU", says how to set one up',
  tensorflow: 'npm run native builds it',
  wasm: 'npm ci installs it',
}

/** Takes the first backend that works, or the one that RLHF_BACKEND names.
 *  @throws when that one cannot be had, or none can: plain JavaScript is never taken instead */
export function choose(options: ProbeOptions = {}): Choice {
  const wanted = forced(options.env)
  const refused: Extract<Probe, { ok: false }>[] = []
  for (const name of wanted ? [wanted] : backendNames) {
    const result = probed(name, options)
    if (result.ok) return { chosen: result, refused, forced: wanted !== undefined }
    refused.push(result)
  }
  if (wanted) throw new Error(`RLHF_BACKEND=${wanted} cannot be had here: ${refused[0].reason}. ${remedies[wanted]}; unset RLHF_BACKEND to take the best that works; npm run doctor shows all.`)
  throw new Error(`No tensor backend works here:\n${refused.map(({ name, reason }) => `  ${name}: ${reason} (${remedies[name]})`).join('\n')}`)
}

/** What the labs run on. */
export interface BackendInfo {
  /** The name that tf.getBackend() gives. */
  readonly name: 'tensorflow' | 'wasm'
  readonly device: 'GPU' | 'CPU'
  /** Version of TensorFlow, or of the wasm backend. */
  readonly version: string
  readonly threads: number
  /** One line: backend, version, device, threads. */
  readonly label: string
  /** Why this backend and not another. */
  readonly why: string
  /** How to get a faster one, where there is a way. */
  readonly faster?: string
}

function faster(name: BackendName): string | undefined {
  if (name === 'tensorflow-gpu') return undefined
  if (driver()) return 'an NVIDIA driver is here and not used: npm run native -- --gpu'
  if (name === 'wasm') return 'npm run native builds TensorFlow for this processor, about three times as fast'
  return process.platform === 'linux' && process.arch === 'x64' ? 'on a machine with an NVIDIA GPU: npm run native -- --gpu' : undefined
}

/** A choice in words. */
export function inform({ chosen, refused, forced }: Choice): BackendInfo {
  const { name, device, version, threads } = chosen
  const on = name === 'wasm' ? `WebAssembly ${version}` : `TensorFlow ${version} on ${device}`
  const why = forced ? `RLHF_BACKEND=${name}` : refused.map(probe => `${probe.name}: ${probe.reason}`).join('; ') || 'the fastest there is'
  return { name: name === 'wasm' ? 'wasm' : 'tensorflow', device, version, threads, label: `${on}, ${threads} thread${threads === 1 ? '' : 's'}`, why, faster: faster(name) }
}
