import type { FileHandle } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { writeFully } from './atomic-file.ts'

/** A disk that takes `room` bytes, three at a time, and then none, without an error. */
function diskOf(room: number) {
  const bytes: number[] = []
  const write = async (from: Uint8Array, at: number, length: number) => {
    const taken = Math.min(3, length, room - bytes.length)
    bytes.push(...from.subarray(at, at + taken))
    return { bytesWritten: taken }
  }
  return { bytes, file: { write } as unknown as FileHandle }
}

test('goes on after a short write, in order', async () => {
  const { file, bytes } = diskOf(100)
  await writeFully(file, Uint8Array.of(1, 2, 3, 4, 5, 6, 7))
  expect(bytes).toEqual([1, 2, 3, 4, 5, 6, 7])
})

test('a disk that takes no more is no success', async () => {
  const { file } = diskOf(4)
  const written = writeFully(file, new Uint8Array(5))
  await expect(written).rejects.toMatchObject({ kind: 'no-space', code: 'WRITE_SHORT' })
})
