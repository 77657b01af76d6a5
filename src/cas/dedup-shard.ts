/**
 * The bytes of a chunk query's answer, from ready-made parts: no files, the keyed chunk lists of some xorbs, a footer.
 * A 200 that lacks any of this aborts the client's upload (xet.md 7.5, 7.6).
 */
import type { ChunkList } from '../xet/chunk-list.ts'
import { HASH_BYTES, SHARD_ENTRY_BYTES, SHARD_FOOTER_BYTES, SHARD_VERSION } from '../xet/constants.ts'
import { hashBytes, keyedChunkHash, type XorbHash } from '../xet/hash.ts'
import { writeShardFooter } from '../xet/shard-footer.ts'
import { SHARD_TAG } from '../xet/shard-reader.ts'
import type { Pacer } from './pacer.ts'

/** A xorb's header entry and its chunks, hashes keyed. */
export async function keyedEntries(
  hash: XorbHash,
  chunks: ChunkList,
  key: Uint8Array,
  pacer: Pacer,
): Promise<Uint8Array> {
  const bytes = new Uint8Array((1 + chunks.count) * SHARD_ENTRY_BYTES)
  const view = new DataView(bytes.buffer)
  bytes.set(hashBytes(hash))
  view.setUint32(HASH_BYTES + 4, chunks.count, true)
  view.setUint32(HASH_BYTES + 8, chunks.plainBytes, true)
  for (let i = 0, at = SHARD_ENTRY_BYTES; i < chunks.count; i++, at += SHARD_ENTRY_BYTES) {
    bytes.set(hashBytes(keyedChunkHash(key, chunks.hash(i))), at)
    view.setUint32(at + HASH_BYTES, chunks.plainStarts[i] as number, true)
    view.setUint32(at + HASH_BYTES + 4, chunks.length(i), true)
    if (pacer.isDue) await pacer.pause()
  }
  return bytes
}

export class DedupShard {
  readonly #key: Uint8Array
  readonly #times: { readonly createdSeconds: number; readonly expirySeconds: number }
  readonly #parts: Uint8Array[] = []
  #plainBytes = 0

  constructor(key: Uint8Array, times: { createdSeconds: number; expirySeconds: number }) {
    this.#key = key
    this.#times = times
  }

  /** Xorbs come in order of hash. */
  add(entries: Uint8Array, plainBytes: number): void {
    this.#parts.push(entries)
    this.#plainBytes += plainBytes
  }

  finish(): Uint8Array {
    const head = Buffer.alloc(2 * SHARD_ENTRY_BYTES)
    head.set(SHARD_TAG)
    head.writeBigUInt64LE(BigInt(SHARD_VERSION), HASH_BYTES)
    head.writeBigUInt64LE(BigInt(SHARD_FOOTER_BYTES), HASH_BYTES + 8)
    head.fill(0xff, SHARD_ENTRY_BYTES, SHARD_ENTRY_BYTES + HASH_BYTES)
    const bookend = Buffer.alloc(SHARD_ENTRY_BYTES).fill(0xff, 0, HASH_BYTES)
    const bytes = Buffer.concat([head, ...this.#parts, bookend, Buffer.alloc(SHARD_FOOTER_BYTES)])
    const end = bytes.length - SHARD_FOOTER_BYTES
    // Clients take the first table's offset for the end of the xorb section.
    const empty = { at: end, count: 0 }
    writeShardFooter(bytes, end, {
      ...this.#times,
      xorbsAt: 2 * SHARD_ENTRY_BYTES,
      tables: [empty, empty, empty],
      key: this.#key,
      sums: { stored: 0, terms: 0, plain: this.#plainBytes },
    })
    return bytes
  }
}
