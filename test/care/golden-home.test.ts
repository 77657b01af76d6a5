/**
 * A home that the first layout wrote, opened for ever: its token works, its files are pulled whole, it is swept, rebuilt
 * and written to. `test/vectors/home-v1` is never edited; a new layout gets a folder of its own beside it.
 */
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { collectGarbage } from '../../src/actions/gc.ts'
import { rebuildCatalog } from '../../src/actions/rebuild.ts'
import { scrubStore } from '../../src/actions/scrub.ts'
import { ManualClock, systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { openHome } from '../../src/store/home.ts'
import { HubServer } from '../hub/hub-server.ts'
import { bytesOf, FILES, GOLDEN, TOKEN } from '../vectors/golden-home.ts'
import { dumpCatalog } from './catalog-dump.ts'

const DAY = 86_400

const scratch = await mkdtemp(join(tmpdir(), 'xorbit-golden-'))
afterAll(() => rm(scratch, { recursive: true }))

async function copyOfGolden(name: string): Promise<string> {
  const home = join(scratch, name)
  await cp(GOLDEN, home, { recursive: true })
  return home
}

async function expectFiles(server: HubServer): Promise<void> {
  for (const [path, content] of Object.entries(FILES)) {
    const { status, body } = await server.ask(`/${path}`, { token: TOKEN })
    expect([path, status, body.equals(content)]).toEqual([path, 200, true])
  }
}

test('its layout is known, its token works, every file is pulled whole, a deleted file is gone', async () => {
  expect((await readdir(GOLDEN)).filter((name) => /-(wal|shm)$/.test(name))).toEqual([])
  const home = await copyOfGolden('opened')
  const opened = await openHome(home, systemClock)
  opened.lock.release()
  const server = await HubServer.start({ home })
  expect((await server.ask('/api/whoami-v2', { token: TOKEN })).json).toMatchObject({ name: 'golden' })
  await expectFiles(server)
  expect((await server.ask('/golden/model/resolve/main/config.json', { token: TOKEN })).status).toBe(404)
  expect((await server.ask('/golden/secret/resolve/main/lfs.bin')).status).toBe(401)
  const line = await server.upload('golden/model', 'new.bin', bytesOf('new', 70_000), TOKEN)
  expect((await server.commit('golden/model', [line], { token: TOKEN })).status).toBe(200)
  expect(await scrubStore(server.parts.store, { bytesPerSecond: 1e12, restart: false })).toMatchObject({
    problemCount: 0,
  })
  await server.stop()
})

test('a sweep long after keeps all that its commits reach, its shards too', async () => {
  const home = await copyOfGolden('swept')
  const clock = new ManualClock(systemClock.nowSeconds() + 400 * DAY)
  const server = await HubServer.start({ home, clock })
  const options = { dryRun: false, now: false }
  for (let i = 0; i < 3; i++) {
    expect(await collectGarbage(server.parts.store, options)).toMatchObject({
      files: 0,
      xorbs: 0,
      shards: 0,
      deleted: 0,
    })
    clock.advance(10 * DAY)
  }
  await expectFiles(server)
  await server.stop()
})

test('its catalog is rebuilt as it was, with the shards of each file besides', async () => {
  const home = await copyOfGolden('rebuilt')
  const path = join(home, 'catalog.db')
  const before = dumpCatalog(path)
  await rm(path)
  expect(await rebuildCatalog({ home, clock: systemClock, log: silentLog })).toMatchObject({ files: 3, problems: [] })
  const after = dumpCatalog(path)
  expect([after.records, after.entries]).toEqual([before.records, before.entries])
  expect(after.references).toEqual(expect.arrayContaining(before.references))
  const server = await HubServer.start({ home })
  await expectFiles(server)
  await server.stop()
})
