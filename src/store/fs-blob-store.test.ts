import { mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { blobStoreSuite, keyOf, readAll, segmentsOf } from '../../test/suites/blob-store.suite.ts'
import type { BlobKey, OnDamage } from './blob-store.ts'
import { FsBlobStore } from './fs-blob-store.ts'

const scratch = await mkdtemp(join(tmpdir(), 'xorbit-blobs-'))
let count = 0
const freshRoot = () => join(scratch, String(count++))
afterAll(() => rm(scratch, { recursive: true }))

const pathOf = (root: string, { kind, name }: BlobKey) => join(root, `${kind}s`, name.slice(0, 2), name)

async function flip(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+')
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, offset)
  await file.write(Uint8Array.of((byte[0] as number) ^ 1), 0, 1, offset)
  await file.close()
}

blobStoreSuite('FsBlobStore', async (onDamage?: OnDamage) => {
  const root = freshRoot()
  const store = await FsBlobStore.create(root, onDamage === undefined ? {} : { onDamage })
  return { store, flip: (key, offset) => flip(pathOf(root, key), offset) }
})

test('opens again what it stored, and remembers damage, after a restart', async () => {
  const root = freshRoot()
  const key = keyOf('restart')
  const first = await FsBlobStore.create(root)
  await first.put(key, segmentsOf('one', 'two', 'three'))
  await first.quarantine(key, [1])
  const again = await FsBlobStore.create(root)
  expect(await again.find(key)).toEqual(await first.find(key))
  expect((await again.find(key))?.damaged).toEqual([1])
  expect((await readAll(again.open(key, { start: 6, end: 11 }))).toString()).toBe('three')
})

test('lays one file per blob under the first two digits, and keeps a replaced copy aside', async () => {
  const root = freshRoot()
  const key = keyOf('layout')
  const store = await FsBlobStore.create(root)
  await store.put(key, segmentsOf('old'))
  await store.quarantine(key, [0])
  await store.put(key, segmentsOf('new'))
  expect(await readdir(join(root, 'xorbs', key.name.slice(0, 2)))).toEqual([key.name])
  const [aside] = await readdir(join(root, 'quarantine'))
  expect((await readFile(join(root, 'quarantine', aside as string))).subarray(0, 3).toString()).toBe('old')
  expect(await readdir(join(root, 'tmp'))).toEqual([])
})

test('empties tmp when it starts', async () => {
  const root = freshRoot()
  await FsBlobStore.create(root)
  await writeFile(join(root, 'tmp', 'left-by-a-crash'), 'half')
  await FsBlobStore.create(root)
  expect(await readdir(join(root, 'tmp'))).toEqual([])
})

test.each([
  ['cut to nothing', (path: string) => truncate(path, 0)],
  ['cut by a byte', async (path: string) => truncate(path, (await readFile(path)).length - 1)],
  ['without its table', (path: string) => truncate(path, 6)],
  ['with a flipped bit in its table', (path: string) => flip(path, 8)],
  ['grown', async (path: string) => writeFile(path, Buffer.concat([Buffer.from('x'), await readFile(path)]))],
])('a file %s counts as absent, is kept aside, and is healed by a put', async (_name, damage) => {
  const root = freshRoot()
  const key = keyOf('table')
  await (await FsBlobStore.create(root)).put(key, segmentsOf('one', 'two'))
  await damage(pathOf(root, key))
  const told: BlobKey[] = []
  const onDamage = async (of: BlobKey) => void told.push(of)
  const store = await FsBlobStore.create(root, { onDamage })
  expect(await store.find(key)).toBeNull()
  expect(told).toEqual([key])
  expect(await readdir(join(root, 'quarantine'))).toHaveLength(1)
  expect((await store.put(key, segmentsOf('one', 'two'))).inserted).toBe(true)
  expect((await readAll(store.open(key))).toString()).toBe('onetwo')
})

test('a reader goes on with the copy it opened while that is replaced', async () => {
  const root = freshRoot()
  const key = keyOf('reader')
  const store = await FsBlobStore.create(root)
  const segments = Array.from({ length: 30 }, (_, i) => Buffer.alloc(100_000, i))
  await store.put(key, segmentsOf(...segments))
  const reading = store.open(key)[Symbol.asyncIterator]()
  const parts = [(await reading.next()).value as Uint8Array]
  await store.quarantine(key, [29])
  await store.put(key, segmentsOf('other bytes'))
  for (let next = await reading.next(); !next.done; next = await reading.next()) parts.push(next.value)
  expect(Buffer.concat(parts).equals(Buffer.concat(segments))).toBe(true)
})

test('a blob that was removed behind its back is absent to its next reader and comes back by a put', async () => {
  const root = freshRoot()
  const key = keyOf('removed')
  const store = await FsBlobStore.create(root)
  await store.put(key, segmentsOf('here'))
  await rm(pathOf(root, key))
  expect((await store.put(key, segmentsOf('here'))).inserted).toBe(true)
  await rm(pathOf(root, key))
  await expect(readAll(store.open(key))).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' })
  expect(await store.find(key)).toBeNull()
})
