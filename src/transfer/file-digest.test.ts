import { createHash } from 'node:crypto'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { splitmix64 } from '../../test/vectors/recipe.ts'
import { openFileDigest as openDigest } from './file-digest.ts'

const BYTES = splitmix64(5, 3_000_000)
const SHA256 = createHash('sha256').update(BYTES).digest('hex')
/** What a file claims to have decides who hashes it. */
const SIZES = { here: 1, 'by a thread': 2 ** 30 }

const openFileDigest = (of: FileHandle, size: number) => openDigest(of, size, 4)

let folder: string
let file: FileHandle
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-digest-'))
  file = await open(join(folder, 'file'), 'wx+')
  await file.write(BYTES)
})
afterEach(async () => {
  await file.close()
  await rm(folder, { recursive: true })
})

for (const [who, size] of Object.entries(SIZES)) {
  test(`hashes ${who} what is told in steps`, async () => {
    const digest = openFileDigest(file, size)
    for (const end of [1, 70_000, 70_001, 2_500_000, BYTES.length]) {
      digest.extend(end)
      if (end === 70_000) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await digest.finish()).toBe(SHA256)
    await digest.close()
  })

  test(`says ${who} when the file has become shorter`, async () => {
    const digest = openFileDigest(file, size)
    digest.extend(BYTES.length + 1)
    await expect(digest.finish()).rejects.toMatchObject({ kind: 'damaged', code: 'FILE_SHRANK' })
    await digest.close()
  })

  test(`can be left in the middle ${who}, and the file closed`, async () => {
    const digest = openFileDigest(file, size)
    digest.extend(BYTES.length)
    await digest.close()
  })
}

test('files share a thread, and a failed read is told', async () => {
  const others = [openFileDigest(file, SIZES['by a thread']), openFileDigest(file, SIZES['by a thread'])]
  const unreadable = await open(join(folder, 'other'), 'w')
  const broken = openFileDigest(unreadable, SIZES['by a thread'])
  for (const digest of [...others, broken]) digest.extend(BYTES.length)
  await expect(broken.finish()).rejects.toMatchObject({ code: 'EBADF' })
  expect(await Promise.all(others.map((digest) => digest.finish()))).toEqual([SHA256, SHA256])
  await Promise.all([...others, broken].map((digest) => digest.close()))
  await unreadable.close()
})
