/**
 * Cuts the untrusted byte stream of a xorb into batches of whole records without decoding them. Every header's fields are
 * checked; what is wrong is thrown after the whole records before it were given, so that whoever decodes them finds an
 * earlier fault first. Memory: one batch and one record.
 */
import * as limits from './constants.ts'
import { XORB_FOOTER_BYTES_MAX } from './xorb-footer.ts'
import { parseRecordHeader, xorbRefused } from './xorb-reader.ts'

export interface RecordBatch {
  /** Whole records, in memory of their own. */
  readonly records: Uint8Array<ArrayBuffer>
  /** Index of the first one's chunk in the xorb. */
  readonly firstIndex: number
  /** Where each record ends in `records`. */
  readonly ends: readonly number[]
}

export interface BatchLimits {
  /** A batch is given when it has so many bytes, or records. */
  readonly bytes: number
  readonly records: number
}

/** `onTail` gets all bytes after the last record: the footer, else nothing; cut where they cannot be one any more. */
export async function* readRecordBatches(
  source: AsyncIterable<Uint8Array>,
  batch: BatchLimits,
  onTail: (tail: Uint8Array) => void,
): AsyncGenerator<RecordBatch> {
  const cutter = new RecordCutter(batch)
  for await (const piece of source) {
    for (let at = 0; at < piece.length; ) {
      at += cutter.take(piece, at)
      yield* cutter.cut()
    }
  }
  yield* cutter.finish()
  onTail(cutter.tail)
}

class RecordCutter {
  readonly #limits: BatchLimits
  #memory: Uint8Array<ArrayBuffer>
  /** Bytes in memory. */
  #length = 0
  #ends: number[] = []
  #firstIndex = 0
  #isTail = false
  #fault: Error | null = null

  constructor(batch: BatchLimits) {
    this.#limits = batch
    this.#memory = this.#newMemory()
  }

  get tail(): Uint8Array {
    return this.#isTail ? this.#memory.slice(this.#end, this.#length) : new Uint8Array(0)
  }

  get #end(): number {
    return this.#ends.at(-1) ?? 0
  }

  /** How many of the bytes from `at` on it took: as many as there was room for. */
  take(piece: Uint8Array, at: number): number {
    const room = this.#isTail ? this.#tailRoom() : this.#memory.length - this.#length
    const part = piece.subarray(at, at + room)
    this.#memory.set(part, this.#length)
    this.#length += part.length
    if (!this.#isTail) this.#findRecords()
    return this.#isTail ? piece.length - at : part.length
  }

  /** The whole records, when they are as many as a batch has; throws when nothing good can follow them. */
  *cut(): Iterable<RecordBatch> {
    while (this.#end >= this.#limits.bytes || this.#ends.length >= this.#limits.records) yield this.#release()
    if (this.#fault === null) return
    if (this.#ends.length > 0) yield this.#release()
    throw this.#fault
  }

  /** The rest; throws unless it is whole. */
  *finish(): Iterable<RecordBatch> {
    if (this.#ends.length > 0) yield this.#release()
    if (!this.#isTail && this.#length > 0) {
      throw xorbRefused('XORB_TRUNCATED', this.#firstIndex)
    }
  }

  #findRecords(): void {
    while (this.#fault === null && !this.#isTail && this.#ends.length < this.#limits.records) {
      const left = this.#memory.subarray(this.#end, this.#length)
      const ident = limits.XORB_FOOTER_IDENT
      if (left.length < ident.length) return
      this.#isTail = ident.every((byte, i) => byte === left[i])
      if (this.#isTail || left.length < limits.CHUNK_HEADER_BYTES) return
      const stored = this.#storedLength(left)
      if (stored === null || left.length < limits.CHUNK_HEADER_BYTES + stored) return
      this.#ends.push(this.#end + limits.CHUNK_HEADER_BYTES + stored)
    }
  }

  /** Null when the header is refused. */
  #storedLength(head: Uint8Array): number | null {
    const index = this.#firstIndex + this.#ends.length
    try {
      if (index >= limits.XORB_CHUNKS_MAX) throw xorbRefused('XORB_TOO_MANY_CHUNKS', index)
      return parseRecordHeader(head, index).storedLength
    } catch (error) {
      this.#fault = error as Error
      return null
    }
  }

  #release(): RecordBatch {
    const [memory, end] = [this.#memory, this.#end]
    const batch = { records: memory.subarray(0, end), firstIndex: this.#firstIndex, ends: this.#ends }
    const rest = memory.subarray(end, this.#length)
    this.#memory = this.#newMemory()
    this.#memory.set(rest)
    this.#length = rest.length
    this.#firstIndex += this.#ends.length
    this.#ends = []
    this.#findRecords()
    return batch
  }

  #tailRoom(): number {
    return Math.max(XORB_FOOTER_BYTES_MAX + 1 - (this.#length - this.#end), 0)
  }

  /** Room for a batch, the largest record behind it, and the bytes of a footer that must be seen to be refused. */
  #newMemory(): Uint8Array<ArrayBuffer> {
    const record = limits.CHUNK_HEADER_BYTES + limits.CHUNK_STORED_BYTES_MAX
    return new Uint8Array(this.#limits.bytes + Math.max(record, XORB_FOOTER_BYTES_MAX + 1))
  }
}
