import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ChunkList } from '../xet/chunk-list.ts'
import type { ChunkHash, XorbHash } from '../xet/hash.ts'
import { FetchJournal, type JournalEntry } from './fetch-journal.ts'

const fetch = { xorb: 'a'.repeat(64) as XorbHash, start: 3, end: 9, bytes: { start: 100, end: 2 ** 40 } }
const chunk = (digit: string, length: number) => ({ hash: digit.repeat(64) as ChunkHash, length })
const pairs = (...chunks: ReturnType<typeof chunk>[]) => ChunkList.of(chunks).packed
const first: JournalEntry = { fetch, first: 3, pairs: pairs(chunk('1', 10), chunk('2', 131_072)), position: 200 }
const second: JournalEntry = { fetch, first: 5, pairs: pairs(chunk('3', 7)), position: 2 ** 39 }

function progressOf(journal: FetchJournal) {
  const progress = journal.findProgress(fetch)
  return progress === null ? null : { pairs: progress.chunks.packed, position: progress.position }
}

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
  expect(progressOf(journal)).toEqual({
    pairs: pairs(chunk('1', 10), chunk('2', 131_072), chunk('3', 7)),
    position: 2 ** 39,
  })
  expect(journal.findProgress({ ...fetch, end: 10 })).toBeNull()
  expect(journal.findProgress({ ...fetch, bytes: { start: 100, end: 101 } })).toBeNull()
})

test('a torn or changed record ends the list, and is written over', async () => {
  for (const change of [
    (file: Awaited<ReturnType<typeof open>>, size: number) => file.truncate(size - 1),
    (file: Awaited<ReturnType<typeof open>>, size: number) => file.write('x', size - 20),
  ]) {
    expect(progressOf(await reopened(change))).toEqual({ pairs: first.pairs, position: 200 })
  }
  const file = await open(join(folder, 'journal'), 'r+')
  const journal = await FetchJournal.open(file)
  await journal.append(second)
  expect((await FetchJournal.open(file)).findProgress(fetch)?.chunks.count).toBe(3)
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
    await again.append({ ...first, pairs: pairs(chunk('4', 5)), position: 150 })
  })
  expect(progressOf(anew)).toEqual({ pairs: pairs(chunk('4', 5)), position: 150 })
})
