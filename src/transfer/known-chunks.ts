/**
 * What an upload session knows to be stored already: the chunks it packed itself, or an unfinished push before it, and
 * those that the CAS told about in
 * answers to chunk queries, whose hashes may be keyed. Finds the longest run from a chunk on.
 */
import { AppError } from '../base/app-error.ts'
import { type ChunkHash, keyedChunkHash, type XorbHash } from '../xet/hash.ts'
import { parseDedupShard } from '../xet/shard-reader.ts'

/** A xorb, maybe still being built: its hash is known when it is cut. */
export interface XorbSlot {
  hash: XorbHash | null
  /** Of its chunks in order; keyed when the CAS told them so. */
  readonly hashes: ChunkHash[]
}

export interface KnownRun {
  readonly slot: XorbSlot
  readonly start: number
  readonly count: number
}

interface Place {
  readonly slot: XorbSlot
  readonly index: number
}

/** Answers that share a key. */
interface Told {
  readonly key: Uint8Array | null
  readonly places: Map<ChunkHash, Place>
}

export class KnownChunks {
  readonly #own = new Map<ChunkHash, Place>()
  readonly #told = new Map<string, Told>()
  readonly #toldXorbs = new Set<string>()

  /** A chunk this session just put into a xorb. */
  add(hash: ChunkHash, slot: XorbSlot): void {
    this.#own.set(hash, { slot, index: slot.hashes.length })
    slot.hashes.push(hash)
  }

  /** The answer to a chunk query. Throws unless it is a whole shard. */
  tell(shard: Uint8Array): void {
    const { keyed, key, xorbs } = parseDedupShard(shard)
    const name = keyed ? Buffer.from(key).toString('hex') : ''
    const told = this.#told.get(name) ?? { key: keyed ? new Uint8Array(key) : null, places: new Map() }
    this.#told.set(name, told)
    for (const { hash, chunks } of xorbs) {
      if (this.#toldXorbs.has(name + hash)) continue
      this.#toldXorbs.add(name + hash)
      const slot: XorbSlot = { hash, hashes: chunks.map((chunk) => chunk.hash) }
      slot.hashes.forEach((chunk, index) => {
        if (!told.places.has(chunk)) told.places.set(chunk, { slot, index })
      })
    }
  }

  /** A xorb that an earlier push has sent. */
  recall({ hash, chunks }: { readonly hash: XorbHash; readonly chunks: readonly ChunkHash[] }): void {
    const slot: XorbSlot = { hash, hashes: [...chunks] }
    slot.hashes.forEach((chunk, index) => {
      if (!this.#own.has(chunk)) this.#own.set(chunk, { slot, index })
    })
  }

  has(hash: ChunkHash): boolean {
    return this.#find(hash) !== null
  }

  /** The longest run of hashes[from...] that lies in one xorb in this order; null when the first is unknown. */
  findRun(hashes: readonly ChunkHash[], from: number): KnownRun | null {
    const first = hashes[from]
    if (first === undefined) throw new AppError('bug', 'RUN_START_BAD', 'A run begins at a chunk')
    const found = this.#find(first)
    if (found === null) return null
    const { slot, index, key } = found
    let count = 1
    while (from + count < hashes.length) {
      const next = hashes[from + count] as ChunkHash
      if (slot.hashes[index + count] !== (key === null ? next : keyedChunkHash(key, next))) break
      count++
    }
    return { slot, start: index, count }
  }

  #find(hash: ChunkHash): (Place & { readonly key: Uint8Array | null }) | null {
    const own = this.#own.get(hash)
    if (own !== undefined) return { ...own, key: null }
    for (const { key, places } of this.#told.values()) {
      const place = places.get(key === null ? hash : keyedChunkHash(key, hash))
      if (place !== undefined) return { ...place, key }
    }
    return null
  }
}
