import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** Makes a folder's entries (a file renamed into it) survive a power cut, where the system can. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return // folders cannot be opened there
  const handle = openSync(folder, 'r')
  try { fsyncSync(handle) } finally { closeSync(handle) }
}

/** Writes a file so that its name never stands for a part of it: temporary name, fsync, rename. Makes its folder. */
export function writeAtomic(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.tmp`, bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  try {
    const handle = openSync(temporary, 'w')
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(handle, bytes, at)
      fsyncSync(handle)
    } finally { closeSync(handle) }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  syncFolder(dirname(path))
}
