/** A backup taken while commits go on; restored, it serves all that was acknowledged before it. */
import { createHash, randomBytes } from 'node:crypto'
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { backupHome } from '../../src/actions/backup.ts'
import { collectGarbage } from '../../src/actions/gc.ts'
import { restoreHome } from '../../src/actions/restore.ts'
import type { AppError } from '../../src/base/app-error.ts'
import { systemClock } from '../../src/base/clock.ts'
import { openHome } from '../../src/store/home.ts'
import { HubServer } from '../hub/hub-server.ts'

const scratch = await mkdtemp(join(tmpdir(), 'xorbit-backup-'))
afterAll(() => rm(scratch, { recursive: true }))
const clock = systemClock
const codeOf = (attempt: Promise<unknown>) => attempt.then(String, (error: AppError) => error.code)
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

test('backup under load, wipe, restore, compare: equal; the epoch changes, tokens work', async () => {
  const server = await HubServer.start()
  const acknowledged = new Map<string, string>()
  const push = async (repo: string, path: string) => {
    const content = randomBytes(150_000)
    const line = await server.upload(`alice/${repo}`, path, content)
    expect((await server.commit(`alice/${repo}`, [line])).status).toBe(200)
    acknowledged.set(`${repo}/resolve/main/${path}`, sha256(content))
  }
  for (const repo of ['a', 'b']) await server.create(repo)
  for (let i = 0; i < 4; i++) await push(i % 2 === 0 ? 'a' : 'b', `before-${i}.bin`)
  const before = new Map(acknowledged)
  let isDone = false
  const load = (async () => {
    for (let i = 0; !isDone; i++) {
      await push('a', `during-${i}.bin`)
      if (i === 1) await server.create('late')
      await collectGarbage(server.parts.store, { dryRun: false, now: true })
    }
  })()
  const folder = join(scratch, 'under-load')
  const report = await backupHome(server.parts.store, { folder, link: false })
  isDone = true
  await load
  expect(report.repositories).toBeGreaterThanOrEqual(2)
  expect(await readdir(folder)).not.toContain('catalog.db-wal')
  const epoch = server.parts.accounts.epoch.current()
  const { alice } = server
  await server.remove()

  const home = join(scratch, 'restored')
  await restoreHome({ folder, home, clock })
  const restored = await HubServer.start({ home })
  for (const [path, expected] of before) {
    const { status, body } = await restored.ask(`/alice/${path}`, { token: alice })
    expect([path, status, sha256(body)]).toEqual([path, 200, expected])
  }
  // What came during the backup is there whole, or is not there.
  const { json } = await restored.ask('/api/models/alice/a/tree/main', { token: alice })
  for (const { path } of json as { path: string }[]) {
    const { status, body } = await restored.ask(`/alice/a/resolve/main/${path}`, { token: alice })
    const expected = acknowledged.get(`a/resolve/main/${path}`)
    if (expected !== undefined) expect([status, sha256(body)]).toEqual([200, expected])
  }
  const late = await restored.ask('/api/models/alice/late', { token: alice })
  expect([200, 404]).toContain(late.status)
  expect(restored.parts.accounts.epoch.current()).not.toBe(epoch)
  const deeds = restored.parts.accounts.audit.list({ count: 1000 }).map(({ action }) => action)
  expect(deeds).toContain('store.restore')
  expect(await collectGarbage(restored.parts.store, { dryRun: true, now: false })).toMatchObject({
    files: 0,
    unreadable: [],
  })
  await restored.stop()
})

test('refuses what is no finished backup, a folder that is not empty, a home with data, a half restore', async () => {
  const server = await HubServer.start()
  await server.create('x')
  const { store } = server.parts
  const folder = join(scratch, 'small')
  const at = (name: string) => join(scratch, name)
  expect(await codeOf(backupHome(store, { folder: join(server.home, 'b'), link: true }))).toBe('BACKUP_FOLDER_BAD')
  await backupHome(store, { folder, link: true })
  expect(await codeOf(backupHome(store, { folder, link: true }))).toBe('BACKUP_FOLDER_BAD')
  await server.remove()
  await cp(folder, at('cut'), { recursive: true })
  await rm(join(at('cut'), 'backup.json'))
  expect(await codeOf(restoreHome({ folder: at('cut'), home: at('h1'), clock }))).toBe('BACKUP_INCOMPLETE')
  expect(await codeOf(restoreHome({ folder: at('none'), home: at('h1'), clock }))).toBe('BACKUP_INCOMPLETE')
  await restoreHome({ folder, home: at('h2'), clock })
  expect(await codeOf(restoreHome({ folder, home: at('h2'), clock }))).toBe('HOME_NOT_EMPTY')
  // Killed in the middle: nobody serves it, and a second try ends well.
  await writeFile(join(at('h2'), 'restore-unfinished'), folder)
  expect(await codeOf(openHome(at('h2'), clock))).toBe('RESTORE_UNFINISHED')
  await restoreHome({ folder, home: at('h2'), clock })
  const home = await openHome(at('h2'), clock)
  home.lock.release()
  // Killed before its mark had its name.
  await mkdir(at('h4'))
  await writeFile(join(at('h4'), 'restore-unfinished.0f3c6d58-8a4e-4f0e-9d0b-6b7a4f1c2d3e.tmp'), folder)
  await restoreHome({ folder, home: at('h4'), clock })
})

test('a backup whose blobs are not all there is refused', async () => {
  const server = await HubServer.start()
  await server.create('x')
  const line = await server.upload('alice/x', 'f.bin', randomBytes(100_000))
  await server.commit('alice/x', [line])
  const folder = join(scratch, 'holes')
  await backupHome(server.parts.store, { folder, link: false })
  await server.remove()
  const xorbs = join(folder, 'blobs', 'xorbs')
  const [prefix] = await readdir(xorbs)
  await rm(join(xorbs, prefix as string), { recursive: true })
  expect(await codeOf(restoreHome({ folder, home: join(scratch, 'h3'), clock }))).toBe('BACKUP_INCOMPLETE')
})
