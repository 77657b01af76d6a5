/**
 * How far each fetch of a file has come, so that a killed pull goes on where it was: an append-only list of records, each
 * the chunks that were written since the last one of the same fetch, in order, with their hashes.
 *
 * A record (record-log.ts) is the xorb's hash, the fetch (u32 chunks start and end; u64 bytes start and end), the number of
 * the first chunk (u32), where the next one begins in the stored xorb (u64), and for each chunk its hash and its plain
 * length (u32). Nothing in it is believed: the bytes it tells of are read and hashed again before they count.
 */
import type { FileHandle } from 'node:fs/promises'
import { frameRecord, readRecords } from '../base/record-log.ts'
import { type ChunkList, ChunkListBuilder, readPairs } from '../xet/chunk-list.ts'
import { CHUNK_PLAIN_BYTES_MAX, HASH_BYTES, PAIR_BYTES } from '../xet/constants.ts'
import { formatHash, hashBytes, type XorbHash } from '../xet/hash.ts'
import type { PlanFetch } from './reconstruction-plan.ts'

const FIXED_BYTES = HASH_BYTES + 4 + 4 + 8 + 8 + 4 + 8
/** Three times that of a file of 2^21 chunks; a longer one was not made by us. */
const JOURNAL_BYTES_MAX = 256 * 1024 * 1024

export interface FetchProgress {
  readonly chunks: ChunkList
  /** In the stored xorb: where the chunk after these begins. */
  readonly position: number
}

export type FetchRange = Pick<PlanFetch, 'xorb' | 'start' | 'end' | 'bytes'>

export interface JournalEntry {
  readonly fetch: FetchRange
  /** Number within the xorb of the first chunk. */
  readonly first: number
  /** Of the chunks, packed as in chunk-list.ts. */
  readonly pairs: Uint8Array
  /** In the stored xorb: where the chunk after these begins. */
  readonly position: number
}

export class FetchJournal {
  readonly #file: FileHandle
  readonly #progress: Map<string, { chunks: ChunkListBuilder; position: number }>
  #end: number

  private constructor(file: FileHandle, end: number, entries: Iterable<JournalEntry>) {
    this.#file = file
    this.#end = end
    this.#progress = new Map()
    for (const entry of entries) this.#take(entry)
  }

  /** What `file` tells; its torn end is overwritten by what comes next. */
  static async open(file: FileHandle): Promise<FetchJournal> {
    const { size } = await file.stat()
    if (size > JOURNAL_BYTES_MAX) return new FetchJournal(file, 0, [])
    const bytes = new Uint8Array(size)
    const { bytesRead } = await file.read(bytes, 0, size, 0)
    const { entries, end } = readEntries(bytes.subarray(0, bytesRead))
    return new FetchJournal(file, end, entries)
  }

  findProgress(fetch: FetchRange): FetchProgress | null {
    const progress = this.#progress.get(keyOf(fetch))
    return progress === undefined ? null : { chunks: progress.chunks.finish(), position: progress.position }
  }

  async append(entry: JournalEntry): Promise<void> {
    const record = formatEntry(entry)
    const at = this.#end
    this.#end += record.length
    // A hint: a write that fails, or comes out short, costs what it would have told.
    await this.#file.write(record, 0, record.length, at)
  }

  /** Forgets all: the bytes it tells of are gone or wrong. */
  async clear(): Promise<void> {
    this.#progress.clear()
    this.#end = 0
    await this.#file.truncate(0)
  }

  #take({ fetch, first, pairs, position }: JournalEntry): void {
    const key = keyOf(fetch)
    const chunks = first === fetch.start ? new ChunkListBuilder() : this.#progress.get(key)?.chunks
    if (chunks === undefined || fetch.start + chunks.count !== first) return
    chunks.addPairs(pairs)
    this.#progress.set(key, { chunks, position })
  }
}

/** The whole records at the beginning of `bytes`, and where they end. */
export function readEntries(bytes: Uint8Array): { entries: JournalEntry[]; end: number } {
  const { payloads, end: wholeEnd } = readRecords(bytes)
  const entries: JournalEntry[] = []
  let end = 0
  for (const payload of payloads) {
    const entry = readEntry(payload)
    if (entry === null) return { entries, end }
    entries.push(entry)
    end = payload.byteOffset - bytes.byteOffset + payload.length
  }
  return { entries, end: wholeEnd }
}

function readEntry(payload: Uint8Array): JournalEntry | null {
  if (payload.length < FIXED_BYTES || (payload.length - FIXED_BYTES) % PAIR_BYTES !== 0) return null
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  const [start, end] = [view.getUint32(32, true), view.getUint32(36, true)]
  const bytes = { start: Number(view.getBigUint64(40, true)), end: Number(view.getBigUint64(48, true)) }
  const first = view.getUint32(56, true)
  const position = Number(view.getBigUint64(60, true))
  const pairs = payload.subarray(FIXED_BYTES)
  let isGood = true
  readPairs(pairs, (_, length) => {
    isGood &&= length > 0 && length <= CHUNK_PLAIN_BYTES_MAX
  })
  const last = first + pairs.length / PAIR_BYTES
  if (!isGood || first < start || last > end || position < bytes.start || position > bytes.end) return null
  const xorb: XorbHash = formatHash<'xorb'>(payload.subarray(0, HASH_BYTES))
  return { fetch: { xorb, start, end, bytes }, first, pairs, position }
}

export function formatEntry({ fetch, first, pairs, position }: JournalEntry): Uint8Array {
  const payload = new Uint8Array(FIXED_BYTES + pairs.length)
  const view = new DataView(payload.buffer)
  payload.set(hashBytes(fetch.xorb), 0)
  view.setUint32(32, fetch.start, true)
  view.setUint32(36, fetch.end, true)
  view.setBigUint64(40, BigInt(fetch.bytes.start), true)
  view.setBigUint64(48, BigInt(fetch.bytes.end), true)
  view.setUint32(56, first, true)
  view.setBigUint64(60, BigInt(position), true)
  payload.set(pairs, FIXED_BYTES)
  return frameRecord(payload)
}

function keyOf({ xorb, start, end, bytes }: FetchRange): string {
  return `${xorb} ${start} ${end} ${bytes.start} ${bytes.end}`
}
