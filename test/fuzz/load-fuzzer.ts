/**
 * Mutated model files, loaded for real in a process of their own: each is refused clearly or loads, and nothing else. All
 * chance comes from one seed; what is found is named with the bytes that differ.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { GgufValue } from '../../src/engine/llama/gguf-writer.ts'
import { writeGgufModel } from '../farm/gguf-model.ts'
import { ROOT } from '../farm/hub-process.ts'
import { xorshift32 } from '../vectors/recipe.ts'
import { mutate } from './fuzzer.ts'
import type { LoadOutcome, LoadTask } from './load-host.ts'

export const LOAD_FORMATS = ['safetensors', 'gguf', 'config', 'adapter', 'adapter-config'] as const
export type LoadFormat = (typeof LOAD_FORMATS)[number]

export interface LoadCounts {
  readonly loaded: number
  readonly refused: number
  /** Each with its input. */
  readonly faults: readonly { readonly why: string; readonly input: string }[]
}

const MODEL = join(ROOT, 'test/vectors/models/tiny-llama3')
const ADAPTER = join(MODEL, 'adapters/00_a')
const LOAD_MS_MAX = 20_000
const FAULTS_MAX = 5
/** What some models have, and native code is particular about. */
const MORE_KEYS = new Map<string, GgufValue>([
  ['llama.rope.scaling.type', { text: 'linear' }],
  ['llama.rope.scaling.factor', { f32: 1 }],
  ['llama.expert_count', { u32: 0 }],
  ['llama.expert_used_count', { u32: 0 }],
])
/** Of the file made here: numbers and names of the model, before its vocabulary. */
const GGUF_KEYS_BYTES = 1_100
const ODD_VALUES = [
  '0',
  '1',
  '-1',
  '2',
  '3',
  '7',
  '0.5',
  '1e-30',
  '1e30',
  '65536',
  '2147483648',
  '9007199254740991',
  'true',
  'null',
  '""',
  '[]',
  '{}',
]

/** A file of which the first `length` bytes are mutated, and what loads it. */
interface Target {
  readonly path: string
  readonly whole: Buffer
  readonly length: number
  readonly task: LoadTask
}

/** `count` mutations; ends early after some faults. */
export async function fuzzLoads(
  format: LoadFormat,
  { count, seed, folder }: { count: number; seed: number; folder: string },
): Promise<LoadCounts> {
  const target = prepare(format, join(folder, format))
  const header = new Uint8Array(target.whole.subarray(0, target.length))
  const rest = target.whole.subarray(target.length)
  const next = xorshift32(seed || 1)
  const counts = { loaded: 0, refused: 0 }
  const faults: { why: string; input: string }[] = []
  let host = new Host()
  // The first is whole: what is counted as refused must be refused for what was changed.
  for (let i = 0; i < count && faults.length < FAULTS_MAX; i++) {
    const bytes = i === 0 ? header : mutateHeader(format, header, next)
    writeFileSync(target.path, Buffer.concat([bytes, rest]))
    const outcome = await host.load(target.task)
    if (outcome.outcome !== 'fault') {
      counts[outcome.outcome]++
      continue
    }
    faults.push({ why: outcome.why, input: Buffer.from(bytes).toString('base64').slice(0, 200_000) })
    await host.end()
    host = new Host()
  }
  await host.end()
  rmSync(join(folder, format), { recursive: true })
  return { ...counts, faults }
}

/** A third by any edits; else by one that leaves the format whole, so that what lies behind the parser is reached. */
function mutateHeader(format: LoadFormat, header: Uint8Array, next: () => number): Uint8Array {
  const isPrefixed = format === 'safetensors' || format === 'adapter'
  if (next() % 3 === 0) {
    const mutated = mutate([header], next)
    return isPrefixed ? inStep(mutated, next) : mutated
  }
  if (format === 'gguf') return flipped(header, next)
  const [prefix, json] = isPrefixed ? [header.subarray(0, 8), header.subarray(8)] : [header.subarray(0, 0), header]
  const edited = Buffer.concat([prefix, Buffer.from(editedJson(Buffer.from(json).toString(), next))])
  if (isPrefixed) edited.writeBigUInt64LE(BigInt(edited.length - 8))
  return edited
}

/** One value becomes another: a number an odd one, a text or a word that of another place. */
function editedJson(json: string, next: () => number): string {
  const values = [...json.matchAll(/-?\d+(\.\d+)?([eE][-+]?\d+)?|true|false|null|"[^"]*"/g)]
  const at = values[next() % values.length] as RegExpExecArray
  const other = values[next() % values.length] as RegExpExecArray
  const value = next() % 2 === 0 ? ODD_VALUES[next() % ODD_VALUES.length] : other[0]
  return json.slice(0, at.index) + value + json.slice(at.index + at[0].length)
}

/** Bits, most often in the keys at the beginning, of which native code reads its sizes. */
function flipped(header: Uint8Array, next: () => number): Uint8Array {
  const copy = new Uint8Array(header)
  for (let edits = 1 + (next() % 2); edits > 0; edits--) {
    const at = next() % (next() % 3 === 0 ? copy.length : GGUF_KEYS_BYTES)
    if (next() % 2 === 0) copy[at] = (copy[at] as number) ^ (1 << (next() % 8))
    else copy[at] = next() % 256
  }
  return copy
}

/** The first is the length in a safetensors file: every second case would end there if it were not kept in step. */
function inStep(bytes: Uint8Array, next: () => number): Uint8Array {
  if (bytes.length < 8 || next() % 4 === 0) return bytes
  const copy = Buffer.from(bytes)
  copy.writeBigUInt64LE(BigInt(copy.length - 8))
  return copy
}

function prepare(format: LoadFormat, folder: string): Target {
  mkdirSync(folder, { recursive: true })
  if (format === 'gguf') {
    const path = join(folder, 'model.gguf')
    writeGgufModel(MODEL, path, { pre: 'llama-bpe', more: MORE_KEYS })
    return targetOf(path, { kind: 'model', weights: { kind: 'gguf', path, dtype: 'keep' } }, ggufHeaderBytes)
  }
  const isAdapter = format.startsWith('adapter')
  const copy = join(folder, 'model')
  cpSync(isAdapter ? ADAPTER : MODEL, copy, { recursive: true })
  const task: LoadTask = isAdapter
    ? { kind: 'adapter', path: copy, base: MODEL }
    : { kind: 'model', weights: { kind: 'hf-directory', path: copy, dtype: 'keep' } }
  if (format === 'config') return targetOf(join(copy, 'config.json'), task, (whole) => whole.length)
  if (format === 'adapter-config') return targetOf(join(copy, 'adapter_config.json'), task, (whole) => whole.length)
  const file = isAdapter ? 'adapter_model.safetensors' : 'model.safetensors'
  return targetOf(join(copy, file), task, (whole) => 8 + Number(whole.readBigUInt64LE()))
}

function targetOf(path: string, task: LoadTask, lengthOf: (whole: Buffer) => number): Target {
  const whole = readFileSync(path)
  return { path, whole, length: lengthOf(whole), task }
}

/** Up to where the first tensor's description ends, roughly: the data is the larger part by far. */
function ggufHeaderBytes(whole: Buffer): number {
  return whole.lastIndexOf('blk.') + 64
}

class Host {
  readonly #child: ChildProcess
  #words = ''

  constructor() {
    this.#child = fork(new URL('./load-host.ts', import.meta.url), [], {
      serialization: 'advanced',
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#words = (this.#words + text).slice(-2_000)
    })
  }

  load(task: LoadTask): Promise<LoadOutcome> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), LOAD_MS_MAX)
      const finish = (outcome: LoadOutcome) => {
        clearTimeout(timer)
        this.#child.removeAllListeners('message').removeAllListeners('exit')
        resolve(outcome)
      }
      this.#child.once('message', (outcome: LoadOutcome) => finish(outcome))
      this.#child.once('exit', (code, signal) => {
        finish({ outcome: 'fault', why: `the process ended: ${signal ?? code}: ${this.#words.slice(-600)}` })
      })
      this.#child.send(task)
    })
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }
}
