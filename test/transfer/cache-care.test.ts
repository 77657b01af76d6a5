/** `cache ls|rm|prune|verify` over a cache that real pulls filled, as huggingface_hub lays it out. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { listCache } from '../../src/actions/cache-ls.ts'
import { planPrune, prune } from '../../src/actions/cache-prune.ts'
import { cacheRm, planCacheRm } from '../../src/actions/cache-rm.ts'
import { type CacheDifference, verifyCache } from '../../src/actions/cache-verify.ts'
import { pull } from '../../src/actions/pull.ts'
import { push } from '../../src/actions/push.ts'
import { type RunningServer, startServer } from '../../src/app/lifecycle.ts'
import { ManualClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { ownerName } from '../../src/base/process-owner.ts'
import { noise } from '../farm/fake-hub.ts'

const SHARED = noise(2_000_000, 1)
const OWN = noise(1_500_000, 2)
const top = await mkdtemp(join(tmpdir(), 'xorbit-care-'))
const server: RunningServer = await startServer({
  ...{ home: join(top, 'server'), host: '127.0.0.1', port: 0, allowedHosts: [], firstUser: 'ann', log: silentLog },
})
const env = { HOME: top, XORBIT_HOME: join(top, 'server'), HF_HOME: join(top, 'hf') }
const cacheDir = join(top, 'hf', 'hub')
/** Long after everything that a test wrote. */
const later = new ManualClock(Math.floor(Date.now() / 1000) + 3600)
let first = ''

await write('one', { 'shared.bin': SHARED, 'own.bin': OWN, 'note.txt': 'first' })
await write('two', { 'shared.bin': SHARED, 'note.txt': 'of two' })
const pushed = await push({ env, repo: 'ann/one', paths: [join(top, 'one')] })
await push({ env, repo: 'ann/two', paths: [join(top, 'two')] })

beforeEach(async () => {
  await rm(join(top, 'hf'), { recursive: true, force: true })
  first = (await pull({ env, ref: `ann/one@${pushed.commit}` })).snapshot
  await pull({ env, ref: 'ann/two' })
})
afterAll(async () => {
  await server.stop()
  await rm(top, { recursive: true })
})

async function write(name: string, files: Record<string, string | Buffer>): Promise<void> {
  await mkdir(join(top, name), { recursive: true })
  for (const [path, content] of Object.entries(files)) await writeFile(join(top, name, path), content)
}

async function differences(targets: string[] = []): Promise<CacheDifference[]> {
  const found: CacheDifference[] = []
  await verifyCache({ env, targets, onDifference: (one) => found.push(one) })
  return found
}

/** The blob of a file of `ann/one`, and the file in the shared store behind it. */
const blobOf = async (path: string) => {
  const blob = join(first, await readlink(join(first, path)))
  return { blob, stored: await realpath(blob) }
}

test('ls counts a shared file once on the disk, and says who shares', async () => {
  const { repos, diskBytes, orphans } = await listCache({ env })
  expect(repos.map(({ repo }) => repo.name)).toEqual(['ann/one', 'ann/two'])
  const [one, two] = repos
  expect(one?.bytes).toBeGreaterThan(SHARED.length + OWN.length)
  expect([one?.sharedBytes, two?.sharedBytes].map((bytes) => Math.floor((bytes ?? 0) / 1e6))).toEqual([2, 2])
  expect(diskBytes).toBeLessThan((one?.diskBytes ?? 0) + (two?.diskBytes ?? 0) - 1_900_000)
  expect(orphans.count).toBe(0)
  expect(one?.revisions.map(({ commit }) => commit)).toEqual([pushed.commit])
})

test('rm of a repository keeps what another shares, and drops its own from the shared store', async () => {
  const { stored: shared } = await blobOf('shared.bin')
  const { stored: own } = await blobOf('own.bin')
  const plan = await planCacheRm(['ann/one'], { env, clock: later })
  expect(plan.bytes).toBeGreaterThan(1_400_000)
  expect(plan.bytes).toBeLessThan(1_900_000)
  await cacheRm(plan, later)
  expect(await readdir(cacheDir)).not.toContain('models--ann--one')
  expect(await readFile(shared)).toEqual(SHARED)
  await expect(stat(own)).rejects.toMatchObject({ code: 'ENOENT' })
  expect((await readFile(`${shared}.refs`, 'utf8')).trim().split('\n')).toEqual([
    expect.stringMatching(/^models--ann--two\/blobs\//),
  ])
  expect(await differences()).toEqual([])
  const rest = await planCacheRm(['ann/two'], { env, clock: later })
  expect(rest.bytes).toBeGreaterThan(1_900_000)
  await cacheRm(rest, later)
  await expect(stat(shared)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('rm of one revision keeps the blobs of the others, and takes its names', async () => {
  await write('one', { 'note.txt': 'second' })
  const second = await push({ env, repo: 'ann/one', paths: [join(top, 'one')] })
  const { snapshot } = await pull({ env, ref: 'ann/one' })
  await cacheRm(await planCacheRm([`ann/one@${second.commit.slice(0, 9)}`], { env, clock: later }), later)
  await expect(stat(snapshot)).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await readdir(join(cacheDir, 'models--ann--one', 'refs'))).toEqual([])
  expect(await readFile(join(first, 'note.txt'), 'utf8')).toBe('first')
  expect(await differences()).toEqual([])
  await expect(planCacheRm(['ann/one@main'], { env })).rejects.toMatchObject({ code: 'CACHE_ENTRY_MISSING' })
  await expect(planCacheRm(['ann/none'], { env })).rejects.toMatchObject({ kind: 'not-found' })
})

test('rm refuses while something is being downloaded: a part of a living process, or a lock that hf holds', async () => {
  const part = join(cacheDir, 'models--ann--one', '.xorbit-parts', `${'a'.repeat(64)}.${await ownerName()}.00000000`)
  await mkdir(part, { recursive: true })
  await expect(planCacheRm(['ann/one'], { env, clock: later })).rejects.toMatchObject({
    code: 'CACHE_IN_USE',
    kind: 'busy',
  })
  await rm(part, { recursive: true })
  const etag = 'b'.repeat(64)
  const locks = join(cacheDir, '.locks', 'models--ann--one')
  await mkdir(locks, { recursive: true })
  await writeFile(join(cacheDir, 'models--ann--one', 'blobs', `${etag}.0a1b2c3d.incomplete`), 'half')
  const words = ['-x', join(locks, `${etag}.lock`), 'sh', '-c', 'echo held; read line']
  const hf = spawn('flock', words, { stdio: ['pipe', 'pipe', 'ignore'] })
  await once(hf.stdout, 'data')
  await expect(planCacheRm(['ann/one'], { env, clock: later })).rejects.toMatchObject({ code: 'CACHE_IN_USE' })
  expect((await planPrune({ env, clock: later })).busy).toEqual(['ann/one'])
  hf.stdin.end()
  await once(hf, 'close')
  await cacheRm(await planCacheRm(['ann/one'], { env, clock: later }), later)
  expect(await readdir(cacheDir)).not.toContain('models--ann--one')
})

test('prune: a revision without a name, a blob without a file, orphans and leftovers; nothing else', async () => {
  const folder = join(cacheDir, 'models--ann--two')
  await writeFile(join(folder, 'blobs', `${'c'.repeat(64)}.0a1b2c3d.incomplete`), Buffer.alloc(50_000))
  await writeFile(join(folder, 'blobs', 'd'.repeat(64)), Buffer.alloc(60_000))
  const part = join(folder, '.xorbit-parts', `${'e'.repeat(64)}.nobody.00000000`)
  await mkdir(part, { recursive: true })
  await writeFile(join(part, 'data'), Buffer.alloc(70_000))
  const { stored: own } = await blobOf('own.bin')
  // All of it came a moment ago: whoever made it may still be at work.
  const young = await planPrune({ env })
  expect([young.revisions, young.blobs, young.youngRevisions]).toEqual([[], [], 1])
  const plan = await planPrune({ env, clock: later })
  expect(plan.revisions.map(({ repo, commits }) => [repo.name, commits])).toEqual([['ann/one', null]])
  expect(plan.blobs.flatMap(({ blobs }) => blobs.map(({ name }) => name))).toEqual(['d'.repeat(64)])
  expect(plan.leftovers.map(({ what }) => what).sort()).toEqual(['part', 'unfinished'])
  expect(plan.bytes).toBeGreaterThan(OWN.length + 180_000)
  expect(await readdir(cacheDir)).toContain('models--ann--one')
  await prune(plan)
  expect(await readdir(cacheDir)).not.toContain('models--ann--one')
  await expect(stat(own)).rejects.toMatchObject({ code: 'ENOENT' })
  expect((await readdir(join(folder, 'blobs'))).length).toBe(3)
  expect(await differences()).toEqual([])
  expect((await planPrune({ env, clock: later })).bytes).toBe(0)
})

test('prune: a repository folder that somebody deleted by hand leaves shared blobs that go', async () => {
  await rm(join(cacheDir, 'models--ann--one'), { recursive: true })
  expect((await listCache({ env })).orphans.count).toBe(1)
  const plan = await planPrune({ env, clock: later })
  expect(plan.shared.map(({ stat: { size } }) => size)).toEqual([OWN.length])
  await prune(plan)
  expect((await listCache({ env })).orphans.count).toBe(0)
  expect(await differences()).toEqual([])
})

test('a shared blob without a list of users is never removed', async () => {
  const { stored } = await blobOf('own.bin')
  await rm(`${stored}.refs`)
  await cacheRm(await planCacheRm(['ann/one'], { env, clock: later }), later)
  await prune(await planPrune({ env, clock: later }))
  expect(await readFile(stored)).toEqual(OWN)
})

test('verify names the file with a flipped bit, though size and times are as they were; --paranoid heals it', async () => {
  const { stored } = await blobOf('own.bin')
  const before = await stat(stored)
  await chmod(stored, 0o644)
  const bytes = Buffer.from(OWN)
  bytes[700_000] = (bytes[700_000] ?? 0) ^ 1
  await writeFile(stored, bytes)
  await utimes(stored, before.atime, before.mtime)
  const found = await differences()
  expect(found).toMatchObject([{ repo: 'ann/one', path: 'own.bin', localPath: stored }])
  expect(found[0]?.actual).not.toBe(found[0]?.expected)
  expect(await differences(['ann/two'])).toEqual([])
  const again = await pull({ env, ref: `ann/one@${pushed.commit}`, paranoid: true })
  expect(again.bytes.origin).toBe(OWN.length)
  expect(await differences()).toEqual([])
})

test('verify names what is missing, and counts what nothing is known of', async () => {
  await rm(await realpath(join(first, 'note.txt')))
  expect(await differences(['ann/one'])).toMatchObject([{ path: 'note.txt', actual: 'missing' }])
  await writeFile(join(cacheDir, 'models--ann--two', 'blobs', 'not-a-digest'), 'x')
  const report = await verifyCache({ env, targets: ['ann/two'], onDifference: () => expect.unreachable() })
  expect(report.unknown).toBe(1)
})

test('a file with a name elsewhere frees nothing', async () => {
  const { stored } = await blobOf('own.bin')
  await link(stored, join(top, basename(stored)))
  expect((await planCacheRm(['ann/one'], { env, clock: later })).bytes).toBeLessThan(100_000)
})
