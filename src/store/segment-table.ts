/**
 * What lies behind a blob's segments in its file: where each ends and its CRC-32. Written and replaced with them.
 *
 * | bytes | field |
 * | --- | --- |
 * | 4 per segment | end offset, u32 little-endian |
 * | 4 per segment | CRC-32 |
 * | 4 | count of segments |
 * | 4 | CRC-32 of everything above and of the version |
 * | 4 | version, 1 |
 * | 8 | `XORBBLOB` |
 */
import { crc32 } from 'node:zlib'
import type { SegmentRun } from './blob-store.ts'

export interface SegmentTable {
  readonly ends: Uint32Array
  readonly crcs: Uint32Array
  readonly length: number
  /** Names the copy: CRC-32 of ends and CRCs, as eight hexadecimal digits. */
  readonly copy: string
}

export const TRAILER_END_BYTES = 20
const VERSION = 1
const MAGIC = Buffer.from('XORBBLOB')
const PAIR_BYTES = 8

/** Collects the table while segments are written. */
export class SegmentTableBuilder {
  readonly #ends: number[] = []
  readonly #crcs: number[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  add(segment: Uint8Array): void {
    this.#length += segment.length
    this.#ends.push(this.#length)
    this.#crcs.push(crc32(segment))
  }

  addRun({ bytes, ends }: SegmentRun): void {
    let start = 0
    for (const end of ends) {
      this.add(bytes.subarray(start, end))
      start = end
    }
  }

  finish(): SegmentTable {
    return tableOf(Uint32Array.from(this.#ends), Uint32Array.from(this.#crcs))
  }
}

export function encodeTrailer({ ends, crcs }: SegmentTable): Uint8Array {
  const count = ends.length
  const bytes = Buffer.alloc(count * PAIR_BYTES + TRAILER_END_BYTES)
  const body = bodyOf(ends, crcs)
  body.copy(bytes)
  bytes.writeUInt32LE(count, body.length)
  bytes.writeUInt32LE(VERSION, body.length + 8)
  bytes.writeUInt32LE(checksum(bytes.subarray(0, body.length + 4), VERSION), body.length + 4)
  MAGIC.copy(bytes, body.length + 12)
  return bytes
}

/** Bytes of the whole trailer, told by its last TRAILER_END_BYTES; null when they are no trailer's of our version. */
export function trailerLength(end: Uint8Array): number | null {
  const bytes = Buffer.from(end.buffer, end.byteOffset, end.byteLength)
  if (bytes.length !== TRAILER_END_BYTES || !bytes.subarray(12).equals(MAGIC)) return null
  if (bytes.readUInt32LE(8) !== VERSION) return null
  return bytes.readUInt32LE(0) * PAIR_BYTES + TRAILER_END_BYTES
}

/** Null unless `trailer` is whole, and fits a file of `fileLength` bytes. */
export function decodeTrailer(trailer: Uint8Array, fileLength: number): SegmentTable | null {
  const bytes = Buffer.from(trailer.buffer, trailer.byteOffset, trailer.byteLength)
  if (bytes.length < TRAILER_END_BYTES) return null
  if (trailerLength(bytes.subarray(-TRAILER_END_BYTES)) !== bytes.length) return null
  const bodyLength = bytes.length - TRAILER_END_BYTES
  if (bytes.readUInt32LE(bodyLength + 4) !== checksum(bytes.subarray(0, bodyLength + 4), VERSION)) return null
  const count = bodyLength / PAIR_BYTES
  const ends = new Uint32Array(count)
  const crcs = new Uint32Array(count)
  for (let i = 0; i < count; i++) {
    ends[i] = bytes.readUInt32LE(4 * i)
    crcs[i] = bytes.readUInt32LE(4 * (count + i))
  }
  const table = tableOf(ends, crcs)
  return table.length + bytes.length === fileLength ? table : null
}

export function segmentStart(ends: Uint32Array, segment: number): number {
  return segment === 0 ? 0 : (ends[segment - 1] as number)
}

/** The segment that holds the byte at `position`; the count of segments when it lies past the end. */
export function segmentAt(ends: Uint32Array, position: number): number {
  let low = 0
  let high = ends.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ends[middle] as number) > position) high = middle
    else low = middle + 1
  }
  return low
}

function tableOf(ends: Uint32Array, crcs: Uint32Array): SegmentTable {
  const copy = crc32(bodyOf(ends, crcs)).toString(16).padStart(8, '0')
  return { ends, crcs, length: ends.at(-1) ?? 0, copy }
}

function bodyOf(ends: Uint32Array, crcs: Uint32Array): Buffer {
  const body = Buffer.alloc(ends.length * PAIR_BYTES)
  ends.forEach((end, i) => {
    body.writeUInt32LE(end, 4 * i)
  })
  crcs.forEach((crc, i) => {
    body.writeUInt32LE(crc, 4 * (ends.length + i))
  })
  return body
}

function checksum(bytes: Uint8Array, version: number): number {
  return crc32(Uint8Array.of(version), crc32(bytes))
}
