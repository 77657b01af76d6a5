import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ChunkHash, XorbHash } from '../xet/hash.ts'
import { FetchJournal, type JournalEntry } from './fetch-journal.ts'

const fetch = { xorb: 'a'.repeat(64) as XorbHash, start: 3, end: 9, bytes: { start: 100, end: 2 ** 40 } }
const chunk = (digit: string, length: number) => ({ hash: digit.repeat(64) as ChunkHash, length })
const first: JournalEntry = { fetch, first: 3, chunks: [chunk('1', 10), chunk('2', 131_072)], position: 200 }
const second: JournalEntry = { fetch, first: 5, chunks: [chunk('3', 7)], position: 2 ** 39 }

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-journal-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function reopened(change: (file: Awaited<ReturnType<typeof open>>, size: number) => Promise<unknown>) {
  const file = await open(join(folder, 'journal'), 'w+')
  try {
    const journal = await FetchJournal.open(file)
    await journal.append(first)
    await journal.append(second)
    await change(file, (await file.stat()).size)
    return await FetchJournal.open(file)
  } finally {
    await file.close()
  }
}

test('tells how far each fetch came, after it is opened again', async () => {
  const journal = await reopened(async () => undefined)
  expect(journal.findProgress(fetch)).toEqual({ chunks: [...first.chunks, ...second.chunks], position: 2 ** 39 })
  expect(journal.findProgress({ ...fetch, end: 10 })).toBeNull()
  expect(journal.findProgress({ ...fetch, bytes: { start: 100, end: 101 } })).toBeNull()
})

test('a torn or changed record ends the list, and is written over', async () => {
  for (const change of [
    (file: Awaited<ReturnType<typeof open>>, size: number) => file.truncate(size - 1),
    (file: Awaited<ReturnType<typeof open>>, size: number) => file.write('x', size - 20),
  ]) {
    expect((await reopened(change)).findProgress(fetch)).toEqual({ chunks: first.chunks, position: 200 })
  }
  const file = await open(join(folder, 'journal'), 'r+')
  const journal = await FetchJournal.open(file)
  await journal.append(second)
  expect((await FetchJournal.open(file)).findProgress(fetch)?.chunks.length).toBe(3)
  await journal.clear()
  expect((await FetchJournal.open(file)).findProgress(fetch)).toBeNull()
  await file.close()
})

test('a record that does not follow the last one of its fetch is passed over, one from the start begins anew', async () => {
  const journal = await reopened(async (file) => {
    const again = await FetchJournal.open(file)
    await again.append({ ...second, first: 8 })
  })
  expect(journal.findProgress(fetch)?.position).toBe(2 ** 39)
  const anew = await reopened(async (file) => {
    const again = await FetchJournal.open(file)
    await again.append({ ...first, chunks: [chunk('4', 5)], position: 150 })
  })
  expect(anew.findProgress(fetch)).toEqual({ chunks: [chunk('4', 5)], position: 150 })
})
