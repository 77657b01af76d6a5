import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitmix64 } from '../../test/vectors/recipe.ts'
import { chunkHash, hashBytes } from './hash.ts'
import { RecordDecoder } from './record-decoder.ts'
import { XorbBuilder } from './xorb-writer.ts'

const floats = (seed: number, length: number) => splitmix64(seed, length).map((byte, i) => (i % 2 === 0 ? byte : 0x3d))
const CHUNKS = [splitmix64(1, 20_000), new Uint8Array(131_072), floats(2, 90_000), splitmix64(3, 1), floats(4, 8192)]
const { body } = (() => {
  const builder = new XorbBuilder()
  for (const plain of CHUNKS) {
    builder.startFile()
    builder.add(chunkHash(plain), plain)
  }
  return builder.finish()
})()

function decode(pieces: readonly Uint8Array[], firstIndex = 0) {
  const decoder = new RecordDecoder(firstIndex)
  const chunks: { index: number; plain: Uint8Array; hash: Uint8Array; storedBytes: number }[] = []
  for (const piece of pieces) {
    decoder.feed(piece)
    for (let chunk = decoder.next(); chunk !== null; chunk = decoder.next()) {
      chunks.push({ ...chunk, plain: chunk.plain.slice() })
    }
    // Whoever fed it may use the memory again.
    piece.fill(0xff)
  }
  decoder.finish()
  return chunks
}

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const ends = [...at.map((place) => place % bytes.length), bytes.length].sort((a, b) => a - b)
  return ends.map((end, i) => bytes.slice(ends[i - 1] ?? 0, end))
}

test('gives the same chunks however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 30 }), (at) => {
      const chunks = decode(cut(body, at), 7)
      expect(chunks.map(({ index }) => index)).toEqual(CHUNKS.map((_, i) => 7 + i))
      for (const [i, { plain, hash }] of chunks.entries()) {
        expect(Buffer.compare(plain, CHUNKS[i] as Uint8Array)).toBe(0)
        expect(hash).toEqual(hashBytes(chunkHash(CHUNKS[i] as Uint8Array)))
      }
      expect(chunks.reduce((sum, { storedBytes }) => sum + storedBytes, 0)).toBe(body.length)
    }),
    { numRuns: 60 },
  )
  expect(decode(Array.from(body, (byte) => Uint8Array.of(byte))).length).toBe(CHUNKS.length)
})

test('refuses what ends within a record, has an unknown version, or goes on past what a xorb may hold', () => {
  expect(() => decode([body.slice(0, -1)])).toThrow('XORB_TRUNCATED')
  expect(() => decode([body.slice(0, 3)])).toThrow('XORB_TRUNCATED')
  expect(() => decode([Uint8Array.of(1, ...body.slice(1))])).toThrow('CHUNK_VERSION_UNKNOWN')
  expect(() => decode([body.slice()], 8192)).toThrow('XORB_TOO_MANY_CHUNKS')
})
