import { createHash } from 'node:crypto'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { splitmix64 } from '../../test/vectors/recipe.ts'
import { FileDigest } from './file-digest.ts'

const BYTES = splitmix64(5, 3_000_000)
const SHA256 = createHash('sha256').update(BYTES).digest('hex')

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

test('hashes what is told in steps', async () => {
  const digest = new FileDigest(file)
  for (const end of [1, 70_000, 70_001, 2_500_000, BYTES.length]) {
    digest.extend(end)
    if (end === 70_000) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(await digest.finish()).toBe(SHA256)
  await digest.close()
})

test('says when the file has become shorter', async () => {
  const digest = new FileDigest(file)
  digest.extend(BYTES.length + 1)
  await expect(digest.finish()).rejects.toMatchObject({ kind: 'damaged', code: 'FILE_SHRANK' })
  await digest.close()
})

test('a failed read is told', async () => {
  const unreadable = await open(join(folder, 'other'), 'w')
  const digest = new FileDigest(unreadable)
  digest.extend(1)
  await expect(digest.finish()).rejects.toMatchObject({ code: 'EBADF' })
  await unreadable.close()
})

test('can be left in the middle, and the file closed', async () => {
  const digest = new FileDigest(file)
  digest.extend(BYTES.length)
  await digest.close()
})
