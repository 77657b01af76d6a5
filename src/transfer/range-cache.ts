/**
 * Stored ranges that files of one pull have in common, kept in memory so that they come over the network once: builds of
 * one model differ in little. A range is kept from the second time on that it is wanted, and only after the file that it
 * came for was proved. Whoever takes it decodes and hashes it like one that just came, so nothing is believed.
 * Memory: a budget for what is kept and what is being collected; what was not used for longest goes first.
 */
import type { XorbHash } from '../xet/hash.ts'
import type { PlanFetch } from './reconstruction-plan.ts'

export type StoredRange = Pick<PlanFetch, 'xorb' | 'bytes'>

/** Of the budget, for one range. */
const RANGE_SHARE = 1 / 4
const RANGES_MAX = 512
/** Remembered of those that were wanted once. */
const SEEN_MAX = 4096

interface Kept {
  readonly xorb: XorbHash
  readonly start: number
  readonly bytes: Uint8Array
}

export class RangeCache {
  readonly #bytesMax: number
  #bytes = 0
  /** By key, the last used one last. */
  readonly #kept = new Map<string, Kept>()
  readonly #collecting = new Set<string>()
  readonly #seen = new Set<string>()

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** The bytes of the range, or of a longer one that is kept. */
  find({ xorb, bytes: { start, end } }: StoredRange): Uint8Array | null {
    for (const [key, kept] of this.#kept) {
      if (kept.xorb !== xorb || start < kept.start || end > kept.start + kept.bytes.length) continue
      this.#kept.delete(key)
      this.#kept.set(key, kept)
      return kept.bytes.subarray(start - kept.start, end - kept.start)
    }
    return null
  }

  /** For a range that is going to be fetched; null when it is not worth its memory. */
  collect({ xorb, bytes: { start, end } }: StoredRange): RangeCollector | null {
    const length = end - start
    const key = `${xorb} ${start} ${end}`
    if (length > this.#bytesMax * RANGE_SHARE || this.#collecting.has(key)) return null
    if (!this.#seen.delete(key)) {
      this.#remember(key)
      return null
    }
    if (!this.#makeRoom(length)) return null
    this.#collecting.add(key)
    this.#bytes += length
    return new RangeCollector(length, (bytes) => {
      this.#collecting.delete(key)
      if (bytes === null) this.#bytes -= length
      else this.#kept.set(key, { xorb, start, bytes })
    })
  }

  #remember(key: string): void {
    this.#seen.add(key)
    if (this.#seen.size <= SEEN_MAX) return
    for (const oldest of this.#seen) {
      this.#seen.delete(oldest)
      return
    }
  }

  /** False when too much of the memory is being collected. */
  #makeRoom(length: number): boolean {
    for (const [key, { bytes }] of this.#kept) {
      if (this.#bytes + length <= this.#bytesMax && this.#kept.size < RANGES_MAX) break
      this.#kept.delete(key)
      this.#bytes -= bytes.length
    }
    return this.#bytes + length <= this.#bytesMax
  }
}

/** The bytes of one range while they come. Either `keep` or `drop` is called in the end. */
export class RangeCollector {
  readonly #memory: Uint8Array
  readonly #onEnd: (bytes: Uint8Array | null) => void
  #filled = 0
  #isOpen = true

  constructor(length: number, onEnd: (bytes: Uint8Array | null) => void) {
    this.#memory = new Uint8Array(length)
    this.#onEnd = onEnd
  }

  /** What comes next begins so far into the range: after a break that is before the end of what came. */
  seek(offset: number): void {
    if (offset > this.#filled) this.drop()
    this.#filled = offset
  }

  /** Copies. */
  add(piece: Uint8Array): void {
    if (!this.#isOpen) return
    if (piece.length > this.#memory.length - this.#filled) {
      this.drop()
      return
    }
    this.#memory.set(piece, this.#filled)
    this.#filled += piece.length
  }

  /** The file that the range belongs to is proved. */
  keep(): void {
    this.#end(this.#filled === this.#memory.length ? this.#memory : null)
  }

  drop(): void {
    this.#end(null)
  }

  #end(bytes: Uint8Array | null): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#onEnd(bytes)
  }
}
