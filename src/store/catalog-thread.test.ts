/** What a thread adds to the catalog: an event loop that no commit keeps waiting, and ends that are survived. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { afterAll, expect, test } from 'vitest'
import { type Clock, ManualClock, systemClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { CatalogThread } from './catalog-thread.ts'
import { SqliteCatalog } from './sqlite-catalog.ts'

const ENTRY = new URL('../app/catalog-worker.ts', import.meta.url)
const scratch = await mkdtemp(join(tmpdir(), 'xorbit-catalog-thread-'))
afterAll(() => rm(scratch, { recursive: true }))

let count = 0
function open(clock: Clock = systemClock) {
  const path = join(scratch, `${count++}.db`)
  const workers: Worker[] = []
  const start = () => {
    const worker = new Worker(ENTRY)
    workers.push(worker)
    return worker
  }
  return { path, workers, catalog: new SqliteCatalog(path, new CatalogThread({ start, clock, log: silentLog })) }
}

const record = (key: string, value: Uint8Array = new Uint8Array([1])) => ({ records: [{ kind: 'file', key, value }] })

/** Keeps everybody from writing until it is closed. */
function holder(path: string): DatabaseSync {
  const db = new DatabaseSync(path)
  db.exec('BEGIN IMMEDIATE')
  return db
}

test('a commit that cannot go on keeps neither timers nor reads waiting', async () => {
  const { path, catalog } = open()
  await catalog.write(record('before'))
  const held = holder(path)
  let isDone = false
  const written = catalog.write(record('after')).then(() => {
    isDone = true
  })
  const begun = systemClock.monotonicMs()
  for (let i = 0; i < 30; i++) {
    await systemClock.sleep(5)
    expect(await catalog.findRecord('file', 'before')).not.toBeNull()
  }
  // With the wait of SQLite on this thread, the first of these turns would have taken five seconds.
  expect(systemClock.monotonicMs() - begun).toBeLessThan(3_000)
  expect(isDone).toBe(false)
  held.close()
  await written
  expect(await catalog.findRecord('file', 'after')).not.toBeNull()
  await catalog.close()
})

test('while a commit stands still for seconds, no further change is let in; afterwards all goes on', async () => {
  const clock = new ManualClock(0)
  const { path, catalog } = open(clock)
  await catalog.write(record('a'))
  const held = holder(path)
  const stuck = catalog.write(record('b'))
  await systemClock.sleep(50)
  const waiting = catalog.write(record('c'))
  clock.advance(6)
  for (const refused of [catalog.write(record('d')), catalog.remove({}), catalog.removeFree([])]) {
    await expect(refused).rejects.toMatchObject({ kind: 'busy', code: 'STORE_STALLED' })
  }
  held.close()
  await Promise.all([stuck, waiting])
  await catalog.write(record('d'))
  const keys: string[] = []
  for await (const key of catalog.listKeys('file')) keys.push(key)
  expect(keys).toEqual(['a', 'b', 'c', 'd'])
  await catalog.close()
})

test('a file that another process holds for long is said to each who waited, as everywhere', async () => {
  const { path, catalog } = open()
  await catalog.write(record('a'))
  const held = holder(path)
  const writes = ['b', 'c'].map((key) => catalog.write(record(key)))
  for (const write of writes) await expect(write).rejects.toMatchObject({ kind: 'busy', code: 'DATABASE_BUSY' })
  held.close()
  await catalog.write(record('b'))
  expect(await catalog.findRecord('file', 'c')).toBeNull()
  await catalog.close()
})

test('a thread that ends fails what it was doing, is replaced, and what it acknowledged is there', async () => {
  const { path, workers, catalog } = open()
  await catalog.write(record('a'))
  const held = holder(path)
  const running = catalog.write(record('b'))
  const waiting = systemClock.sleep(50).then(() => catalog.write(record('c')))
  await systemClock.sleep(100)
  const ended = workers[0]?.terminate()
  held.close()
  await expect(running).rejects.toMatchObject({ kind: 'busy', code: 'WRITE_INTERRUPTED' })
  await ended
  await waiting
  await catalog.write(record('d'))
  expect(workers).toHaveLength(2)
  for (const key of ['a', 'c', 'd']) expect(await catalog.findRecord('file', key)).not.toBeNull()
  await catalog.close()
})

test('a batch of any size is one transaction, in messages that are soon packed', async () => {
  const { catalog } = open()
  const names = Array.from({ length: 25_000 }, (_, i) => `file:${String(i).padStart(6, '0')}`)
  const references = names.map((to) => ({ from: 'repo:1', to }))
  const bad = { holder: null as unknown as string, target: 'file:x', untilSeconds: 1 }
  await expect(catalog.write({ references, leases: [bad] })).rejects.toThrow(/NOT NULL/)
  expect(await catalog.findHolders(names[0] as string, 1)).toEqual([])
  await catalog.write({ references })
  const found: string[] = []
  for await (const name of catalog.listTargets('repo:1')) found.push(name)
  expect(found).toEqual(names)
  await catalog.remove({ references: references.slice(1) })
  expect(await catalog.findHolders(names[0] as string, 1)).toEqual(['repo:1'])
  expect(await catalog.findHolders(names.at(-1) as string, 1)).toEqual([])
  await catalog.close()
})

test('values are passed by themselves, whatever memory they are a part of', async () => {
  const { catalog } = open()
  const memory = new Uint8Array(new SharedArrayBuffer(1 << 20)).fill(7)
  await catalog.write(record('part', memory.subarray(10, 13)))
  await catalog.write(record('pooled', Buffer.from('text')))
  await catalog.write(record('empty', new Uint8Array()))
  expect(await catalog.findRecord('file', 'part')).toEqual(new Uint8Array([7, 7, 7]))
  expect(await catalog.findRecord('file', 'pooled')).toEqual(new Uint8Array(Buffer.from('text')))
  expect(await catalog.findRecord('file', 'empty')).toEqual(new Uint8Array())
  await catalog.close()
})

test('closing waits for what was asked for, leaves no log behind and lets nothing more in', async () => {
  const { path, catalog } = open()
  const writes = Array.from({ length: 50 }, (_, i) => catalog.write(record(`${i}`)))
  await catalog.close()
  await Promise.all(writes)
  expect([existsSync(`${path}-wal`), existsSync(`${path}-shm`)]).toEqual([false, false])
  await expect(catalog.write(record('late'))).rejects.toMatchObject({ code: 'WRITE_INTERRUPTED' })
  await catalog.close()
  const again = new SqliteCatalog(path)
  const keys: string[] = []
  for await (const key of again.listKeys('file')) keys.push(key)
  expect(keys).toHaveLength(50)
  await again.close()
})
