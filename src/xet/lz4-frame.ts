/**
 * One LZ4 frame, from an untrusted sender, to its plain bytes: any legal frame, nothing else.
 *
 * | bytes | |
 * | --- | --- |
 * | 4 | magic 04 22 4D 18 |
 * | 2 | flags (version 1, independent, block checksums, content size, content checksum, dictionary), block maximum |
 * | 0 or 8 | content size |
 * | 1 | second byte of XXH32 over the descriptor |
 * | … | blocks: u32 length (top bit: stored), bytes, XXH32 when flagged; ended by a zero length |
 * | 0 or 4 | XXH32 of the plain bytes |
 *
 * The frame must fill its bytes exactly. Dictionaries, skippable and legacy frames are refused; blocks are counted
 * before anything is decoded, so empty ones cost nothing.
 */
import { AppError } from '../base/app-error.ts'
import { kernels } from './active-kernels.ts'
import { LZ4_BLOCKS_MAX } from './constants.ts'
import { xxh32 } from './xxh32.ts'

const MAGIC = 0x184d2204
const DESCRIPTOR_AT = 4
const FLAGS = { version: 0xc0, blockChecksum: 16, contentSize: 8, contentChecksum: 4, reserved: 2, dictionary: 1 }
const VERSION_1 = 0x40

/** What stands around the blocks. */
export interface FrameShape {
  /** Bytes of the frame; whatever lies after is not part of it. */
  readonly consumed: number
  readonly contentSize: number | null
  readonly contentChecksum: number | null
}

/** Throws `integrity` unless `frame` is exactly one legal frame of at most `plainMax` plain bytes. */
export function decodeFrame(frame: Uint8Array, plainMax: number, isLent = false): Uint8Array {
  const shape = parseFrame(frame)
  if (shape.consumed !== frame.length) throw refused('LZ4_TAIL_BAD', `${frame.length - shape.consumed} bytes follow it`)
  const plain = kernels.decompressFrame(frame, plainMax, isLent)
  if (plain === null) throw refused('LZ4_MALFORMED', `a block is broken or grows past ${plainMax} bytes`)
  if (shape.contentSize !== null && shape.contentSize !== plain.length) {
    throw refused('LZ4_SIZE_MISMATCH', `it claims ${shape.contentSize} bytes and holds ${plain.length}`)
  }
  if (shape.contentChecksum !== null && shape.contentChecksum !== xxh32(plain)) {
    throw refused('LZ4_CHECKSUM_MISMATCH', 'the content checksum is wrong')
  }
  return plain
}

/** Checks the header and every block's bounds and checksum, and finds the end, without decoding a block. */
export function parseFrame(bytes: Uint8Array): FrameShape {
  const reader = new FrameReader(bytes)
  if (reader.u32() !== MAGIC) throw refused('LZ4_MALFORMED', 'its magic number is another')
  const flags = reader.u8()
  const blockClass = reader.u8()
  if ((flags & FLAGS.version) !== VERSION_1 || (flags & FLAGS.reserved) !== 0 || (blockClass & 0x8f) !== 0) {
    throw refused('LZ4_MALFORMED', 'its header has an unknown version or reserved bits')
  }
  if ((flags & FLAGS.dictionary) !== 0) throw refused('LZ4_MALFORMED', 'it needs a dictionary')
  if (blockClass >> 4 < 4) throw refused('LZ4_MALFORMED', 'its block maximum is reserved')
  const contentSize = (flags & FLAGS.contentSize) === 0 ? null : reader.u64()
  const descriptor = bytes.subarray(DESCRIPTOR_AT, reader.at)
  if (((xxh32(descriptor) >>> 8) & 255) !== reader.u8()) throw refused('LZ4_CHECKSUM_MISMATCH', 'its header is damaged')
  const blockMax = 1 << (8 + 2 * (blockClass >> 4))
  for (let count = 0; ; count++) {
    const word = reader.u32()
    if (word === 0) break
    const length = word & 0x7fffffff
    if (length > blockMax || count >= LZ4_BLOCKS_MAX) throw refused('LZ4_MALFORMED', 'a block is too large or too many')
    const block = reader.take(length)
    if ((flags & FLAGS.blockChecksum) !== 0 && reader.u32() !== xxh32(block)) {
      throw refused('LZ4_CHECKSUM_MISMATCH', `block ${count} is damaged`)
    }
  }
  const contentChecksum = (flags & FLAGS.contentChecksum) === 0 ? null : reader.u32()
  return { consumed: reader.at, contentSize, contentChecksum }
}

class FrameReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  take(length: number): Uint8Array {
    return this.#bytes.subarray(this.#skip(length), this.at)
  }

  u8(): number {
    return this.#view.getUint8(this.#skip(1))
  }

  u32(): number {
    return this.#view.getUint32(this.#skip(4), true)
  }

  /** Above 2^53 it is rounded, which differs from any real size all the same. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.#skip(8), true))
  }

  #skip(length: number): number {
    const start = this.at
    if (length > this.#bytes.length - start) throw refused('LZ4_MALFORMED', 'it ends early')
    this.at += length
    return start
  }
}

function refused(code: string, why: string): AppError {
  return new AppError('integrity', code, `The chunk is no legal LZ4 frame: ${why}. Fetch or send it again`)
}
