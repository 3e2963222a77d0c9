import { expect } from 'chai'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { theClone } from './clone'
import { argv, freePorts, startKernel } from './client'

const isAlive = (pid: number) => { try { return process.kill(pid, 0) } catch { return false } }

describe('kernel: its life', () => {
  const start = (node: string[] = []) => startKernel({ root: theClone(), cwd: tmpdir(), node })

  it('ends cleanly when asked, idle or in the middle of a cell', async () => {
    const idle = await start()
    expect((await idle.execute('1')).result).to.equal('1')
    expect(await idle.shutdown()).to.equal(0)
    expect(idle.terminal()).to.equal('')

    const busy = await start()
    await busy.execute('1')
    const looping = busy.execute('for (;;) {}').catch((error: Error) => error.message), waited = Date.now()
    await new Promise(resolve => setTimeout(resolve, 100))
    expect(await busy.shutdown(true)).to.equal('SIGKILL')
    expect(Date.now() - waited).to.be.below(5000)
    expect(await looping).to.include('the kernel ended')
  })

  it('tells the terminal and its exit code of a rejection that no cell could show', async () => {
    const kernel = await start()
    await kernel.execute('setTimeout(() => { void Promise.reject(new Error("nobody looked")); }, 320);')
    await new Promise(resolve => setTimeout(resolve, 450))
    expect(await kernel.shutdown()).to.equal(1)
    expect(kernel.terminal()).to.include('Error: nobody looked').and.to.include('at cell [1], line 1')
  })

  it('ends with a message when it runs out of memory, so that Jupyter sees a dead kernel', async () => {
    const kernel = await start(['--max-old-space-size=120'])
    const death = await kernel.execute('const all: number[][] = [];\nfor (;;) all.push(new Array(100_000).fill(0).map(Math.random));', { seconds: 40 }).catch((error: Error) => error.message)
    expect(death).to.match(/the kernel ended \((SIGABRT|134)\)/)
    expect(kernel.terminal()).to.include('heap out of memory')
    await kernel.shutdown()
  })

  it('is gone when a cell ends the process behind its back', async () => {
    const kernel = await start()
    expect(await kernel.execute('(process as any).reallyExit(4)').catch((error: Error) => error.message)).to.match(/the kernel ended/)
    await kernel.shutdown()
  })

  it('goes when its parent is gone', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'orphan-')), file = path.join(folder, 'connection.json')
    const [shell_port, iopub_port, stdin_port, control_port, hb_port] = await freePorts(5)
    writeFileSync(file, JSON.stringify({ transport: 'tcp', ip: '127.0.0.1', key: 'k', shell_port, iopub_port, stdin_port, control_port, hb_port }))
    const script = `const child = require('child_process').spawn(process.execPath, ${JSON.stringify(argv(theClone(), file))}, { stdio: 'ignore' }); console.log(child.pid); setInterval(() => {}, 1000)`
    const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await once(parent.stdout, 'data') as [Buffer], orphan = Number(line.toString())
    await new Promise(resolve => setTimeout(resolve, 1500))
    expect(isAlive(orphan)).to.equal(true)
    parent.kill('SIGKILL')
    for (let i = 0; isAlive(orphan) && i < 80; i++) await new Promise(resolve => setTimeout(resolve, 100))
    expect(isAlive(orphan)).to.equal(false)
    rmSync(folder, { recursive: true })
  })
})
