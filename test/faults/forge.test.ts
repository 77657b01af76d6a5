import { describe, expect, it } from 'vitest'
import { hashBytes } from '../../src/xet/hash.ts'
import { parseShard } from '../../src/xet/shard-reader.ts'
import { readXorbChunks } from '../../src/xet/xorb-reader.ts'
import { blockOf, frameOf, literalBytes, literals } from './experiments/lz4-forge.ts'
import { concat, forgeRecord, forgeShard, forgeXorb, listOf, seededBytes, seededChunks, wholeFile } from './forge.ts'

async function* whole(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}

async function read(body: Uint8Array): Promise<Uint8Array[]> {
  const plain: Uint8Array[] = []
  for await (const chunk of readXorbChunks(whole(body))) plain.push(Uint8Array.from(chunk.plain))
  return plain
}

/** A lie proves nothing unless the same bytes without it are taken. */
describe('what the forge makes without a lie is right', () => {
  it('xorbs', async () => {
    const xorb = forgeXorb(seededChunks(1, [1, 300, 131_072]))
    expect(await read(xorb.body)).toEqual([...xorb.plain])
  })

  it('LZ4 frames of literals, plain and byte-grouped, with and without a content size', async () => {
    const plain = seededBytes(1, 301)
    for (const frame of [
      frameOf([blockOf(literalBytes(plain))]),
      frameOf([blockOf(literalBytes(plain))], { contentSize: 301n }),
    ]) {
      expect(await read(forgeRecord({ payload: frame, plainLength: 301, scheme: 1 }))).toEqual([plain])
    }
    const grouped = concat([0, 1, 2, 3].map((k) => plain.filter((_, i) => i % 4 === k)))
    const payload = frameOf([blockOf(literalBytes(grouped))])
    expect(await read(forgeRecord({ payload, plainLength: 301, scheme: 2 }))).toEqual([plain])
  })

  it('an LZ4 match', async () => {
    const block = Uint8Array.from([0x44, 65, 66, 67, 68, 4, 0, ...literals(12, 1)])
    const [plain] = await read(forgeRecord({ payload: frameOf([blockOf(block)]), plainLength: 4 + 8 + 12, scheme: 1 }))
    expect(Buffer.from(plain as Uint8Array).toString('latin1', 0, 12)).toBe('ABCDABCDABCD')
  })

  it('shards', () => {
    const xorb = forgeXorb(seededChunks(2, [400, 500]))
    const file = { ...wholeFile(xorb), sha256: '0123456789abcdef'.repeat(4) }
    const shard = parseShard(forgeShard({ files: [file], xorbs: [listOf(xorb)] }))
    const [parsed] = shard.files
    expect(parsed?.hash).toBe(file.hash)
    expect(parsed?.sha256).toBe(file.sha256)
    expect(shard.xorbs).toHaveLength(1)
    expect(hashBytes(xorb.hash)).toHaveLength(32)
  })
})
