// .cache/trl-ppo: the last TRL with PPO, to be put before .venv-oracle's packages by PYTHONPATH. Only `npm run bench -- rlhf` needs it.
import { rmSync } from 'node:fs'
import path from 'node:path'
import { cache, here, read, sha256, write } from './paths.mjs'
import { installTo } from './python.mjs'

const folder = path.join(cache, 'trl-ppo'), mark = path.join(folder, 'installed-by-setup'), wanted = sha256(read(here('requirements-ppo.txt')))
if (read(mark) !== wanted) {
  rmSync(folder, { recursive: true, force: true })
  await installTo(folder, ['--require-hashes', '--no-deps', '-r', here('requirements-ppo.txt')])
  write(mark, wanted)
}
console.log(folder)
