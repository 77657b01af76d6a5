/**
 * The work that touches every byte of stored records: decoding, BLAKE3 of chunks, SHA-256 of files. An interface, so that
 * a server has it done by threads (record-threads.ts) while its own thread answers; this driver does it where it is called.
 *
 * Records are whole ones, one behind the other, some hundred KiB at a time, and lent until the answer comes. Threads see
 * shared memory as it is and get a copy of any other. Answers say what the bytes are; what they must be, the caller
 * compares.
 */
import { createHash, type Hash } from 'node:crypto'
import { AppError } from '../base/app-error.ts'
import { CHUNK_HEADER_BYTES, HASH_BYTES, PAIR_BYTES } from '../xet/constants.ts'
import { chunkHash, hashBytes } from '../xet/hash.ts'
import { decodeRecord, parseRecordHeader } from '../xet/xorb-reader.ts'

/** What callers put into one batch, about: to wake a thread, and be woken by it, takes as long as hashing 64 KiB. */
export const BATCH_BYTES = 1024 * 1024
/** Decoding thousands of tiny records takes long however few their bytes are. */
export const BATCH_RECORDS_MAX = 1024

/** Plain bytes are hashed or copied before the next record is decoded. */
const LENT = { isLent: true }

export interface DecodedRecords {
  /** Of the records before the first bad one. */
  readonly plain: Uint8Array
  /** The first, counted from 0, that cannot be decoded or has another hash; null when all are good. */
  readonly bad: number | null
}

export interface Sha256Pass {
  /** Throws kind `integrity` when a record cannot be decoded. Calls follow each other. */
  add(records: Uint8Array): Promise<void>
  /** In lower-case hexadecimal; ends the pass. */
  digest(): Promise<string>
  /** Ends a pass whose answer nobody wants; nothing after `digest`. */
  close(): void
}

export interface RecordWork {
  /**
   * Hash and plain length of each chunk, packed as in chunk-list.ts. Throws kind `integrity` or `unsupported` for a record
   * that cannot be decoded; `firstIndex` is for its message.
   */
  hash(records: Uint8Array, firstIndex: number): Promise<Uint8Array>
  /** `pairs` say what the chunks are. */
  decode(records: Uint8Array, pairs: Uint8Array): Promise<DecodedRecords>
  openSha256(): Sha256Pass
  close(): Promise<void>
}

export const inlineRecordWork: RecordWork = {
  hash: async (records, firstIndex) => hashRecords(records, firstIndex),
  decode: async (records, pairs) => decodeRecords(records, pairs),
  openSha256() {
    const sha256 = createHash('sha256')
    return {
      add: async (records) => addPlain(sha256, records),
      digest: async () => sha256.digest('hex'),
      close() {
        // Nothing is held but memory.
      },
    }
  },
  close: async () => undefined,
}

export function hashRecords(records: Uint8Array, firstIndex: number): Uint8Array<ArrayBuffer> {
  const pairs = new Uint8Array(countRecords(records) * PAIR_BYTES)
  const view = new DataView(pairs.buffer)
  let at = 0
  let index = firstIndex
  for (const record of eachRecord(records)) {
    const plain = decodeRecord(record, index++, LENT)
    pairs.set(hashBytes(chunkHash(plain)), at)
    view.setUint32(at + HASH_BYTES, plain.length, true)
    at += PAIR_BYTES
  }
  return pairs
}

export function decodeRecords(
  records: Uint8Array,
  pairs: Uint8Array,
): DecodedRecords & { plain: Uint8Array<ArrayBuffer> } {
  const view = new DataView(pairs.buffer, pairs.byteOffset, pairs.byteLength)
  let total = 0
  for (let at = HASH_BYTES; at < pairs.length; at += PAIR_BYTES) total += view.getUint32(at, true)
  const plain = new Uint8Array(total)
  let written = 0
  let number = 0
  for (const record of eachRecord(records)) {
    const at = number * PAIR_BYTES
    const chunk = decodeOrNull(record)
    const isGood =
      chunk !== null &&
      chunk.length === view.getUint32(at + HASH_BYTES, true) &&
      isSame(hashBytes(chunkHash(chunk)), pairs.subarray(at, at + HASH_BYTES))
    if (!isGood) return { plain: plain.subarray(0, written), bad: number }
    plain.set(chunk, written)
    written += chunk.length
    number++
  }
  return { plain, bad: null }
}

export function addPlain(sha256: Hash, records: Uint8Array): void {
  for (const record of eachRecord(records)) sha256.update(decodeRecord(record, 0, LENT))
}

function* eachRecord(records: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < records.length; ) {
    const { storedLength } = parseRecordHeader(records.subarray(at, at + CHUNK_HEADER_BYTES))
    const end = at + CHUNK_HEADER_BYTES + storedLength
    yield records.subarray(at, end)
    at = end
  }
}

function countRecords(records: Uint8Array): number {
  let count = 0
  for (const _record of eachRecord(records)) count++
  return count
}

function decodeOrNull(record: Uint8Array): Uint8Array | null {
  try {
    return decodeRecord(record, 0, LENT)
  } catch (error) {
    if (error instanceof AppError) return null
    throw error
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
