import { appendFile, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { noise } from '../../test/farm/fake-hub.ts'
import { FileChunker } from '../xet/file-chunker.ts'
import { BlockMemory, readFileBlocks } from './file-blocks.ts'

const MIB = 1024 * 1024
let path: string
beforeAll(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'xorbit-blocks-')), 'file')
})
afterAll(() => rm(join(path, '..'), { recursive: true }))

async function blocksOf(content: Uint8Array, onBlock: () => Promise<void> = async () => undefined) {
  await writeFile(path, content)
  const file = await open(path)
  const chunks: Buffer[] = []
  const bytes: Buffer[] = []
  try {
    for await (const block of readFileBlocks(file, path)) {
      chunks.push(...block.chunks.map((chunk) => Buffer.from(chunk)))
      bytes.push(Buffer.from(block.bytes))
      await onBlock()
    }
  } finally {
    await file.close()
  }
  return { chunks, bytes: Buffer.concat(bytes) }
}

test.each([0, 1, 8191, 8192, 200_000, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 20 * MIB + 7])(
  'cuts a file of %d bytes as one stream would be cut',
  async (size) => {
    const content =
      size > 8 * MIB ? Buffer.concat([noise(5 * MIB), Buffer.alloc(size - 5 * MIB, 'text ')]) : noise(size)
    const expected: number[] = []
    const chunker = new FileChunker((plain) => void expected.push(plain.length))
    chunker.push(content)
    chunker.finish()
    const { chunks, bytes } = await blocksOf(content)
    expect(chunks.map(({ length }) => length)).toEqual(expected)
    expect(Buffer.concat(chunks).equals(content)).toBe(true)
    expect(bytes.equals(content)).toBe(true)
  },
)

test('refuses a file that grows while it is read', async () => {
  const reading = blocksOf(noise(100_000), () => appendFile(path, 'more'))
  await expect(reading).rejects.toMatchObject({ kind: 'conflict', code: 'FILE_CHANGED' })
})

test('refuses a file that shrinks while it is read', async () => {
  const reading = blocksOf(noise(20 * MIB), () => writeFile(path, 'short'))
  await expect(reading).rejects.toMatchObject({ code: 'FILE_CHANGED' })
})

test('reads one file after another into the same memory', async () => {
  const memory = new BlockMemory()
  const buffers = new Set<ArrayBufferLike>()
  for (const size of [2_000_000, 1_900_000, 20 * MIB, 20 * MIB]) {
    await writeFile(path, noise(size))
    const file = await open(path)
    for await (const { bytes } of readFileBlocks(file, path, memory)) buffers.add(bytes.buffer)
    await file.close()
  }
  expect(buffers.size).toBe(3)
})

test('keeps so much spare memory and no more', () => {
  const memory = new BlockMemory()
  const given = Array.from({ length: 5 }, () => memory.take(8 * MIB))
  for (const one of given) memory.give(one)
  const taken = Array.from({ length: 5 }, () => memory.take(8 * MIB))
  expect(taken.filter(({ buffer }) => given.some((one) => one.buffer === buffer))).toHaveLength(2)
})
