import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { catalogSuite } from '../../test/suites/catalog.suite.ts'
import { startCatalogThread } from '../app/start-catalog-thread.ts'
import { systemClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import type { Batch, Catalog } from './catalog.ts'
import { MemoryCatalog } from './memory-catalog.ts'
import { SqliteCatalog } from './sqlite-catalog.ts'

const scratch = await mkdtemp(join(tmpdir(), 'xorbit-catalog-'))
let count = 0
const freshPath = () => join(scratch, `${count++}.db`)
afterAll(() => rm(scratch, { recursive: true }))

const threaded = (path: string) => new SqliteCatalog(path, startCatalogThread(systemClock, silentLog))
const DRIVERS = [
  ['SqliteCatalog', (path: string) => new SqliteCatalog(path), 40],
  ['SqliteCatalog with a thread', threaded, 8],
] as const

const opened: SqliteCatalog[] = []
afterAll(() => Promise.all(opened.map((catalog) => catalog.close())))

for (const [name, open] of DRIVERS) {
  catalogSuite(name, async () => {
    const catalog = open(freshPath())
    opened.push(catalog)
    return catalog
  })
}

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const batch: fc.Arbitrary<Batch> = fc.record({
  records: fc.array(fc.record({ kind: name, key: name, value: fc.uint8Array({ maxLength: 8 }) }), { maxLength: 4 }),
  references: fc.array(fc.record({ from: name, to: name }), { maxLength: 4 }),
  leases: fc.array(fc.record({ holder: name, target: name, untilSeconds: fc.nat(100) }), { maxLength: 4 }),
  index: fc.array(fc.record({ kind: name, key: name, value: name }), { maxLength: 4 }),
})
const question = fc.tuple(name, name, fc.subarray(['a', 'b', 'c', 'd', 'e']), fc.integer({ min: 1, max: 4 }))

async function namesAbove(catalog: Catalog, target: string, prefix: string): Promise<string[]> {
  const found = new Set<string>()
  for await (const page of catalog.listAbove(target, prefix)) for (const name of page) found.add(name)
  return [...found].sort()
}

async function answer(catalog: Catalog, [a, b, several, limit]: [string, string, string[], number]) {
  const records: unknown[] = []
  for await (const { key, value } of catalog.listRecords(a)) records.push([key, [...value]])
  return {
    record: [...((await catalog.findRecord(a, b)) ?? ['none'])],
    records,
    index: await catalog.findIndex(a, b, limit),
    holders: await catalog.findHolders(a, limit),
    path: await catalog.hasPath(several, a),
    above: await namesAbove(catalog, a, b),
    lease: await catalog.leaseUntil(a, b),
  }
}

test.each(DRIVERS)(
  '%s answers as the memory catalog does after any writes, and after a reopening',
  async (_name, open, numRuns) => {
    const step = fc.oneof(
      { weight: 3, arbitrary: batch },
      { weight: 5, arbitrary: question },
      fc.constant('reopen' as const),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const path = freshPath()
        const model = new MemoryCatalog()
        let real = open(path)
        for (const each of steps) {
          if (each === 'reopen') {
            await real.close()
            real = open(path)
          } else if (Array.isArray(each)) {
            expect(await answer(real, each)).toEqual(await answer(model, each))
          } else {
            await model.write(each)
            await real.write(each)
          }
        }
        await real.close()
      }),
      { numRuns },
    )
  },
)

test.each(DRIVERS)('%s: nothing of a batch stays when one row of it is refused', async (_name, open) => {
  const catalog = open(freshPath())
  const bad = { kind: null as unknown as string, key: 'b', value: new Uint8Array() }
  const good = { kind: 'file', key: 'a', value: new Uint8Array([1]) }
  await expect(catalog.write({ records: [good, bad] })).rejects.toThrow(/NOT NULL/)
  expect(await catalog.findRecord('file', 'a')).toBeNull()
  const other = { ...good, key: 'c' }
  const together = await Promise.allSettled([{ records: [bad] }, { records: [other] }].map((one) => catalog.write(one)))
  expect(together.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
  expect(await catalog.findRecord('file', 'c')).toEqual(new Uint8Array([1]))
  await catalog.write({ records: [good] })
  expect(await catalog.findRecord('file', 'a')).toEqual(new Uint8Array([1]))
  await catalog.close()
})

test('refuses a file of a newer version and leaves it as it is', async () => {
  const path = freshPath()
  const db = new DatabaseSync(path)
  db.exec('PRAGMA user_version = 99')
  db.close()
  expect(() => new SqliteCatalog(path)).toThrow(expect.objectContaining({ code: 'DATABASE_NEWER' }))
})

test('says that a file is no database', async () => {
  const path = freshPath()
  await writeFile(path, Buffer.alloc(8192, 'garbage'))
  expect(() => new SqliteCatalog(path)).toThrow(expect.objectContaining({ kind: 'damaged', code: 'DATABASE_DAMAGED' }))
})

test('keeps a write-ahead log', async () => {
  const path = freshPath()
  const catalog = new SqliteCatalog(path)
  const db = new DatabaseSync(path)
  expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
  db.close()
  await catalog.close()
})
