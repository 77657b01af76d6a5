/**
 * Builds a xorb's body chunk by chunk, compressed by hf_xet's rule, without a footer, as clients send it.
 *
 * One choice of scheme holds for a block of 32 chunks and is made for its first chunk; blocks begin anew at each file
 * (`startFile`). A chunk that its scheme does not shorten is stored plain. Memory: the body so far.
 */
import { AppError } from '../base/app-error.ts'
import { type ChunkList, ChunkListBuilder } from './chunk-list.ts'
import { chooseScheme, compress, SCHEME_GROUPED_LZ4, SCHEME_LZ4, SCHEME_NONE, type Scheme } from './compression.ts'
import * as limits from './constants.ts'
import type { ChunkHash, XorbHash } from './hash.ts'
import { xorbHashOfList } from './merkle.ts'

export interface XorbWriterOptions {
  /** `auto` chooses as hf_xet does. */
  readonly compression?: 'auto' | 'none' | 'lz4' | 'bg4-lz4'
  /** Memory for the body instead of fresh one; the finished body is a view of it unless it had to grow. */
  readonly buffer?: Uint8Array<ArrayBuffer>
}

export interface BuiltXorb {
  readonly hash: XorbHash
  readonly chunks: ChunkList
  readonly body: Uint8Array<ArrayBuffer>
  /** Offset in the body after each record. */
  readonly recordEnds: Uint32Array
}

const FIXED_SCHEME: Readonly<Record<string, Scheme>> = {
  none: SCHEME_NONE,
  lz4: SCHEME_LZ4,
  'bg4-lz4': SCHEME_GROUPED_LZ4,
}
const BODY_BYTES_FIRST = 256 * 1024

export class XorbBuilder {
  readonly #fixedScheme: Scheme | null
  readonly #chunks = new ChunkListBuilder()
  readonly #recordEnds: number[] = []
  #body: Uint8Array<ArrayBuffer> = new Uint8Array(BODY_BYTES_FIRST)
  #bodyBytes = 0
  #plainBytes = 0
  #scheme: Scheme = SCHEME_LZ4
  /** Chunks of the current block so far. */
  #blockChunks = 0

  constructor(options: XorbWriterOptions = {}) {
    this.#fixedScheme = FIXED_SCHEME[options.compression ?? 'auto'] ?? null
    this.#body = options.buffer ?? new Uint8Array(BODY_BYTES_FIRST)
  }

  get count(): number {
    return this.#chunks.count
  }

  get plainBytes(): number {
    return this.#plainBytes
  }

  /** Bytes of the body so far. */
  get storedBytes(): number {
    return this.#bodyBytes
  }

  /** Whether one more chunk of this length keeps the xorb within the limits that hf_xet keeps. */
  fits(plainLength: number): boolean {
    return this.count < limits.XORB_CHUNKS_MAX && this.#plainBytes + plainLength <= limits.XORB_PLAIN_BYTES_TARGET
  }

  /** The next chunk is the first new one of another file. */
  startFile(): void {
    this.#blockChunks = 0
  }

  /** Returns the chunk's index in the xorb. */
  add(hash: ChunkHash, plain: Uint8Array): number {
    if (plain.length === 0 || plain.length > limits.CHUNK_PLAIN_BYTES_MAX || !this.fits(plain.length)) {
      throw new AppError('bug', 'XORB_FULL', `A chunk of ${plain.length} bytes does not fit: ask \`fits\` first`)
    }
    if (this.#blockChunks === 0) this.#scheme = this.#fixedScheme ?? chooseScheme(plain)
    this.#blockChunks = (this.#blockChunks + 1) % limits.COMPRESSION_BLOCK_CHUNKS
    const { scheme, stored } = compress(this.#scheme, plain)
    this.#appendRecord(scheme, stored, plain.length)
    this.#chunks.add(hash, plain.length)
    this.#plainBytes += plain.length
    return this.count - 1
  }

  finish(): BuiltXorb {
    if (this.count === 0) throw new AppError('bug', 'XORB_EMPTY', 'A xorb has at least one chunk')
    const chunks = this.#chunks.finish()
    const body = this.#body.subarray(0, this.#bodyBytes)
    return { hash: xorbHashOfList(chunks), chunks, body, recordEnds: Uint32Array.from(this.#recordEnds) }
  }

  #appendRecord(scheme: Scheme, stored: Uint8Array, plainLength: number): void {
    const at = this.#bodyBytes
    this.#bodyBytes += limits.CHUNK_HEADER_BYTES + stored.length
    if (this.#bodyBytes > this.#body.length) {
      const larger = new Uint8Array(Math.max(2 * this.#body.length, this.#bodyBytes))
      larger.set(this.#body.subarray(0, at))
      this.#body = larger
    }
    writeRecordHeader(this.#body, at, { scheme, storedLength: stored.length, plainLength })
    this.#body.set(stored, at + limits.CHUNK_HEADER_BYTES)
    this.#recordEnds.push(this.#bodyBytes)
  }
}

export interface RecordHeader {
  readonly scheme: number
  readonly storedLength: number
  readonly plainLength: number
}

/** Version, u24 stored length, scheme, u24 plain length. */
export function writeRecordHeader(out: Uint8Array, at: number, header: RecordHeader): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength)
  view.setUint32(at, ((header.storedLength << 8) | limits.CHUNK_FORMAT_VERSION) >>> 0, true)
  view.setUint32(at + 4, ((header.plainLength << 8) | header.scheme) >>> 0, true)
}
