import { describe, expect, test } from 'vitest'
import { goldenInput, INPUT_NAMES } from '../../test/vectors/golden-inputs.ts'
import { inPieces } from '../../test/vectors/pieces.ts'
import { kernels } from './active-kernels.ts'
import { ChunkListBuilder } from './chunk-list.ts'
import { chunksOf, FileChunker } from './file-chunker.ts'
import { FileHasher } from './file-hasher.ts'
import { FileVerifier } from './file-verifier.ts'
import { chunkHash, ZERO_HASH } from './hash.ts'
import { fileHashOfLists, fileHashOfRoot, merkleRoot } from './merkle.ts'

const SIZES = [Number.POSITIVE_INFINITY, 37, 255, 65_536]

describe.each(INPUT_NAMES)('%s', (name) => {
  const { bytes, chunks, fileHash, merkleRoot: root, size } = goldenInput(name)
  const sizes = size <= 1_000_000 ? [...SIZES, 1] : SIZES
  const expected = chunks.map(({ hash, length }) => ({ hash, length }))

  test.each(sizes)('gives whole chunks when fed in pieces of %d bytes', (piece) => {
    const pushed: typeof expected = []
    const chunker = new FileChunker((plain) => pushed.push({ hash: chunkHash(plain), length: plain.length }))
    for (let at = 0; at < bytes.length; at += piece) chunker.push(bytes.subarray(at, at + piece))
    chunker.finish()
    expect(pushed).toEqual(expected)
  })

  test.each([255, 65_536])('gives whole chunks to whoever iterates over pieces of %d bytes', async (piece) => {
    const pulled: typeof expected = []
    for await (const plain of chunksOf(inPieces(bytes, piece)))
      pulled.push({ hash: chunkHash(plain), length: plain.length })
    expect(pulled).toEqual(expected)
  })

  test.each(sizes)('is hashed in one pass when fed in pieces of %d bytes', (piece) => {
    const list = new ChunkListBuilder()
    const hasher = new FileHasher({ onChunks: (pairs) => list.addPairs(pairs) })
    for (let at = 0; at < bytes.length; at += piece) hasher.push(bytes.subarray(at, at + piece))
    expect(hasher.finish()).toBe(fileHash)
    hasher.close()
    const made = list.finish()
    expect(Array.from({ length: made.count }, (_, i) => made.node(i))).toEqual(expected)
    expect([hasher.size, hasher.chunkCount]).toEqual([size, expected.length])
  })

  test('has its name whichever way its chunks are folded', () => {
    const verifier = new FileVerifier()
    const builder = new ChunkListBuilder()
    for (const { hash, length } of expected) {
      verifier.add(hash, length)
      builder.add(hash, length)
      // Asking early must not disturb the fold.
      verifier.fileHash()
    }
    const list = builder.finish()
    expect(verifier.fileHash()).toBe(fileHash)
    expect(verifier.size).toBe(size)
    const middle = list.count >> 1
    const slices = [
      { chunks: list, start: 0, end: middle },
      { chunks: list.slice(middle, list.count), start: 0, end: list.count - middle },
    ]
    expect(fileHashOfLists(slices)).toBe(fileHash)
    expect(merkleRoot(expected)).toBe(root)
    if (root !== ZERO_HASH) expect(fileHashOfRoot(merkleRoot(expected))).toBe(fileHash)
    expect(() => verifier.verify(fileHash, size)).not.toThrow()
    expect(() => verifier.verify(fileHash, size + 1)).toThrow(expect.objectContaining({ code: 'FILE_SIZE_MISMATCH' }))
    verifier.add(chunkHash(Uint8Array.of(1)), 1)
    expect(() => verifier.verify(fileHash)).toThrow(expect.objectContaining({ code: 'FILE_HASH_MISMATCH' }))
  })
})

test('many hashers at once do not disturb each other', () => {
  const { bytes, fileHash } = goldenInput('r1m.bin')
  const hashers = Array.from({ length: 3 }, () => new FileHasher())
  for (let at = 0; at < bytes.length; at += 50_000) {
    for (const hasher of hashers) hasher.push(bytes.subarray(at, at + 50_000))
  }
  for (const hasher of hashers) {
    expect(hasher.finish()).toBe(fileHash)
    hasher.close()
  }
  expect(kernels.name).toBe('wasm')
})

test('iteration ends its source when the consumer stops early', async () => {
  let ended = false
  const source = async function* () {
    try {
      for (;;) yield new Uint8Array(200_000)
    } finally {
      ended = true
    }
  }
  for await (const plain of chunksOf(source())) {
    expect(plain).toHaveLength(131_072)
    break
  }
  expect(ended).toBe(true)
  const whole: number[] = []
  for await (const plain of chunksOf(inPieces(new Uint8Array(5), 2))) whole.push(plain.length)
  expect(whole).toEqual([5])
})
