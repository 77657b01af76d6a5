/** What is being hashed by a thread stays as it is while the next records are read and gathered. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { splitmix64 } from '../../test/vectors/recipe.ts'
import { systemClock } from '../base/clock.ts'
import { FsBlobStore } from '../store/fs-blob-store.ts'
import { MemoryCatalog } from '../store/memory-catalog.ts'
import { chunkHash } from '../xet/hash.ts'
import { XorbBuilder } from '../xet/xorb-writer.ts'
import { MemoryAccess } from './access.ts'
import { FileEntry, FileEntryBuilder } from './file-entry.ts'
import { hashFile } from './hash-file.ts'
import { Holdings, type Xorb } from './holdings.ts'
import { Pacer } from './pacer.ts'
import { inlineRecordWork, type RecordWork } from './record-work.ts'

const root = await mkdtemp(join(tmpdir(), 'xorbit-hash-file-'))
afterAll(() => rm(root, { recursive: true }))
const blobs = await FsBlobStore.create(root)
const holdings = new Holdings({ blobs, catalog: new MemoryCatalog(), access: new MemoryAccess(), clock: systemClock })

/** Long runs, short ones, and a chunk that comes again and again. */
const LENGTHS = [...Array(60).fill(60_000), ...Array(200).fill(700), ...Array(20).fill(45_000)] as number[]
const RUNS = [[0, 60], [3, 4], ...Array.from({ length: 150 }, (_, i) => [60 + i, 61 + i]), [60, 260], [255, 280]]

const chunks = LENGTHS.map((length, i) => splitmix64(i, length))
const builder = new XorbBuilder()
for (const plain of chunks) builder.add(chunkHash(plain), plain)
const { hash, chunks: list, body, recordEnds } = builder.finish()
await blobs.put({ kind: 'xorb', name: hash }, records())
await holdings.catalog.write({ records: [{ kind: 'xorb', key: hash, value: list.packed }] })
const xorb = (await holdings.findXorb(hash)) as Xorb

async function* records() {
  yield { bytes: body, ends: [...recordEnds] }
}

const terms = new FileEntryBuilder()
const expected = createHash('sha256')
for (const [start, end] of RUNS as [number, number][]) {
  const plain = chunks.slice(start, end)
  terms.add({ xorb: hash, start, end, plainLength: plain.reduce((sum, { length }) => sum + length, 0) })
  for (const one of plain) expected.update(one)
}
const entry = new FileEntry(terms.finish())
const digest = expected.digest('hex')

/** Looks at the bytes long after they were handed over. */
function lateWork(onAdd: (count: number) => void): RecordWork {
  let count = 0
  return {
    ...inlineRecordWork,
    openSha256() {
      const pass = inlineRecordWork.openSha256()
      const add = async (bytes: Uint8Array) => {
        await systemClock.sleep(3)
        onAdd(++count)
        await pass.add(bytes)
      }
      return { ...pass, add }
    },
  }
}

const hashWith = (work: RecordWork) =>
  hashFile({ blobs, work }, entry, { pacer: new Pacer(systemClock), getXorb: async () => xorb })

test('is the SHA-256 of the file, however late a batch is looked at', async () => {
  let batches = 0
  const work = lateWork((count) => {
    batches = count
  })
  expect(await hashWith(work)).toBe(digest)
  expect(batches).toBeGreaterThan(5)
})

test('says what went wrong with a batch, also with the last', async () => {
  for (const bad of [1, 3]) {
    const work = lateWork((count) => {
      if (count === bad) throw new Error(`batch ${bad} is lost`)
    })
    await expect(hashWith(work)).rejects.toThrow(`batch ${bad} is lost`)
  }
  let last = 0
  await hashWith(lateWork((count) => (last = count)))
  const work = lateWork((count) => {
    if (count === last) throw new Error('the last is lost')
  })
  await expect(hashWith(work)).rejects.toThrow('the last is lost')
})
