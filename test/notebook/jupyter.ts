import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const root = path.resolve(__dirname, '../..'), python = path.join(root, '.venv/bin/python')

/** An output of a cell, as nbformat has it. */
export interface Output { output_type: string; data?: Record<string, unknown>; text?: string; metadata?: Record<string, unknown> }

/** An executed notebook and the page that nbconvert makes of it. */
export interface Executed { cells: { source: string; outputs: Output[] }[]; html: string }

/** How each kernel is started: ours, and tslab as it comes. */
export const kernels = {
  ours: ['--no-force-async-hooks-checks', path.join(root, 'tools/kernel/dist/main.js'), '{connection_file}'],
  stock: [path.join(root, 'node_modules/tslab/bin/tslab'), 'kernel', '--config-path={connection_file}'],
} as const

/** Runs cells with nbclient in one of the kernels. Needs `npm run build` and the set-up's .venv; says so when one is missing. */
export async function runCells(kernel: keyof typeof kernels, cells: readonly string[]): Promise<Executed> {
  for (const [file, remedy] of [[python, 'npm start -- --setup-only'], [path.join(root, 'lib/dist/index.js'), 'npm run build'], [path.join(root, 'tools/kernel/dist/main.js'), 'npm run build']]) {
    if (!existsSync(file)) throw new Error(`${path.relative(root, file)} is not there: ${remedy}`)
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'notebook-'))
  try {
    const spec = path.join(folder, 'kernels', kernel)
    mkdirSync(spec, { recursive: true })
    writeFileSync(path.join(spec, 'kernel.json'), JSON.stringify({
      argv: [process.execPath, ...kernels[kernel]], display_name: kernel, language: 'typescript', env: { TF_CPP_MIN_LOG_LEVEL: '3' },
    }))
    return await new Promise<Executed>((resolve, reject) => {
      const run = spawn(python, [path.join(__dirname, 'run.py'), folder, kernel], { cwd: root })
      let out = '', errors = ''
      run.stdout.setEncoding('utf8').on('data', (text: string) => { out += text })
      run.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text })
      run.on('error', reject)
      run.on('close', code => { if (code === 0) resolve(JSON.parse(out) as Executed); else reject(new Error(`run.py ended with ${code}: ${errors.slice(-3000)}`)) })
      run.stdin.end(JSON.stringify(cells))
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
