/** The sweep through a whole server: what commits reach stays, what they do not reach goes, in its time. */
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { collectGarbage } from '../../src/actions/gc.ts'
import { ManualClock } from '../../src/base/clock.ts'
import type { RepoRecord } from '../../src/hub/repo-table.ts'
import { HubServer } from '../hub/hub-server.ts'

const DAY = 86_400
const clock = new ManualClock(1_800_000_000)
const server = await HubServer.start({ clock })
const { store } = server.parts
afterAll(() => server.remove())

const gc = (options: { dryRun?: boolean; now?: boolean } = {}) =>
  collectGarbage(store, { dryRun: false, now: false, ...options })

async function blobNames(folder: string): Promise<string[]> {
  const names = await readdir(join(server.home, 'blobs', folder), { recursive: true })
  return names.map((name) => name.split('/').at(-1) as string).filter((name) => /[0-9a-f]{64}$/.test(name))
}

async function pushed(repo: string, path: string, content: Buffer): Promise<void> {
  const line = await server.upload(`alice/${repo}`, path, content)
  expect((await server.commit(`alice/${repo}`, [line])).status).toBe(200)
}

const read = async (repo: string, path: string) =>
  (await server.ask(`/alice/${repo}/resolve/main/${path}`, { token: server.alice })).status

test('a deleted repository frees what only it held: after 22 days to the trash, after 7 more for good', async () => {
  const [shared, own] = [randomBytes(300_000), randomBytes(400_000)]
  for (const repo of ['kept', 'gone']) expect((await server.create(repo)).status).toBe(200)
  await pushed('kept', 'shared.bin', shared)
  await pushed('gone', 'shared.bin', shared)
  await pushed('gone', 'own.bin', own)
  expect(await blobNames('xorbs')).toHaveLength(2)
  const body = JSON.stringify({ type: 'model', name: 'gone', organization: 'alice' })
  const headers = { 'content-type': 'application/json' }
  await server.ask('/api/repos/delete', { method: 'DELETE', token: server.alice, headers, body })

  expect(await gc()).toMatchObject({ files: 0, xorbs: 0, shards: 0, deleted: 0, detached: 2 })
  clock.advance(24 * DAY)
  expect(await gc({ dryRun: true })).toMatchObject({ files: 1, xorbs: 1, shards: 1, trashedBytes: 0 })
  expect(await blobNames('trash')).toHaveLength(0)
  expect(await gc()).toMatchObject({ files: 1, xorbs: 1, shards: 1, deleted: 0, epoch: null })
  expect(await blobNames('trash')).toHaveLength(2)
  clock.advance(6 * DAY)
  expect(await gc()).toMatchObject({ files: 0, xorbs: 0, deleted: 0 })
  clock.advance(2 * DAY)
  const last = await gc()
  expect(last).toMatchObject({ deleted: 2, restored: 0 })
  expect(last.freedBytes).toBeGreaterThan(400_000)
  expect(await blobNames('trash')).toHaveLength(0)
  expect(await blobNames('xorbs')).toHaveLength(1)
  expect(await read('kept', 'shared.bin')).toBe(200)
})

test('what any branch, tag or earlier commit reaches stays, and goes when the last of them does', async () => {
  await server.create('history')
  await pushed('history', 'first.bin', randomBytes(200_000))
  await server.post('/api/models/alice/history/tag/main', { tag: 'v1' })
  await server.post('/api/models/alice/history/branch/side', {})
  await server.commit('alice/history', [{ key: 'deletedFile', value: { path: 'first.bin' } }])
  clock.advance(40 * DAY)
  expect(await gc()).toMatchObject({ files: 0, xorbs: 0, detached: 0 })
  // Rewritten: no ref reaches the first commit any more.
  const record = store.accounts.repos.find({ type: 'model', namespace: 'alice', name: 'history' })
  const repository = await store.repositories.open(record as NonNullable<typeof record>)
  const from = async (ref: string) => ({ ref, from: await repository.findRef(ref), to: null })
  await repository.changeRefs([
    await from('refs/tags/v1'),
    await from('refs/heads/side'),
    await from('refs/heads/main'),
  ])
  expect(await gc()).toMatchObject({ files: 1, xorbs: 1, shards: 1, detached: 1 })
})

test('gc --now frees a deleted repository at once, keeps an upload under way, and changes the epoch', async () => {
  for (const repo of ['full', 'busy']) await server.create(repo)
  await pushed('full', 'a.bin', randomBytes(200_000))
  clock.advance(5)
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ type: 'model', name: 'full', organization: 'alice' })
  await server.ask('/api/repos/delete', { method: 'DELETE', token: server.alice, headers, body })
  const line = await server.upload('alice/busy', 'b.bin', randomBytes(200_000))
  clock.advance(60)
  const epoch = store.accounts.epoch.current()
  const report = await gc({ now: true })
  expect(report).toMatchObject({ files: 1, xorbs: 1, shards: 1 })
  expect(report.deleted).toBeGreaterThanOrEqual(2)
  expect(store.accounts.epoch.current()).not.toBe(epoch)
  expect((await server.commit('alice/busy', [line])).status).toBe(200)
  expect(await read('busy', 'b.bin')).toBe(200)
})

test('a repository that cannot be read keeps what it holds and does not stop the sweep', async () => {
  await server.create('broken')
  await pushed('broken', 'c.bin', randomBytes(200_000))
  const record = store.accounts.repos.find({ type: 'model', namespace: 'alice', name: 'broken' })
  const repository = await store.repositories.open(record as NonNullable<typeof record>)
  const { rename } = await import('node:fs/promises')
  await rename(join(repository.gitDir, 'objects'), join(repository.gitDir, 'objects.away'))
  clock.advance(30 * DAY)
  const report = await gc()
  expect(report.unreadable).toHaveLength(1)
  expect(report).toMatchObject({ files: 0, xorbs: 0 })
  await rename(join(repository.gitDir, 'objects.away'), join(repository.gitDir, 'objects'))
  expect((await gc()).unreadable).toEqual([])
  expect(await read('broken', 'c.bin')).toBe(200)
})

test('a deletion that a crash cut short after the row was gone leaves nothing that is held for ever, nor for an hour', async () => {
  expect((await server.create('half')).status).toBe(200)
  await pushed('half', 'half.bin', randomBytes(200_000))
  const { repos } = server.parts.accounts
  const { id } = repos.find({ type: 'model', namespace: 'alice', name: 'half' }) as RepoRecord
  const crash = vi.spyOn(repos, 'delete').mockImplementationOnce((opaque) => {
    repos.delete(opaque)
    throw new Error('as if the process was killed here')
  })
  const body = JSON.stringify({ type: 'model', name: 'half', organization: 'alice' })
  const headers = { 'content-type': 'application/json' }
  const reply = await server.ask('/api/repos/delete', { method: 'DELETE', token: server.alice, headers, body })
  crash.mockRestore()
  expect([reply.status, repos.findById(id)]).toEqual([500, null])
  expect(await gc()).toMatchObject({ detached: 1 })
  expect(await gc()).toMatchObject({ detached: 0 })
})
