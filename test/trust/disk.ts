import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { listCheckpoints, loadCheckpoint } from '../../lib/train/checkpoint'
import { disposeTraining } from '../../lib/train/training'
import { one, sum, type Promised } from './promise'

const SIZES = { quick: [300], full: [60, 100, 200, 300, 500] } as const

/** A shell that gives the command a small disk of its own at $1; plain `unshare` needs root, -Ur a kernel that lets users have namespaces. */
const script = 'mount -t tmpfs -o size="$2"k tmpfs "$1" && shift 2 && "$@"; code=$?; cp -a "$DISK/." "$COPY"; exit $code'

/** Runs a training on a disk of `kilobytes`; what is on the disk at the end is in `copy`. */
function onSmallDisk(kilobytes: number, disk: string, copy: string, namespace: readonly string[]): Promise<{ code: number | null, out: string }> {
  return new Promise(resolve => {
    const node = [process.execPath, '--require', 'tsx/cjs', path.join(__dirname, 'fill.ts'), disk]
    const child = spawn('unshare', [...namespace, 'sh', '-c', script, 'sh', disk, String(kilobytes), ...node], { cwd: path.resolve(__dirname, '../..'), env: { ...process.env, RLHF_BACKEND: 'wasm', DISK: disk, COPY: copy }, stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => { out += data.toString() })
    child.on('error', error => resolve({ code: -1, out: error.message }))
    child.on('close', code => resolve({ code, out }))
  })
}

/** How a small disk can be had here, if at all. */
async function mounting(): Promise<readonly string[] | undefined> {
  for (const namespace of [['-m'], ['-Urm']]) {
    const works = await new Promise<boolean>(resolve => {
      const child = spawn('unshare', [...namespace, 'sh', '-c', `mount -t tmpfs tmpfs ${tmpdir()}`], { stdio: 'ignore' })
      child.on('error', () => resolve(false))
      child.on('close', code => resolve(code === 0))
    })
    if (works) return namespace
  }
  return undefined
}

export const disk: Promised = {
  what: 'a full disk ends a run with an error that names the file, and the last checkpoint stays whole',
  async try(scale, note) {
    const namespace = await mounting()
    if (!namespace) return { cases: 0, failures: [], leftOut: ['full disk: this system does not let a test mount a small disk of its own'] }
    const root = mkdtempSync(path.join(tmpdir(), 'disk-')), sizes = SIZES[scale]
    try {
      return sum(await Promise.all(sizes.map(size => one(`disk of ${size} kB`, async () => {
        const [at, copy] = ['at', 'copy'].map(name => path.join(root, `${name}-${size}`))
        for (const folder of [at, copy]) mkdirSync(folder)
        const { code, out } = await onSmallDisk(size, at, copy, namespace), checkpoints = path.join(copy, 'checkpoints')
        note(`${size} kB`)
        if (code !== 3 || !/ENOSPC/.test(out)) throw new Error(`expected an ENOSPC error, got exit code ${code}: ${out.slice(-300)}`)
        const names = readdirSync(checkpoints), left = names.filter(name => !listCheckpoints(checkpoints).includes(path.join(checkpoints, name)))
        if (left.length) throw new Error(`left half-written: ${left.join(', ')}`)
        const last = loadCheckpoint(checkpoints)
        if (!last) throw new Error('no checkpoint is left')
        disposeTraining(last)
      }))))
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  },
}
