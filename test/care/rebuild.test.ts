/** A lost catalog comes back from blobs and repositories; a home without one is not served. */
import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rebuildCatalog } from '../../src/actions/rebuild.ts'
import type { AppError } from '../../src/base/app-error.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { SqliteCatalog } from '../../src/store/sqlite-catalog.ts'
import { HubServer } from '../hub/hub-server.ts'
import { dumpCatalog } from './catalog-dump.ts'

const codeOf = (attempt: Promise<unknown>) => attempt.then(String, (error: AppError) => error.code)
const rebuild = (home: string) => rebuildCatalog({ home, clock: systemClock, log: silentLog })

async function servedHome(): Promise<{ home: string; contents: Buffer[] }> {
  const server = await HubServer.start()
  const contents = [
    randomBytes(900_000),
    randomBytes(300_000),
    Buffer.concat([randomBytes(80_000), Buffer.alloc(500_000, 7)]),
  ]
  await server.create('one')
  await server.create('two', { private: true })
  for (const [i, content] of contents.entries()) {
    const repo = i === 1 ? 'alice/two' : 'alice/one'
    expect((await server.commit(repo, [await server.upload(repo, `f${i}.bin`, content)])).status).toBe(200)
  }
  const again = await server.upload('alice/two', 'same.bin', contents[0] as Buffer)
  expect((await server.commit('alice/two', [again])).status).toBe(200)
  await server.stop()
  return { home: server.home, contents }
}

test('gives the same catalog as before, leases on all of it, another epoch, and a home that serves', async () => {
  const { home, contents } = await servedHome()
  const path = join(home, 'catalog.db')
  const before = dumpCatalog(path)
  expect(before.references.length).toBeGreaterThanOrEqual(10)
  for (const end of ['', '-wal', '-shm']) await rm(path + end, { force: true })
  expect(await codeOf(HubServer.start({ home }))).toBe('CATALOG_MISSING')
  const report = await rebuild(home)
  expect(report).toMatchObject({ files: 3, repositories: 2, problems: [] })
  expect(dumpCatalog(path)).toEqual(before)
  const catalog = new SqliteCatalog(path)
  for await (const key of catalog.listKeys('xorb')) {
    const left = (await catalog.leaseUntil('server', `xorb:${key}`)) - systemClock.nowSeconds()
    expect(left).toBeGreaterThan(22 * 86_400 - 60)
  }
  await catalog.close()
  const server = await HubServer.start({ home })
  expect(server.parts.accounts.epoch.current()).toBe(report.epoch)
  const { body } = await server.ask('/alice/one/resolve/main/f0.bin', { token: server.alice })
  expect(body.equals(contents[0] as Buffer)).toBe(true)
  await server.remove()
})

test('a damaged catalog is refused with the remedy, and the remedy works', async () => {
  const { home } = await servedHome()
  const path = join(home, 'catalog.db')
  const before = dumpCatalog(path)
  const file = await open(path, 'r+')
  await file.write(Buffer.alloc(100, 0x5a), 0, 100, 0)
  await file.close()
  const refusal = await HubServer.start({ home }).then(String, (error: AppError) => error)
  expect(refusal).toMatchObject({ code: 'CATALOG_DAMAGED', kind: 'damaged' })
  expect((refusal as AppError).message).toContain('xorbit rebuild')
  await rebuild(home)
  expect(dumpCatalog(path)).toEqual(before)
  await rm(home, { recursive: true })
})

test('works without shards as far as it can, and says what is lost', async () => {
  const { home } = await servedHome()
  await rename(join(home, 'blobs', 'shards'), join(home, 'shards.away'))
  await mkdir(join(home, 'blobs', 'shards'))
  const report = await rebuild(home)
  // Chunk lists come from the xorbs themselves; what a file is made of only shards say.
  expect(report).toMatchObject({ shards: 0, files: 0, repositories: 2 })
  expect(report.xorbs).toBeGreaterThanOrEqual(3)
  expect(report.problems).toHaveLength(4)
  expect(report.problems[0]).toMatch(/needs a file of SHA-256 [0-9a-f]{64}, which is lost/)
  await rm(home, { recursive: true })
})
