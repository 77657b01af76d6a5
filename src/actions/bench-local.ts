/** How fast this machine does what a transfer is made of: cutting and hashing, SHA-256, packing, the disk. */
import { createHash } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeFully } from '../base/atomic-file.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { chooseScheme, compress } from '../xet/compression.ts'
import { FileHasher } from '../xet/file-hasher.ts'
import { benchData, MIB } from './bench-data.ts'

export interface Measured {
  readonly name: string
  readonly bytes: number
  readonly seconds: number
  /** What else is worth knowing, by name. */
  readonly figures?: Readonly<Record<string, number>>
}

export interface BenchLocalOptions {
  readonly mib: number
  /** Where to write; default the temporary folder. */
  readonly folder?: string | undefined
  readonly onMeasured: (measured: Measured) => void
  readonly clock?: Clock
  readonly signal?: AbortSignal | undefined
}

const ROUNDS = 3
/** As long as a usual chunk. */
const CHUNK_BYTES = 64 * 1024

export async function benchLocal(options: BenchLocalOptions): Promise<void> {
  const { mib, onMeasured, clock = systemClock, signal } = options
  const pieces = [...benchData(mib, 'local')]
  const bytes = mib * MIB
  const time = async (task: () => Promise<void> | void): Promise<number> => {
    signal?.throwIfAborted()
    const startMs = clock.monotonicMs()
    await task()
    return (clock.monotonicMs() - startMs) / 1000
  }
  const median = async (task: () => Promise<void> | void): Promise<number> => {
    const rounds: number[] = []
    for (let i = 0; i < ROUNDS; i++) rounds.push(await time(task))
    return rounds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0
  }
  onMeasured({ name: 'chunk and hash (Xet)', bytes, seconds: await median(() => chunkAndHash(pieces)) })
  onMeasured({ name: 'SHA-256', bytes, seconds: await median(() => sha256(pieces)) })
  let stored = 0
  const packing = await median(() => {
    stored = pack(pieces)
  })
  onMeasured({ name: 'compress', bytes, seconds: packing, figures: { storedShare: stored / bytes } })
  const folder = await mkdtemp(join(options.folder ?? tmpdir(), 'xorbit-bench-'))
  try {
    const path = join(folder, 'data')
    onMeasured({ name: 'write to disk, synced', bytes, seconds: await median(() => writeAll(path, pieces)) })
    onMeasured({ name: 'read again (cached)', bytes, seconds: await median(() => readAll(path)) })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function chunkAndHash(pieces: readonly Buffer[]): void {
  const hasher = new FileHasher({})
  try {
    for (const piece of pieces) hasher.push(piece)
    hasher.finish()
  } finally {
    hasher.close()
  }
}

function sha256(pieces: readonly Buffer[]): void {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  hash.digest()
}

/** Bytes after packing. */
function pack(pieces: readonly Buffer[]): number {
  let stored = 0
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += CHUNK_BYTES) {
      const plain = piece.subarray(at, at + CHUNK_BYTES)
      stored += compress(chooseScheme(plain), plain).stored.length
    }
  }
  return stored
}

async function writeAll(path: string, pieces: readonly Buffer[]): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (const piece of pieces) await writeFully(file, piece)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function readAll(path: string): Promise<void> {
  const file = await open(path)
  try {
    const buffer = Buffer.alloc(MIB)
    for (let count = 1; count > 0; ) count = (await file.read(buffer, 0, buffer.length)).bytesRead
  } finally {
    await file.close()
  }
}
