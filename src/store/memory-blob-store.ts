/** Blobs in memory: for tests, and the plain truth that the other drivers are compared with. */
import { crc32 } from 'node:zlib'
import type { ByteRange } from '../base/byte-range.ts'
import {
  type BlobInfo,
  type BlobKey,
  type BlobKind,
  type BlobStore,
  blobChanged,
  blobDamaged,
  blobNotFound,
  blobReplaced,
  checkBlobKey,
  checkBlobLength,
  type OnDamage,
  type OpenOptions,
  type PutOutcome,
  runOf,
  type SegmentRun,
} from './blob-store.ts'
import { type SegmentTable, SegmentTableBuilder, segmentStart } from './segment-table.ts'

interface Held {
  readonly bytes: Uint8Array
  readonly table: SegmentTable
  readonly damaged: Set<number>
}

export class MemoryBlobStore implements BlobStore {
  readonly #blobs = new Map<string, Held>()
  readonly #trash = new Map<string, Held>()
  readonly #onDamage: OnDamage | undefined

  constructor(options: { onDamage?: OnDamage } = {}) {
    this.#onDamage = options.onDamage
  }

  async put(key: BlobKey, segments: AsyncIterable<Uint8Array | SegmentRun>): Promise<PutOutcome> {
    checkBlobKey(key)
    await this.restore(key)
    const needed = !isWhole(this.#blobs.get(idOf(key)))
    const builder = new SegmentTableBuilder()
    const parts: Uint8Array[] = []
    for await (const piece of segments) {
      if (!needed) continue
      const run = runOf(piece)
      builder.addRun(run)
      checkBlobLength(key, builder.length)
      parts.push(new Uint8Array(run.bytes))
    }
    const now = this.#blobs.get(idOf(key))
    if (now !== undefined && isWhole(now)) return { inserted: false, info: infoOf(now) }
    if (!needed) throw blobChanged(key)
    const held = { bytes: new Uint8Array(Buffer.concat(parts)), table: builder.finish(), damaged: new Set<number>() }
    this.#blobs.set(idOf(key), held)
    return { inserted: true, info: infoOf(held) }
  }

  async *open(key: BlobKey, range?: ByteRange, options: OpenOptions = {}): AsyncIterable<Uint8Array> {
    checkBlobKey(key)
    await this.restore(key)
    const held = this.#blobs.get(idOf(key))
    if (held === undefined) throw blobNotFound(key)
    const { table, bytes } = held
    if (options.copy !== undefined && options.copy !== table.copy) throw blobReplaced(key)
    const { start, end } = range ?? { start: 0, end: table.length }
    for (let segment = 0; segment < table.ends.length; segment++) {
      const from = segmentStart(table.ends, segment)
      const to = table.ends[segment] as number
      if (to <= start || from >= end) continue
      if (held.damaged.has(segment)) throw blobDamaged(key, segment)
      if (crc32(bytes.subarray(from, to)) !== table.crcs[segment]) {
        await this.quarantine(key, [segment])
        throw blobDamaged(key, segment)
      }
      const piece = bytes.slice(Math.max(start, from), Math.min(end, to))
      yield piece
      if (options.isLent) piece.fill(0)
    }
  }

  async find(key: BlobKey): Promise<BlobInfo | null> {
    checkBlobKey(key)
    await this.restore(key)
    const held = this.#blobs.get(idOf(key))
    return held === undefined ? null : infoOf(held)
  }

  async has(key: BlobKey): Promise<boolean> {
    return (await this.find(key)) !== null
  }

  async *list(kind: BlobKind, after = ''): AsyncIterable<string> {
    for (const id of [...this.#blobs.keys()].sort()) {
      if (id.startsWith(`${kind}/`) && id > `${kind}/${after}`) yield id.slice(kind.length + 1)
    }
  }

  async trash(key: BlobKey, isFree: () => Promise<boolean>): Promise<number | null> {
    const held = this.#blobs.get(idOf(key))
    if (held === undefined || !(await isFree())) return null
    this.#blobs.delete(idOf(key))
    this.#trash.set(idOf(key), held)
    return held.bytes.length
  }

  async *listTrash(): AsyncIterable<BlobKey> {
    for (const id of [...this.#trash.keys()].sort()) {
      const [kind = '', name = ''] = id.split('/')
      yield { kind: kind as BlobKind, name }
    }
  }

  async restore(key: BlobKey): Promise<boolean> {
    const held = this.#trash.get(idOf(key))
    if (held === undefined) return false
    this.#trash.delete(idOf(key))
    if (!this.#blobs.has(idOf(key))) this.#blobs.set(idOf(key), held)
    return true
  }

  async purge(key: BlobKey, isFree: () => Promise<boolean>): Promise<number | null> {
    const held = this.#trash.get(idOf(key))
    if (held === undefined || !(await isFree())) return null
    this.#trash.delete(idOf(key))
    return held.bytes.length
  }

  async quarantine(key: BlobKey, segments: readonly number[]): Promise<void> {
    const held = this.#blobs.get(idOf(key))
    if (held === undefined) throw blobNotFound(key)
    const fresh = segments.filter((segment) => segment < held.table.ends.length && !held.damaged.has(segment))
    if (fresh.length === 0) return
    await this.#onDamage?.(key, fresh)
    for (const segment of fresh) held.damaged.add(segment)
  }

  /** For tests: the byte that a failing disk changed. */
  flipByte(key: BlobKey, offset: number): void {
    const held = this.#blobs.get(idOf(key))
    if (held === undefined) throw blobNotFound(key)
    held.bytes[offset] = (held.bytes[offset] as number) ^ 1
  }
}

function idOf({ kind, name }: BlobKey): string {
  return `${kind}/${name}`
}

function isWhole(held: Held | undefined): boolean {
  return held !== undefined && held.damaged.size === 0
}

function infoOf({ table, damaged }: Held): BlobInfo {
  const { length, ends, copy } = table
  return { length, ends, copy, damaged: [...damaged].sort((a, b) => a - b) }
}
