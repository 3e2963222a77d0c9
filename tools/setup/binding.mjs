// The addon that connects TensorFlow.js to TensorFlow, built here: TensorFlow's C library comes out of its Python wheel,
// the addon's sources out of the npm package. What is expensive stays in .native/, where npm does not remove it.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, copyFileSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { glibc, here, native, read, root, sha256, write } from './paths.mjs'
import { installTo } from './python.mjs'
import { must, run, SetupError } from './say.mjs'

const platform = `${process.platform}-${process.arch}`
// The wheel is chosen by its tag: the Python that runs pip need not be this one.
const linux = machine => [...Array.from({ length: 24 }, (_, i) => `manylinux_2_${28 - i}_${machine}`), `manylinux2014_${machine}`]
const wheels = {
  cpu: {
    'linux-x64': { wheel: 'tensorflow-cpu', version: '2.15.1', tags: linux('x86_64'), uv: 'x86_64-manylinux_2_28', size: '207 MB' },
    'linux-arm64': { wheel: 'tensorflow-cpu-aws', version: '2.15.1', tags: linux('aarch64'), uv: 'aarch64-manylinux_2_28', size: '202 MB' },
    'darwin-arm64': { wheel: 'tensorflow', version: '2.18.1', tags: ['macosx_12_0_arm64'], uv: 'aarch64-apple-darwin', size: '228 MB' },
  },
  gpu: {
    'linux-x64': { wheel: 'tensorflow', version: '2.21.0', tags: linux('x86_64'), uv: 'x86_64-manylinux_2_28', size: '3.4 GB' },
  },
}

/** The npm package that each variant's addon goes into. */
export const packages = { cpu: 'tfjs-node', gpu: 'tfjs-node-gpu' }

const packageDir = variant => path.join(root, 'node_modules/@tensorflow', packages[variant])
const addonOf = variant => path.join(packageDir(variant), 'lib/napi-v8/tfjs_binding.node')
const markOf = variant => path.join(packageDir(variant), 'lib/napi-v8/built-here.json')
const choiceFile = path.join(native, 'versions.json')

const musl = () => process.platform === 'linux' && !glibc()

/** Whether there is a TensorFlow wheel for this machine. */
const supported = variant => Boolean(wheels[variant][platform]) && !musl()

/** The wheel for this machine, in the version that `npm run native -- --tf` chose, else the tested one. */
function wheelFor(variant) {
  const wheel = wheels[variant][platform]
  if (!supported(variant)) throw new SetupError(`there is no TensorFlow ${variant === 'gpu' ? 'GPU ' : ''}wheel for ${platform}${musl() ? ' with musl' : ''}`)
  const chosen = JSON.parse(read(choiceFile) ?? '{}')[variant]
  const requirements = here(`wheels/${platform}${variant === 'gpu' ? '-gpu' : ''}.txt`)
  return { ...wheel, version: chosen ?? wheel.version, requirements: chosen && chosen !== wheel.version ? undefined : requirements }
}

const librariesOf = wheel => path.join(native, `${wheel.wheel}-${wheel.version}`)

/** Remembers a TensorFlow version for a variant (`undefined`: the tested one again). */
export function chooseVersion(variant, version) {
  write(choiceFile, JSON.stringify({ ...JSON.parse(read(choiceFile) ?? '{}'), [variant]: version }) + '\n')
}

/** Removes from the unpacked wheel what the addon does not need: its Python half. */
function prune(folder) {
  const keep = /^(libtensorflow_(cc|framework)\b.*|include)$/
  for (const name of readdirSync(folder)) if (!keep.test(name)) rmSync(path.join(folder, name), { recursive: true })
  for (const name of readdirSync(path.join(folder, 'include'))) if (!['tensorflow', 'tsl', 'xla'].includes(name)) rmSync(path.join(folder, 'include', name), { recursive: true })
}

/** TensorFlow's C library and headers, unpacked from the wheel into .native/. */
async function libraries(wheel, note) {
  const folder = librariesOf(wheel)
  if (existsSync(path.join(folder, 'tensorflow/include'))) return folder
  note(`downloading ${wheel.wheel} ${wheel.version}, ${wheel.size}`)
  const temporary = `${folder}.tmp`
  try {
    const what = wheel.requirements ? ['--require-hashes', '-r', wheel.requirements] : [`${wheel.wheel}==${wheel.version}`]
    await installTo(temporary, ['--no-deps', '--only-binary=:all:', ...what], {
      pip: ['--no-compile', '--implementation', 'cp', '--python-version', '3.11', '--abi', 'cp311', ...wheel.tags.flatMap(tag => ['--platform', tag])],
      uv: ['--python-version', '3.11', '--python-platform', wheel.uv],
    })
    prune(path.join(temporary, 'tensorflow'))
    rmSync(folder, { recursive: true, force: true })
    renameSync(temporary, folder)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  return folder
}

/** A C++ compiler as a command line: CXX, the system's, or zig from PyPI where there is none. */
async function compiler(note) {
  if (process.env.CXX) return process.env.CXX.split(' ')
  for (const name of ['g++', 'clang++', 'c++']) if ((await run(name, ['--version'])).code === 0) return [name]
  const zig = path.join(native, 'zig')
  if (!existsSync(path.join(zig, 'ziglang/zig'))) {
    note('no C++ compiler here, fetching zig')
    await installTo(zig, ['--no-deps', '--require-hashes', '-r', here('requirements-zig.txt')])
  }
  const target = process.platform === 'linux' ? ['-target', `${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu.2.17`] : []
  return [path.join(zig, 'ziglang/zig'), 'c++', ...target]
}

/** Everything that goes into the addon, as one hash: when it changes, the addon is built again. */
function keyOf(variant, wheel) {
  const files = folder => readdirSync(folder).sort().map(name => `${name}\n${readFileSync(path.join(folder, name), 'utf8')}`)
  const headers = read(path.join(root, 'node_modules/node-api-headers/package.json'))
  return sha256([platform, variant, wheel.wheel, wheel.version, headers, ...files(path.join(packageDir(variant), 'binding')), ...files(here('binding'))].join('\0')).slice(0, 16)
}

/** Compiles the addon. It finds TensorFlow relative to itself, so that a moved clone still works. */
async function compile(variant, folder, addon, note) {
  const source = packageDir(variant)
  const mac = process.platform === 'darwin'
  const library = name => path.join(folder, 'tensorflow', mac ? `lib${name}.2.dylib` : `lib${name}.so.2`)
  const toLibraries = path.relative(path.dirname(addonOf(variant)), path.join(folder, 'tensorflow'))
  const [command, ...first] = await compiler(note)
  note('compiling')
  mkdirSync(path.dirname(addon), { recursive: true })
  await must(command, [...first, '-std=c++17', '-O3', '-ffp-contract=off', '-fno-math-errno', '-fno-trapping-math', '-fPIC', '-shared', ...(mac ? ['-undefined', 'dynamic_lookup'] : ['-s']), '-DNAPI_VERSION=8',
    '-I', path.join(root, 'node_modules/node-api-headers/include'), '-I', path.join(folder, 'tensorflow/include'), '-I', path.join(source, 'binding'),
    here('binding/binding.cc'), here('binding/kernels.cc'), '-o', `${addon}.tmp`, library('tensorflow_cc'), library('tensorflow_framework'),
    `-Wl,-rpath,${mac ? '@loader_path' : '$ORIGIN'}/${toLibraries}`], { hint: 'Try another compiler with CXX=…, or start with --no-native.' })
  renameSync(`${addon}.tmp`, addon)
}

/** What is in the npm package now: 'no package', 'missing', 'stock' (its own), 'ours', or 'outdated' (ours, from other sources). */
export function addonState(variant) {
  if (!existsSync(packageDir(variant))) return 'no package'
  if (!existsSync(addonOf(variant))) return 'missing'
  const mark = read(markOf(variant))
  if (!mark || JSON.parse(mark).bytes !== statSync(addonOf(variant)).size) return 'stock'
  const wheel = wheelFor(variant)
  return JSON.parse(mark).key === keyOf(variant, wheel) && existsSync(librariesOf(wheel)) ? 'ours' : 'outdated'
}

/** The TensorFlow that our addon was built against. */
export const addonTensorflow = variant => JSON.parse(read(markOf(variant)) ?? '{}').tensorflow

/** Whether the GPU variant was asked for here before: then set-up puts it back when npm has removed it. */
export const hasLibraries = variant => supported(variant) && existsSync(path.join(librariesOf(wheelFor(variant)), 'tensorflow'))

/** Removes what a set-up that was killed left half-made below .native; set-ups are one at a time. */
export function sweepNative() {
  for (const folder of [native, path.join(native, 'addons')].filter(existsSync)) {
    for (const name of readdirSync(folder)) if (name.endsWith('.tmp')) rmSync(path.join(folder, name), { recursive: true })
  }
}

/** Builds the addon where it is missing or outdated, and puts it into the npm package; resolves to a line that says what was done. */
export async function ensureAddon(variant, note) {
  const state = addonState(variant)
  if (state === 'no package') throw new SetupError(`@tensorflow/${packages[variant]} is not installed (it is optional; npm may have been offline): remove node_modules and start again`)
  if (state === 'ours') return 'up to date'
  const wheel = wheelFor(variant)
  const folder = await libraries(wheel, note)
  const key = keyOf(variant, wheel)
  const built = path.join(native, 'addons', `${packages[variant]}-${key}.node`)
  if (!existsSync(built)) await compile(variant, folder, built, note)
  const addon = addonOf(variant)
  mkdirSync(path.dirname(addon), { recursive: true })
  copyFileSync(built, `${addon}.tmp`)
  renameSync(`${addon}.tmp`, addon)
  write(markOf(variant), JSON.stringify({ key, wheel: wheel.wheel, tensorflow: wheel.version, bytes: statSync(addon).size }) + '\n')
  return `built against ${wheel.wheel} ${wheel.version}`
}
