// Our kernel and Jupyter's settings, below .venv and .cache: nothing outside the clone is written or read.
import path from 'node:path'
import { cache, root, venv, write } from './paths.mjs'

const json = value => JSON.stringify(value, null, 2) + '\n'

/** Installs the kernelspec `tslab` and Lab's defaults; written anew at each start, since Node.js may have moved. */
export function kernelspec() {
  const share = path.join(venv, 'share/jupyter')
  write(path.join(share, 'kernels/tslab/kernel.json'), json({
    argv: [process.execPath, '--no-force-async-hooks-checks', '--max-old-space-size=4096', path.join(root, 'tools/kernel/dist/main.js'), '{connection_file}'],
    display_name: 'TypeScript',
    language: 'typescript',
    interrupt_mode: 'message',
    env: { TF_CPP_MIN_LOG_LEVEL: '3' },
  }))
  write(path.join(share, 'lab/settings/overrides.json'), json({
    '@jupyterlab/apputils-extension:notification': { fetchNews: 'false', checkForUpdates: false, doNotDisturbMode: true },
  }))
  return 'kernel tslab'
}

/** The environment for any Jupyter program: a user's own settings and kernels stay out of the course. */
export const jupyterEnvironment = {
  JUPYTER_CONFIG_DIR: path.join(cache, 'jupyter/config'),
  JUPYTER_DATA_DIR: path.join(cache, 'jupyter/data'),
  JUPYTER_PLATFORM_DIRS: '1',
}

/** The flags that JupyterLab starts with. */
export const labFlags = [
  '--KernelSpecManager.ensure_native_kernel=False',
  '--KernelSpecManager.allowed_kernelspecs=tslab',
  '--MultiKernelManager.default_kernel_name=tslab',
  '--LabApp.news_url=None',
  '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate',
  '--ServerApp.ip=127.0.0.1',
  // Only the address to open, and what goes wrong.
  '--Application.log_level=WARN',
  // In a container everybody is root; the server listens on this machine only and asks for its token all the same.
  ...(process.getuid?.() === 0 ? ['--allow-root'] : []),
]
