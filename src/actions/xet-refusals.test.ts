import { mkdir, mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SHARD_BODY_BYTES_MAX } from '../xet/constants.ts'
import { SHARD_TAG } from '../xet/shard-reader.ts'
import { inspectFile } from './xet-inspect.ts'
import { packFiles } from './xet-pack.ts'
import { unpackFolder } from './xet-unpack.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-xet-refusals-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function put(name: string, content: string): Promise<string> {
  const path = join(folder, name)
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, content)
  return path
}

async function unpack(from: string): Promise<number> {
  let files = 0
  for await (const { bytes } of unpackFolder(from, join(folder, 'out'))) files += bytes > 0 ? 1 : 0
  return files
}

test('two files of one name are not packed together', async () => {
  const packed = packFiles([await put('a/x.txt', '1'), await put('b/x.txt', '2')], join(folder, 'packed'))
  await expect(packed).rejects.toMatchObject({ kind: 'usage', code: 'NAME_TWICE' })
  expect(await readdir(folder)).toEqual(['a', 'b'])
})

test('a folder without a shard, and one that is not there', async () => {
  await put('some/file.txt', 'x')
  await expect(unpack(join(folder, 'some'))).rejects.toMatchObject({ kind: 'not-found', code: 'SHARD_MISSING' })
  await expect(unpack(join(folder, 'none'))).rejects.toMatchObject({ kind: 'not-found', code: 'FILE_MISSING' })
})

test.each(['{', '[]', '{"files":[{"name":7,"fileHash":"x"}]}'])('names.json that is %s', async (text) => {
  const packed = join(folder, 'packed')
  await packFiles([await put('x.txt', 'words')], packed)
  expect(await unpack(packed)).toBe(1)
  await writeFile(join(packed, 'names.json'), text)
  await expect(unpack(packed)).rejects.toMatchObject({ kind: 'malformed', code: 'NAMES_BAD' })
})

test('a file that begins like a shard and is larger than any is not read', async () => {
  const path = join(folder, 'huge.shard')
  const file = await open(path, 'w')
  await file.write(Uint8Array.from(SHARD_TAG))
  await file.truncate(SHARD_BODY_BYTES_MAX + 1)
  await file.close()
  await expect(inspectFile(path)).rejects.toMatchObject({ kind: 'too-large', code: 'SHARD_TOO_LARGE' })
})

test.each(['hello, I am text and no xorb at all', '\0\x10\0\0\x02\x10\0\0 and more'.repeat(500), ''])(
  'a file that is no xorb is malformed, not damaged: %j',
  async (text) => {
    await expect(inspectFile(await put('file', text))).rejects.toMatchObject({ kind: 'malformed' })
  },
)
