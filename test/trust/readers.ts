/** Every reader of a file that somebody else wrote: a healthy file, and what reading it must come to. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { readGateMetrics, releaseGate } from '../../lib/evaluate/gate'
import { download } from '../../lib/exchange/download'
import { gptConfig, llamaConfig, shapeOf } from '../../lib/model/config'
import { paramsToSafetensors, readConfig, readParams, writeConfig } from '../../lib/model/huggingface'
import { adamw } from '../../lib/model/optimiser'
import { disposeParams, initParams, parameterShapes } from '../../lib/model/params'
import { readSafetensors } from '../../lib/model/safetensors'
import { readTokenizer } from '../../lib/model/tokenizer'
import { wordTokenizer } from '../../lib/model/tokenizerWord'
import { validateFile } from '../../lib/preference/validate'
import type { Random } from '../../lib/tensor/random'
import { Random as Stream } from '../../lib/tensor/random'
import { decodeCheckpoint, encodeCheckpoint } from '../../lib/train/checkpoint'
import { disposeTraining, startState } from '../../lib/train/training'
import { mutateBytes, mutateJson } from '../mutations'

const root = path.resolve(__dirname, '../..')

/** Reads a damaged file: throws an error that names the file, or returns after it has made sure that what it read is sound. */
export interface Reader {
  readonly name: string
  readonly damaged: (random: Random) => Uint8Array
  readonly read: (bytes: Uint8Array, scratch: string) => Promise<void> | void
}

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const parse = (bytes: Uint8Array, file: string): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error })
  }
}
const must = (sound: boolean, what: string) => { if (!sound) throw new Unsound(what) }
/** What was read is not sound: worse than an error of the reader. */
export class Unsound extends Error {}

const pairs = Array.from({ length: 40 }, (_, i) => ({ prompt_id: `p${i % 9}`, prompt: `where is parcel ${i}? "soon", they said`, chosen: `it is\nlate ${i}`, rejected: `wait ${i} ü`, label: i % 2 }))
const csv = (rows: readonly Record<string, unknown>[]) => [Object.keys(rows[0]), ...rows.map(r => Object.values(r))].map(r => r.map(v => `"${String(v).replaceAll('"', '""')}"`).join(',')).join('\n')
const column = (name: keyof typeof pairs[0]) => ({ name, data: pairs.map(p => name === 'label' ? BigInt(p.label) : p[name]), type: name === 'label' ? 'INT64' as const : 'STRING' as const })

function preference(ending: string, file: Uint8Array): Reader {
  return {
    name: `preference pairs, .${ending}`, damaged: random => mutateBytes(file, random),
    async read(bytes, scratch) {
      const where = path.join(scratch, `damaged.${ending}`)
      writeFileSync(where, bytes)
      const report = await validateFile(where, { blockMs: 2000 })
      must(report.done && report.validRows <= report.rows && (report.validRows === report.rows) === (report.problemCount === 0), 'the report does not add up')
      must(report.problems.every(p => p.file === where && p.row >= 1 && p.found !== '' && p.expected !== ''), 'a problem without its place')
      if (report.problemCount > 0 || report.rows === 0) throw new Error(`${where}: ${report.problemCount} problems`)
    },
  }
}

const read = (file: string) => readFileSync(file)

/** A published file that a mirror gives: its own bytes or nothing, and nothing else is kept. */
function mirrored(): Reader {
  const file = text(pairs), entry = {
    name: 'damaged', about: '', repository: 'o/r', commit: 'a'.repeat(40), path: 'file.json', urls: ['http://127.0.0.1:9/file.json'],
    sha256: createHash('sha256').update(file).digest('hex'), size: file.length, licence: 'MIT',
  }
  return {
    name: 'download', damaged: random => mutateBytes(file, random),
    async read(bytes, scratch) {
      const [mirror, cache] = ['mirror', 'cache'].map(name => path.join(scratch, name)), place = path.join(mirror, entry.repository, entry.commit)
      mkdirSync(place, { recursive: true })
      mkdirSync(cache, { recursive: true })
      writeFileSync(path.join(place, entry.path), bytes)
      try {
        must(read((await download(entry, { mirror, cache })).path).equals(file), 'another file than the published one')
      } catch (error) {
        must(!readdirSync(cache, { recursive: true, encoding: 'utf8' }).some(name => name.includes(entry.path)), 'what was refused is kept')
        throw error
      }
    },
  }
}

/** A notebook that a student hands in, read by the scorer's own functions in a Python process that is kept. */
function handedIn(): Reader {
  const lab = '02-bradley-terry', file = read(path.join(root, 'notebooks', `${lab}.ipynb`))
  // its pictures are most of it and nothing is read out of them
  const notebook = JSON.parse(file.toString()) as { cells: { outputs?: unknown[] }[] }, small = { ...notebook, cells: notebook.cells.map(cell => cell.outputs ? { ...cell, outputs: [] } : cell) }
  let answers: AsyncIterator<string> | undefined, ask: (line: string) => void
  const reader = async () => {
    if (answers) return answers
    const child = spawn(path.join(root, '.venv/bin/python'), [path.join(__dirname, 'notebooks.py'), lab], { stdio: ['pipe', 'pipe', 'inherit'] })
    process.once('disconnect', () => child.kill())
    ask = line => child.stdin.write(`${line}\n`)
    answers = createInterface(child.stdout)[Symbol.asyncIterator]()
    await answers.next()
    return answers
  }
  return {
    name: "student's notebook", damaged: random => random.int(2) ? mutateBytes(text(small), random) : text(mutateJson(small, random)),
    async read(bytes, scratch) {
      const where = path.join(scratch, 'damaged.ipynb'), from = await reader()
      writeFileSync(where, bytes)
      ask(where)
      const { value, done } = await from.next()
      must(!done, 'the reader ended')
      const said = JSON.parse(value as string) as { refused?: string, unsound?: string }
      must(said.unsound === undefined, said.unsound!)
      if (said.refused !== undefined) throw new Error(said.refused)
    },
  }
}

/** All readers; needs the backend. */
export function readers(): Reader[] {
  const gpt = gptConfig({ vocab_size: 8, n_positions: 6, n_embd: 4, n_layer: 1, n_head: 2, tie_word_embeddings: false })
  const llama = llamaConfig({ vocab_size: 8, max_position_embeddings: 6, hidden_size: 4, intermediate_size: 6, num_hidden_layers: 1, num_attention_heads: 2 })
  const params = initParams(gpt, Stream.seed(0)), state = startState('sft', { policy: params }, { policy: adamw({ lr: 1 }).init(params) }, Stream.seed(1))
  const weights = paramsToSafetensors(params), checkpoint = encodeCheckpoint({ state }), header = 8 + Number(new DataView(weights.buffer).getBigUint64(0, true))
  disposeTraining({ state })
  disposeParams(params)
  const configs = [gpt, llama].map(config => writeConfig(config, {}, { pad: 0, eos: 1 }))
  const bpe = parse(readFileSync(path.resolve(__dirname, '../goldens/tokenizer_split.json')), 'bpe'), word = wordTokenizer(['<pad>', '<eos>', 'late', 'parcel'], { pad: '<pad>', eos: '<eos>' }).files
  const tokenizers: (typeof word)[] = [{ 'tokenizer.json': bpe, 'tokenizer_config.json': { eos_token: '<|endoftext|>', pad_token: '<pad>' } }, word]
  const either = (random: Random, value: unknown) => random.int(2) ? mutateBytes(text(value), random) : text(mutateJson(value, random))
  return [
    {
      name: 'model.safetensors', damaged: random => mutateBytes(weights, random, random.int(2) ? header : undefined),
      read(bytes) {
        const params = readParams([readSafetensors(bytes, 'damaged')], gpt, 'damaged')
        for (const [name, shape] of Object.entries(parameterShapes(gpt))) must(params[name].shape.join() === shape.join() && params[name].dataSync().every(Number.isFinite), `${name} is not sound`)
        disposeParams(params)
      },
    },
    {
      name: 'config.json', damaged: random => either(random, random.choice(configs)),
      read: bytes => must(Object.values(shapeOf(readConfig(parse(bytes, 'damaged'), 'damaged'))).every(n => Number.isSafeInteger(n) && n > 0), 'a size that is none'),
    },
    {
      name: 'tokenizer.json', damaged: random => either(random, random.choice(tokenizers)),
      read(bytes) {
        const tokenizer = readTokenizer(parse(bytes, 'damaged') as typeof word, 'damaged')
        const ids = tokenizer.encode(tokenizer.vocabulary.length > 4 ? 'The boats went don\'t 123 <|im_end|>\n naïve 水' : '')
        must(ids.every(id => id >= 0 && id < tokenizer.vocabulary.length), 'a token outside the vocabulary')
        tokenizer.decode(ids)
      },
    },
    {
      name: 'checkpoint', damaged: random => mutateBytes(checkpoint, random, checkpoint.length / 2),
      read(bytes) {
        const { state: decoded } = decodeCheckpoint(bytes, 'damaged'), again = encodeCheckpoint({ state: decoded })
        disposeTraining({ state: decoded })
        must(Buffer.from(again).equals(checkpoint), 'another state than was written')
      },
    },
    {
      name: 'metrics for the gate', damaged: random => either(random, { proxy_delta: 0.4, human_delta: 0.1, length_delta: 3.5, human_low: 0.02, kl: 4, refusal_delta: 0.01, format_delta: 0, calibration_delta: 0.01, unsafe: 0 }),
      read(bytes, scratch) {
        const where = path.join(scratch, 'damaged.json')
        writeFileSync(where, bytes)
        const metrics = readGateMetrics(where), verdict = releaseGate(metrics)
        must(['proxy_delta', 'human_delta', 'length_delta'].every(name => Number.isFinite(metrics[name as 'proxy_delta'])), 'a metric that is no number')
        must(!verdict.release_ready || (metrics.human_delta > 0 && metrics.length_delta < 20), 'ready without its reasons')
      },
    },
    mirrored(),
    handedIn(),
    preference('jsonl', new TextEncoder().encode(pairs.map(p => JSON.stringify(p)).join('\n'))),
    preference('csv', new TextEncoder().encode(csv(pairs))),
    preference('parquet', new Uint8Array(parquetWriteBuffer({ columnData: (['prompt_id', 'prompt', 'chosen', 'rejected', 'label'] as const).map(column) }))),
  ]
}
