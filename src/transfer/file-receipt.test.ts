import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { splitmix64 } from '../../test/vectors/recipe.ts'
import { AppError } from '../base/app-error.ts'
import { systemClock } from '../base/clock.ts'
import { ChunkList } from '../xet/chunk-list.ts'
import { chunkHash, type FileHash, type XorbHash } from '../xet/hash.ts'
import { receiveFile, receiveResumable } from './file-receipt.ts'
import { OrderedCheck } from './ordered-check.ts'
import { PartStore } from './part-store.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-receipt-'))
})
afterEach(() => rm(folder, { recursive: true }))

const receive = (path: string, temp = `${path}.temp`) =>
  receiveFile(path, temp, async ({ file }) => {
    await file.writeFile('new')
  })

test('a file appears whole, in folders that are made for it', async () => {
  await receive(join(folder, 'a/b/file'))
  expect(await readFile(join(folder, 'a/b/file'), 'utf8')).toBe('new')
  expect(await readdir(join(folder, 'a/b'))).toEqual(['file'])
})

test('a folder where the file should be is left alone, and so is a file where its folder should', async () => {
  const taken = { kind: 'conflict', code: 'PATH_TAKEN' }
  await mkdir(join(folder, 'is-folder/inside'), { recursive: true })
  await expect(receive(join(folder, 'is-folder'))).rejects.toMatchObject(taken)
  await writeFile(join(folder, 'is-file'), 'old')
  await expect(receive(join(folder, 'is-file/x'), join(folder, 'temp'))).rejects.toMatchObject(taken)
  await expect(receive(join(folder, 'is-file/x'))).rejects.toMatchObject(taken)
  expect(await readFile(join(folder, 'is-file'), 'utf8')).toBe('old')
  expect((await readdir(folder)).sort()).toEqual(['is-file', 'is-folder'])
})

test('a filling that fails leaves nothing', async () => {
  const path = join(folder, 'file')
  const failing = receiveFile(path, `${path}.temp`, async ({ file }) => {
    await file.write('half')
    throw new RangeError('x')
  })
  await expect(failing).rejects.toThrow(RangeError)
  expect(await readdir(folder)).toEqual([])
})

test('a download that another process took over meanwhile is not named here', async () => {
  const parts = new PartStore(join(folder, 'parts'), systemClock)
  const receiving = receiveResumable(join(folder, 'file'), { parts, content: 'c'.repeat(64) }, async ({ file }) => {
    await file.writeFile('new')
    const [entry = ''] = await readdir(join(folder, 'parts'))
    await rename(join(folder, 'parts', entry), join(folder, 'parts', 'taken'))
  })
  await expect(receiving).rejects.toMatchObject({ kind: 'conflict', code: 'PART_TAKEN' })
  expect(await readdir(folder)).toEqual(['parts'])
})

test('a broken attempt is kept for the next, a wrong one is not', async () => {
  const parts = new PartStore(join(folder, 'parts'), systemClock)
  const attempt = (error: AppError | null) =>
    receiveResumable(join(folder, 'file'), { parts, content: 'c'.repeat(64) }, async ({ file }) => {
      await file.write('x', (await file.stat()).size)
      if (error !== null) throw error
    })
  await expect(attempt(new AppError('network', 'UNREACHABLE', 'gone'))).rejects.toThrow('gone')
  await expect(attempt(new AppError('integrity', 'CONTENT_MISMATCH', 'wrong'))).rejects.toThrow('wrong')
  await expect(attempt(new AppError('network', 'UNREACHABLE', 'gone'))).rejects.toThrow('gone')
  await attempt(null)
  expect(await readFile(join(folder, 'file'), 'utf8')).toBe('xx')
  expect(await readdir(join(folder, 'parts'))).toEqual([])
})

test('a file that somebody cuts while it is written is not taken for proved', async () => {
  const plain = splitmix64(1, 5000)
  const [hash, length] = [chunkHash(plain), plain.length]
  const file = await open(join(folder, 'file'), 'wx+')
  await file.write(plain)
  await file.truncate(4000)
  const term = { xorb: 'a'.repeat(64) as XorbHash, start: 0, end: 1, plainLength: length, offset: 0, firstChunk: 0 }
  const known = ChunkList.of([{ hash, length }])
  const check = new OrderedCheck(file, { hash: hash as string as FileHash, size: length, sha256: null }, known)
  check.add([{ term, chunks: null }])
  await expect(check.finish()).rejects.toMatchObject({ kind: 'damaged', code: 'FILE_SHRANK' })
  await check.close()
  await file.close()
})
