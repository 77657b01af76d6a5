/**
 * Decodes and hashes the chunks of whole records out of pieces of any size, without a wait or an allocation for each:
 * what a fast download runs for every byte. Records that lie in one piece are decoded where they are; one that spans
 * pieces is joined first. Memory: one record.
 */
import { decompress } from './compression.ts'
import * as limits from './constants.ts'
import { chunkHashBytes } from './hash.ts'
import { parseRecordHeader, xorbRefused } from './xorb-reader.ts'

export interface DecodedRecord {
  /** Of the chunk, in the whole xorb. */
  readonly index: number
  /** Lent: valid until the next call of `next` or of any kernel. */
  readonly plain: Uint8Array
  /** 32 raw bytes. */
  readonly hash: Uint8Array
  /** Header and payload. */
  readonly storedBytes: number
}

const NONE = new Uint8Array(0)
const RECORD_BYTES_MAX = limits.CHUNK_HEADER_BYTES + limits.CHUNK_STORED_BYTES_MAX

export class RecordDecoder {
  #index: number
  #piece: Uint8Array = new Uint8Array(0)
  #at = 0
  /** The beginning of a record whose rest is in pieces to come. */
  #begun = NONE
  #begunBytes = 0

  constructor(firstIndex: number) {
    this.#index = firstIndex
  }

  /** After `next` said that it needs more. */
  feed(piece: Uint8Array): void {
    this.#piece = piece
    this.#at = 0
  }

  /** The next chunk; null when its record has not come whole. */
  next(): DecodedRecord | null {
    const record = this.#takeRecord()
    if (record === null) return null
    const index = this.#index++
    const { scheme, plainLength } = parseRecordHeader(record, index)
    const stored = record.subarray(limits.CHUNK_HEADER_BYTES)
    const plain = decompress(scheme, stored, plainLength, { isLent: true })
    return { index, plain, hash: chunkHashBytes(plain), storedBytes: record.length }
  }

  /** Throws when the pieces ended within a record. */
  finish(): void {
    if (this.#begunBytes > 0) throw xorbRefused('XORB_TRUNCATED', this.#index)
  }

  #takeRecord(): Uint8Array | null {
    if (this.#begunBytes > 0) return this.#takeBegun()
    const left = this.#piece.subarray(this.#at)
    const length = left.length < limits.CHUNK_HEADER_BYTES ? Number.POSITIVE_INFINITY : this.#recordLength(left)
    if (left.length < length) {
      this.#grow(left.length)
      return null
    }
    this.#at += length
    return left.subarray(0, length)
  }

  #takeBegun(): Uint8Array | null {
    if (!this.#grow(limits.CHUNK_HEADER_BYTES)) return null
    const length = this.#recordLength(this.#begun)
    if (!this.#grow(length)) return null
    this.#begunBytes = 0
    return this.#begun.subarray(0, length)
  }

  /** Whether `length` bytes of the record are there, after taking from the piece what it has of them. */
  #grow(length: number): boolean {
    const part = this.#piece.subarray(this.#at, this.#at + Math.max(length - this.#begunBytes, 0))
    if (part.length > 0 && this.#begun.length === 0) this.#begun = new Uint8Array(RECORD_BYTES_MAX)
    this.#begun.set(part, this.#begunBytes)
    this.#begunBytes += part.length
    this.#at += part.length
    return this.#begunBytes >= length
  }

  #recordLength(head: Uint8Array): number {
    if (this.#index >= limits.XORB_CHUNKS_MAX) throw xorbRefused('XORB_TOO_MANY_CHUNKS', this.#index)
    return limits.CHUNK_HEADER_BYTES + parseRecordHeader(head, this.#index).storedLength
  }
}
