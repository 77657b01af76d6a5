/**
 * Cuts the untrusted byte stream of a xorb into batches of whole records without decoding them. Every header's fields are
 * checked; what is wrong is thrown after the whole records before it were given, so that whoever decodes them finds an
 * earlier fault first. Memory: one batch and one record, used again for every batch of a stream.
 */
import * as limits from './constants.ts'
import { XORB_FOOTER_BYTES_MAX } from './xorb-footer.ts'
import { parseRecordHeader, xorbRefused } from './xorb-reader.ts'

export interface RecordBatch {
  /** Whole records; the reader's only until it asks for the next batch. */
  readonly records: Uint8Array
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

/** Where the batches of a stream are put together, one after the other. */
export interface BatchMemory {
  /** `batchMemoryBytes` of them. */
  readonly bytes: Uint8Array
  copy(piece: Uint8Array, to: number): void
}

/** Room for a batch, the largest record behind it, and the bytes of a footer that must be seen to be refused. */
export function batchMemoryBytes({ bytes }: Pick<BatchLimits, 'bytes'>): number {
  const record = limits.CHUNK_HEADER_BYTES + limits.CHUNK_STORED_BYTES_MAX
  return bytes + Math.max(record, XORB_FOOTER_BYTES_MAX + 1)
}

/** `onTail` gets all bytes after the last record: the footer, else nothing; cut where they cannot be one any more. */
export async function* readRecordBatches(
  source: AsyncIterable<Uint8Array>,
  batch: BatchLimits,
  onTail: (tail: Uint8Array) => void,
  memory: BatchMemory = plainMemory(batchMemoryBytes(batch)),
): AsyncGenerator<RecordBatch> {
  const cutter = new RecordCutter(batch, memory)
  for await (const piece of source) {
    for (let at = 0; at < piece.length; ) {
      at += cutter.take(piece, at)
      yield* cutter.cut()
    }
  }
  yield* cutter.finish()
  onTail(cutter.tail)
}

function plainMemory(length: number): BatchMemory {
  const bytes = new Uint8Array(length)
  return { bytes, copy: (piece, to) => bytes.set(piece, to) }
}

class RecordCutter {
  readonly #limits: BatchLimits
  readonly #memory: Uint8Array
  readonly #copy: BatchMemory['copy']
  /** Bytes in memory. */
  #length = 0
  #ends: number[] = []
  #firstIndex = 0
  #isTail = false
  #fault: Error | null = null

  constructor(batch: BatchLimits, { bytes, copy }: BatchMemory) {
    this.#limits = batch
    this.#memory = bytes
    this.#copy = copy
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
    this.#copy(part, this.#length)
    this.#length += part.length
    if (!this.#isTail) this.#findRecords()
    return this.#isTail ? piece.length - at : part.length
  }

  /** The whole records, when they are as many as a batch has; throws when nothing good can follow them. */
  *cut(): Iterable<RecordBatch> {
    while (this.#end >= this.#limits.bytes || this.#ends.length >= this.#limits.records) yield* this.#lend()
    if (this.#fault === null) return
    if (this.#ends.length > 0) yield* this.#lend()
    throw this.#fault
  }

  /** The rest; throws unless it is whole. */
  *finish(): Iterable<RecordBatch> {
    if (this.#ends.length > 0) yield* this.#lend()
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

  *#lend(): Iterable<RecordBatch> {
    const end = this.#end
    yield { records: this.#memory.subarray(0, end), firstIndex: this.#firstIndex, ends: this.#ends }
    this.#memory.copyWithin(0, end, this.#length)
    this.#length -= end
    this.#firstIndex += this.#ends.length
    this.#ends = []
    this.#findRecords()
  }

  #tailRoom(): number {
    return Math.max(XORB_FOOTER_BYTES_MAX + 1 - (this.#length - this.#end), 0)
  }
}
