/** LZ4 frames written by hand, so that each field can lie. The header checksum is right unless it is given. */
import { concat } from '../forge.ts'

export interface ForgedFrame {
  /** Code of the largest block: 4 is 64 KiB, 7 is 4 MiB. */
  readonly blockSize?: number
  readonly contentSize?: bigint
  readonly contentChecksum?: number
  readonly headerChecksum?: number
  readonly dictionary?: number
}

export function frameOf(blocks: readonly Uint8Array[], options: ForgedFrame = {}): Uint8Array {
  const { blockSize = 4, contentSize, contentChecksum, headerChecksum, dictionary } = options
  const flags =
    0x60 |
    (contentSize === undefined ? 0 : 0x08) |
    (contentChecksum === undefined ? 0 : 0x04) |
    (dictionary === undefined ? 0 : 1)
  const descriptor: Uint8Array[] = [Uint8Array.of(flags, blockSize << 4)]
  if (contentSize !== undefined) {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, contentSize, true)
    descriptor.push(bytes)
  }
  if (dictionary !== undefined) descriptor.push(u32(dictionary))
  const header = concat(descriptor)
  const check = Uint8Array.of(headerChecksum ?? (shortXxh32(header) >>> 8) & 0xff)
  const end = contentChecksum === undefined ? [u32(0)] : [u32(0), u32(contentChecksum)]
  return concat([u32(0x184d2204), header, check, ...blocks, ...end])
}

/** A compressed block with its length in front. */
export function blockOf(data: Uint8Array): Uint8Array {
  return concat([u32(data.length), data])
}

/** The last sequence of a block: `count` literal bytes, counting up from `first`. */
export function literals(count: number, first = 0): Uint8Array {
  return literalBytes(Uint8Array.from({ length: count }, (_, i) => (first + i) & 0xff))
}

export function literalBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 15) return concat([Uint8Array.of(bytes.length << 4), bytes])
  const rest = bytes.length - 15
  const more = [...new Array(Math.floor(rest / 255)).fill(255), rest % 255]
  return concat([Uint8Array.of(0xf0, ...more), bytes])
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value >>> 0, true)
  return bytes
}

/** xxHash-32 with seed 0 of fewer than 16 bytes: all that a frame header needs. */
function shortXxh32(bytes: Uint8Array): number {
  const [p1, p2, p3, p4, p5] = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1]
  const rotate = (value: number, by: number) => ((value << by) | (value >>> (32 - by))) >>> 0
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let hash = (p5 + bytes.length) >>> 0
  let at = 0
  for (; at + 4 <= bytes.length; at += 4) {
    hash = Math.imul(rotate((hash + Math.imul(view.getUint32(at, true), p3)) >>> 0, 17), p4) >>> 0
  }
  for (; at < bytes.length; at++)
    hash = Math.imul(rotate((hash + Math.imul(view.getUint8(at), p5)) >>> 0, 11), p1) >>> 0
  hash = Math.imul(hash ^ (hash >>> 15), p2) >>> 0
  hash = Math.imul(hash ^ (hash >>> 13), p3) >>> 0
  return (hash ^ (hash >>> 16)) >>> 0
}
