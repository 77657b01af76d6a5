/** How often a content comes, and how it lies: once for all its names and all pulls of a process, with links or without. */
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type PullOptions, pull } from '../../src/actions/pull.ts'
import { push } from '../../src/actions/push.ts'
import { type RunningServer, startServer } from '../../src/app/lifecycle.ts'
import { silentLog } from '../../src/base/log.ts'
import { FakeHub, noise } from '../farm/fake-hub.ts'
import { ToxicProxy } from '../farm/toxic-proxy.ts'

const CONTENT = noise(6_000_000)
const NAMES = ['one.bin', 'sub/two.bin', 'three.bin']
const SMALL = Buffer.from('small\n')

let folder: string
let server: RunningServer
let proxy: ToxicProxy
let token: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-places-'))
  const home = join(folder, 'server')
  server = await startServer({ home, host: '127.0.0.1', port: 0, allowedHosts: [], firstUser: 'ann', log: silentLog })
  await mkdir(join(folder, 'in', 'sub'), { recursive: true })
  for (const name of NAMES) await writeFile(join(folder, 'in', name), CONTENT)
  for (const name of ['a.txt', 'sub/b.txt']) await writeFile(join(folder, 'in', name), SMALL)
  await push({ env: { HOME: folder, XORBIT_HOME: home }, repo: 'ann/twins', paths: [join(folder, 'in')] })
  token = (await readFile(join(home, 'run', 'token'), 'utf8')).trim()
  proxy = await ToxicProxy.start(server.url)
})
afterAll(async () => {
  await proxy.close()
  await server.stop()
  await rm(folder, { recursive: true })
})

function doPull(home: string, more: Partial<PullOptions> = {}, env: Record<string, string> = {}) {
  const here = { HOME: join(folder, home), HF_ENDPOINT: proxy.url, HF_TOKEN: token, ...env }
  return pull({ ref: 'ann/twins', ...more, env: here })
}

async function expectAll(root: string): Promise<void> {
  for (const name of NAMES) expect(CONTENT.equals(await readFile(join(root, name)))).toBe(true)
  for (const name of ['a.txt', 'sub/b.txt']) expect(await readFile(join(root, name))).toEqual(SMALL)
}

/** Bytes that came while `task` ran. */
async function fetched(task: () => Promise<unknown>): Promise<number> {
  const before = proxy.bytesDown
  await task()
  return proxy.bytesDown - before
}

const ONCE = 1.1 * CONTENT.length

test('a content under three names comes once, into the cache and into a folder', async () => {
  const bytes = await fetched(async () => {
    const { snapshot, bytes } = await doPull('cache')
    await expectAll(snapshot)
    expect(bytes.total - bytes.origin).toBe(2 * CONTENT.length + SMALL.length)
  })
  expect(bytes).toBeLessThan(ONCE)
  const target = join(folder, 'twins')
  expect(await fetched(() => doPull('folder', { localDir: target }))).toBeLessThan(ONCE)
  await expectAll(target)
})

test('a name that is missing in a folder is copied from another of the same content', async () => {
  const target = join(folder, 'lost')
  await doPull('lost', { localDir: target })
  await rm(join(target, 'sub', 'two.bin'))
  expect(await fetched(() => doPull('lost', { localDir: target }))).toBeLessThan(20_000)
  await expectAll(target)
})

test('E15 many pulls of a file at once in one process fetch it once', async () => {
  const bytes = await fetched(async () => {
    const pulls = await Promise.all(Array.from({ length: 20 }, () => doPull('crowd', { files: ['one.bin'] })))
    for (const { snapshot } of pulls) expect(CONTENT.equals(await readFile(join(snapshot, 'one.bin')))).toBe(true)
  })
  expect(bytes).toBeLessThan(ONCE)
})

test('when the pull that fetches is stopped, one that waited fetches', async () => {
  const stop = new AbortController()
  proxy.toxics.bytesPerSecond = 2_000_000
  try {
    const { promise: begun, resolve } = Promise.withResolvers<void>()
    const onFirst: PullOptions['onProgress'] = ({ event }) => event === 'bytes' && resolve()
    const first = doPull('stopped', { files: ['one.bin'], signal: stop.signal, onProgress: onFirst })
    await begun
    const onSecond: PullOptions['onProgress'] = ({ event }) => event === 'plan' && setTimeout(() => stop.abort(), 200)
    const second = doPull('stopped', { files: ['one.bin'], onProgress: onSecond })
    await expect(first).rejects.toMatchObject({ kind: 'cancelled' })
    proxy.toxics.bytesPerSecond = 0
    const { snapshot } = await second
    expect(CONTENT.equals(await readFile(join(snapshot, 'one.bin')))).toBe(true)
  } finally {
    proxy.toxics.bytesPerSecond = 0
  }
})

test('without symbolic links files lie in the snapshot itself, and count as here', async () => {
  const env = { HF_HUB_DISABLE_SYMLINKS: '1' }
  const { snapshot } = await doPull('plain', {}, env)
  await expectAll(snapshot)
  for (const name of [...NAMES, 'a.txt']) expect((await lstat(join(snapshot, name))).isFile()).toBe(true)
  expect(await readdir(join(snapshot, '..', '..', 'blobs'))).toEqual([])
  expect((await doPull('plain', {}, env)).bytes).toMatchObject({ origin: 0 })
  expect((await doPull('plain', {}, { ...env, HF_HUB_OFFLINE: '1' })).files).toHaveLength(6)
})

test('without symbolic links a blob that is there is copied, a changed file fetched again', async () => {
  const { snapshot } = await doPull('mixed')
  await rm(snapshot, { recursive: true })
  const env = { HF_HUB_DISABLE_SYMLINKS: '1' }
  expect((await doPull('mixed', {}, env)).bytes).toMatchObject({ origin: 0 })
  await expectAll(snapshot)
  await writeFile(join(snapshot, 'a.txt'), 'SMALL\n')
  await doPull('mixed', {}, env)
  await expectAll(snapshot)
})

test('a folder that holds all asks the Hub once', async () => {
  const hub = await FakeHub.start({ good: {} })
  try {
    const again = () =>
      pull({ ref: 'f/good', localDir: join(folder, 'again'), env: { HOME: folder, HF_ENDPOINT: hub.url } })
    await again()
    const before = hub.seen.length
    expect((await again()).bytes).toMatchObject({ origin: 0 })
    expect(hub.seen.length - before).toBe(1)
  } finally {
    await hub.close()
  }
})
