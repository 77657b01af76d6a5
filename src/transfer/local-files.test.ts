import { appendFile, mkdir, mkdtemp, open, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readFileBlocks } from './file-blocks.ts'
import { listLocalFiles, openLocal } from './local-files.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-local-'))
})
afterEach(() => rm(folder, { recursive: true }))

const put = async (name: string, content = 'x') => {
  const path = join(folder, name)
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, content)
  return path
}

test('lists files, folders and destinations, by path in the repository', async () => {
  await put('a/one.txt')
  await put('a/deep/two.txt')
  await put('a/.git/config')
  const three = await put('three.txt', '123')
  await symlink(three, join(folder, 'a/link.txt'))
  const files = await listLocalFiles([join(folder, 'a'), `${three}:new/name.txt`])
  expect(files.map(({ path, size }) => [path, size])).toEqual([
    ['deep/two.txt', 1],
    ['link.txt', 3],
    ['new/name.txt', 3],
    ['one.txt', 1],
  ])
})

test('refuses what is not there', async () => {
  const missing = listLocalFiles([join(folder, 'no')])
  await expect(missing).rejects.toMatchObject({ kind: 'usage', code: 'FILE_MISSING' })
})

test.each(['nowhere', 'itself'])('refuses a link that leads to %s', async (target) => {
  await symlink(join(folder, target === 'itself' ? 'link' : 'no'), join(folder, 'link'))
  await expect(listLocalFiles([folder])).rejects.toMatchObject({ kind: 'usage', code: 'LINK_BROKEN' })
})

test('refuses a socket in the folder', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(join(folder, 'socket'), resolve))
  await expect(listLocalFiles([folder])).rejects.toMatchObject({ kind: 'usage', code: 'FILE_NOT_PLAIN' })
  await new Promise((resolve) => server.close(resolve))
})

test('refuses two files for one path, and takes one file that is named twice', async () => {
  const one = await put('a/same.txt')
  const two = await put('b/same.txt')
  await expect(listLocalFiles([one, two])).rejects.toMatchObject({ kind: 'usage', code: 'PATH_TWICE' })
  expect(await listLocalFiles([one, join(folder, 'a')])).toHaveLength(1)
})

test('a file that went away meanwhile has changed', async () => {
  await expect(openLocal(join(folder, 'gone'))).rejects.toMatchObject({ kind: 'conflict', code: 'FILE_CHANGED' })
})

test.each([
  ['grows', (path: string) => appendFile(path, 'more')],
  ['shrinks', (path: string) => truncate(path, 100)],
])('a file that %s while it is read has changed', async (_name, change) => {
  const path = await put('big', 'b'.repeat(9 << 20))
  const file = await open(path)
  const read = async () => {
    for await (const { bytes } of readFileBlocks(file, path)) {
      expect(bytes.length).toBeGreaterThan(0)
      await change(path)
    }
  }
  await expect(read()).rejects.toMatchObject({ kind: 'conflict', code: 'FILE_CHANGED' })
  await file.close()
})

test('what is left out need not be a file at all', async () => {
  await put('one.txt')
  await symlink(join(folder, 'no'), join(folder, 'broken'))
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(join(folder, 'socket'), resolve))
  const isWanted = (path: string) => path.endsWith('.txt')
  expect((await listLocalFiles([folder], { isWanted })).map(({ path }) => path)).toEqual(['one.txt'])
  await new Promise((resolve) => server.close(resolve))
})

test('a link to a folder is followed, in a circle never', async () => {
  await put('a/one.txt')
  await symlink('a', join(folder, 'same'))
  expect((await listLocalFiles([folder])).map(({ path }) => path)).toEqual(['a/one.txt', 'same/one.txt'])
  await symlink('..', join(folder, 'a/up'))
  await expect(listLocalFiles([folder])).rejects.toMatchObject({ kind: 'usage', code: 'LINK_BROKEN' })
  const isWanted = (path: string) => !path.endsWith('up')
  expect(await listLocalFiles([folder], { isWanted })).toHaveLength(2)
})

test('a walk can be stopped', async () => {
  await put('one.txt')
  const walk = listLocalFiles([folder], { signal: AbortSignal.abort() })
  await expect(walk).rejects.toMatchObject({ kind: 'cancelled' })
})
