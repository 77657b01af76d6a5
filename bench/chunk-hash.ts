/**
 * Chunk and hash, ours beside hf_xet's own `hash_files`, in the same minutes: CPU time of the work alone.
 *
 *     node bench/chunk-hash.ts [MiB=1024] [rounds=5]
 *
 * Three files of a third each (random, bf16-like, text) are read from disk by every contender in turn, in an order that
 * rotates; their file hashes must agree. Both processes are warm: the ratio has no process start in it.
 */
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { installKernels } from '../src/xet/active-kernels.ts'
import { FileHasher } from '../src/xet/file-hasher.ts'
import type { Kernels } from '../src/xet/kernels.ts'
import { type BlakeAddon, createNativeKernels } from '../src/xet/native-kernels.ts'
import { createWasmKernels } from '../src/xet/wasm-kernels.ts'
import { CORPORA, writeCorpus } from './corpora.ts'

export interface ChunkHashOptions {
  readonly mib?: number
  readonly rounds?: number
  /** Folder for hf_xet's environment; kept between runs. */
  readonly peerFolder?: string
}

export interface ChunkHashResult {
  readonly kind: string
  /** Bytes of all rounds' one file. */
  readonly bytes: number
  /** Median CPU seconds by contender. */
  readonly cpuSeconds: Readonly<Record<string, number>>
  /** Median over the rounds of hf_xet's CPU time by ours: above 1 we are faster. */
  readonly ratios: Readonly<Record<string, number>>
}

interface Measured {
  readonly hash: string
  readonly cpuSeconds: number
}

interface Contender {
  readonly name: string
  measure(path: string): Promise<Measured>
}

const ROOT = join(import.meta.dirname, '..')
const PEER = join(ROOT, 'test', 'interop', 'peers', 'hf-xet.sh')

export async function benchChunkHash(options: ChunkHashOptions = {}): Promise<ChunkHashResult[]> {
  const { mib = 1024, rounds = 5, peerFolder = join(tmpdir(), 'xorbit-bench-hf-xet') } = options
  const folder = mkdtempSync(join(tmpdir(), 'xorbit-bench-'))
  const peer = startPeer(peerFolder)
  try {
    const contenders = [peer.contender, ...ourContenders()]
    const blocks = Math.max(1, Math.floor(mib / CORPORA.length))
    const results: ChunkHashResult[] = []
    for (const kind of CORPORA) {
      const path = join(folder, kind)
      writeCorpus(path, kind, blocks, 'chunk-hash')
      results.push(await compare(kind, path, contenders, rounds))
      rmSync(path)
    }
    return [...results, totalOf(results)]
  } finally {
    peer.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function compare(
  kind: string,
  path: string,
  contenders: readonly Contender[],
  rounds: number,
): Promise<ChunkHashResult> {
  const seconds = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  for (let round = -1; round < rounds; round++) {
    const turn = Math.max(round, 0) % contenders.length
    const hashes = new Set<string>()
    for (const { name, measure } of [...contenders.slice(turn), ...contenders.slice(0, turn)]) {
      const measured = await measure(path)
      hashes.add(measured.hash)
      // Round -1 warms caches and compilers.
      if (round >= 0) seconds.get(name)?.push(measured.cpuSeconds)
    }
    if (hashes.size !== 1) throw new Error(`${kind}: file hashes differ: ${[...hashes].join(' ')}`)
  }
  const theirs = seconds.get('hf_xet') ?? []
  const cpuSeconds: Record<string, number> = {}
  const ratios: Record<string, number> = {}
  for (const [name, ours] of seconds) {
    cpuSeconds[name] = median(ours)
    if (name !== 'hf_xet') ratios[name] = median(ours.map((value, i) => (theirs[i] as number) / value))
  }
  return { kind, bytes: statSync(path).size, cpuSeconds, ratios }
}

function totalOf(results: readonly ChunkHashResult[]): ChunkHashResult {
  const names = Object.keys(results[0]?.cpuSeconds ?? {})
  const sum = (name: string) => results.reduce((total, { cpuSeconds }) => total + (cpuSeconds[name] as number), 0)
  const bytes = results.reduce((total, result) => total + result.bytes, 0)
  const ours = names.filter((name) => name !== 'hf_xet')
  return {
    kind: 'all',
    bytes,
    cpuSeconds: Object.fromEntries(names.map((name) => [name, sum(name)])),
    ratios: Object.fromEntries(ours.map((name) => [name, sum('hf_xet') / sum(name)])),
  }
}

function ourContenders(): Contender[] {
  const wasm = createWasmKernels(new Uint8Array(readFileSync(join(ROOT, 'src', 'xet', 'kernels.wasm'))))
  const contenders = [contenderOf('wasm', wasm)]
  const addon = loadAddon()
  if (addon !== null) contenders.push(contenderOf('native', createNativeKernels(wasm, addon)))
  return contenders
}

function contenderOf(name: string, kernels: Kernels): Contender {
  return {
    name,
    async measure(path) {
      installKernels(kernels)
      const before = process.cpuUsage()
      const hash = hashFile(path)
      const { user, system } = process.cpuUsage(before)
      return { hash, cpuSeconds: (user + system) / 1e6 }
    },
  }
}

function hashFile(path: string): string {
  const descriptor = openSync(path, 'r')
  const hasher = new FileHasher()
  try {
    for (;;) {
      const count = readSync(descriptor, hasher.room())
      if (count === 0) return hasher.finish()
      hasher.fill(count)
    }
  } finally {
    hasher.close()
    closeSync(descriptor)
  }
}

function loadAddon(): BlakeAddon | null {
  try {
    return createRequire(import.meta.url)('@napi-rs/blake-hash') as BlakeAddon
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return null
    throw error
  }
}

/** The real hf_xet in one Python process that answers a path with its CPU seconds and the hash. */
const PEER_PROGRAM = `
import resource, sys, hf_xet
def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
for line in sys.stdin:
    before = cpu()
    result = hf_xet.hash_files([line.rstrip("\\n")])
    print(cpu() - before, result[0].hash, flush=True)
`

function startPeer(folder: string) {
  execFileSync('bash', [PEER, 'install', folder], { stdio: ['ignore', 'ignore', 'inherit'] })
  const child = spawn(join(folder, 'venv', 'bin', 'python'), ['-c', PEER_PROGRAM], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const contender: Contender = {
    name: 'hf_xet',
    async measure(path) {
      child.stdin.write(`${path}\n`)
      const { value, done } = await lines.next()
      if (done) throw new Error('hf_xet ended')
      const [seconds, hash] = String(value).split(' ')
      return { hash: hash as string, cpuSeconds: Number(seconds) }
    },
  }
  return { contender, stop: () => child.stdin.end() }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

if (import.meta.main) {
  const [mib, rounds] = process.argv.slice(2).map(Number)
  const results = await benchChunkHash({ ...(mib && { mib }), ...(rounds && { rounds }) })
  for (const { kind, bytes, cpuSeconds, ratios } of results) {
    const rates = Object.entries(cpuSeconds).map(([name, s]) => `${name} ${(bytes / s / 1e9).toFixed(2)} GB/CPU-s`)
    const shown = Object.entries(ratios).map(([name, ratio]) => `${name} ${ratio.toFixed(2)}x of hf_xet`)
    process.stdout.write(`chunk-hash ${kind}: ${rates.join(', ')}; ${shown.join(', ')}\n`)
  }
}
