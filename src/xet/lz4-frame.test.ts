import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cook, splitmix64 } from '../../test/vectors/recipe.ts'
import { joinPlanes, splitPlanes } from './bitslice.ts'
import { compress, decompress, SCHEME_BITSLICED_LZ4, type Scheme } from './compression.ts'
import { compressBlockJs } from './js-lz4.ts'
import { decodeFrame, parseFrame } from './lz4-frame.ts'
import { xxh32 } from './xxh32.ts'

interface FrameOptions {
  readonly blockClass?: number
  readonly linked?: boolean
  readonly blockChecksums?: boolean
  readonly contentSize?: number
  readonly contentChecksum?: boolean
}

/** A frame of the given blocks, each stored or compressed on its own. */
function frameOf(plain: Uint8Array, blockBytes: number, options: FrameOptions = {}): Uint8Array {
  const parts: number[] = []
  const u32 = (value: number) => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24]
  const flags =
    0x40 |
    (options.linked ? 0 : 32) |
    (options.blockChecksums ? 16 : 0) |
    (options.contentSize === undefined ? 0 : 8) |
    (options.contentChecksum ? 4 : 0)
  const descriptor = [flags, (options.blockClass ?? 4) << 4]
  if (options.contentSize !== undefined) descriptor.push(...u32(options.contentSize), 0, 0, 0, 0)
  parts.push(...u32(0x184d2204), ...descriptor, (xxh32(Uint8Array.from(descriptor)) >>> 8) & 255)
  for (let at = 0; at < plain.length; at += blockBytes) {
    const block = plain.subarray(at, at + blockBytes)
    const packed = new Uint8Array(block.length + 1)
    const end = compressBlockJs(block, packed, 0)
    const stored = end < 0 ? block : packed.subarray(0, end)
    parts.push(...u32((stored.length | (end < 0 ? 0x80000000 : 0)) >>> 0), ...stored)
    if (options.blockChecksums) parts.push(...u32(xxh32(stored)))
  }
  parts.push(...u32(0))
  if (options.contentChecksum) parts.push(...u32(xxh32(plain)))
  return Uint8Array.from(parts)
}

const text = cook([{ op: 'textlines', seed: 5, length: 30_000 }])
const mixed = Uint8Array.from([...text.subarray(0, 9000), ...splitmix64(1, 9000), ...text.subarray(0, 9000)])

test('XXH32 equals the known answers', () => {
  const hash = (words: string) => xxh32(new TextEncoder().encode(words)).toString(16)
  expect(hash('')).toBe('2cc5d05')
  expect(hash('a')).toBe('550d7456')
  expect(hash('abc')).toBe('32d153ff')
  expect(hash('Nobody inspects the spammish repetition')).toBe('e2293b2f')
})

test('every legal frame is decoded: several blocks, stored ones, linked, sized, with any checksums', () => {
  for (const linked of [false, true]) {
    for (const blockChecksums of [false, true]) {
      for (const contentChecksum of [false, true]) {
        for (const contentSize of [undefined, mixed.length]) {
          for (const blockClass of [4, 5, 6, 7]) {
            const base = { linked, blockChecksums, contentChecksum, blockClass }
            const frame = frameOf(mixed, 5000, contentSize === undefined ? base : { ...base, contentSize })
            expect(decodeFrame(frame, mixed.length)).toEqual(mixed)
            expect(parseFrame(Uint8Array.of(...frame, 1, 2, 3)).consumed).toBe(frame.length)
          }
        }
      }
    }
  }
})

test('a linked block may reach into the block before it, an independent one may not', () => {
  const descriptor = (flags: number) => [flags, 0x40, (xxh32(Uint8Array.of(flags, 0x40)) >>> 8) & 255]
  // Block one: eight literals. Block two: no literals, a match of 8 bytes at offset 8, then five literals.
  const blocks = [
    9, 0, 0, 0, 0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0x04, 8, 0, 0x50, 11, 12, 13, 14, 15, 0, 0, 0, 0,
  ]
  const frame = (flags: number) => Uint8Array.of(0x04, 0x22, 0x4d, 0x18, ...descriptor(flags), ...blocks)
  const plain = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15]
  expect([...decodeFrame(frame(0x40), 100)]).toEqual(plain)
  expect(() => decodeFrame(frame(0x60), 100)).toThrow(expect.objectContaining({ code: 'LZ4_MALFORMED' }))
})

const good = frameOf(mixed, 5000, { blockChecksums: true, contentChecksum: true, contentSize: mixed.length })

test('one flipped bit anywhere in a frame with checksums is refused', () => {
  for (let at = 0; at < good.length; at++) {
    const bad = good.slice()
    bad[at] = (bad[at] as number) ^ (1 << (at % 8))
    expect(() => decodeFrame(bad, mixed.length)).toThrow(expect.objectContaining({ kind: 'integrity' }))
  }
})

test.each([
  ['a content size that is not the plain length', frameOf(mixed, 5000, { contentSize: 17 }), 'LZ4_SIZE_MISMATCH'],
  ['bytes after the frame', Uint8Array.of(...good, 0), 'LZ4_TAIL_BAD'],
  ['a frame that ends early', good.subarray(0, good.length - 1), 'LZ4_MALFORMED'],
  ['a skippable frame', Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0), 'LZ4_MALFORMED'],
  ['a dictionary', withFlags(0x61), 'LZ4_MALFORMED'],
  ['a reserved flag', withFlags(0x62), 'LZ4_MALFORMED'],
  ['another version', withFlags(0xa0), 'LZ4_MALFORMED'],
  ['nothing at all', new Uint8Array(0), 'LZ4_MALFORMED'],
])('refuses %s', (_, frame, code) => {
  expect(() => decodeFrame(frame, mixed.length)).toThrow(expect.objectContaining({ kind: 'integrity', code }))
})

function withFlags(flags: number): Uint8Array {
  const checksum = (xxh32(Uint8Array.of(flags, 0x40)) >>> 8) & 255
  return Uint8Array.of(0x04, 0x22, 0x4d, 0x18, flags, 0x40, checksum, 0, 0, 0, 0)
}

test('a frame of a million empty blocks is refused before anything is decoded', () => {
  const empty = new Uint8Array(7 + 4_000_000 + 4)
  empty.set(withFlags(0x60).subarray(0, 7))
  for (let at = 7; at < empty.length - 4; at += 4) empty[at + 3] = 0x80
  expect(() => decodeFrame(empty, 131_072)).toThrow(expect.objectContaining({ code: 'LZ4_MALFORMED' }))
})

test('a frame that grows past the claimed length stops there, whatever it would become', () => {
  const bomb = frameOf(new Uint8Array(60_000), 60_000)
  expect(bomb.length).toBeLessThan(300)
  expect(() => decodeFrame(bomb, 59_999)).toThrow(expect.objectContaining({ code: 'LZ4_MALFORMED' }))
  expect(() => decompress(1, bomb, 60_001)).toThrow(expect.objectContaining({ code: 'CHUNK_LENGTH_MISMATCH' }))
})

test('every scheme gives back what it was given, for any bytes', () => {
  const plains = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 500 }),
    fc.nat(9000).map((n) => text.slice(0, n + 1)),
  )
  fc.assert(
    fc.property(plains, fc.constantFrom<Scheme>(0, 1, 2, 3), (plain, wanted) => {
      const { scheme, stored } = compress(wanted, plain)
      expect(stored.length).toBeLessThanOrEqual(plain.length)
      expect(decompress(scheme, stored, plain.length, { bitslice: true })).toEqual(plain)
    }),
  )
})

test('bit planes are an order of bits and back', () => {
  expect([...splitPlanes(Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 1))]).toEqual([255, 0, 0, 0, 0, 0, 0, 0])
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (plain) => {
      expect(joinPlanes(splitPlanes(plain))).toEqual(plain)
    }),
  )
})

test('bit planes and unknown schemes are refused unless asked for', () => {
  const { stored } = compress(SCHEME_BITSLICED_LZ4, new Uint8Array(1000))
  for (const scheme of [3, 4, 99, 177, 255]) {
    const refusal = expect.objectContaining({ kind: 'unsupported', code: 'COMPRESSION_UNKNOWN' })
    expect(() => decompress(scheme, stored, 1000)).toThrow(refusal)
  }
  expect(decompress(3, stored, 1000, { bitslice: true })).toEqual(new Uint8Array(1000))
})

test('a wrong checksum of header, block or content is told as one', () => {
  const wrong = expect.objectContaining({ kind: 'integrity', code: 'LZ4_CHECKSUM_MISMATCH' })
  const content = frameOf(text, 64_000, { contentChecksum: true })
  const block = frameOf(text, 64_000, { blockChecksums: true })
  // Header checksum; last byte of the block's own checksum; last byte of the frame.
  for (const [frame, at] of [
    [content, 6],
    [block, block.length - 5],
    [content, content.length - 1],
  ] as const) {
    expect(decodeFrame(frame, text.length)).toEqual(text)
    const changed = Uint8Array.from(frame)
    changed[at] = (changed[at] as number) ^ 1
    expect(() => decodeFrame(changed, text.length)).toThrow(wrong)
  }
})
